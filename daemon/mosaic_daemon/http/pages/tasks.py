"""Tasks by status, phase and words, a page at a time."""

from __future__ import annotations

from collections.abc import Mapping

from mosaic_daemon.http import api
from mosaic_daemon.http.messages import Request, Response
from mosaic_daemon.http.pages import shell
from mosaic_daemon.http.pages.html import Child, Markup, link, path, tag
from mosaic_daemon.http.site import View
from mosaic_daemon.nouns.figures import tokens_text
from mosaic_daemon.store.mirror import Brief
from mosaic_daemon.views import text
from mosaic_daemon.views.wording import STATUS

_PAGE = 100


def shown(view: View, request: Request) -> Response:
    choice, start = api.choice(request), api.offset(request)
    with view.mirror.look() as ledger:
        found = ledger.briefs(choice)
        phases = sorted({phase for phase, _ in ledger.progress() if phase is not None})
    rows = [_row(view, each) for each in found[start : start + _PAGE]]
    head = ("Task", "Status", "Phase", "Estimate", "Used", "Description")
    body: Child = shell.table(head, rows, class_="tasks") if rows else tag("p", "No task is like this.")
    title = tag("h1", "Tasks", tag("small", text.count(len(found), "task")))
    return shell.page(
        view, request, "Tasks", title, body, _pager(request, start, len(found)), fixed=_filter(request, phases)
    )


def _row(view: View, each: Brief) -> tuple[Child, ...]:
    return (
        shell.task_link(each.id),
        shell.chip(each.status),
        each.phase,
        each.spent.estimate,
        tokens_text(each.spent.used) if each.spent.used is not None else None,
        text.one_line(each.description, 140),
    )


def _filter(request: Request, phases: list[int]) -> Markup:
    asked = request.query
    statuses = [_option("", "any status", asked.get("status", ""))]
    statuses += [_option(value, words, asked.get("status", "")) for value, words in STATUS.items()]
    numbers = [_option("", "any phase", asked.get("phase", ""))]
    numbers += [_option(str(phase), f"phase {phase}", asked.get("phase", "")) for phase in phases]
    return tag(
        "form",
        tag("input", type="search", name="q", value=asked.get("q", ""), placeholder="id or words", aria_label="Words"),
        tag("select", *statuses, name="status", aria_label="Status"),
        tag("select", *numbers, name="phase", aria_label="Phase") if phases else None,
        tag("button", "Filter"),
        method="get",
        action="/tasks",
        class_="filter",
        role="search",
    )


def _option(value: str, words: str, chosen: str) -> Markup:
    return tag("option", words, value=value, selected=value == chosen)


def _pager(request: Request, start: int, total: int) -> Markup | None:
    if total <= _PAGE:
        return None
    kept: Mapping[str, str] = {
        name: request.query[name] for name in ("q", "status", "phase") if request.query.get(name)
    }

    def to(offset: int, words: str) -> Child:
        if not 0 <= offset < total or offset == start:
            return tag("span", words, class_="dim")
        return link(path("tasks", **kept, offset=offset), words)

    last = (total - 1) // _PAGE * _PAGE
    here = f"{start + 1:,} – {min(start + _PAGE, total):,} of {total:,}"
    before, after = to(max(0, start - _PAGE), "← before"), to(start + _PAGE, "after →")
    return tag(
        "nav",
        to(0, "first"),
        before,
        tag("span", here),
        after,
        to(last, "last"),
        class_="pager",
        aria_label="More tasks",
    )
