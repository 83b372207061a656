"""Time as a port: UTC for records, so that a test can own it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """The time in UTC, for records and for deadlines that must survive a restart."""


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)
