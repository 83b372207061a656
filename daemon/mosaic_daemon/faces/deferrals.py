"""`docs/reports/deferred/deferred-errors.md` on the base branch: what phases have left, and why.

It goes along with the table's commits. A task that is deferred holds up nobody any more once it stands there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from mosaic_daemon.ground.errors import InputError
from mosaic_daemon.nouns import events as ev
from mosaic_daemon.nouns.completion import is_to_be_documented
from mosaic_daemon.nouns.phase import DEFERRED_ERRORS
from mosaic_daemon.nouns.record import Record
from mosaic_daemon.repository.clone import Clone
from mosaic_daemon.store.ledger import Ledger
from mosaic_daemon.tracking import deferrals


class DeferredErrors:
    """What is deferred and not yet written down.

    Attributes:
        problem: why the file cannot be added to; empty while it can.
    """

    def __init__(self, ledger: Ledger, clone: Clone, place_of: Callable[[Record], str]) -> None:
        """`place_of`: where in the project a task's error is, as `path:line`."""
        self._ledger = ledger
        self._clone = clone
        self._place_of = place_of
        self._waiting: dict[str, None] = {}
        self._taken: tuple[str, ...] = ()
        self.problem = ""

    @property
    def is_waiting(self) -> bool:
        """There is something to be added."""
        return bool(self._waiting)

    def show(self, changed: Iterable[Record]) -> None:
        """Records as they are now."""
        for record in changed:
            if is_to_be_documented(record):
                self._waiting[record.id] = None
            else:
                self._waiting.pop(record.id, None)

    async def files(self, base: str, now: datetime) -> dict[str, bytes]:
        """The file with what is deferred on top of the commit `base`; empty when nothing has to be written.

        A task that has its section there already gets no second one: the daemon may have died after its commit had
        landed, and people may have written it themselves.
        """
        if not self._waiting:
            return {}
        try:
            found = deferrals.parse(await self._clone.commits.read(base, DEFERRED_ERRORS))
        except InputError as error:
            self.problem = f"{error.line}; it is not touched, and what is deferred is not done with until it is mended"
            return {}
        self.problem, self._taken = "", tuple(self._waiting)
        new = [self._ledger.records[task] for task in self._waiting if task not in found.tasks]
        if not new:
            self.settle(now)
            return {}
        new.sort(key=lambda record: record.position)
        sections = [deferrals.section(record, self._place_of(record)) for record in new]
        return {DEFERRED_ERRORS: found.with_sections(sections)}

    def settle(self, now: datetime) -> None:
        """What `files` gave last is on the base branch."""
        told = [task for task in self._taken if is_to_be_documented(self._ledger.records[task])]
        self._ledger.append_all(
            [ev.Entry(now, task, "daemon", ev.DeferralDocumented(DEFERRED_ERRORS)) for task in told]
        )
        for task in self._taken:
            self._waiting.pop(task, None)
        self._taken = ()
