"""GitHub's dialect: its routes, bodies and errors, and nothing of the other forges."""

from __future__ import annotations

import time

from tests.forges.fakes.core import Core
from tests.forges.fakes.described import published
from tests.forges.fakes.dialect import Answer, Dialect, Request, Route
from tests.forges.fakes.github import ci, issues, pulls, shapes
from tests.forges.fakes.state import Settings

#: The one scope of a token that may do everything and whose scopes no header tells.
FINE_GRAINED = "fine-grained"


def _token(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token if scheme.lower() in ("bearer", "token") else None


def _allows(scopes: frozenset[str], route: Route) -> Answer | None:
    """A classic token needs `repo`; what it may not see does not exist, what it may not do is forbidden."""
    if {"repo", FINE_GRAINED} & scopes or route.area in ("", "user"):
        return None
    return shapes.error(404, "Not Found") if route.method == "GET" else pulls.TEXTS["forbidden"]


def _unauthorized(token: str | None) -> Answer:
    return shapes.error(401, "Bad credentials" if token else "Requires authentication")


def _error(status: int) -> Answer:
    return shapes.error(status, {404: "Not Found", 500: "Server Error"}.get(status, f"Error {status}"))


def _rate_limited(seconds: int, headers: bool, status: int | None) -> Answer:
    answer = shapes.error(status or 403, "API rate limit exceeded for user ID 77.")
    reset = str(int(time.time()) + seconds)
    told = {"x-ratelimit-limit": "5000", "x-ratelimit-remaining": "0", "x-ratelimit-used": "5000"}
    silent = dict.fromkeys(("x-ratelimit-remaining", "x-ratelimit-reset", "x-ratelimit-limit", "x-ratelimit-used"))
    return Answer(answer.status, answer.body, {**told, "x-ratelimit-reset": reset} if headers else silent)


def _headers(core: Core, scopes: frozenset[str]) -> dict[str, str]:
    settings, used = core.state.settings, core.state.requests
    headers = {"X-GitHub-Request-Id": f"F00D:{used}"}
    if FINE_GRAINED not in scopes:
        headers["X-OAuth-Scopes"] = ", ".join(sorted(scopes))
    if settings.version:
        headers["X-GitHub-Enterprise-Version"] = settings.version
    if settings.rate_headers:
        left = max(0, settings.rate_limit - used)
        headers |= {
            "x-ratelimit-limit": str(settings.rate_limit), "x-ratelimit-remaining": str(left),
            "x-ratelimit-used": str(used), "x-ratelimit-reset": str(int(time.time()) + 3600),
            "x-ratelimit-resource": "core",
        }  # fmt: skip
    return headers


GITHUB = Dialect(
    name="github",
    prefix="",
    description=lambda: published("github.json"),
    routes=(*pulls.routes, *ci.routes, *issues.routes),
    settings=Settings,
    scopes=frozenset({"repo", "workflow", "read:org"}),
    token=_token,
    allows=_allows,
    unauthorized=_unauthorized,
    error=_error,
    rate_limited=_rate_limited,
    headers=_headers,
    texts=pulls.TEXTS,
    etags=True,
)
