"""When the faces are replaced. Durability is the ledger's, so their writes are coalesced: a busy daemon with a long
queue spends a twentieth of its time on them at most, and an idle one publishes at once.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from mosaic_daemon.faces.queue import QueueFace
from mosaic_daemon.faces.table import TableFace
from mosaic_daemon.nouns.gate import is_past_guard
from mosaic_daemon.nouns.record import Gating, Record

_QUEUE_SEC = 0.2
_QUEUE_SHARE = 20  # a queue that takes t to write is written at most every 20 t
_DEGRADED = timedelta(seconds=5)  # what is in the way goes by itself or by somebody's hand; gates go on meanwhile
_NEVER = datetime.min.replace(tzinfo=UTC)


class Publisher:
    """Knows when each face was published last and when it may be again.

    Attributes:
        table_enabled: False when the configuration switches the table off.
    """

    def __init__(self, queue: QueueFace, table: TableFace, table_interval: timedelta, *, table_enabled: bool) -> None:
        self._queue = queue
        self._table = table
        self._table_interval = table_interval
        self._queue_interval = timedelta(seconds=_QUEUE_SEC)
        self._queue_at = self._table_at = _NEVER
        self.table_enabled = table_enabled

    def show(self, changed: Iterable[Record]) -> None:
        """Records as they are now; the faces follow when they are due."""
        records = list(changed)
        self._queue.show(records)
        self._table.show(records)

    def queue_due(self, now: datetime, *, quiet: bool) -> datetime | None:
        """When the queue's file may be replaced; None when it need not or must not be."""
        if not self._queue.dirty or self._queue.broken is not None or self._queue.settling:
            return None
        return now if quiet else max(now, self._queue_at + self._queue_interval)

    def publish_queue(self, now: datetime) -> None:
        """Replace the queue's file.

        Raises:
            Unavailable: a tool holds its lock. OSError: it cannot be written.
        """
        started = time.monotonic()
        self._queue.publish()
        cost = time.monotonic() - started
        self._queue_at = now
        self._queue_interval = timedelta(seconds=max(_QUEUE_SEC, _QUEUE_SHARE * cost))

    def table_due(self, now: datetime, gates: Iterable[Record], *, quiet: bool) -> datetime | None:
        """When the table may be published; None when it need not be.

        Never while a gate is between the queue guard and the CI verdict: our own commit would move the base branch
        under it and keep the queue busy.
        """
        if not (self.table_enabled and self._table.dirty) or any(_in_window(record) for record in gates):
            return None
        if self._table.degraded is not None:
            return max(now, self._table_at + max(self._table_interval, _DEGRADED))
        return now if quiet else max(now, self._table_at + self._table_interval)

    @property
    def is_behind(self) -> bool:
        """The table does not show yet what the ledger says."""
        return self.table_enabled and self._table.dirty

    def table_tried(self, now: datetime) -> None:
        """The table was published, or could not be: the next try waits for the interval."""
        self._table_at = now


def _in_window(record: Record) -> bool:
    return isinstance(record.state, Gating) and is_past_guard(record.state.gate)
