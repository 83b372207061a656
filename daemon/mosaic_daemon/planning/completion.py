"""The guide's "Two-Phase Completion Protocol", kept: bulk to 90 %, polish with an inventory, no next phase before.

What follows from where a phase is, is one transaction of the ledger: what is deferred, where the phase is now, and the
report of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from mosaic_daemon.nouns import events as ev
from mosaic_daemon.nouns.completion import (
    HARD_SEC,
    category,
    is_error,
    is_put_off,
    is_settled,
    is_to_be_deferred,
    is_to_be_documented,
    reason,
)
from mosaic_daemon.nouns.phase import (
    DEFERRED_ERRORS,
    PhaseState,
    Stage,
    Standing,
    bulk_complete,
    polish_complete,
    reopened,
)
from mosaic_daemon.nouns.record import Deferred, Done, Failed, NeedsQa, Record, Removed
from mosaic_daemon.nouns.task import Category
from mosaic_daemon.store.ledger import Ledger


@dataclass(slots=True)
class _Phase:
    """The ids of a phase's errors, by what became of them. `stopped`: what may have to be deferred."""

    errors: set[str] = field(default_factory=set)
    fixed: set[str] = field(default_factory=set)
    deferred: set[str] = field(default_factory=set)
    documented: set[str] = field(default_factory=set)
    stopped: set[str] = field(default_factory=set)

    def forget(self, task: str) -> None:
        for each in (self.errors, self.fixed, self.deferred, self.documented, self.stopped):
            each.discard(task)

    def standing(self, number: int) -> Standing:
        return Standing(number, len(self.errors), len(self.fixed), len(self.deferred), len(self.documented))


class Completion:
    """Phases with what is left of them, kept up to date record by record."""

    def __init__(self, ledger: Ledger, place_of: Callable[[Record], str], *, in_a_file: bool) -> None:
        """`in_a_file`: deferrals are written down in one; else the ledger knows them, and that has to do."""
        self._ledger = ledger
        self._place_of = place_of
        self._in_a_file = in_a_file
        self._phases: dict[int, _Phase] = {}
        self._phase_of: dict[str, int] = {}
        self._due: set[int] = set()

    @property
    def is_due(self) -> bool:
        return bool(self._due)

    def update(self, changed: Iterable[Record]) -> None:
        """Take in records as they are now."""
        for record in changed:
            number = record.task.phase
            before = self._phase_of.pop(record.id, None)
            if before is not None:
                self._phases[before].forget(record.id)
                self._due.add(before)
            if number is not None and not isinstance(record.state, Removed):
                self._phase_of[record.id] = number
                self._place(self._phases.setdefault(number, _Phase()), record)
                self._due.add(number)

    def limit_sec(self, record: Record) -> float | None:
        """How long an attempt may take that is the only one: the guide's 15 minutes for what is hard in the polish."""
        is_hard = self._state(record.task.phase).stage is not Stage.BULK and category(record) is Category.HARD
        return HARD_SEC if is_hard and is_error(record) else None

    def carry_out(self, now: datetime) -> tuple[ev.Entry, ...]:
        """Everything that follows from what `update` told; these entries are in the ledger now.

        Raises:
            LedgerError: nothing was recorded; it is done again.
        """
        entries = tuple(
            ev.Entry(now, task, "daemon", event) for number in sorted(self._due) for task, event in self._moves(number)
        )
        self._ledger.append_all(entries)
        self._due.clear()
        return entries

    @staticmethod
    def _place(phase: _Phase, record: Record) -> None:
        if isinstance(record.state, Failed) or is_put_off(record) or is_to_be_documented(record):
            phase.stopped.add(record.id)
        if not is_error(record):
            return
        phase.errors.add(record.id)
        if isinstance(record.state, Done):
            phase.fixed.add(record.id)
        if isinstance(record.state, Deferred):
            phase.deferred.add(record.id)
        if isinstance(record.state, Deferred) and is_settled(record):
            phase.documented.add(record.id)

    def _state(self, number: int | None) -> PhaseState:
        return self._ledger.system.phases.get(number, PhaseState()) if number is not None else PhaseState()

    def _moves(self, number: int) -> Iterable[tuple[str, ev.Event]]:
        phase, before = self._phases[number], self._state(number)
        standing = phase.standing(number)
        stage = standing.stage if standing.total else before.stage
        if stage is not before.stage:
            yield from self._to(stage, before, phase, standing)
        for task in sorted(phase.stopped, key=lambda task: self._ledger.records[task].position):
            yield from self._stopped(self._ledger.records[task], stage)

    def _to(
        self, stage: Stage, before: PhaseState, phase: _Phase, standing: Standing
    ) -> Iterable[tuple[str, ev.Event]]:
        """The phase comes to another stage, by way of its polish where it comes from the bulk."""
        topic = f"phase {standing.phase}"
        inventory = {} if stage is Stage.BULK else {**self._categories(phase.errors - phase.fixed), **before.inventory}
        if before.stage is Stage.BULK:
            listed = {"inventory": self._listed(inventory)}
            yield "", _moved(standing, Stage.POLISH, inventory)
            yield "", ev.Reported(f"{topic} bulk", bulk_complete(standing), listed)
        if stage is Stage.COMPLETE:
            fixed = [found for task, found in inventory.items() if task in phase.fixed]
            yield "", _moved(standing, stage, inventory)
            documented = self._categories(phase.documented).values()
            where = DEFERRED_ERRORS if self._in_a_file else "the ledger"
            yield "", ev.Reported(f"{topic} polish", polish_complete(standing, fixed, documented, where))
        elif before.stage is not Stage.BULK:
            yield "", _moved(standing, stage, inventory)
            yield "", ev.Reported(f"{topic} open", reopened(standing))

    def _categories(self, tasks: Iterable[str]) -> dict[str, Category]:
        return {task: category(self._ledger.records[task]) for task in sorted(tasks)}

    def _stopped(self, record: Record, stage: Stage) -> Iterable[tuple[str, ev.Event]]:
        """A task that ended without being fixed; one that mends another is given up together with it."""
        if is_to_be_documented(record) and not self._in_a_file:
            yield record.id, ev.DeferralDocumented("")
        elif is_to_be_deferred(record, stage):
            yield record.id, ev.TaskDeferred(reason(record), "daemon")
        elif isinstance(record.state, Failed) and record.mends and not record.is_to_be_concluded:
            mended = self._ledger.records.get(record.mends)
            if mended is not None and self._is_given_up(mended, stage):
                yield record.id, ev.TaskDeferred(reason(record), "daemon")
                if isinstance(mended.state, NeedsQa):
                    yield mended.id, ev.TaskDeferred(reason(record), "daemon")

    @staticmethod
    def _is_given_up(mended: Record, stage: Stage) -> bool:
        match mended.state:
            case Deferred():
                return True
            case NeedsQa():
                named = mended.task.category
                return is_error(mended) and stage is not Stage.BULK and (named is None or named.may_be_documented)
            case _:
                return False

    def _listed(self, inventory: Mapping[str, Category]) -> list[dict[str, str]]:
        """The guide's inventory: each error with its file:line."""
        records = [self._ledger.records[task] for task in inventory]
        return [
            {
                "task": each.id,
                "status": each.status.value,
                "category": inventory[each.id].label,
                "place": self._place_of(each),
                "description": each.task.description,
            }
            for each in records
        ]


def _moved(standing: Standing, stage: Stage, inventory: Mapping[str, Category]) -> ev.PhaseMoved:
    return ev.PhaseMoved(standing.phase, stage, standing.total, standing.fixed, inventory)
