"""The journal port: where the ledger's batches become durable."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from mosaic_daemon.nouns.events import Entry
from mosaic_daemon.nouns.record import Record
from mosaic_daemon.nouns.system import System


@dataclass(frozen=True, slots=True)
class Batch:
    """What one transaction makes durable, all of it or nothing.

    Attributes:
        entries: new lines of the event log, in order.
        records: rows as they are after `entries`.
        system: the repository's row after `entries`; None when it did not change.
        memos: small named texts to keep; None deletes the name.
    """

    entries: Sequence[Entry] = ()
    records: Sequence[Record] = ()
    system: System | None = None
    memos: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything a journal holds but the event log. `seq`: the number of the last event."""

    seq: int
    records: Sequence[Record]
    system: System
    memos: Mapping[str, str]


class Duplicate(Exception):
    """The batch issues a fence, or intends an effect, that the journal already holds. Nothing was stored."""


class Journal(Protocol):
    """Durable storage of batches. Every implementation passes the same contract suite."""

    def load(self) -> Snapshot: ...

    def commit(self, batch: Batch) -> int:
        """Make the batch durable before returning; returns the number of its last event.

        Raises:
            Duplicate: see there.
            LedgerError: it could not be stored (disk full, I/O error); nothing of it was.
        """

    def entries(
        self, *, after: int = 0, task: str | None = None, limit: int | None = None
    ) -> Iterator[tuple[int, Entry]]:
        """The event log in order, each with its number."""

    def close(self) -> None: ...
