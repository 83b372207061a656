"""What the machine allows: the bare steps under a figure, done by hand, in the same run."""

from __future__ import annotations

import ctypes
import gc
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from benchmarks.figures import median, milliseconds
from benchmarks.scene import Scene
from benchmarks.workers import BARE_PYTHON, stamp_of, stamping

T = TypeVar("T")

_IN_MOVED_TO = 0x80
_libc = ctypes.CDLL(None, use_errno=True)


def timed(work: Callable[[], object]) -> float:
    """Milliseconds that `work` takes."""
    start = time.perf_counter_ns()
    work()
    return milliseconds(time.perf_counter_ns() - start)


async def timed_async(work: Awaitable[T]) -> tuple[T, float]:
    """What `work` gives, and the milliseconds it takes."""
    start = time.perf_counter_ns()
    answer = await work
    return answer, milliseconds(time.perf_counter_ns() - start)


def rename_to_worker(folder: Path, samples: int) -> list[float]:
    """Milliseconds from a rename over raw inotify and posix_spawn to the first act of a stamping worker."""
    folder.mkdir()
    watch = _libc.inotify_init1(os.O_CLOEXEC)
    if watch < 0 or _libc.inotify_add_watch(watch, os.fsencode(folder), _IN_MOVED_TO) < 0:
        raise OSError(ctypes.get_errno(), "inotify is not available")
    found = []
    for number in range(samples):
        stamp, fresh = folder / f"{number}", folder.parent / f"{folder.name}.new"
        fresh.write_text("{}")

        def react(command: tuple[str, ...] = tuple(stamping(stamp))) -> None:
            os.read(watch, 4096)
            os.waitpid(os.posix_spawn(command[0], command, {}), 0)

        listener = threading.Thread(target=react)
        listener.start()
        time.sleep(0.03)
        before = time.monotonic_ns()
        fresh.rename(folder / "tasks.json")
        listener.join()
        found.append(milliseconds(stamp_of(folder / f"{number}.start") - before))
    os.close(watch)
    return found


def exit_to_worker(folder: Path, samples: int) -> list[float]:
    """Milliseconds from the last act of a stamping worker, over its exit and posix_spawn, to the first of the next."""
    folder.mkdir()
    for number in range(samples + 1):
        command = stamping(folder / f"{number}")
        os.waitpid(os.posix_spawn(command[0], command, {}), 0)
    return [
        milliseconds(stamp_of(folder / f"{number + 1}.start") - stamp_of(folder / f"{number}.end"))
        for number in range(samples)
    ]


def two_at_a_time(jobs: int) -> float:
    """Milliseconds per job of a bare interpreter that runs `true`: somebody has to outlive the daemon."""
    command = [*BARE_PYTHON, "import os; os.waitpid(os.posix_spawnp('true', ['true'], {}), 0)"]
    with ThreadPoolExecutor(2) as pool:
        return timed(lambda: list(pool.map(lambda _: subprocess.run(command, check=True), range(jobs)))) / jobs


def delivery_by_hand(scene: Scene, deliveries: int) -> float:
    """Milliseconds per change with plain git, one after the other: checkout, commit, merge, squash, push, tidy up."""

    def one(number: int) -> None:
        tree, branch = scene.folder / "by-hand", f"by-hand-{number}"
        scene.git("worktree", "add", "--quiet", "-b", branch, str(tree), "main")
        (tree / f"{branch}.txt").write_text(branch)
        scene.git("add", ".", cwd=tree)
        scene.git("commit", "--quiet", "--message", branch, cwd=tree)
        merged = scene.git("merge-tree", "--write-tree", "main", branch)
        squash = scene.git("commit-tree", merged, "-p", "main", "-m", branch)
        scene.git("push", "--quiet", str(scene.origin), f"{squash}:refs/heads/by-hand", "--force")
        scene.git("worktree", "remove", "--force", str(tree))

    return median([timed(lambda number=number: one(number)) for number in range(deliveries)])  # type: ignore[misc]


def worktree_add(scene: Scene) -> float:
    """Milliseconds of one `git worktree add`; the worktree is gone afterwards."""
    tree = scene.folder / "limit-tree"
    took = timed(lambda: scene.git("worktree", "add", "--quiet", "--detach", str(tree), "main"))
    shutil.rmtree(tree)
    scene.git("worktree", "prune")
    return took


def json_loads(text: bytes, samples: int) -> float:
    """Milliseconds of json.loads with the collector paused."""
    gc.collect()
    gc.disable()
    try:
        return median([timed(lambda: json.loads(text)) for _ in range(samples)])
    finally:
        gc.enable()


def bare_python(scene: Scene, samples: int) -> list[float]:
    """Milliseconds of `python -c pass`."""
    command = [sys.executable, "-c", "pass"]
    return [timed(lambda: subprocess.run(command, env=scene.environment, check=True)) for _ in range(samples)]
