"""What the buttons do: a request to the daemon, and back to the page."""

from __future__ import annotations

from mosaic_daemon.http import api
from mosaic_daemon.http.messages import Request, Response, see_other
from mosaic_daemon.http.pages.html import path
from mosaic_daemon.http.site import Site
from mosaic_daemon.nouns.task import Status


async def retry(site: Site, request: Request) -> Response:
    await api.ask_for(site, request, Status.NOT_STARTED)
    return see_other(path("tasks", request.words["task"], said="retry"))


async def cancel(site: Site, request: Request) -> Response:
    await api.ask_for(site, request, Status.DEFERRED)
    return see_other(path("tasks", request.words["task"], said="cancel"))


async def drain(site: Site, request: Request) -> Response:
    await site.ask("drain", {"now": False, "actor": api.ACTOR})
    return see_other(path(said="drain"))


async def resume(site: Site, request: Request) -> Response:
    await site.ask("resume", {"actor": api.ACTOR})
    return see_other(path(said="resume"))
