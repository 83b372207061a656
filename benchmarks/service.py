"""B: the daemon as a service: how soon it is there, how it comes back, and what it takes while nothing happens."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.daemon import Conduct, daemon, end_workers, started
from benchmarks.figures import Figure, median
from benchmarks.limits import bare_python
from benchmarks.scene import Scene, scene
from benchmarks.sizes import Sizes
from benchmarks.workers import BARE_PYTHON, stamp_of

_WAITING = "import sys, time\nopen(sys.argv[1], 'w').write('1\\n')\nwhile True: time.sleep(1)\n"
_POLL_SEC = 10.0


def start_to_ready(sizes: Sizes) -> Iterator[Figure]:
    """B1: a start after an orderly end, until the service manager is told that the daemon is ready."""
    for key, tasks, goal in (("B1.few", sizes.tasks // 10, 350), ("B1.many", sizes.tasks, 700)):
        with scene() as here:
            _put_off(here, tasks)
            taken = [_ready_after(here) for _ in range(sizes.service_starts)]
            limit = median(bare_python(here, 5))
        yield Figure(
            key,
            f"start → READY with {tasks:,} tasks",
            "ms",
            median(taken),
            goal,
            limit=limit,
            limit_is="python -c pass",
            samples=len(taken),
        )


def recovery(sizes: Sizes) -> Iterator[Figure]:
    """B2: killed with two workers at work; until the next daemon has adopted them and finished its first tick."""
    with scene() as here:
        _put_off(here, sizes.tasks)
        marks = [here.stamps / f"W-{number}" for number in (1, 2)]
        here.enqueue(*(_waiting(mark) for mark in marks))
        with started(here, Conduct()) as running:
            for mark in marks:
                stamp_of(mark)
            running.wait_for("in-progress", 2)
            running.settle(0.5)
            running.kill()
        try:
            taken = [_adopted_after(here, len(marks)) for _ in range(sizes.service_starts)]
        finally:
            end_workers(here)
        limit = median(bare_python(here, 5))
    yield Figure(
        "B2",
        f"kill -9 → two workers adopted and a tick finished, {sizes.tasks:,} tasks",
        "ms",
        median(taken),
        1500,
        limit=limit,
        limit_is="python -c pass",
        samples=len(taken),
        note="the service manager's own pause before a restart is not in it",
    )


def idle(sizes: Sizes) -> Iterator[Figure]:
    """B3 and B4: nothing to do, the poll interval that users have."""
    for key, tasks, goal in (("few", sizes.few_tasks, 60), ("many", sizes.tasks, 110)):
        with scene() as here:
            _put_off(here, tasks)
            with daemon(here, Conduct(poll_sec=_POLL_SEC)) as running:
                running.settle(1.0)
                before = _cpu_ms(running.pid)
                begun = time.monotonic()
                time.sleep(sizes.idle_sec)
                a_minute = (_cpu_ms(running.pid) - before) * 60 / (time.monotonic() - begun)
                memory = _resident_mb(running.pid)
        yield Figure(
            f"B3.{key}",
            f"CPU while idle with {tasks:,} tasks, a minute",
            "ms",
            a_minute,
            150,
            samples=1,
            note=f"looked at for {sizes.idle_sec:.0f} s, polling every {_POLL_SEC:.0f} s",
        )
        yield Figure(f"B4.{key}", f"resident memory while idle with {tasks:,} tasks", "MB", memory, goal, samples=1)


def _put_off(here: Scene, tasks: int) -> None:
    """A queue of that many deferred tasks that the ledger knows already."""
    names = [f"T-{number}" for number in range(tasks)]
    here.enqueue(*({"id": name, "description": f"{name}: later", "status": "deferred"} for name in names))
    with daemon(here) as running:
        running.wait_for("deferred", tasks)


def _ready_after(here: Scene) -> float:
    begun = time.monotonic()
    with started(here, Conduct()) as running:
        running.wait(lambda: running.ready, "READY=1")
        taken = (time.monotonic() - begun) * 1000
        running.settle(0.3)
    return taken


def _adopted_after(here: Scene, workers: int) -> float:
    """Milliseconds until a daemon that finds them at work has finished its first tick. It is killed after that."""
    begun = time.monotonic()
    with started(here, Conduct()) as running:
        running.wait(lambda: running.ticks > 0, "the first tick")
        taken = (time.monotonic() - begun) * 1000
        if running.counts.get("in-progress") != workers:
            raise RuntimeError(f"{workers} workers were to be adopted, it says {running.counts}")
        running.kill()
    return taken


def _waiting(mark: Path) -> dict[str, object]:
    command = [*BARE_PYTHON, _WAITING, str(mark)]
    return {"id": mark.name, "description": f"{mark.name}: wait", "kind": "verification", "command": command}


def _cpu_ms(pid: int) -> float:
    """Milliseconds that all of its threads have run; the kernel counts nanoseconds here and hundredths elsewhere."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e6


def _resident_mb(pid: int) -> float:
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
    return int(status["VmRSS"].split()[0]) / 1024
