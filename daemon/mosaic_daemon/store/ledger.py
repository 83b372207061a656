"""The ledger: the live projection of the journal, and the only way to change it.

Every change is a batch of events. The batch is durable before anybody sees its effect, so whatever the daemon does next
may rely on it. Calls are synchronous on purpose: a commit takes a fraction of a millisecond, and no other part of the
daemon can run between deciding on a state and recording what was decided.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from types import MappingProxyType

from mosaic_daemon.ground.errors import LedgerError
from mosaic_daemon.nouns import events as ev
from mosaic_daemon.nouns.fold import advance
from mosaic_daemon.nouns.fold_system import advance_system
from mosaic_daemon.nouns.record import Record, Removed, State
from mosaic_daemon.nouns.system import System
from mosaic_daemon.store.base import Batch, Journal


class Ledger:
    """Tasks, the repository's state and memos, as the journal has them."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._is_stale = False
        self._records: dict[str, Record] = {}
        self._changed: set[str] = set()
        self._load()

    def _load(self) -> None:
        snapshot = self._journal.load()
        before, self._records = self._records, {record.id: record for record in snapshot.records}
        self._changed |= {task for task, record in self._records.items() if record != before.get(task)}
        self._system = snapshot.system
        self._memos = dict(snapshot.memos)
        self._by_state: defaultdict[type[State], set[str]] = defaultdict(set)
        for record in snapshot.records:
            self._by_state[type(record.state)].add(record.id)
        self._top = max((record.position for record in snapshot.records), default=-1)
        self.seq = snapshot.seq

    @property
    def records(self) -> Mapping[str, Record]:
        """Every task ever taken in, removed ones too, in order of arrival."""
        return MappingProxyType(self._records)

    @property
    def system(self) -> System:
        return self._system

    def listed(self) -> Iterator[Record]:
        """The tasks that people see: all but the removed ones."""
        return (record for record in self._records.values() if not isinstance(record.state, Removed))

    def in_state(self, *states: type[State]) -> list[Record]:
        """The records in these states, in order of arrival."""
        ids = (task for state in states for task in self._by_state[state])
        return sorted((self._records[task] for task in ids), key=lambda record: record.position)

    def counts(self) -> dict[str, int]:
        """Tasks per status, removed ones left out."""
        found: Counter[str] = Counter()
        for state, tasks in self._by_state.items():
            if tasks and state is not Removed:
                found[self._records[next(iter(tasks))].status.value] += len(tasks)
        return dict(found)

    def next_position(self) -> int:
        return self._top + 1

    def memo(self, name: str) -> str | None:
        return self._memos.get(name)

    def remember(self, memos: Mapping[str, str | None]) -> None:
        """Keep small named texts; None forgets the name."""
        self._commit(Batch(memos=memos))
        for name, text in memos.items():
            if text is None:
                self._memos.pop(name, None)
            else:
                self._memos[name] = text

    def append(self, task: str, *happened: ev.Event, at: datetime, actor: str = "daemon") -> None:
        """Record events of one task (or of the repository: `task` is empty) in one transaction.

        Raises:
            IllegalTransition, Duplicate: nothing was stored; the caller has a bug.
            LedgerError: nothing was stored; the disk is in the way.
        """
        self.append_all([ev.Entry(at, task, actor, event) for event in happened])

    def append_all(self, entries: Sequence[ev.Entry], memos: Mapping[str, str] = MappingProxyType({})) -> None:
        """Record events of several tasks in one transaction, with memos that go with them; see `append`."""
        if not entries:
            if memos:
                self.remember(memos)
            return
        touched: dict[str, Record] = {}
        system = self._system
        for entry in entries:
            match entry.event:
                case event if isinstance(event, ev.SystemEvent):
                    system = advance_system(system, event, entry.at)
                case ev.ResultRejected() if not entry.task:
                    pass
                case event:
                    before = touched.get(entry.task) or self._records.get(entry.task)
                    touched[entry.task] = advance(before, event, entry.at)
        records = list(touched.values())
        self.seq = self._commit(Batch(entries, records, system if system is not self._system else None, memos))
        self._memos.update(memos)
        for task, record in touched.items():
            if (before := self._records.get(task)) is not None:
                self._by_state[type(before.state)].discard(task)
                if before.position != record.position:  # it was removed and comes back: it stands at the end now
                    del self._records[task]
            self._by_state[type(record.state)].add(task)
        self._records.update(touched)
        self._changed.update(touched)
        self._system = system
        self._top = max([self._top, *(record.position for record in records)])

    def _commit(self, batch: Batch) -> int:
        """Make the batch durable.

        After an error it is not always known whether the batch became durable: what the journal holds is what is true,
        so it is read again before anything else is decided.
        """
        if self._is_stale:
            self._load()
            self._is_stale = False
            raise LedgerError("the ledger was read again after an error", remedy="what was to be stored is tried again")
        try:
            return self._journal.commit(batch)
        except BaseException:
            self._is_stale = True
            with suppress(LedgerError):
                self._load()
                self._is_stale = False
            raise

    def take_changed(self) -> set[str]:
        """The ids that changed since the last call; after opening: all."""
        changed, self._changed = self._changed, set()
        return changed

    def mark_all_changed(self) -> None:
        """Let `take_changed` tell of every task again."""
        self._changed = set(self._records)

    def entries(
        self, *, after: int = 0, task: str | None = None, limit: int | None = None
    ) -> Iterator[tuple[int, ev.Entry]]:
        return self._journal.entries(after=after, task=task, limit=limit)

    def close(self) -> None:
        self._journal.close()
