"""The files that a plan becomes: what bootstrap commits, and what it puts into the daemon's queue."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mosaic_daemon.faces.learnings import LEARNINGS
from mosaic_daemon.ground import templates
from mosaic_daemon.ground.layout import TABLE
from mosaic_daemon.nouns.figures import tokens_text
from mosaic_daemon.nouns.record import Record
from mosaic_daemon.nouns.task import Task
from mosaic_daemon.planning.papers import prd
from mosaic_daemon.planning.papers.capfile import PLAN_FILE
from mosaic_daemon.planning.papers.graph import GRAPH_FILE, mermaid
from mosaic_daemon.planning.papers.heuristics import ESTIMATES
from mosaic_daemon.planning.papers.record import PlanRecord, rendered
from mosaic_daemon.planning.plan import Plan
from mosaic_daemon.repository.ignored import GITIGNORE, with_lines
from mosaic_daemon.tracking import table
from mosaic_daemon.tracking.entry import PEOPLE_FIELDS
from mosaic_daemon.tracking.merge import row_of
from mosaic_daemon.tracking.view import entry_of

KEPT = (prd.PRD_FILE, LEARNINGS)
"""Made where they are missing, and never written again."""


@dataclass(frozen=True, slots=True)
class Project:
    """What the papers are made for.

    Attributes:
        root: the repository. read: a file of it by its path below that, or None.
        folder: where a person keeps templates of their own, or None. values: the guide's variables.
    """

    root: Path
    read: Callable[[str], bytes | None]
    folder: Path | None
    values: Mapping[str, str]


def papers(record: PlanRecord, project: Project, table_text: bytes | None = None) -> dict[str, bytes]:
    """Every file by its path, as it should be; people's own words in them stay.

    The table is the last: one that is there without its plan would be taken for somebody else's tasks.

    Args:
        table_text: the table to go on with; None: the one that is there, if any.

    Raises:
        InputError: a file of today, or a template, is not what it has to be.
    """
    plan = record.plan
    written = {
        PLAN_FILE: rendered(record),
        GRAPH_FILE: _graph(plan).encode(),
        GITIGNORE: with_lines(project.read(GITIGNORE) or b""),
    }
    if project.read(LEARNINGS) is None:
        written[LEARNINGS] = _filled("orchestrator/orchestrator-learnings.json.template", project)
    if (factors := project.read(ESTIMATES)) is not None:
        written[ESTIMATES] = factors  # `retro --apply` leaves it uncommitted
    if (
        draft := prd.draft(project.root, plan, record.quality_gates, values=project.values, folder=project.folder)
    ) is not None:
        written[prd.PRD_FILE] = draft.encode()
    written[TABLE] = _table(plan, project, table_text or project.read(TABLE) or b"")
    return written


def entries(plan: Plan) -> list[dict[str, Any]]:
    """The people's block of each task, for `tasks.json`."""
    shown = (_entry(each.task) for each in plan.tasks)
    return [{"id": entry["id"], **_given(entry)} for entry in shown]


def _table(plan: Plan, project: Project, now: bytes) -> bytes:
    """The table with the plan's rows; what the daemon and people wrote into them stays."""
    parsed = table.parse(now.decode("utf-8"), source=str(project.root / TABLE))
    there = {row.cells["id"]: row.cells for row in parsed.rows}
    planned = {each.task.id for each in plan.tasks}
    rows = [dict(cells) for name, cells in there.items() if name not in planned]
    for each in plan.tasks:
        shown = there.get(each.task.id)
        cells = row_of(_entry(each.task), shown)
        theirs = {column: text for column, text in (shown or {}).items() if column not in PEOPLE_FIELDS}
        rows.append(cells | theirs)
    template = _filled("orchestrator/tasks.md.template", project).decode() if not parsed.head else table.TEMPLATE
    return table.render(parsed, rows, template=template).encode()


def _graph(plan: Plan) -> str:
    total = f"{len(plan.findings)} findings, {len(plan.tasks)} tasks, about {tokens_text(plan.tokens)} tokens"
    lines = [f"# Plan of {plan.milestone.title}", "", f"Made from the report `{plan.report}`: {total}.", ""]
    lines += [
        f"- Phase {phase.number}: {phase.title}, {len(phase.tasks)} tasks, issue {phase.issue or 'none'}"
        for phase in plan.phases
    ]
    lines += ["", "```mermaid", mermaid(plan).rstrip("\n"), "```", ""]
    if plan.leftovers:
        lines += ["## Not placed", "", "What looks like a finding and could not be read as one:", ""]
        lines += [f"- `{each.source}`: {each.reason}" for each in plan.leftovers]
        lines.append("")
    return "\n".join(lines)


def _entry(task: Task) -> dict[str, Any]:
    return entry_of(Record(task, position=0))


def _given(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: entry[name] for name in PEOPLE_FIELDS if entry[name] not in (None, "", [])}


def _filled(name: str, project: Project) -> bytes:
    return templates.fill(name, project.values, folder=project.folder, strict=True).encode()
