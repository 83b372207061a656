"""Hand the orchestration over: progress, the next task, and a kickstart that a fresh orchestrator goes on with.

The daemon itself needs none of it, its state is in the ledger; an agent session that orchestrates does, when 55 to 60
percent of its context are in use. `--summary` prints the short form for a compaction instead.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from mosaic_daemon.cli import context
from mosaic_daemon.ground.errors import InputError
from mosaic_daemon.ground.layout import TABLE, Layout
from mosaic_daemon.nouns.task import Status
from mosaic_daemon.store.reader import LedgerReader, Row
from mosaic_daemon.views import text

if TYPE_CHECKING:
    from mosaic_daemon.ground.settings import Settings
    from mosaic_daemon.planning.handoff import Handoff
    from mosaic_daemon.planning.papers.record import PlanRecord


def arguments(parser: argparse.ArgumentParser) -> None:
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--json", action="store_true", help="one JSON document on standard output")
    how.add_argument("--summary", action="store_true", help="the compaction summary instead")
    full = "how full your context is, 0 to 100 (default: that of the fullest attached session)"
    parser.add_argument("--context", type=_percent, metavar="PERCENT", help=full)


def execute(options: argparse.Namespace) -> int:
    from mosaic_daemon.planning import handoff

    layout = context.layout_of(options)
    settings = context.settings_of(options, layout)
    sessions = _sessions(layout)
    fullest = max((each["context"] for each in sessions if each["context"] is not None), default=None)
    found = _collected(layout, settings, fullest if options.context is None else options.context)
    if options.json:
        context.show_json({**found.document(), "sessions": sessions})
    else:
        fill = handoff.summary if options.summary else handoff.message
        context.say(text.cleaned(fill(found, settings.templates.path)).rstrip("\n"))
    return 0


def _sessions(layout: Layout) -> list[dict[str, Any]]:
    """The agent sessions that are attached to the running daemon."""
    from mosaic_daemon.views.snapshot import daemon_of

    return list(daemon_of(layout)["sessions"])


def _percent(word: str) -> int:
    number = int(word.removesuffix("%"))
    if not 0 <= number <= 100:
        raise argparse.ArgumentTypeError("a number from 0 to 100")
    return number


def _collected(layout: Layout, settings: Settings, percent: int | None) -> Handoff:
    from mosaic_daemon.planning.handoff import Handoff, Line

    rows, following = _ledger(layout, settings.worker.runtime)
    record = _plan(layout)
    learnings, learnings_problem = _learnings(layout)
    return Handoff(
        project=layout.repo,
        lines=[
            Line(task["id"], row["status"], task["phase"], task["estimate"], row["used"])
            for row in rows
            for task in (row["task"],)
        ],
        next_task=following,
        mission=_mission(record),
        phases={phase.number: phase.title for phase in record.plan.phases} if record else {},
        quality_gates=settings.worker.quality_gates or (record.quality_gates if record else ""),
        table=_table_problem(layout, rows),
        learnings_file=learnings_problem,
        learnings=learnings,
        context=percent,
    )


def _ledger(layout: Layout, default_runtime: str) -> tuple[list[Row], str]:
    """All tasks in order, and the one that starts next; one that is at work already comes first."""
    from mosaic_daemon.nouns.system import System
    from mosaic_daemon.stages.schedule import Schedule
    from mosaic_daemon.store import codec

    try:
        with LedgerReader(layout.ledger) as ledger:
            rows = sorted(ledger.rows(*Status), key=lambda row: int(row["position"]))
            _, system = ledger.system()
            bodies = ledger.bodies([row["task"]["id"] for row in rows])
    except FileNotFoundError:
        return [], ""
    schedule = Schedule(default_runtime)
    schedule.update(codec.load_record(body) for body in bodies)
    picked = schedule.pick(codec.load_system(system) if system else System(), text.utc_now())
    live = [str(row["task"]["id"]) for row in rows if row["status"] == "in-progress"]
    return rows, live[0] if live else picked.id if picked else ""


def _plan(layout: Layout) -> PlanRecord | None:
    """The plan; a damaged one is told and does without: a handoff must not fail for it."""
    from mosaic_daemon.planning.papers import record

    try:
        return record.read(layout.repo)
    except InputError as error:
        sys.stderr.write(f"{text.one_line(error.line)}\n")
        return None


def _mission(record: PlanRecord | None) -> str:
    if record is None:
        return f"the tasks of {TABLE}"
    plan = record.plan
    return f"remediating the findings of {plan.report} for milestone {plan.milestone.title}"


def _table_problem(layout: Layout, rows: Iterable[Row]) -> str:
    """Why the published table does not show what the ledger says."""
    from mosaic_daemon.tracking import table

    try:
        shown = (layout.history / "table.base").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "not published yet"
    published = {row.cells["id"]: row.cells["status"] for row in table.parse(shown, source=TABLE).rows}
    behind = sum(published.get(row["task"]["id"]) != row["status"] for row in rows)
    return f"{text.count(behind, 'row')} behind the ledger; the daemon publishes them" if behind else ""


def _learnings(layout: Layout) -> tuple[list[Mapping[str, Any]], str]:
    """The entries of the learnings file, and why there are none to read."""
    from mosaic_daemon.faces.learnings import LEARNINGS, entries_of, parsed
    from mosaic_daemon.ground import atomicfile, strictjson

    try:
        content = atomicfile.read_untrusted(layout.repo / LEARNINGS, max_bytes=strictjson.MAX_BYTES)
        entries = entries_of(parsed(content))
    except FileNotFoundError:
        return [], "there is none"
    except (OSError, InputError) as error:
        return [], f"cannot be read: {text.one_line(error, 80)}"
    return [entry for entry in entries if isinstance(entry, dict)], ""
