"""The dialect of Gitea and Forgejo: routes, bodies and errors, and nothing of the other forges."""

from __future__ import annotations

from dataclasses import replace

from tests.forges.fakes.core import Core
from tests.forges.fakes.described import published
from tests.forges.fakes.dialect import Answer, Dialect, Request, Route
from tests.forges.fakes.gitea import ci, issues, pulls, shapes
from tests.forges.fakes.state import Settings


def _token(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token if scheme.lower() in ("bearer", "token") else None


def _allows(scopes: frozenset[str], route: Route) -> Answer | None:
    """Scopes are `read:AREA` and `write:AREA`; `all` has everything."""
    if not route.area:
        return None
    verb = "read" if route.method == "GET" else "write"
    good = {f"{verb}:{route.area}", f"write:{route.area}", "all"}
    if good & scopes:
        return None
    has = ",".join(sorted(scopes))
    wanted = f"required=[{verb}:{route.area}], token scope={has}"
    return shapes.error(403, f"token does not have at least one of required scope(s), {wanted}")


def _unauthorized(token: str | None) -> Answer:
    return shapes.error(401, "invalid username, password or token" if token else "token is required")


def _error(status: int) -> Answer:
    return shapes.error(status, "" if status >= 500 else f"Error {status}")


def _rate_limited(seconds: int, headers: bool, status: int | None) -> Answer:
    """A proxy's: no JSON, and Gitea itself knows no limits."""
    return Answer(status or 429, None, {"Retry-After": str(seconds)} if headers else {})


def _headers(core: Core, scopes: frozenset[str]) -> dict[str, str]:
    return {}


GITEA = Dialect(
    name="gitea",
    prefix="/api/v1",
    description=lambda: published("gitea.json"),
    # The pull request of a branch has two free parts: it is asked last.
    routes=(*ci.routes, *ci.gitea_runs, *issues.routes, *pulls.routes),
    settings=lambda: Settings(version="1.25.2", page_default=30, page_max=50),
    scopes=frozenset({"write:repository", "write:issue", "read:user"}),
    token=_token,
    allows=_allows,
    unauthorized=_unauthorized,
    error=_error,
    rate_limited=_rate_limited,
    headers=_headers,
    texts=pulls.TEXTS,
)

FORGEJO = replace(
    GITEA,
    name="forgejo",
    description=lambda: published("forgejo.json"),
    routes=(*ci.routes, *ci.forgejo_runs, *issues.routes, *pulls.routes),
    settings=lambda: Settings(version="12.0.1+gitea-1.22.0", page_default=30, page_max=50),
)
