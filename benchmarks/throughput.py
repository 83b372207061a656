"""A3, A4: many tasks at two slots, by the wall clock from the rename of the queue to the last of them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

from benchmarks import limits
from benchmarks.daemon import Daemon, daemon
from benchmarks.figures import Figure, median, milliseconds
from benchmarks.loop import NO_TABLE
from benchmarks.scene import Scene, Task, scene
from benchmarks.sizes import Sizes
from benchmarks.workers import PATIENCE_SEC, committing, ended, started

_BY_HAND = 8


def trivial_attempts(sizes: Sizes) -> Iterator[Figure]:
    """A3: dispatch and collect, nothing to merge."""
    jobs = sizes.attempts
    limit = median([limits.two_at_a_time(jobs // 5 or 1) for _ in range(3)])
    with scene(config=NO_TABLE) as here, daemon(here) as running:
        tasks: list[Task] = [_echo(f"T-{number}") for number in range(jobs)]
        before = here.enqueue(*tasks)
        running.wait_for("done", jobs)
        took = milliseconds(time.monotonic_ns() - before) / jobs
    yield Figure(
        "A3",
        f"{jobs} trivial attempts at 2 slots, each",
        "ms",
        took,
        goal=20,
        limit=limit,
        limit_is="a bare interpreter each, two at a time, that runs `true`",
        samples=jobs,
        note="wall time: intake, worktree, prompt, shim, ledger, collect, the queue's file, and the gate of a "
        "verification task up to `nothing to merge`; no table, no push",
    )


def _echo(task: str) -> dict[str, object]:
    result = json.dumps({"task_id": task, "status": "success", "notes": "nothing to change"})
    return {"id": task, "description": f"{task}: look", "kind": "verification", "command": ["echo", result]}


def deliveries(sizes: Sizes) -> Iterator[Figure]:
    """A4: each task brings a commit, which lands on the origin; the table follows."""
    with scene() as here:
        limit = limits.delivery_by_hand(here, _BY_HAND)
    plain, worker = _deliver(sizes.deliveries, ())
    checked, _ = _deliver(sizes.checked_deliveries, ("[gate]", 'ci_command = ["true"]'))
    yield Figure(
        "A4",
        f"{sizes.deliveries} tasks delivered to a local origin at 2 slots, each",
        "ms",
        plain,
        goal=300,
        limit=limit,
        limit_is="the same steps with plain git, one after the other",
        samples=sizes.deliveries,
        note=f"wall time until the origin's table says done; the workers' own {worker:.0f} ms each, two at a time, "
        "are not taken off; no CI command",
    )
    yield Figure(
        "A4.ci",
        "the same with a CI command (`true`) on a clean checkout",
        "ms",
        checked,
        limit=limit,
        limit_is="as above, without CI",
        samples=sizes.checked_deliveries,
        note="no goal of its own",
    )


def _deliver(count: int, config: tuple[str, ...]) -> tuple[float, float]:
    """Milliseconds of wall time per delivered task, and of a worker's own run."""
    names = [f"T-{number}" for number in range(count)]
    with scene(config=config) as here, daemon(here) as running:
        before = here.enqueue(*(committing(here, name) for name in names))
        running.wait_for("done", count)
        _until_published(here, running, count)
        took = milliseconds(time.monotonic_ns() - before) / count
        worker = median([milliseconds(ended(here, name) - started(here, name)) for name in names])
        landed = int(here.git("rev-list", "--count", "--grep=^Mosaic-Task:", "main", cwd=here.origin))
    if landed != count:
        raise RuntimeError(f"{count} tasks are done, and {landed} squash commits are on the origin")
    return took, worker


def _until_published(here: Scene, running: Daemon, count: int) -> None:
    give_up = time.monotonic() + PATIENCE_SEC
    while here.published().count("| done |") < count:
        if time.monotonic() > give_up:
            raise TimeoutError(f"the origin's table does not show {count} tasks as done; status {running.counts}")
        time.sleep(0.01)
