"""The journal's in-memory twin."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from mosaic_daemon.nouns.events import AttemptIntended, Entry, GateIntended, ReleaseIntended
from mosaic_daemon.nouns.record import Record
from mosaic_daemon.nouns.system import System
from mosaic_daemon.store.base import Batch, Duplicate, Snapshot


class MemoryJournal:
    """Keeps batches in lists. What was committed survives `close`, as a disk would."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._records: dict[str, Record] = {}
        self._system = System()
        self._memos: dict[str, str] = {}
        self._once: set[str] = set()

    def load(self) -> Snapshot:
        records = sorted(self._records.values(), key=lambda record: record.position)
        return Snapshot(len(self._entries), records, self._system, dict(self._memos))

    def commit(self, batch: Batch) -> int:
        keys = [key for entry in batch.entries if (key := once_key(entry))]
        if len(set(keys)) < len(keys) or self._once.intersection(keys):
            raise Duplicate(", ".join(keys))
        self._once.update(keys)
        self._entries.extend(batch.entries)
        self._records.update((record.id, record) for record in batch.records)
        self._system = batch.system or self._system
        for name, text in batch.memos.items():
            if text is None:
                self._memos.pop(name, None)
            else:
                self._memos[name] = text
        return len(self._entries)

    def entries(
        self, *, after: int = 0, task: str | None = None, limit: int | None = None
    ) -> Iterator[tuple[int, Entry]]:
        numbered = enumerate(self._entries[after:], after + 1)
        yield from islice((pair for pair in numbered if task is None or pair[1].task == task), limit)

    def close(self) -> None: ...


def once_key(entry: Entry) -> str | None:
    """The key under which this entry may exist only once, ever; None for entries that may repeat."""
    match entry.event:
        case AttemptIntended(attempt=attempt):
            return f"attempt:{attempt.name}"
        case GateIntended(key=key) | ReleaseIntended(key=key):
            return f"effect:{key}"
        case _:
            return None
