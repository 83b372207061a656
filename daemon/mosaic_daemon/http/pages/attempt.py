"""What an attempt's worker printed: the end of it, and on while it runs."""

from __future__ import annotations

from mosaic_daemon.ground.errors import InputError
from mosaic_daemon.http.logfile import NoLog, tail
from mosaic_daemon.http.messages import Request, Response
from mosaic_daemon.http.pages import shell
from mosaic_daemon.http.pages.html import Child, link, path, tag
from mosaic_daemon.http.site import View

_BYTES = 128 * 1024


def shown(view: View, request: Request) -> Response:
    """Raises InputError: there is no such task."""
    task, fence = request.words["task"], int(request.words["attempt"])
    found = view.explained(task)
    if all(each["name"] != f"{task}.{fence}" for each in found["attempts"]):
        raise InputError(f"{task} has no attempt {fence}")
    title = tag("h1", link(path("tasks", task), task, class_="id"), f" attempt {fence}")
    try:
        log = tail(view.layout, task, fence, _BYTES)
    except NoLog as error:
        return shell.page(view, request, f"{task}.{fence}", title, tag("p", str(error), data_poll=True))
    note: Child = f"{log.left_out // 1024:,} KiB before this are left out." if log.left_out else None
    state = shell.chip("deferred", "ended") if log.ended else shell.chip("in-progress", "running")
    raw = link(path("api", "v1", "tasks", task, "attempts", fence, "log"), "as text")
    body = tag("pre", log.text or "nothing yet", class_="log", id="log", tabindex=0, data_poll=not log.ended)
    return shell.page(view, request, f"{task}.{fence}", title, tag("p", state, " ", raw, " ", note), body)
