"""A finding on its way to a task: all that can be said of it without looking at the others."""

from __future__ import annotations

from dataclasses import dataclass

from mosaic_daemon.nouns.task import Kind
from mosaic_daemon.planning.finding import Finding
from mosaic_daemon.planning.plan import PlannedTask, Reason


@dataclass(frozen=True, slots=True)
class Draft:
    """Attributes:
    files: paths it changes, each one fit for `Task.files`.
    founds: what it lays the foundation of (`authentication`). relies: what it mentions of the same names.
    known: its task in the plan of an earlier bootstrap. vanished: only that plan has it, the report no longer.
    """

    finding: Finding
    description: str
    phase: int
    category: str
    kind: Kind
    files: tuple[str, ...]
    reasons: tuple[Reason, ...]
    founds: frozenset[str] = frozenset()
    relies: frozenset[str] = frozenset()
    known: PlannedTask | None = None
    vanished: bool = False

    @property
    def tokens(self) -> int:
        return sum(reason.tokens for reason in self.reasons)
