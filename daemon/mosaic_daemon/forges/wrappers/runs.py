"""Runs of scripts on a rail: numbered, each started at most once, ever, and what their ends mean."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from mosaic_daemon.forges.wrappers.commands import program
from mosaic_daemon.ground.errors import Unavailable
from mosaic_daemon.ground.secrets import redact
from mosaic_daemon.nouns.attempt import Failure, FailureClass
from mosaic_rails.base import Absent, Cause, Ended, Limits, Lost, Observation, Offered, Order, Rail, RailError, Running

_TAIL_BYTES = 8192
_TRY_LATER = (75, 69)  #: EX_TEMPFAIL, EX_UNAVAILABLE
_NO_PROGRAM = (126, 127)
_LONGEST_NAP_SEC = 1.0


@dataclass(frozen=True, slots=True)
class Script:
    """A script that shall run.

    Attributes:
        owner: the gate it belongs to, or a commit. name: which one it is, such as `create`.
        env: on top of what every script gets.
    """

    owner: str
    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    timeout_sec: float

    @property
    def key(self) -> str:
        return f"{self.owner}-{self.name}"

    @property
    def line(self) -> str:
        """The command as it can be pasted."""
        return shlex.join(self.argv)

    @property
    def title(self) -> str:
        return f"`{program(self.argv)}`"

    @property
    def still_running(self) -> Unavailable:
        """What a probe raises meanwhile."""
        return Unavailable(f"{self.title} is still running", where=self.line)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a script. `is_new`: it was started by whoever asks."""

    script: Script
    number: int
    seen: Observation
    is_new: bool = False

    @property
    def name(self) -> str:
        return f"{self.script.key}.{self.number}"

    @property
    def is_over(self) -> bool:
        return isinstance(self.seen, Ended | Lost)

    @property
    def went_well(self) -> bool:
        return self._exit == 0

    @property
    def asks_for_later(self) -> bool:
        """It says that it could not, for a reason that passes, and did nothing."""
        return self._exit in _TRY_LATER

    @property
    def ran_out_of_time(self) -> bool:
        return isinstance(self.seen, Ended) and self.seen.cause is Cause.TIMEOUT

    @property
    def is_unclear(self) -> bool:
        """It was ended from outside: nobody knows how far it came."""
        return self.is_over and self._exit is None and not self._never_ran

    @property
    def cannot_run(self) -> bool:
        """There is no such program, or it is none."""
        return self._never_ran or self._exit in _NO_PROGRAM

    @property
    def how(self) -> str:
        match self.seen:
            case Ended(detail=detail) | Lost(detail=detail):
                return detail
        return "running"

    @property
    def log(self) -> str:
        return str(self.seen.log) if isinstance(self.seen, Ended) else ""

    @property
    def output(self) -> str:
        """The end of what it printed."""
        if not isinstance(self.seen, Ended):
            return ""
        with self.seen.log.open("rb") as file:
            file.seek(max(0, self.seen.log.stat().st_size - _TAIL_BYTES))
            return redact(file.read().decode("utf-8", "replace")).strip()

    @property
    def last_words(self) -> str:
        lines = self.output.splitlines()
        return lines[-1].strip() if lines else ""

    def age_sec(self) -> float:
        """Since it ended; 0 for one of which that is not known."""
        return (datetime.now(UTC) - self.seen.ended_at).total_seconds() if isinstance(self.seen, Ended) else 0.0

    def failure(self, problem: str = "", *, code: str) -> Failure:
        """The record of it. `problem`: what is wrong, where its end alone does not say."""
        said = f"{self.script.title}: {problem}" if problem else f"{self.script.title} failed: {self.how}"
        words = f": {self.last_words}" if self.last_words and not problem else ""
        return Failure(
            kind=FailureClass.GATE,
            step="gate",
            message=redact(f"{said}{words}"),
            command=redact(self.script.line),
            cwd=str(self.script.cwd),
            status=self.how,
            tail=self.output,
            code=code,
        )

    @property
    def _exit(self) -> int | None:
        """Its exit code, if it ended by itself."""
        return self.seen.exit_code if isinstance(self.seen, Ended) and self.seen.cause is Cause.EXIT else None

    @property
    def _never_ran(self) -> bool:
        return isinstance(self.seen, Ended) and self.seen.cause is Cause.SPAWN


class Runs:
    """Starts scripts and looks at them.

    Args:
        env: what every script gets.
        patience_sec: how long one that usually takes seconds is waited for before it is left to itself.
    """

    def __init__(self, rail: Rail, env: Mapping[str, str], patience_sec: float) -> None:
        self.rail = rail
        self._env = env
        self._patience_sec = patience_sec
        self._highest: dict[str, int] = {}
        self._changed = asyncio.Event()
        rail.on_change(self._changed.set)

    async def last(self, script: Script) -> Run | None:
        """Its newest run."""
        number = self._highest.get(script.key, 1)
        found = None
        while not isinstance(seen := await self.rail.observe(f"{script.key}.{number}"), Absent):
            found = Run(script, number, seen)
            self._highest[script.key] = number
            number += 1
        return found

    async def before(self, run: Run, count: int) -> list[Run]:
        """The runs of this script before this one, newest first."""
        numbers = range(run.number - 1, max(0, run.number - 1 - count), -1)
        return [Run(run.script, each, await self.rail.observe(f"{run.script.key}.{each}")) for each in numbers]

    async def start(self, script: Script, number: int = 1) -> Run:
        """Raises Unavailable: it could not be started, and was not."""
        run = Run(script, number, Offered(), is_new=True)
        env = {**self._env, **script.env, "MOSAIC_ATTEMPT": run.name}
        limits = Limits(timeout_sec=script.timeout_sec, stall_sec=0)
        try:
            await self.rail.offer(Order(run.name, script.argv, env, script.cwd, limits=limits))
        except RailError as error:
            raise Unavailable(f"{script.title} cannot be started: {error}", where=script.line) from None
        return run

    async def ended(self, run: Run) -> Run:
        """The run as it is when it is over, or when patience is."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._patience_sec
        while True:
            self._changed.clear()
            run = replace(run, seen=await self.rail.observe(run.name))
            left = until - loop.time()
            if not isinstance(run.seen, Offered | Running) or left <= 0:
                return run
            try:
                await asyncio.wait_for(self._changed.wait(), min(left, _LONGEST_NAP_SEC))
            except TimeoutError:
                continue
