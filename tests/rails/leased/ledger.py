"""What a daemon does with a rail, in small: a fence for each attempt, the next one when an attempt is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from mosaic_rails.base import Absent, Cause, Ended, Lost
from tests.rails.leased.site import Site, errand
from tests.rails.waiting import PATIENCE_SEC


class Ledger:
    """Tasks until each of them has one accepted end.

    Attributes:
        fences: the last one issued, by task. done: the attempt whose end was taken in, by task. lost: attempts.
    """

    def __init__(self, site: Site, tasks: Iterable[str]) -> None:
        self._site = site
        self.fences = dict.fromkeys(tasks, 1)
        self.done: dict[str, str] = {}
        self.lost: list[str] = []

    def attempt(self, task: str) -> str:
        return f"{task}.{self.fences[task]}"

    async def turn(self) -> None:
        """Look at every task once. The site's rail is whatever it has now: the daemon may have been started again."""
        for task in self.fences:
            if task in self.done:
                continue
            attempt, rail = self.attempt(task), self._site.rail
            match await rail.observe(attempt):
                case Absent():
                    await rail.offer(errand(attempt))
                case Ended(cause=Cause.EXIT):
                    self.done[task] = attempt
                    await rail.settle(attempt)
                case Lost() | Ended():
                    self.lost.append(attempt)
                    self.fences[task] += 1
                    await rail.settle(attempt)
                case _:
                    pass

    async def finish(self) -> None:
        """Until every task is done."""
        async with asyncio.timeout(PATIENCE_SEC):
            while len(self.done) < len(self.fences):
                await self.turn()
                await asyncio.sleep(0.01)

    def check(self) -> None:
        """What holds whatever happened: no attempt was started twice, and of each task one end was taken in."""
        for task, fence in self.fences.items():
            for each in range(1, fence + 1):
                assert self._site.starts(f"{task}.{each}") <= 1, f"{task}.{each} was started twice"
            assert self._site.starts(self.done[task]) == 1
        assert not set(self.lost) & set(self.done.values())
