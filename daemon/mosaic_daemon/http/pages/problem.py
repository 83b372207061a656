"""A request that was refused, for people."""

from __future__ import annotations

from mosaic_daemon.http.messages import Problem, Request, Response
from mosaic_daemon.http.pages.html import link, tag
from mosaic_daemon.http.pages.shell import document

_TITLES = {401: "Not logged in", 403: "Not from here", 404: "Not found", 409: "Refused", 421: "Not served here"}


def shown(found: Problem, request: Request) -> Response:
    title = _TITLES.get(found.status, "It did not work")
    body = tag(
        "body",
        tag(
            "main",
            tag("h1", title),
            tag("p", found.message),
            tag("p", found.remedy, class_="dim") if found.remedy else None,
            tag("p", link("/login", "Log in") if found.status == 401 else link("/", "To the status page")),
            class_="narrow",
        ),
    )
    answer = document(title, body, found.status)
    return Response(found.status, answer.body, answer.kind, {k: v for k, v in found.more.items() if k == "Allow"})
