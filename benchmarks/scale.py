"""A5, A6: whether cost grows with the queue. In process, on a real repository, ledger and faces."""

from __future__ import annotations

import time
from collections.abc import Iterator

import anyio

from benchmarks.figures import Figure, median, milliseconds
from benchmarks.limits import json_loads, timed_async
from benchmarks.long_queue import blocked, chained, parts_with, ready, settled, show, sleepers
from benchmarks.scene import Task
from benchmarks.sizes import Sizes
from mosaic_daemon.nouns import events as ev
from mosaic_daemon.nouns.attempt import Attempt, Failure, FailureClass
from mosaic_daemon.parts import Parts

_SHA = "0" * 40
_FAILURE = Failure(FailureClass.WORKER, "worker", "measured")


def transitions(sizes: Sizes) -> Iterator[Figure]:
    """A5: the same transitions in a short and in a long queue."""
    few, many = anyio.run(_transitions, sizes)
    yield Figure(
        "A5",
        f"a transition with {sizes.tasks:,} / {sizes.few_tasks} tasks in the file",
        "x",
        median(many) / median(few),
        goal=1.5,
        limit=1,
        limit_is=f"{sizes.few_tasks} tasks",
        samples=len(many),
        note=f"median {median(many) * 1000:.0f} / {median(few) * 1000:.0f} µs: pick, fsynced append, schedule, faces "
        "told; writing them is coalesced and not part of it",
    )


async def _transitions(sizes: Sizes) -> tuple[list[float], list[float]]:
    few: list[float] = []
    many: list[float] = []
    async with parts_with(ready(sizes.tasks)) as long:
        for _ in range(sizes.rounds):
            async with parts_with(ready(sizes.few_tasks)) as short:
                few += _move(short, sizes.few_tasks)
            many += _move(long, sizes.few_tasks)
    return few, many


def _move(parts: Parts, count: int) -> list[float]:
    """Milliseconds of each transition of that many tasks: intended, started, failed for good."""
    found = []
    now = parts.clock.now()
    for _ in range(count):
        start = time.perf_counter_ns()
        record = parts.schedule.pick(parts.ledger.system, now)
        assert record is not None
        attempt = Attempt(record.id, record.fence + 1, record.task.work_branch, _SHA, "shell", "process")
        for event in (
            ev.AttemptIntended(attempt),
            ev.AttemptStarted(attempt.fence, "pid 1", now),
            ev.AttemptFailed(attempt.fence, _FAILURE, final=True),
        ):
            parts.ledger.append(record.id, event, at=now)
            show(parts)
            found.append(milliseconds(time.perf_counter_ns() - start))
            start = time.perf_counter_ns()
    return found


def idle_ticks(sizes: Sizes) -> Iterator[Figure]:
    """A6: ticks over a long queue in which nothing changed, for the states a long queue is found in."""
    count = sizes.tasks
    shapes: tuple[tuple[str, str, list[Task], str | None], ...] = (
        ("A6.running", "two running, the rest ready", [*sleepers(), *ready(count - 2)], None),
        ("A6.waiting", "two running, chains of ten behind them", [*sleepers(), *chained(count - 2, "S-0")], None),
        ("A6.held", "all waiting for a provider's limit", ready(count), "shell"),
        ("A6.stuck", "one blocked, chains of ten behind it", [blocked("B"), *chained(count - 1, "B")], None),
        ("A6.deferred", "all deferred", ready(count, "deferred"), None),
    )
    for key, state, tasks, held in shapes:
        idle, rescan = anyio.run(_idle_ticks, tasks, held, sizes.ticks)
        yield Figure(
            key,
            f"a tick with nothing changed, {count:,} tasks: {state}",
            "ms",
            median(idle),
            goal=5,
            samples=len(idle),
            note=f"with the regular rescan, git fetch included, {median(rescan):.0f} ms",
        )


async def _idle_ticks(tasks: list[Task], held: str | None, count: int) -> tuple[list[float], list[float]]:
    async with settled(tasks, held) as bench:
        idle = [(await timed_async(bench.tick.run(rescan=False)))[1] for _ in range(count)]
        rescan = [(await timed_async(bench.tick.run(rescan=True)))[1] for _ in range(max(2, count // 5))]
    return idle, rescan


def changed_ticks(sizes: Sizes) -> Iterator[Figure]:
    """A6: the tick that takes in one edit in a long file."""
    taken, published, text = anyio.run(_changed_ticks, [*sleepers(), *ready(sizes.tasks - 2)], max(2, sizes.ticks // 4))
    limit = json_loads(text, 5)
    yield Figure(
        "A6.changed",
        f"a tick that takes in an edit, {sizes.tasks:,} tasks / json.loads with the collector paused",
        "x",
        median(taken) / limit,
        goal=2.5,
        limit=1,
        limit_is=f"json.loads of {len(text) / 1e6:.1f} MB, {limit:.0f} ms",
        samples=len(taken),
        note=f"{median(taken):.0f} ms; the slowest tick that then writes a face again {median(published):.0f} ms",
    )


async def _changed_ticks(tasks: list[Task], count: int) -> tuple[list[float], list[float], bytes]:
    taken, published = [], []
    async with settled(tasks) as bench:
        for number in range(count):
            bench.here.replace_queue(lambda there, n=number: [*there[:-1], {**there[-1], "issue": f"#{n}"}])
            taken.append((await timed_async(bench.tick.run(rescan=False)))[1])
            published.append(await bench.settle())
        return taken, published, bench.here.layout.tasks.read_bytes()
