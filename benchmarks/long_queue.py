"""Queues of many tasks inside an opened repository: the real composition, with a clock that can be moved on."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import anyio

from benchmarks.limits import timed_async
from benchmarks.scene import Scene, Task, scene
from benchmarks.workers import PATIENCE_SEC
from mosaic_daemon.app.opening import opened
from mosaic_daemon.ground.configuration import load
from mosaic_daemon.nouns.events import RuntimeHeld
from mosaic_daemon.nouns.gate import Hold
from mosaic_daemon.nouns.record import Dispatching, Running
from mosaic_daemon.parts import Parts
from mosaic_daemon.stages import intake
from mosaic_daemon.tick import Tick
from mosaic_daemon.tracking.merge import FaceChanges
from mosaic_rails.base import Ended

CHAIN = 10


class MovableClock:
    """The system's clock plus an offset, so that nobody has to wait for what is due later."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def move_on(self, ahead: timedelta) -> None:
        self._ahead += ahead


@dataclass(frozen=True, slots=True)
class Bench:
    """What ticks over a long queue are measured with."""

    here: Scene
    parts: Parts
    tick: Tick
    clock: MovableClock

    async def settle(self) -> float:
        """Tick until nothing moves and the faces show everything; milliseconds of the slowest of these ticks."""
        slowest = 0.0
        give_up = time.monotonic() + PATIENCE_SEC
        while time.monotonic() < give_up:
            report, took = await timed_async(self.tick.run(rescan=True))
            slowest = max(slowest, took)
            starting = bool(self.parts.ledger.in_state(Dispatching))
            if not (report.progress or starting or self.parts.queue.dirty or self.parts.table.dirty):
                return slowest
            self.clock.move_on(timedelta(minutes=2))
            await anyio.sleep(0.02 if starting else 0)
        raise TimeoutError(f"the daemon does not settle; {report.counts}, table: {self.parts.table.degraded}")


@asynccontextmanager
async def parts_with(tasks: Iterable[Task]) -> AsyncIterator[Parts]:
    """An opened repository whose ledger has these tasks; its files do not show them yet."""
    async with _opened() as (_, parts):
        added = {str(task["id"]): task for task in tasks}
        taken = intake.take_in(FaceChanges(added, {}, {}), parts.ledger, "tasks.json", parts.clock.now())
        parts.ledger.append_all(taken.entries)
        show(parts)
        yield parts


def show(parts: Parts) -> None:
    """Let schedule and faces see what changed in the ledger, as a tick does after each change."""
    changed = [parts.ledger.records[task] for task in parts.ledger.take_changed()]
    changed.sort(key=lambda record: record.position)
    parts.schedule.update(changed)
    parts.publisher.show(changed)


@asynccontextmanager
async def settled(tasks: list[Task], held: str | None = None) -> AsyncIterator[Bench]:
    """A repository with this queue, after the ticks it took to take it in, start what may start, and show it.

    `held`: a runtime that waits for its provider's limit the whole time.
    """
    async with _opened() as (here, opened_parts):
        clock = MovableClock()
        parts = replace(opened_parts, clock=clock)
        bench = Bench(here, parts, Tick(parts), clock)
        if held is not None:
            hold = Hold("the provider's limit", clock.now() + timedelta(days=30))
            parts.ledger.append("", RuntimeHeld(held, hold), at=clock.now())
        here.replace_queue(lambda _: tasks)
        try:
            await bench.settle()
            yield bench
        finally:
            await _end_workers(parts)


@asynccontextmanager
async def _opened() -> AsyncIterator[tuple[Scene, Parts]]:
    with scene() as here:
        async with opened(here.layout, load(here.layout.config), "benchmark") as parts:
            yield here, parts


async def _end_workers(parts: Parts) -> None:
    for record in parts.ledger.in_state(Dispatching, Running):
        if (attempt := record.attempt) is not None:
            rail = parts.place.rail(attempt)
            while not isinstance(await rail.observe(attempt.name), Ended):
                await rail.revoke(attempt.name)


def ready(count: int, status: str = "not-started") -> list[Task]:
    """Tasks that wait for nothing but a slot."""
    return [_task(f"R-{number}", status=status) for number in range(count)]


def sleepers() -> list[Task]:
    """Two tasks that take both slots."""
    return [_task(f"S-{number}", priority=9, command=["sleep", "3600"]) for number in range(2)]


def chained(count: int, head: str) -> list[Task]:
    """Chains of ten tasks, the first of each depending on `head`."""
    return [_task(f"C-{number}", depends_on=[f"C-{number - 1}" if number % CHAIN else head]) for number in range(count)]


def blocked(name: str) -> Task:
    """A task that only a person can move."""
    return _task(name, status="blocked")


def _task(name: str, **fields: object) -> Task:
    result = json.dumps({"task_id": name, "status": "success", "notes": "nothing to change"})
    return {
        "id": name,
        "description": f"CQ-{name}: a finding as reviews report it, in a sentence of about this length, with its place",
        "kind": "verification",
        "command": ["echo", result],
        "estimate": "8K",
        "phase": 1,
        "files": [f"src/{name.lower()}.py"],
        **fields,
    }
