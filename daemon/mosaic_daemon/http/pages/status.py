"""Where everything stands: what needs a person first, then what is at work, then how far it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mosaic_daemon.http.messages import Request, Response
from mosaic_daemon.http.pages import charts, shell
from mosaic_daemon.http.pages.html import Child, Markup, link, path, tag
from mosaic_daemon.http.site import View
from mosaic_daemon.nouns.figures import tokens_text
from mosaic_daemon.views import text
from mosaic_daemon.views.wording import STAGE, STATUS, STEP, sentence, session_line

_FEW = 10
_PHASES = 12
_LATELY = 15
_STEPS = tuple(STEP)


def shown(view: View, request: Request) -> Response:
    found = view.overview()
    return shell.page(view, request, "Status", *_parts(view, request, found))


def _parts(view: View, request: Request, found: Mapping[str, Any]) -> Iterator[Child]:
    yield tag("h1", "Status", class_="hidden")
    yield _tiles(view, request, found)
    yield from _alarms(view, found)
    if found["attention"]:
        yield _attention(view, request, found["attention"])
    if found["at_work"]:
        rows = [_at_work(view, each) for each in found["at_work"]]
        yield shell.section("Workers", shell.table(("Attempt", "Stage", "Agent", "For", "Task"), rows), id_="workers")
    if found["reviews"]:
        rows = [_review(view, each) for each in found["reviews"]]
        yield shell.section("In review", shell.table(("Task", "Looks at", "For", "Waits for"), rows), id_="reviews")
    if found["gates"]:
        rows = [_gate(view, each) for each in found["gates"]]
        head = ("Task", "Step", "", "For", "Waits for")
        yield shell.section("On the way to the base branch", shell.table(head, rows), id_="gates")
    if len(found["tasks"]["by_phase"]) > 1:
        yield _phases(found["tasks"]["by_phase"])
    yield _lately(view)


def _tiles(view: View, request: Request, found: Mapping[str, Any]) -> Markup:
    tasks, slots, daemon = found["tasks"], found["slots"], found["daemon"]
    running = [shell.age(daemon["since"], view.now), tag("small", f"pid {daemon['pid']}")]
    state = tag(
        "strong", "draining" if daemon["draining"] else "running", class_="warn" if daemon["draining"] else "good"
    )
    used = [tag("span", class_="slot full" if at < slots["used"] else "slot") for at in range(slots["of"] or 0)]
    busy = tag("p", text.listed([each["task"] for each in found["at_work"]])) if found["at_work"] else None
    done = tasks["by_status"].get("done", 0)
    return tag(
        "div",
        _tile("Daemon", [state, " for ", *running], _drain(view, request, daemon)),
        _tile(
            "Slots",
            tag("strong", f"{slots['used']} of {slots['of']}"),
            [tag("span", *used, class_="slots"), busy, *(tag("p", session_line(each)) for each in daemon["sessions"])],
        ),
        _tile(
            "Tasks",
            [tag("strong", f"{done} of {tasks['total']}"), " done"],
            [
                charts.stacked(tasks["by_status"], f"{done} of {tasks['total']} done"),
                tag("p", *shell.counts(tasks["by_status"])),
                tag("p", found["milestone"]) if found["milestone"] else None,
            ],
        ),
        _budget(found["budget"]),
        class_="tiles",
        id="tiles",
    )


def _tile(name: str, figure: Child, more: Child = None) -> Markup:
    return tag("div", tag("h2", name), tag("p", figure, class_="figure"), more, class_="tile")


def _drain(view: View, request: Request, daemon: Mapping[str, Any]) -> Markup:
    if daemon["draining"]:
        return shell.button(view, request, "/resume", "Take the drain back")
    form = shell.button(view, request, "/drain", "Drain and end", "danger")
    return shell.sure(
        "Drain…", "Nothing new is started; the daemon ends when what is in flight is through.", form, "drain"
    )


def _budget(budget: Mapping[str, Any] | None) -> Markup:
    if budget is None:
        return _tile("Budget", "no cap")
    shares = [("used", budget["used"] / budget["cap"]), ("to-come", budget["remaining"] / budget["cap"])]
    whole = f"{tokens_text(budget['projected'])} of {tokens_text(budget['cap'])}"
    band = tag("strong", budget["band"], class_=f"band {budget['band']}")
    detail = f"{tokens_text(budget['used'])} used, {tokens_text(budget['remaining'])} to come: {budget['share']:.0%}"
    return _tile("Budget", [band, " ", whole], [charts.bar(shares, detail), tag("p", detail)])


def _alarms(view: View, found: Mapping[str, Any]) -> Iterator[Markup]:
    if found["held_runtimes"]:
        rows = [
            tag("li", tag("strong", each["runtime"]), " until ", _until(view, each["until"]), ": ", each["reason"])
            for each in found["held_runtimes"]
        ]
        yield shell.section("Held", tag("ul", *rows), id_="held", loud=True)
    lines = [*found["problems"], *found["queue_file"]["unusable"]]
    if lines:
        shown = [tag("li", each) for each in lines[:_FEW]]
        yield shell.section("Problems", tag("ul", *shown, _more(len(lines) - _FEW)), id_="problems", loud=True)
    if found["deadlock"]:
        stuck = found["deadlock"]["tasks"]
        rows = [tag("li", shell.task_link(task), " ", "; ".join(why)) for task, why in list(stuck.items())[:_FEW]]
        body = tag("ul", *rows, _more(len(stuck) - _FEW)) if rows else tag("p", found["deadlock"]["message"])
        yield shell.section("Nothing can start", body, id_="deadlock", loud=True)


def _until(view: View, until: str | None) -> Child:
    return shell.at(until, view.now) if until else "it is mended"


def _more(number: int) -> Markup | None:
    return tag("li", f"and {number} more", class_="dim") if number > 0 else None


def _attention(view: View, request: Request, stopped: list[Mapping[str, Any]]) -> Markup:
    rows = [
        (
            shell.task_link(each["task"]),
            shell.chip(each["status"]),
            text.one_line(each["reason"], 240),
            shell.button(view, request, path("tasks", each["task"], "retry"), "Retry"),
        )
        for each in stopped[:_FEW]
    ]
    everything = (
        link(path("tasks", status="blocked,failed,needs-qa"), f"all {len(stopped)}") if len(stopped) > _FEW else None
    )
    body = shell.table(("Task", "Status", "Why", ""), rows)
    return shell.section("Needs you", body, id_="attention", loud=True, aside=everything)


def _at_work(view: View, each: Mapping[str, Any]) -> tuple[Child, ...]:
    task, fence = each["task"], each["attempt"].rpartition(".")[2]
    stage = "stopping" if each["stopping"] else each["stage"]
    log = link(path("tasks", task, "attempts", fence), each["attempt"], class_="id")
    about = link(path("tasks", task), text.one_line(each["description"], 110))
    return log, shell.chip("in-progress", stage), each["agent"], shell.age(each["since"], view.now), about


def _review(view: View, each: Mapping[str, Any]) -> tuple[Child, ...]:
    waits = each["hold"]["reason"] if each["hold"] else text.one_line(each["description"], 110)
    return shell.task_link(each["task"]), " and ".join(each["aspects"]), shell.age(each["since"], view.now), waits


def _gate(view: View, each: Mapping[str, Any]) -> tuple[Child, ...]:
    step = each["step"]
    at = _STEPS.index(step) if step in _STEPS else 0
    dots = [tag("span", class_="dot past" if n < at else "dot here" if n == at else "dot") for n in range(len(_STEPS))]
    waits = each["hold"]["reason"] if each["hold"] else text.one_line(each["description"], 110)
    progress = tag("span", *dots, class_="dots", title=f"step {at + 1} of {len(_STEPS)}")
    return shell.task_link(each["task"]), STEP.get(step, step), progress, shell.age(each["since"], view.now), waits


def _phases(phases: list[Mapping[str, Any]]) -> Markup:
    unfinished = [each for each in phases if each["total"] > each["by_status"].get("done", 0)]
    finished = len(phases) - len(unfinished)
    rows = [_phase(each) for each in unfinished[:_PHASES]]
    over = f"{text.count(finished, 'phase')} done" if finished else None
    body: Child = shell.table(("Phase", "", "Tasks"), rows, class_="progress") if rows else None
    return shell.section("Phases", body, id_="phases", aside=over)


def _phase(each: Mapping[str, Any]) -> tuple[Child, ...]:
    number = each["phase"]
    name = "no phase" if number is None else link(path("tasks", phase=number), f"Phase {number}")
    done = each["by_status"].get("done", 0)
    rest = [
        f"{count} {STATUS[status]}"
        for status, count in each["by_status"].items()
        if status not in ("done", "not-started")
    ]
    stage = [] if each["stage"] == "bulk" else [STAGE[each["stage"]]]
    label = ", ".join([f"{done} of {each['total']} done", *rest, *stage])
    return name, charts.stacked(each["by_status"], label), label


def _lately(view: View) -> Markup:
    with view.mirror.look() as ledger:
        happened = ledger.events(newest=_LATELY)
    rows = [
        (
            shell.at(each.at, view.now),
            shell.task_link(each.task) if each.task else None,
            text.one_line(sentence(each.kind, each.body), 240),
        )
        for each in reversed(happened)
    ]
    body: Child = (
        shell.table(("When", "Task", "What"), rows, class_="events") if rows else tag("p", "Nothing has happened yet.")
    )
    return shell.section("Lately", body, id_="lately", aside=link("/events", "all"))
