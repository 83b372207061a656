"""The guide's "Phase Boundary Rule": which phases are through, and which of the open ones are in their polish."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from mosaic_daemon.nouns.completion import category, is_settled, is_to_be_documented
from mosaic_daemon.nouns.phase import Stage
from mosaic_daemon.nouns.record import NotStarted, Record, Removed
from mosaic_daemon.nouns.system import System
from mosaic_daemon.nouns.task import Task

_SHOWN = 3


class Phases:
    """The tasks that keep each phase open. A part of the schedule, kept up to date with it."""

    def __init__(self) -> None:
        self._open: defaultdict[int, dict[str, Record]] = defaultdict(dict)
        self._lowest: int | None = None
        self._polishing: frozenset[int] = frozenset()

    def update(self, before: Record | None, after: Record) -> list[int]:
        """Take in a record as it is now; returns the phases that are through by that."""
        old, new = _holds_open(before), _holds_open(after)
        through = []
        if old is not None and old != new:
            del self._open[old][after.id]
            if not self._open[old]:
                del self._open[old]
                through.append(old)
        if new is not None:
            self._open[new][after.id] = after
        if old != new:
            self._lowest = min(self._open, default=None)
        return through

    def polish(self, system: System) -> Iterable[str]:
        """Take in which phases are in their polish; the waiting tasks whose rank may be another now."""
        polishing = frozenset(number for number, phase in system.phases.items() if phase.stage is not Stage.BULK)
        changed, self._polishing = polishing ^ self._polishing, polishing
        return [
            task
            for number in changed
            for task, record in self._open.get(number, {}).items()
            if isinstance(record.state, NotStarted)
        ]

    def before(self, task: Task) -> int | None:
        """The phase that has to be through before this task; None when it may start. What mends the base branch may."""
        is_late = task.phase is not None and self._lowest is not None and self._lowest < task.phase
        return self._lowest if is_late and not task.fixes_main else None

    def waited_for(self, task: Task) -> str:
        """The same as a reason, with the tasks that keep that phase open; empty when none does."""
        phase = self.before(task)
        if phase is None:
            return ""
        left = list(self._open[phase].values())
        more = f" and {len(left) - _SHOWN} more" if len(left) > _SHOWN else ""
        shown = ", ".join(map(_shown, left[:_SHOWN]))
        return f"waits for phase {phase}: {shown}{more}"

    def rank(self, record: Record) -> int:
        """Quick-win → Medium → Hard, in a phase's polish."""
        return category(record).rank if record.task.phase in self._polishing else 0


def _shown(record: Record) -> str:
    return f"{record.id} ({record.status}{', not documented yet' if is_to_be_documented(record) else ''})"


def _holds_open(record: Record | None) -> int | None:
    """The phase that is not through before this task is settled."""
    if record is None or isinstance(record.state, Removed) or is_settled(record):
        return None
    return record.task.phase
