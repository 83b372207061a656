"""What every page has around it, and the small pieces that many have in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from mosaic_daemon.ground.secrets import redact
from mosaic_daemon.http.messages import Request, Response
from mosaic_daemon.http.pages.html import Child, Markup, join, link, path, tag
from mosaic_daemon.http.site import View
from mosaic_daemon.views import text
from mosaic_daemon.views.wording import STATUS

_PAGES = (("/", "Status"), ("/tasks", "Tasks"), ("/graph", "Graph"), ("/budget", "Budget"), ("/events", "Events"))
_SAID = {
    "retry": "It will be done again.",
    "cancel": "It is cancelled; a worker of it is being stopped.",
    "drain": "Draining: nothing new is started.",
    "resume": "The drain is taken back.",
}


def page(view: View, request: Request, title: str, *live: Child, fixed: Child = None) -> Response:
    """A page of the site. `live`: what is loaded again when something has changed; `fixed`: what stands above it."""
    said = _SAID.get(request.query.get("said", ""))
    body = tag(
        "body",
        link("#main", "Skip to content", class_="skip"),
        _header(view, request),
        tag(
            "main",
            tag("p", said, class_="said", role="status") if said else None,
            fixed,
            tag("div", *live, id="live"),
            id="main",
        ),
        _footer(view),
        data_seq=view.about["seq"],
    )
    return document(f"{title} · {view.layout.repo.name}", body)


def document(title: str, body: Markup, status: int = 200) -> Response:
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        tag("link", rel="icon", href="/static/icon.svg", type="image/svg+xml"),
        tag("link", rel="stylesheet", href="/static/app.css"),
        tag("script", src="/static/app.js", defer=True),
    )
    text = "<!doctype html>" + tag("html", head, body, lang="en")
    return Response(status, redact(text).encode(errors="replace"), "text/html; charset=utf-8")


def _header(view: View, request: Request) -> Markup:
    entries = [
        link(place, name, aria_current="page" if _is_here(place, request.path) else None) for place, name in _PAGES
    ]
    return tag(
        "header",
        tag("div", link("/", view.layout.repo.name, class_="name"), tag("span", id="link", title=""), class_="brand"),
        tag("nav", *entries, aria_label="Pages"),
    )


def _is_here(place: str, current: str) -> bool:
    return current == place or (place != "/" and current.startswith(place))


def _footer(view: View) -> Markup:
    return tag(
        "footer",
        tag("span", view.layout.repo),
        link("/api/v1/openapi.json", "API"),
        link("/metrics", "Metrics"),
    )


def section(title: str, *children: Child, id_: str = "", loud: bool = False, aside: Child = None) -> Markup:
    head = tag("h2", title, tag("small", aside) if aside else None)
    return tag("section", head, *children, id=id_ or None, class_="loud" if loud else None)


def table(head: Iterable[Child], rows: Iterable[Iterable[Child]], class_: str = "") -> Markup:
    """Cells beside each other; on a narrow screen below each other, each with its column's name."""
    names = list(head)
    body = [
        tag("tr", *(tag("td", cell, data_label=str(name) or None) for name, cell in zip(names, row, strict=True)))
        for row in rows
    ]
    columns = tag("tr", *(tag("th", name, scope="col") for name in names))
    return tag("table", tag("thead", columns), tag("tbody", *body), class_=class_ or None)


def chip(status: str, words: str = "") -> Markup:
    """A status, as a word with its colour."""
    return tag("span", words or STATUS.get(status, status), class_=f"chip {status}" if status in STATUS else "chip")


def task_link(task: str) -> Markup:
    return link(path("tasks", task), task, class_="id")


def age(since: str | None, now: datetime) -> Markup | None:
    """How long ago that was; counts on in the browser."""
    if since is None:
        return None
    return tag("time", text.span(since, now), datetime=since, data_age=True, title=text.when(since, now))


def at(time: str, now: datetime) -> Markup:
    return tag("time", text.when(time, now), datetime=time, title=time)


def button(view: View, request: Request, place: str, label: str, kind: str = "") -> Markup:
    """A form of one button, which only this session can send."""
    return tag("form", key(view, request), tag("button", label, class_=kind or None), method="post", action=place)


def key(view: View, request: Request) -> Markup:
    return tag("input", type="hidden", name="form_key", value=view.site.access.form_key(request.session))


def sure(label: str, what: str, form: Markup, id_: str) -> Markup:
    """A button that asks first, without a script."""
    return tag("details", tag("summary", label, id=f"{id_}-summary"), tag("p", what), form, id=id_, class_="sure")


def facts(pairs: Iterable[tuple[str, Child]]) -> Markup:
    rows = (join((tag("dt", name), tag("dd", value))) for name, value in pairs if value not in ("", None, []))
    return tag("dl", *rows)


def counts(by_status: Mapping[str, int]) -> Child:
    return [tag("span", f"{number} {STATUS[status]}", class_=f"count {status}") for status, number in by_status.items()]


def evidence(value: Any) -> Child:
    """A piece of evidence: what is an address can be followed, the rest is text."""
    shown = plain(value)
    if isinstance(value, str) and value.startswith(("https://", "http://")) and " " not in value:
        return tag("a", shown, href=value, rel="noreferrer noopener")
    return shown


def plain(value: Any) -> str:
    match value:
        case dict():
            return ", ".join(
                f"{name.replace('_', ' ')} {shown}" for name, each in value.items() if (shown := plain(each))
            )
        case list() | tuple():
            return "; ".join(shown for each in value if (shown := plain(each)))
        case None:
            return ""
        case _:
            return str(value)
