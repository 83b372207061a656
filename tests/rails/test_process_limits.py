"""Standstill, and what counts as a sign of life."""

from __future__ import annotations

import asyncio
import signal

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


@pytest.mark.parametrize(
    "sign",
    [
        pytest.param("for i in 1 2 3 4 5 6 7 8; do sleep 0.5; echo; done", id="output"),
        pytest.param("timeout 4 sh -c 'while :; do :; done'; exit 0", id="cpu"),
    ],
)
async def test_a_worker_with_a_sign_of_life_does_not_stall(processes: ProcessBench, sign: str) -> None:
    """Either sign is enough."""
    attempt = new_attempt()
    await processes.rail.offer(limited(processes.script(attempt, sign), stall_sec=1.5))
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
