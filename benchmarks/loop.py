"""A1, A2, A6b: how soon the running daemon notices, starts and goes on. A real process, seen only from outside."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks import limits
from benchmarks.daemon import Daemon, daemon
from benchmarks.figures import Figure, median, milliseconds, percentile
from benchmarks.scene import Scene, scene
from benchmarks.sizes import Sizes
from benchmarks.workers import committing, ended, started, verifying

#: So short that an idle daemon may publish its table at once, as after ten idle seconds by default.
IDLE = ("[tracking]", "interval_sec = 0.5")
NO_TABLE = ("[tracking]", 'commit = "off"')
_NOISE_PER_SEC = 50
_NOISE = """\
import pathlib, sys, time
due, number = time.monotonic(), 0
while True:
    (pathlib.Path(sys.argv[1 + number % 2]) / f"noise-{number}").touch()
    number += 1
    due += 1 / float(sys.argv[3])
    time.sleep(max(0, due - time.monotonic()))
"""


def enqueue_to_start(sizes: Sizes) -> Iterator[Figure]:
    """A1: one task at a time, in an idle daemon."""
    with scene(config=IDLE) as here:
        limit = limits.rename_to_worker(here.folder / "limit", sizes.enqueues)
        with daemon(here) as running:
            found = [start_after_rename(here, running, number, sizes) for number in range(sizes.enqueues)]
    note = "the worker's interpreter (see A9's limit), fsynced ledger, shim and worktree included"
    limit_is = "rename, raw inotify, posix_spawn of the same worker"
    for percent, goal in ((50, 60), (95, 120)):
        yield Figure(
            f"A1.p{percent}",
            f"enqueue → worker running, idle daemon, 20 files, p{percent}",
            "ms",
            percentile(found, percent),
            goal=goal,
            limit=percentile(limit, percent),
            limit_is=limit_is,
            samples=len(found),
            note=note,
        )


def start_after_rename(here: Scene, running: Daemon, number: int, sizes: Sizes) -> float:
    """Milliseconds from the rename of a queue with one more task to its worker's first act, in an idle daemon."""
    running.settle(sizes.pause_sec)
    time.sleep(random.uniform(0, 0.05))  # noqa: S311 - any phase of whatever polls
    task = f"T-{number}"
    before = here.enqueue(verifying(here, task))
    took = milliseconds(started(here, task) - before)
    running.wait_for("done", number + 1)
    return took


def exit_to_start(sizes: Sizes) -> Iterator[Figure]:
    """A2: a queue of trivial tasks and one slot, so that each start waits for an end."""
    with scene() as here:
        limit = limits.exit_to_worker(here.folder / "limit", sizes.exits)
    kinds: tuple[tuple[str, str, Callable[[Scene, str], dict[str, Any]], str], ...] = (
        ("A2.p50", "worker exit → next worker running", verifying, "the first changed nothing"),
        ("A2.commit.p50", "the same, the first with a commit", committing, "its way to the base branch starts as well"),
    )
    for key, title, worker, note in kinds:
        found = _pauses(sizes, worker)
        yield Figure(
            key,
            f"{title}, p50",
            "ms",
            median(found),
            goal=60,
            limit=median(limit),
            limit_is="exit, waitpid, posix_spawn of the same worker",
            samples=len(found),
            note=f"{note}; p95 {percentile(found, 95):.0f} ms",
        )


def _pauses(sizes: Sizes, worker: Callable[[Scene, str], dict[str, Any]]) -> list[float]:
    """Milliseconds from each worker's last act to the next one's first."""
    tasks = [f"T-{number}" for number in range(sizes.exits + 1)]
    with scene(config=("[run]", "max_workers = 1")) as here, daemon(here) as running:
        here.enqueue(*(worker(here, task) for task in tasks))
        running.wait_for("done", len(tasks))
        runs = sorted((started(here, task), ended(here, task)) for task in tasks)
    return [milliseconds(later[0] - earlier[1]) for earlier, later in pairwise(runs)]


def wake_up_under_noise(sizes: Sizes) -> Iterator[Figure]:
    """A6b: how soon an edit is taken in while other files come and go beside it."""
    with scene(config=NO_TABLE) as here, daemon(here) as running:
        quiet = [_taken_in(here, running, number) for number in range(sizes.wakeups)]
        with _noise(here):
            noisy = [_taken_in(here, running, number) for number in range(sizes.wakeups, 2 * sizes.wakeups)]
    before, after = percentile(quiet, 95), percentile(noisy, 95)
    yield Figure(
        "A6b",
        f"wake-up p95 with {_NOISE_PER_SEC} new files a second in the watched folders / quiet",
        "x",
        after / before,
        goal=2,
        limit=1,
        limit_is="the quiet p95",
        samples=len(noisy),
        note=f"rename → the tick that took it in is over; quiet p50 {median(quiet):.0f}, p95 {before:.0f} ms, "
        f"noisy p50 {median(noisy):.0f}, p95 {after:.0f} ms; half of the files in results/, half beside tasks.json",
    )


def _taken_in(here: Scene, running: Daemon, number: int) -> float:
    """Milliseconds from the rename of a queue with one more deferred task to the report of the tick that took it."""
    time.sleep(random.uniform(0.15, 0.2))  # noqa: S311 - any phase of whatever polls
    task = {**verifying(here, f"T-{number}"), "status": "deferred"}
    before = here.enqueue(task)
    running.wait_for("deferred", number + 1)
    return milliseconds(time.monotonic_ns() - before)


@contextmanager
def _noise(here: Scene) -> Iterator[None]:
    """Another process that makes new files in the watched folders."""
    folders = [str(here.layout.state), str(here.layout.results)]
    command = [sys.executable, "-c", _NOISE, *folders, str(_NOISE_PER_SEC)]
    maker = subprocess.Popen(command, env=here.environment)
    try:
        _until(here.layout.results / "noise-1")
        yield
    finally:
        maker.kill()
        maker.wait()


def _until(file: Path) -> None:
    give_up = time.monotonic() + 10
    while not file.exists():
        if time.monotonic() > give_up:
            raise TimeoutError(f"{file} does not appear")
        time.sleep(0.01)
