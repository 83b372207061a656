"""GitLab's dialect: its routes, bodies and errors, and nothing of the other forges."""

from __future__ import annotations

import time

from tests.forges.fakes.core import Core
from tests.forges.fakes.dialect import Answer, Dialect, Request, Route
from tests.forges.fakes.gitlab import ci, issues, pulls, shapes
from tests.forges.fakes.gitlab.description import DESCRIPTION
from tests.forges.fakes.state import Settings


def _token(request: Request) -> str | None:
    headers = request.headers
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return headers.get("private-token") or (token if scheme.lower() == "bearer" else headers.get("job-token"))


def _allows(scopes: frozenset[str], route: Route) -> Answer | None:
    good = {"api"}
    if route.method == "GET":
        good |= {"read_api"} | ({"read_user"} if route.area == "user" else set())
    if not route.area or good & scopes:
        return None
    text = "The request requires higher privileges than provided by the access token."
    return Answer(403, {"error": "insufficient_scope", "error_description": text, "scope": " ".join(sorted(good))})


def _unauthorized(token: str | None) -> Answer:
    return shapes.error(401, "401 Unauthorized")


def _error(status: int) -> Answer:
    words = {404: "404 Project Not Found", 500: "500 Internal Server Error"}
    return shapes.error(status, words.get(status, f"{status} Error"))


def _limits(limit: int, left: int, seconds: int) -> dict[str, str]:
    reset = str(int(time.time()) + seconds)
    used = str(limit - left)
    return {
        "RateLimit-Limit": str(limit),
        "RateLimit-Observed": used,
        "RateLimit-Remaining": str(left),
        "RateLimit-Reset": reset,
    }


def _rate_limited(seconds: int, headers: bool, status: int | None) -> Answer:
    told = _limits(2000, 0, seconds) | {"Retry-After": str(seconds)} if headers else dict.fromkeys(_limits(0, 0, 0))
    return Answer(
        status or 429, {"message": {"error": "This endpoint has been requested too many times. Try again later."}}, told
    )


def _headers(core: Core, scopes: frozenset[str]) -> dict[str, str]:
    """Most installations send no rate limits."""
    settings, used = core.state.settings, core.state.requests
    limits = _limits(settings.rate_limit, max(0, settings.rate_limit - used), 60) if settings.rate_headers else {}
    return {"X-Request-Id": f"F00D{used}"} | limits


GITLAB = Dialect(
    name="gitlab",
    prefix="/api/v4",
    description=lambda: DESCRIPTION,
    routes=(*pulls.routes, *ci.routes, *issues.routes),
    settings=lambda: Settings(version="18.5.1-ee", page_default=20, rate_headers=False, rate_limit=2000),
    scopes=frozenset({"api"}),
    token=_token,
    allows=_allows,
    unauthorized=_unauthorized,
    error=_error,
    rate_limited=_rate_limited,
    headers=_headers,
    texts=pulls.TEXTS,
    separate_numbers=True,
    etags=True,
)
