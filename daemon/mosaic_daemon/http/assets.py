"""The site's own style sheet, script and icon."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from mosaic_daemon.http.messages import Problem, Request, Response
from mosaic_daemon.http.site import Site

_KINDS = {
    "app.css": "text/css; charset=utf-8",
    "app.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


async def asset(site: Site, request: Request) -> Response:
    """Raises Problem: there is no such file."""
    name = request.words["file"]
    if name not in _KINDS:
        raise Problem(404, "there is no such file")
    return Response(200, _read(name), _KINDS[name])


@cache
def _read(name: str) -> bytes:
    return (Path(__file__).parent / "static" / name).read_bytes()
