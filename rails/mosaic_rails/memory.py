"""The in-memory twin: a rail whose workers are scripted by the caller. For tests, models and simulations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mosaic_rails.base import (
    Absent,
    Cause,
    Ended,
    Errand,
    Lost,
    Observation,
    Offered,
    Order,
    RailError,
    Reach,
    Running,
)


@dataclass(frozen=True, slots=True)
class End:
    """How a scripted worker ends.

    Attributes:
        output: everything it printed; ends up in the log.
    """

    cause: Cause = Cause.EXIT
    exit_code: int | None = 0
    signal: int | None = None
    detail: str = ""
    output: bytes = b""


class MemoryRail:
    """Implements `mosaic_rails.base.Rail`; nothing happens unless `start`, `finish` or `lose` is called.

    It outlives the daemon of a test, as workers do: a daemon that is started again gets the same object.

    Args:
        logs: an existing folder for the workers' logs, which must be files.
        now: the clock of its records.

    Attributes:
        trouble: as the port has it.
        orders: what was offered, by attempt.
        starts: every attempt that a worker started, in order; none is ever in it twice.
    """

    def __init__(self, logs: Path, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._logs = logs
        self._now = now
        self._state: dict[str, Observation] = {}
        self._wakes: list[Callable[[], None]] = []
        self.trouble = ""
        self.orders: dict[str, Order] = {}
        self.starts: list[str] = []

    @property
    def name(self) -> str:
        return "memory"

    @property
    def reach(self) -> Reach:
        return Reach.COMMAND

    async def run(self) -> None:
        pass

    def on_change(self, wake: Callable[[], None]) -> None:
        self._wakes.append(wake)

    async def offer(self, order: Order | Errand) -> None:
        if isinstance(order, Errand):
            raise RailError(f"attempt {order.attempt} is an errand for somebody elsewhere; this rail starts commands")
        if order.attempt not in self._state:
            self.orders[order.attempt] = order
            self._become(order.attempt, Offered())

    async def observe(self, attempt: str) -> Observation:
        return self._state.get(attempt, Absent())

    async def revoke(self, attempt: str) -> None:
        match self._state.get(attempt):
            case Offered():
                self._end(attempt, End(Cause.REVOKED, exit_code=None, detail="revoked before it started"))
            case Running():
                self._end(attempt, End(Cause.REVOKED, exit_code=None, signal=15, detail="stopped as asked"))

    async def settle(self, attempt: str) -> None:
        pass

    def start(self, attempt: str) -> bool:
        """A worker starts the attempt; False when it may not: not offered, started before, or revoked."""
        if not isinstance(self._state.get(attempt), Offered):
            return False
        self.starts.append(attempt)
        self._become(attempt, Running(f"memory {attempt}", self._now()))
        return True

    def finish(self, attempt: str, end: End | None = None) -> None:
        """A running worker ends, by default with exit code 0; an offered one only by `Cause.SPAWN`.

        Raises:
            LookupError: it does not run.
        """
        end = end or End()
        if not (end.cause is Cause.SPAWN and isinstance(self._state.get(attempt), Offered)):
            self._require_running(attempt)
        self._end(attempt, end)

    def lose(self, attempt: str, detail: str = "its worker is gone") -> None:
        """A running worker disappears.

        Raises:
            LookupError: it does not run.
        """
        self._require_running(attempt)
        self._become(attempt, Lost(detail))

    def _require_running(self, attempt: str) -> None:
        state = self._state.get(attempt, Absent())
        if not isinstance(state, Running):
            raise LookupError(f"attempt {attempt} does not run: {state}")

    def _end(self, attempt: str, end: End) -> None:
        state = self._state[attempt]
        now = self._now()
        log = self._logs / f"{attempt}.log"
        log.write_bytes(end.output)
        self._become(
            attempt,
            Ended(
                cause=end.cause,
                exit_code=end.exit_code,
                signal=end.signal,
                detail=end.detail or _how(end),
                started_at=state.since if isinstance(state, Running) else now,
                ended_at=now,
                log=log,
                log_bytes=len(end.output),
            ),
        )

    def _become(self, attempt: str, state: Observation) -> None:
        self._state[attempt] = state
        for wake in self._wakes:
            wake()


def _how(end: End) -> str:
    return f"killed by signal {end.signal}" if end.signal else f"exit {end.exit_code}"
