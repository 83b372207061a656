"""A worker's machine in small: attempts that are started once and end when they are told to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from mosaic_rails.base import Ended, Errand, Observation, Order, Running
from mosaic_rails.leased.hands import Made
from mosaic_rails.memory import End, MemoryRail


class ScriptedHands:
    """Implements `mosaic_rails.leased.hands.Hands`. It outlives its worker, as processes do.

    Attributes:
        starts: keys in the order of their starts. results: what `hand_in` gives, by key.
        failing_starts: so many starts fail for a reason that passes.
        after_sec: attempts end by themselves so long after their start; None: when they are told to.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.memory = MemoryRail(folder)
        self.wakes: list[Callable[[], None]] = []
        self.results: dict[str, Made] = {}
        self.after_sec: float | None = None
        self.failing_starts = 0

    @property
    def starts(self) -> list[str]:
        return self.memory.starts

    def on_change(self, wake: Callable[[], None]) -> None:
        self.wakes.append(wake)
        self.memory.on_change(wake)

    async def start(self, key: str, errand: Errand) -> None:
        if self.failing_starts:
            self.failing_starts -= 1
            raise OSError("no space left on device")
        await self.memory.offer(Order(key, ("scripted",), {}, Path("/")))
        if self.memory.start(key) and self.after_sec is not None:
            asyncio.get_running_loop().call_later(self.after_sec, self._finish_by_itself, key)

    async def observe(self, key: str) -> Observation:
        return await self.memory.observe(key)

    async def stop(self, key: str) -> None:
        await self.memory.revoke(key)

    async def hand_in(self, key: str, errand: Errand, end: Ended) -> Made:
        return self.results.get(key, Made("", "", end.log.read_text()))

    async def forget(self, key: str) -> None:
        pass

    def _finish_by_itself(self, key: str) -> None:
        with suppress(LookupError):  # it was stopped
            self.finish(key)

    def finish(self, key: str, exit_code: int = 0, output: bytes = b"") -> None:
        self.memory.finish(key, End(exit_code=exit_code, output=output))

    async def is_running(self, key: str) -> bool:
        return isinstance(await self.memory.observe(key), Running)
