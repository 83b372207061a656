"""The graph, the budget, and the log of events."""

from __future__ import annotations

from collections.abc import Iterator

from mosaic_daemon.http import api
from mosaic_daemon.http.messages import Request, Response
from mosaic_daemon.http.pages import charts, shell
from mosaic_daemon.http.pages.html import Child, Markup, link, path, tag
from mosaic_daemon.http.routing import number
from mosaic_daemon.http.site import View
from mosaic_daemon.views import text
from mosaic_daemon.views.budget import budget_document, budget_of, by_phase, choices, configured_cap
from mosaic_daemon.views.figures import over_time
from mosaic_daemon.views.graph import graph_of
from mosaic_daemon.views.wording import STATUS, sentence

_EVENTS = 200


def graph(view: View, request: Request) -> Response:
    around = request.query.get("task", "")
    with view.mirror.look() as ledger:
        briefs = ledger.briefs()
        phases = sorted({each.phase for each in briefs if each.phase is not None})
        found = graph_of(briefs, api.choice(request), around)
    about = f"{text.count(len(found.nodes), 'task')}" + (f", {found.left_out:,} left out" if found.left_out else "")
    title = tag("h1", "What depends on what", tag("small", f"around {around}, " if around else "", about))
    drawn: Child = (
        tag("div", charts.graph(found), class_="scroll", tabindex=0) if found.nodes else tag("p", "No tasks.")
    )
    legend = tag(
        "p", *(tag("span", words, class_=f"count {status}") for status, words in STATUS.items()), class_="legend"
    )
    here = request.query.get("phase", "")
    choose = [link("/graph", "all", aria_current=None if here or around else "page")]
    choose += [
        link(path("graph", phase=each), f"phase {each}", aria_current="page" if here == str(each) else None)
        for each in phases[:30]
    ]
    fixed = tag("nav", *choose, class_="choose", aria_label="Phases") if phases else None
    return shell.page(view, request, "Graph", title, legend, drawn, fixed=fixed)


def budget(view: View, request: Request) -> Response:
    return shell.page(view, request, "Budget", *_budget(view))


def _budget(view: View) -> Iterator[Child]:
    with view.mirror.look() as ledger:
        spent = ledger.spending()
        points = over_time(ledger.briefs())
    found = budget_of(view.layout, spent, configured_cap(view.layout))
    yield tag("h1", "Budget and tokens")
    if found is None:
        yield tag("p", "There is no cap: set ", tag("code", "budget.cap"), " in config.toml.")
    else:
        shown = budget_document(found)
        shares = [("used", shown["used"] / shown["cap"]), ("to-come", shown["remaining"] / shown["cap"])]
        figures, _, meaning = shown["line"].partition("): ")
        yield tag("p", figures, "): ", tag("strong", meaning, class_=f"band {shown['band']}"))
        yield charts.bar(shares, shown["line"])
        yield tag(
            "p",
            tag("span", "used", class_="count used"),
            tag("span", "to come", class_="count to-come"),
            class_="legend",
        )
        if not found.slots:
            ways = [tag("li", line) for line in choices(found)]
            yield shell.section("Nothing new is started; choose one", tag("ul", *ways), id_="choices", loud=True)
    if points:
        series = [{"at": at, "used": used} for at, used in points]
        chart = charts.line(series, found.cap.tokens if found else None, view.now)
        yield shell.section("Tokens used over time", tag("div", chart, class_="scroll"), id_="over-time")
    if rows := by_phase(spent):
        yield shell.section("Tokens by phase", charts.phases(rows), id_="by-phase")


def events(view: View, request: Request) -> Response:
    before = number(request, "before", 0, 10**12)
    with view.mirror.look() as ledger:
        happened = ledger.events(newest=_EVENTS, before=before or None)
    rows = [
        (
            shell.at(each.at, view.now),
            shell.task_link(each.task) if each.task else None,
            each.actor,
            text.one_line(sentence(each.kind, each.body), 300),
        )
        for each in reversed(happened)
    ]
    body: Child = shell.table(("When", "Task", "Who", "What"), rows, class_="events") if rows else tag("p", "Nothing.")
    return shell.page(view, request, "Events", tag("h1", "Events"), body, _older(happened[0].seq if happened else 0))


def _older(first: int) -> Markup | None:
    return tag("p", link(path("events", before=first), "older →"), class_="pager") if first > 1 else None
