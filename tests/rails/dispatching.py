"""A daemon in small, to be killed at any moment: `python dispatching.py FOLDER PREFIX TASKS`.

Runs TASKS tasks with two slots over a process rail. What it must know after a kill it appends to a journal, before it
offers; a lost attempt is followed by one with the next fence.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import sys
from contextlib import suppress
from pathlib import Path

from mosaic_rails.base import Ended, Lost, Order
from mosaic_rails.process.rail import ProcessRail

SLOTS = 2


class Daemon:
    def __init__(self, folder: Path, prefix: str) -> None:
        self._folder = folder
        self._prefix = prefix
        self._rail = ProcessRail(folder / "attempts")
        self._changed = asyncio.Event()
        self._rail.on_change(self._changed.set)
        self._lock = (folder / "daemon.lock").open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._journal = folder / "journal"
        self._journal.touch()

    async def run(self, tasks: int) -> None:
        fences, done = self._replay()
        while waiting := [task for task in range(tasks) if task not in done][:SLOTS]:
            self._changed.clear()
            for task in waiting:
                if task not in fences:
                    fences[task] = self._note(task, 1)
                attempt = f"{self._prefix}{task}.{fences[task]}"
                match await self._rail.observe(attempt):
                    case Ended():
                        done.add(task)
                        self._write(f"done {task}")
                        self._changed.set()
                    case Lost():
                        fences[task] = self._note(task, fences[task] + 1)
                        self._changed.set()
                    case _:
                        await self._rail.offer(self._order(attempt))
            with suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await self._changed.wait()

    def _order(self, attempt: str) -> Order:
        env = {"PATH": os.environ["PATH"], "MOSAIC_ATTEMPT": attempt}
        return Order(attempt, ("sh", "-c", "echo $MOSAIC_ATTEMPT >> effects; sleep 0.02"), env, self._folder)

    def _replay(self) -> tuple[dict[int, int], set[int]]:
        fences: dict[int, int] = {}
        done: set[int] = set()
        for line in self._journal.read_text().splitlines():
            match line.split():
                case ["fence", task, fence]:
                    fences[int(task)] = int(fence)
                case ["done", task]:
                    done.add(int(task))
        return fences, done

    def _note(self, task: int, fence: int) -> int:
        self._write(f"fence {task} {fence}")
        return fence

    def _write(self, line: str) -> None:
        with self._journal.open("a") as file:
            file.write(line + "\n")
            file.flush()
            os.fdatasync(file.fileno())


if __name__ == "__main__":
    asyncio.run(Daemon(Path(sys.argv[1]), sys.argv[2]).run(int(sys.argv[3])))
