"""What only real processes can show: trees, adoption, and what a killed daemon leaves behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mosaic_rails.base import Absent, Cause, Ended, Lost, Order, RailError, Running
from mosaic_rails.process.rail import ProcessRail
from tests.rails.bench import ProcessBench, limited, new_attempt
from tests.rails.waiting import alive, ended, killed_at_end, observed, pids, until

# Four ways out of a process group: a child, a new session, an orphan in a new session that ignores SIGTERM, and
# one that has dropped its environment as well.
ESCAPES = """
sleep 1000 & echo $! >> pids
setsid sh -c 'echo $$ >> pids; exec sleep 1000' &
setsid sh -c 'sh -c "trap \\"\\" TERM; echo \\$\\$ >> pids; exec sleep 1000" &' &
env -i setsid /bin/sh -c '/bin/sh -c "echo \\$\\$ >> pids; exec sleep 1000" &' &
while [ "$(wc -l < pids)" -lt 4 ]; do sleep 0.01; done
"""


async def tree_of(bench: ProcessBench, attempt: str, rest: str, **limits: float) -> list[int]:
    """Start a worker with escapees; returns their pids once they all run."""
    (bench.folder / "pids").touch()
    await bench.rail.offer(limited(bench.script(attempt, ESCAPES + rest), **limits))
    await until(lambda: len(pids(bench.folder / "pids")) == 4, "the escapees run")
    return pids(bench.folder / "pids")


async def test_a_revoke_kills_the_whole_tree(processes: ProcessBench) -> None:
    """Also what left the session, lost its parent, its environment, or ignores SIGTERM."""
    attempt = new_attempt()
    tree = await tree_of(processes, attempt, "sleep 1000", grace_sec=0.2)
    await processes.rail.revoke(attempt)
    end = await ended(processes.rail, attempt)
    assert end.cause is Cause.REVOKED
    assert [pid for pid in tree if alive(pid)] == []


async def test_a_timeout_kills_the_whole_tree(processes: ProcessBench) -> None:
    """The end says timeout, the limit, and how the worker took it."""
    attempt = new_attempt()
    tree = await tree_of(processes, attempt, "trap 'exit 9' TERM; sleep 1000 & wait", timeout_sec=0.5, grace_sec=0.2)
    end = await ended(processes.rail, attempt)
    assert (end.cause, end.exit_code, end.signal) == (Cause.TIMEOUT, 9, None)
    assert end.detail == "ran longer than 0.5 s; exit 9"
    assert [pid for pid in tree if alive(pid)] == []


async def test_nothing_of_a_worker_outlives_its_own_end(processes: ProcessBench) -> None:
    """The exit code is that of the worker itself."""
    attempt = new_attempt()
    tree = await tree_of(processes, attempt, "exit 5", grace_sec=0.2)
    end = await ended(processes.rail, attempt)
    assert (end.cause, end.exit_code) == (Cause.EXIT, 5)
    assert [pid for pid in tree if alive(pid)] == []


BREED = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open("breeding", "w").close()
end = time.monotonic() + 20
while time.monotonic() < end:
    if os.fork():
        time.sleep(0.005)
        os._exit(0)
"""


async def test_a_tree_that_goes_on_forking_is_caught(processes: ProcessBench) -> None:
    """A chain of orphans, each living for milliseconds: a snapshot of it is always old."""
    attempt = new_attempt()
    breed = processes.folder / "breed.py"
    breed.write_text(BREED)
    await processes.rail.offer(limited(processes.command(attempt, sys.executable, str(breed)), grace_sec=0.05))
    await until((processes.folder / "breeding").exists, "the chain runs")
    await processes.rail.revoke(attempt)
    end = await ended(processes.rail, attempt)
    assert end.ended_at - end.started_at < timedelta(seconds=15)
    assert not [each for each in Path("/proc").glob("[0-9]*") if _marked(each, attempt)]


def _marked(process: Path, attempt: str) -> bool:
    try:
        return f"MOSAIC_ATTEMPT={attempt}\0".encode() in (process / "environ").read_bytes()
    except OSError:
        return False


async def test_a_killed_shim_takes_its_tree_with_it(processes: ProcessBench) -> None:
    """The attempt is lost, and when that is said nothing of it lives."""
    attempt = new_attempt()
    (processes.folder / "pids").touch()
    three = [line.replace("-lt 4", "-lt 3") for line in ESCAPES.splitlines() if "env -i" not in line]
    await processes.rail.offer(processes.script(attempt, "\n".join([*three, "sleep 1000"])))
    await until(lambda: len(pids(processes.folder / "pids")) == 3, "the escapees run")
    os.kill(processes.shim_pid(attempt), signal.SIGKILL)
    lost = await observed(processes.rail, attempt, Lost)
    assert isinstance(lost, Lost)
    assert [pid for pid in pids(processes.folder / "pids") if alive(pid)] == []


async def test_an_attempt_of_the_same_name_elsewhere_is_spared(processes: ProcessBench, tmp_path: Path) -> None:
    """Another repository's daemon may use the name as well; its worker lives on when ours is cleared away."""
    attempt = new_attempt()
    folder = tmp_path / "other"
    folder.mkdir()
    other = ProcessBench(folder)
    try:
        for bench in (processes, other):
            await bench.rail.offer(bench.order(attempt))
            await bench.running(attempt)
        os.kill(processes.shim_pid(attempt), signal.SIGKILL)
        await observed(processes.rail, attempt, Lost)
        other.finish(attempt, 0)
        assert (await ended(other.rail, attempt)).cause is Cause.EXIT
    finally:
        other.clear()


async def test_limits_hold_while_no_daemon_is_there(processes: ProcessBench, tmp_path: Path) -> None:
    """A worker that outlived its killed daemon times out, is adopted, and reports it."""
    attempt = new_attempt()
    order = processes.script(attempt, "echo here; echo $$ > pid; sleep 1000")
    with _daemon(processes, order, timeout=1.0):
        await until((tmp_path / "pid").exists, "the worker runs")
    assert isinstance(await processes.rail.observe(attempt), Running | Ended)
    end = await ended(processes.rail, attempt)
    assert end.cause is Cause.TIMEOUT
    assert end.log.read_text() == "here\n"


async def test_the_end_of_a_worker_that_outlived_its_daemon_is_taken_in(processes: ProcessBench) -> None:
    """Exit code and output, although nobody was there when it ended."""
    attempt = new_attempt()
    order = processes.order(attempt)
    with _daemon(processes, order, timeout=60.0):
        await processes.running(attempt)
    processes.finish(attempt, 6, b"result")
    await until((processes.root / attempt / "exit.json").exists, "the shim reports the end")
    end = await ended(ProcessRail(processes.root), attempt)
    assert (end.exit_code, end.log.read_bytes()) == (6, b"result")


OFFER_AND_HANG = """
import asyncio, json, sys
from pathlib import Path
from mosaic_rails.base import Limits, Order
from mosaic_rails.process.rail import ProcessRail

async def main():
    root, attempt, argv, env, cwd, timeout = sys.argv[1:]
    rail = ProcessRail(Path(root))
    limits = Limits(timeout_sec=float(timeout), grace_sec=1.0)
    await rail.offer(Order(attempt, tuple(json.loads(argv)), json.loads(env), Path(cwd), limits=limits))
    await asyncio.sleep(1000)

asyncio.run(main())
"""


@contextmanager
def _daemon(bench: ProcessBench, order: Order, *, timeout: float) -> Iterator[None]:
    """A process that offers this and is killed at the end of the block."""
    argv, env = json.dumps(order.argv), json.dumps(dict(order.env))
    words = [str(bench.root), order.attempt, argv, env, str(order.cwd), str(timeout)]
    with killed_at_end([sys.executable, "-c", OFFER_AND_HANG, *words], dict(os.environ)):
        yield


async def test_a_worker_killed_by_a_signal_says_which(processes: ProcessBench) -> None:
    """exit_code is None then."""
    attempt = new_attempt()
    await processes.rail.offer(processes.script(attempt, "kill -SEGV $$"))
    end = await ended(processes.rail, attempt)
    assert (end.cause, end.exit_code, end.signal, end.detail) == (Cause.EXIT, None, 11, "killed by SIGSEGV")


async def test_a_folder_prepared_by_the_daemon_is_used(processes: ProcessBench) -> None:
    """It holds the prompt already."""
    attempt = new_attempt()
    home = processes.root / attempt
    home.mkdir(parents=True)
    (home / "prompt.md").write_text("hello")
    await processes.rail.offer(replace(processes.command(attempt, "cat"), stdin=home / "prompt.md"))
    assert (await ended(processes.rail, attempt)).log.read_text() == "hello"
    ours = {"order.json", "lock", "pid.json", "started", "output.log", "exit.json"}
    assert {file.name for file in home.iterdir()} == {"prompt.md", *ours}


async def test_no_zombie_is_left(processes: ProcessBench) -> None:
    """Shims are reaped as they end."""
    for _ in range(3):
        attempt = new_attempt()
        await processes.rail.offer(processes.command(attempt, "true"))
        pid = await _shim_of(processes, attempt)
        await ended(processes.rail, attempt)
        await until(lambda pid=pid: not Path(f"/proc/{pid}").exists(), "the shim is reaped")  # type: ignore[misc]


async def _shim_of(bench: ProcessBench, attempt: str) -> int:
    await until((bench.root / attempt / "pid.json").exists, "the shim has said who it is")
    return bench.shim_pid(attempt)


async def test_a_shim_that_cannot_start_is_reported_and_tried_again(processes: ProcessBench) -> None:
    """A rail whose Python is broken says so at the next offer; one that works then starts the attempt."""
    attempt = new_attempt()
    order = processes.command(attempt, "true")
    with pytest.raises(RailError, match="no-such-python"):
        await ProcessRail(processes.root, python="/no-such-python").offer(order)
    broken = ProcessRail(processes.root, python="/bin/false")
    await broken.offer(order)
    await observed(broken, attempt, Absent)
    with pytest.raises(RailError, match="did not start"):
        await broken.offer(order)
    await processes.rail.offer(order)
    assert (await ended(processes.rail, attempt)).exit_code == 0


def test_the_shim_loads_only_what_every_start_can_afford() -> None:
    """Its first half: no json, re, enum, typing, pathlib or subprocess, and nothing of the daemon."""
    code = "import sys; sys.path.append(sys.argv[1]); import mosaic_rails.process.shim; print(*sys.modules)"
    root = Path(sys.modules["mosaic_rails"].__path__[0]).parent
    loaded = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(root)], capture_output=True, text=True, check=True
    ).stdout.split()
    costly = {"json", "re", "enum", "typing", "pathlib", "subprocess", "signal", "dataclasses", "contextlib", "asyncio"}
    assert costly.isdisjoint(loaded)
    assert not [name for name in loaded if name.startswith("mosaic_daemon")]
