"""What an orchestrator hands to its replacement: the guide's ORCHESTRATOR HANDOFF message and its compaction summary.

All state is in the ledger and its published faces, so a handoff is a reading of it. Values in, text out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from mosaic_daemon.ground import templates
from mosaic_daemon.nouns.figures import tokens, tokens_text
from mosaic_daemon.nouns.task import OVER
from mosaic_daemon.planning.planner.words import one_line

MESSAGE = "orchestrator/handoff.md.template"
SUMMARY = "orchestrator/compaction-summary.md.template"
OWN_GATES = "the project's own linters, type checks and tests"

_STOPPED = ("blocked", "failed", "needs-qa")
_LONGEST_ID, _LONGEST_ANALYSIS = 64, 500
_RUN = 3  # so many ids in a row are told as `first through last`
_NUMBERED = re.compile(r"(.*?)(\d+)")


@dataclass(frozen=True, slots=True)
class Line:
    """A task as a handoff sees it. `used`: tokens; None when nothing was reported."""

    task: str
    status: str
    phase: int | None = None
    estimate: str | None = None
    used: int | None = None


@dataclass(frozen=True, slots=True)
class Handoff:
    """Everything the two texts say.

    Attributes:
        next_task: the one to start next; empty when none can start.
        phases: the plan's titles by number. mission: what is being done, `remediating …`.
        table, learnings_file: why that file does not show the state; empty when it does.
        learnings: entries of the learnings file. context: percent, None where nobody measures.
    """

    project: Path
    lines: Sequence[Line]
    next_task: str
    mission: str
    phases: Mapping[int, str]
    quality_gates: str = ""
    table: str = ""
    learnings_file: str = ""
    learnings: Sequence[Mapping[str, Any]] = ()
    context: int | None = None

    @property
    def done(self) -> int:
        return sum(line.status == "done" for line in self.lines)

    @property
    def percentage(self) -> int:
        """Rounded down: 100 is all of them."""
        return 100 * self.done // len(self.lines) if self.lines else 0

    @property
    def progress(self) -> str:
        return f"{self.done}/{len(self.lines)} tasks ({self.percentage}%)"

    @property
    def phase(self) -> int | None:
        """The lowest that has work left; None when there is none."""
        return min(
            (line.phase for line in self.lines if line.status not in OVER and line.phase is not None), default=None
        )

    @property
    def current_phase(self) -> str:
        if self.phase is None:
            return "none left" if all(line.status in OVER for line in self.lines) else "none numbered"
        title = self.phases.get(self.phase)
        return f"Phase {self.phase} ({title})" if title else f"Phase {self.phase}"

    def document(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "context": self.context,
            "progress": {"done": self.done, "total": len(self.lines), "percentage": self.percentage},
            "phase": self.phase,
            "phase_name": self.phases.get(self.phase or 0, ""),
            "next_task": self.next_task or None,
            "mission": self.mission,
            "project": str(self.project),
            "quality_gates": self.quality_gates or None,
            "persisted": {"table": not self.table, "learnings": not self.learnings_file},
            "remaining": [line.task for line in self.lines if line.status not in OVER],
        }

    def variables(self) -> dict[str, str]:
        """What the templates may name."""
        return {
            "CONTEXT": "not measured" if self.context is None else f"{self.context}%",
            "PROGRESS": self.progress,
            "CURRENT_PHASE": self.current_phase,
            "TABLE_STATE": f"✗ ({self.table})" if self.table else "✓",
            "LEARNINGS_STATE": f"✗ ({self.learnings_file})" if self.learnings_file else "✓",
            "MISSION": self.mission,
            "PROJECT_PATH": str(self.project),
            "QUALITY_GATES": self.quality_gates or OWN_GATES,
            "NEXT_TASK": self.next_task or "none can start",
            "COMPLETED": ", ".join(_completed(line) for line in self.lines if line.status == "done") or "nothing yet",
            "QUALITY": self._quality(),
            "LEARNINGS": "\n".join(_learning(each) for each in self.learnings) or "- none",
            "REMAINING": self._remaining(),
        }

    def _quality(self) -> str:
        stopped = [line for line in self.lines if line.status in _STOPPED]
        told = ", ".join(f"{line.task} {line.status}" for line in stopped)
        return f"attention needed: {told}" if told else "All gates passing"

    def _remaining(self) -> str:
        left = [line for line in self.lines if line.status not in OVER]
        parts = []
        for label, group in groupby(left, key=self._label):
            remark = f" ({label})" if label else ""
            parts += [f"{told}{remark}" for told in _runs([line.task for line in group])]
        return ", ".join(parts) or "nothing"

    def _label(self, line: Line) -> str:
        if line.task == self.next_task:
            return "ready"
        return "" if line.status == "not-started" else line.status


def message(handoff: Handoff, folder: Path | None = None) -> str:
    """The guide's ORCHESTRATOR HANDOFF message. Raises InputError when a person's own template cannot be read."""
    return templates.fill(MESSAGE, handoff.variables(), folder=folder)


def summary(handoff: Handoff, folder: Path | None = None) -> str:
    """The guide's compaction summary. Raises InputError as `message`."""
    return templates.fill(SUMMARY, handoff.variables(), folder=folder)


def _completed(line: Line) -> str:
    """`MS-SEC-001 (15K→0.3K, -98%)`"""
    if line.used is None:
        return line.task
    planned = tokens(line.estimate) if line.estimate else 0
    if not planned:
        return f"{line.task} ({tokens_text(line.used)})"
    variance = round(100 * (line.used - planned) / planned)
    return f"{line.task} ({line.estimate}→{tokens_text(line.used)}, {variance:+d}%)"


def _learning(entry: Mapping[str, Any]) -> str:
    """`- MS-SEC-001: -98% variance — what it says`"""
    variance = entry.get("variance_pct")
    shown = f"{round(variance):+d}% variance" if isinstance(variance, int | float) else "variance not noted"
    analysis = one_line(str(entry.get("analysis") or entry.get("task_type") or "not analysed"), _LONGEST_ANALYSIS)
    return f"- {one_line(str(entry.get('task_id', '?')), _LONGEST_ID)}: {shown} — {analysis}"


def _runs(names: Sequence[str]) -> Iterable[str]:
    """Names with consecutive numbers as `first through last`."""
    run: list[str] = []
    for name in names:
        if run and not _follows(run[-1], name):
            yield from _told(run)
            run = []
        run.append(name)
    yield from _told(run)


def _told(run: list[str]) -> list[str]:
    return run if len(run) < _RUN else [f"{run[0]} through {run[-1]}"]


def _follows(name: str, following: str) -> bool:
    one, two = _NUMBERED.fullmatch(name), _NUMBERED.fullmatch(following)
    return bool(one and two and one[1] == two[1] and int(two[2]) == int(one[2]) + 1)
