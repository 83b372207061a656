"""Where everything stands: the daemon, its workers, the gates, progress, and what needs a person."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mosaic_daemon.cli import context, render
from mosaic_daemon.cli.render import Section
from mosaic_daemon.views import text
from mosaic_daemon.views.budget import bar
from mosaic_daemon.views.snapshot import PROGRAM, overview
from mosaic_daemon.views.wording import STAGE, STATUS, STEP, session_line

if TYPE_CHECKING:
    from mosaic_daemon.ground.layout import Layout

_FIRST = 5
_PHASES = 8
_WATCH_SEC = 1.0
_BAR = 12
_ANSWER_SEC = 5.0
_HUNG_SEC = 300.0  # the units' watchdog has the same patience


def arguments(parser: argparse.ArgumentParser) -> None:
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--json", action="store_true", help="one JSON document on standard output")
    how.add_argument("--criteria", action="store_true", help="the ten stopping criteria with their evidence")
    how.add_argument("--alive", action="store_true", help="say nothing; 0 when a daemon runs and ticks, else 1")
    how.add_argument("--watch", action="store_true", help="keep showing it until Ctrl-C")


def execute(options: argparse.Namespace) -> int:
    layout = context.layout_of(options)
    if options.alive:
        _check_alive(layout)
    elif options.watch:
        _watch(layout)
    elif options.json:
        context.show_json(overview(layout, text.utc_now(), criteria=True))
    elif options.criteria:
        from mosaic_daemon.views import criteria

        rows = criteria.lines(overview(layout, text.utc_now(), criteria=True)["stopping"])
        render.show([Section(rows, "Stopping criteria")])
    else:
        now = text.utc_now()
        render.show(list(sections(overview(layout, now), now)))
    return 0


def _check_alive(layout: Layout) -> None:
    """Raises: Refused: no daemon answers here, or its loop does not go on."""
    from mosaic_daemon.ground.errors import Refused

    runs, about = context.ask_daemon(layout, "about", timeout_sec=_ANSWER_SEC)
    if not runs:
        raise Refused("no daemon runs here", where=str(layout.repo), remedy=f"`{PROGRAM} run` starts one")
    if (late := about.get("late_sec", 0.0)) > _HUNG_SEC:
        raise Refused(f"the daemon should have ticked {late:.0f} s ago", remedy="its log says why it does not")


def sections(shown: dict[str, Any], now: datetime) -> Iterator[Section]:
    """The whole picture; parts with nothing to say are left out."""
    yield Section(list(_head(shown, now)))
    if len(shown["tasks"]["by_phase"]) > 1:
        yield Section(list(_phases(shown["tasks"]["by_phase"])), "Phases")
    if shown["at_work"]:
        yield Section([_at_work(each, now) for each in shown["at_work"]], "Workers")
    if shown["reviews"]:
        reviews = [_review(each, now) for each in shown["reviews"][:_FIRST]]
        yield Section([*reviews, *_more(shown["reviews"])], "In review")
    if shown["gates"]:
        gates = [_gate(each, now) for each in shown["gates"][:_FIRST]]
        yield Section([*gates, *_more(shown["gates"])], "On the way to the base branch")
    if shown["held_runtimes"]:
        yield Section([_hold(each, now) for each in shown["held_runtimes"]], "Held", loud=True)
    if shown["problems"] or shown["queue_file"]["unusable"]:
        lines = [*shown["problems"], *shown["queue_file"]["unusable"]]
        yield Section([*([line] for line in lines[:_FIRST]), *_more(lines)], "Problems", loud=True)
    if shown["deadlock"]:
        yield Section(list(_deadlock(shown["deadlock"])), "Nothing can start", loud=True)
    if shown["attention"]:
        rows = [row for each in shown["attention"][:_FIRST] for row in _stopped(each)]
        yield Section([*rows, *_more(shown["attention"])], "Needs you", loud=True)
    if shown["notices"]:
        rows = [row for each in shown["notices"][-_FIRST:] for row in _notice(each, now)]
        yield Section(rows, "Reported lately")


def _head(shown: dict[str, Any], now: datetime) -> Iterator[list[str]]:
    yield ["Repository", shown["repository"]]
    yield ["Daemon", _daemon(shown, now)]
    slots = shown["slots"]
    if slots["of"]:
        yield ["Slots", f"{slots['used']} of {slots['of']} in use"]
    elif slots["used"]:
        yield ["Slots", f"{text.count(slots['used'], 'worker')} running; the next daemon takes over"]
    if sessions := shown["daemon"]["sessions"]:
        yield ["Sessions", "; ".join(map(session_line, sessions))]
    yield ["Tasks", _tasks(shown)]
    if shown["milestone"]:
        yield ["Milestone", shown["milestone"]]
    if shown["budget"]:
        budget = shown["budget"]
        yield ["Budget", budget["line"]]
        yield ["", bar(budget["used"], budget["remaining"], budget["cap"])]
    if waiting := _not_taken_in(shown):
        yield ["Queue", waiting]


def _daemon(shown: dict[str, Any], now: datetime) -> str:
    daemon = shown["daemon"]
    if not daemon["running"]:
        if daemon["what"]:
            return f"not running; `{daemon['what']}` (pid {daemon['pid']}) holds the repository for a moment"
        if not shown["prepared"]:
            return f"not running; this repository is not prepared yet: `{PROGRAM} init`"
        return f"not running; start it with `{PROGRAM} run`"
    line = f"running for {text.span(daemon['since'], now)} (pid {daemon['pid']})"
    if daemon["draining"]:
        return f"{line}, draining: starts nothing new and ends when what is in flight is through"
    return line if daemon["answers"] else f"{line}, but does not answer on its socket"


def _tasks(shown: dict[str, Any]) -> str:
    tasks = shown["tasks"]
    if not tasks["total"]:
        return f'none yet; add one with `{PROGRAM} enqueue ID "what is to be done"`' if not _new(shown) else "none yet"
    parts = ", ".join(f"{number} {STATUS[status]}" for status, number in tasks["by_status"].items())
    return f"{tasks['total']}: {parts}"


def _new(shown: dict[str, Any]) -> list[str]:
    return list(shown["queue_file"]["added"])


def _not_taken_in(shown: dict[str, Any]) -> str:
    file = shown["queue_file"]
    kinds = (("added", "new"), ("changed", "changed"), ("removed", "removed"))
    parts = [f"{len(file[key])} {word}" for key, word in kinds if file[key]]
    if not parts:
        return ""
    taken = "the daemon takes this in now" if shown["daemon"]["running"] else "taken in when the daemon starts"
    return f"edited in tasks.json: {', '.join(parts)}; {taken}"


def _phases(phases: list[dict[str, Any]]) -> Iterator[list[str]]:
    unfinished = [each for each in phases if each["total"] > each["by_status"].get("done", 0)]
    finished = [each for each in phases if each not in unfinished]
    if finished:
        yield [
            _phase(finished[0]) if len(finished) == 1 else f"{len(finished)} phases",
            text.bar(1, 0, 1, _BAR),
            "done",
        ]
    for each in unfinished[:_PHASES]:
        name = _phase(each)
        counts = dict(each["by_status"])
        done, _ = counts.pop("done", 0), counts.pop("not-started", 0)
        rest = "".join(f", {number} {STATUS[status]}" for status, number in counts.items())
        stage = "" if each["stage"] == "bulk" else f"; {STAGE[each['stage']]}"
        begun = counts.get("in-progress", 0)
        yield [name, text.bar(done, begun, each["total"], _BAR), f"{done} of {each['total']} done{rest}{stage}"]
    if len(unfinished) > _PHASES:
        yield [f"and {text.count(len(unfinished) - _PHASES, 'more phase', 'more phases')}"]


def _phase(each: dict[str, Any]) -> str:
    return "no phase" if each["phase"] is None else f"phase {each['phase']}"


def _at_work(each: dict[str, Any], now: datetime) -> list[str]:
    stage = "stopping" if each["stopping"] else each["stage"]
    since = text.span(each["since"], now)
    return [each["attempt"], stage, each["agent"], since, text.one_line(each["description"], 60)]


def _review(each: dict[str, Any], now: datetime) -> list[str]:
    hold = each["hold"]
    waits = f"waits: {hold['reason']}" if hold else text.one_line(each["description"], 60)
    return [each["task"], f"{' and '.join(each['aspects'])} review", text.span(each["since"], now), waits]


def _gate(each: dict[str, Any], now: datetime) -> list[str]:
    hold = each["hold"]
    waits = f"waits: {hold['reason']}" if hold else text.one_line(each["description"], 60)
    return [each["task"], _step(each["step"]), text.span(each["since"], now), waits]


def _step(name: str) -> str:
    """In words, and which of how many it is."""
    steps = list(STEP)
    return f"{STEP[name]} ({steps.index(name) + 1} of {len(steps)})" if name in STEP else name


def _notice(each: dict[str, Any], now: datetime) -> Iterator[list[str]]:
    first, *rest = each["message"].splitlines()
    yield [text.when(each["at"], now), first]
    yield from (["", line] for line in rest)


def _hold(each: dict[str, Any], now: datetime) -> list[str]:
    until = f"until {text.when(each['until'], now)}" if each["until"] else "until it is mended"
    return [f"runtime {each['runtime']}", until, each["reason"]]


def _stopped(each: dict[str, Any]) -> Iterator[list[str]]:
    yield [each["task"], STATUS[each["status"]], text.one_line(each["reason"], 160)]
    yield ["", "", f"→ {each['help']}"]


def _deadlock(found: dict[str, Any]) -> Iterator[list[str]]:
    tasks = found["tasks"]
    for task, reasons in list(tasks.items())[:_FIRST]:
        yield [task, text.one_line("; ".join(reasons), 160)]
    yield from _more(tasks)


def _more(all_of_them: Any) -> list[list[str]]:
    more = len(all_of_them) - _FIRST
    return [[f"and {more} more: `{PROGRAM} status --json` lists all"]] if more > 0 else []


def _watch(layout: Layout) -> None:
    """Show it again every second on a terminal; elsewhere only when it has changed."""
    try:
        if render.on_terminal():
            _watch_live(layout)
        else:
            _watch_plain(layout)
    except KeyboardInterrupt:
        return


def _watch_live(layout: Layout) -> None:
    from rich.live import Live

    with Live(screen=True, auto_refresh=False) as live:
        while True:
            now = text.utc_now()
            live.update(render.for_terminal(list(sections(overview(layout, now), now))), refresh=True)
            time.sleep(_WATCH_SEC)


def _watch_plain(layout: Layout) -> None:
    before: dict[str, Any] = {}
    while True:
        now = text.utc_now()
        shown = overview(layout, now)
        if shown | {"at": ""} != before:
            before = shown | {"at": ""}
            context.say(f"--- {now.isoformat(timespec='seconds')}\n{render.plain(list(sections(shown, now)))}")
            sys.stdout.flush()
        time.sleep(_WATCH_SEC)
