"""What the work has taken and will take, kept up to date record by record, against the cap."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from mosaic_daemon.nouns.budget import Budget, Cap, share
from mosaic_daemon.nouns.record import Record, Removed


class _Share(NamedTuple):
    """A task's part, in tokens."""

    used: int
    remaining: int


class Spending:
    """The sum over all tasks."""

    def __init__(self) -> None:
        self._shares: dict[str, _Share] = {}
        self._used = 0
        self._remaining = 0

    def update(self, changed: Iterable[Record]) -> None:
        """Take in records as they are now."""
        for record in changed:
            before, after = self._shares.get(record.id, _Share(0, 0)), _share(record)
            self._used += after.used - before.used
            self._remaining += after.remaining - before.remaining
            self._shares[record.id] = after

    def against(self, cap: Cap | None) -> Budget | None:
        """The budget; None where there is no cap, and so no limit."""
        return None if cap is None else Budget(cap, self._used, self._remaining)


def _share(record: Record) -> _Share:
    if isinstance(record.state, Removed):
        is_of_another_milestone = bool(record.state.milestone)
        return _Share(0 if is_of_another_milestone else record.used or 0, 0)
    return _Share(*share(record.status, record.task.estimate, record.used))
