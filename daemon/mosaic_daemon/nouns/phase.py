"""A phase of the guide's "Two-Phase Completion Protocol": where it is, in numbers, and the reports of its ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mosaic_daemon.nouns.task import Category

BULK_PERCENT = 90
DEFERRED_ERRORS = "docs/reports/deferred/deferred-errors.md"


class Stage(StrEnum):
    """Where a phase is. A phase that is not known otherwise is in its bulk."""

    BULK = "bulk"
    POLISH = "polish"
    COMPLETE = "complete"


@dataclass(frozen=True, slots=True)
class PhaseState:
    """What was said of a phase last. `inventory`: what was left when its polish began, by task."""

    stage: Stage = Stage.BULK
    inventory: Mapping[str, Category] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Standing:
    """A phase in numbers.

    Attributes:
        total: its errors. fixed: those that are done. deferred: those that are; `documented`: and written down.
    """

    phase: int
    total: int
    fixed: int
    deferred: int
    documented: int

    @property
    def stage(self) -> Stage:
        """What was deferred is triaged already: the 90 % are of the rest."""
        if self.fixed + self.documented == self.total:
            return Stage.COMPLETE
        return Stage.POLISH if 100 * self.fixed >= BULK_PERCENT * (self.total - self.deferred) else Stage.BULK

    @property
    def share(self) -> str:
        """`91% (119/130)`: 89.9 % is not 90."""
        return f"{100 * self.fixed // self.total if self.total else 100}% ({self.fixed}/{self.total})"


def bulk_complete(standing: Standing) -> str:
    """The guide's report at the end of the bulk."""
    remaining = standing.total - standing.fixed
    return (
        f"Phase {standing.phase} Bulk Complete: {standing.share}\nEntering Polish Phase: {remaining} errors to triage"
    )


def polish_complete(
    standing: Standing, triaged: Iterable[Category], left: Iterable[Category], where: str = DEFERRED_ERRORS
) -> str:
    """The guide's report at the end of the polish.

    Args:
        triaged: what was left when it began and is fixed now, by what it was triaged as.
        left: what is deferred and documented. where: that is.
    """
    fixed, documented = Counter(triaged), Counter(each.documented_as for each in left)
    lines = [
        f"Phase {standing.phase} Complete: {standing.share}",
        f"- Quick-wins: {fixed[Category.QUICK_WIN]} fixed",
        f"- Medium: {fixed[Category.MEDIUM]} fixed",
        f"- Hard: {fixed[Category.HARD]} fixed, {documented[Category.HARD]} documented",
        f"- Framework limitations: {documented[Category.FRAMEWORK]} documented",
    ]
    if documented[Category.ARCHITECTURAL]:
        lines.append(f"- Architectural: {documented[Category.ARCHITECTURAL]} documented")
    if documented:
        lines.append(f"Documented in {where}")
    return "\n".join(lines)


def reopened(standing: Standing) -> str:
    """A phase got errors again after its bulk was complete."""
    return f"Phase {standing.phase} is open again: {standing.share}"
