"""How fast, and whether at all, one host is asked: its budget, its limits, and a rest when it keeps failing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mosaic_daemon.ground.clock import Clock, SystemClock
from mosaic_daemon.ground.errors import Unavailable

PATIENCE_SEC = 10.0
"""A call waits that long for its turn; when it would take longer, the caller is told the time instead."""

_FAILURES = 5
_REST_SEC = 30.0
_LONGEST_SEC = 300.0
_LONGEST_BACKOFF_SEC = 900.0


@dataclass(frozen=True, slots=True)
class Timing:
    """Where time comes from. Spans are monotonic, what is told to others is UTC."""

    clock: Clock = field(default_factory=SystemClock)
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


@dataclass(frozen=True, slots=True)
class Budget:
    """Requests a host is asked at the most, over time and at once, and the time between two that write."""

    per_second: float
    burst: int
    write_gap_sec: float = 0.0


class Pace:
    """One host's pace."""

    def __init__(self, host: str, budget: Budget, timing: Timing) -> None:
        self._host = host
        self._budget = budget
        self._timing = timing
        self._left = float(budget.burst)
        self._filled = timing.monotonic()
        self._next_write = self._filled
        self._held_until = self._filled
        self._held_because = ""
        self._failures = 0
        self._rests = 0
        self._refusals = 0

    async def turn(self, *, write: bool) -> None:
        """Wait until a request may be sent. Raises Unavailable when that is too long to wait for."""
        await self._wait(self._hold())
        slot = self._slot(write=write)
        if slot > 0:
            await self._wait(slot)
            await self._wait(self._hold())  # somebody else may have met a limit meanwhile

    def fine(self) -> None:
        """The host answered as a host in good health does, whatever it said."""
        self._failures = self._rests = self._refusals = 0

    def failed(self, reason: str) -> None:
        """It did not answer, or answered that it is broken."""
        self._failures += 1
        if self._failures >= _FAILURES:
            self.hold(min(_LONGEST_SEC, _REST_SEC * 2**self._rests), f"{self._failures} failures in a row: {reason}")
            self._rests = min(self._rests + 1, 10)

    def limited(self, reason: str, wait_sec: float | None, least_sec: float) -> float:
        """It met us with a limit: nothing is sent for as long as it says, or as our own backoff says. The seconds."""
        if wait_sec is None:
            wait_sec = min(_LONGEST_BACKOFF_SEC, least_sec * 2**self._refusals)
            self._refusals = min(self._refusals + 1, 10)
        self.hold(wait_sec, reason)
        return wait_sec

    def hold(self, seconds: float, reason: str) -> None:
        until = self._timing.monotonic() + seconds
        if until > self._held_until:
            self._held_until, self._held_because = until, reason

    def pause(self) -> datetime:
        """When to come back after the last failure."""
        return self._at(max(self._hold(), min(_LONGEST_SEC, 2.0 ** min(self._failures, 10))))

    def until(self) -> datetime:
        """When the present hold ends."""
        return self._at(self._hold())

    def _hold(self) -> float:
        return max(0.0, self._held_until - self._timing.monotonic())

    def _slot(self, *, write: bool) -> float:
        """Seconds until this request's turn, which is taken from the budget unless it is too far away."""
        now = self._timing.monotonic()
        left = min(self._budget.burst, self._left + (now - self._filled) * self._budget.per_second) - 1
        wait = max(0.0, -left / self._budget.per_second)
        if write:
            wait = max(wait, self._next_write - now)
        if wait > PATIENCE_SEC:
            raise Unavailable("the request budget is used up", where=self._host, until=self._at(wait))
        self._left, self._filled = left, now
        if write:
            self._next_write = now + wait + self._budget.write_gap_sec
        return wait

    async def _wait(self, seconds: float) -> None:
        if seconds > PATIENCE_SEC:
            raise Unavailable(self._held_because, where=self._host, until=self._at(seconds))
        if seconds > 0:
            await self._timing.sleep(seconds)

    def _at(self, seconds: float) -> datetime:
        return self._timing.clock.now() + timedelta(seconds=seconds)
