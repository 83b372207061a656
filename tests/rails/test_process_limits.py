"""Standstill, and what counts as a sign of life."""

from __future__ import annotations

import asyncio
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mosaic_rails.base import Cause, Ended, Offered, Running
from tests.rails.bench import ProcessBench, limited, new_attempt
from tests.rails.waiting import ended


async def test_a_silent_idle_worker_stalls(processes: ProcessBench) -> None:
    """No output, no CPU time, no change: stopped after stall_sec."""
    attempt = new_attempt()
    await processes.rail.offer(limited(processes.command(attempt, "sleep", "1000"), stall_sec=1, grace_sec=1))
    end = await ended(processes.rail, attempt)
    assert (end.cause, end.signal) == (Cause.STALL, signal.SIGTERM)
    assert "for 1 s" in end.detail


async def test_a_runtime_that_only_runs_its_timers_stalls(processes: ProcessBench) -> None:
    """An event loop that waits for ever still wakes up now and then: that is no sign of life."""
    attempt = new_attempt()
    ticking = "import time\nwhile True: time.sleep(0.1)"
    await processes.rail.offer(
        limited(processes.command(attempt, sys.executable, "-c", ticking), stall_sec=2, grace_sec=1)
    )
    assert (await ended(processes.rail, attempt)).cause is Cause.STALL


@pytest.mark.parametrize(
    "sign",
    [
        pytest.param("import time\nfor _ in range(8): time.sleep(0.5); print(flush=True)", id="output"),
        pytest.param("import time\nwhile time.process_time() < 4: pass", id="cpu"),
    ],
)
async def test_a_worker_with_a_sign_of_life_does_not_stall(processes: ProcessBench, tmp_path: Path, sign: str) -> None:
    """Either sign is enough."""
    attempt = new_attempt()
    order = limited(processes.command(attempt, sys.executable, "-c", sign), stall_sec=1.5)
    nothing_changes_here = tmp_path / "empty"
    nothing_changes_here.mkdir()
    await processes.rail.offer(replace(order, cwd=nothing_changes_here))
    assert (await ended(processes.rail, attempt)).cause is Cause.EXIT


async def test_a_change_below_the_working_directory_is_a_sign_of_life(processes: ProcessBench) -> None:
    """Even when somebody outside the tree works there on the worker's behalf."""
    attempt = new_attempt()
    deep = processes.folder / "a" / "b"
    deep.mkdir(parents=True)
    await processes.rail.offer(limited(processes.command(attempt, "sleep", "4"), stall_sec=1.5))
    for turn in range(1000):
        (deep / f"file{turn}").touch()
        if not isinstance(seen := await processes.rail.observe(attempt), Running | Offered):
            break
        await asyncio.sleep(0.1)
    assert isinstance(seen, Ended)
    assert seen.cause is Cause.EXIT


async def test_a_limit_of_years_and_none_for_standstill_are_taken(processes: ProcessBench) -> None:
    """They are longer than one wait of the operating system may be."""
    attempt = new_attempt()
    await processes.rail.offer(limited(processes.command(attempt, "sleep", "0.1"), timeout_sec=1e9, stall_sec=0))
    assert (await ended(processes.rail, attempt)).exit_code == 0
