"""Whether it lives and whether it works, for whoever restarts what does not. No token is needed, nothing else told."""

from __future__ import annotations

from mosaic_daemon.http.messages import Problem, Request, Response, as_text
from mosaic_daemon.http.site import Site


async def alive(site: Site, request: Request) -> Response:
    return as_text("ok\n")


async def ready(site: Site, request: Request) -> Response:
    """Raises Problem: it starts nothing now."""
    about = await site.ask("about", {})
    if not about["ready"]:
        raise Problem(503, "the first tick is not over")
    if about["draining"]:
        raise Problem(503, "draining")
    return as_text("ready\n")
