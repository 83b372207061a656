"""The in-memory twin's script: what it allows, and what it counts."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from mosaic_rails.base import Cause, Ended, Order
from mosaic_rails.memory import End, MemoryRail
from tests.rails.bench import new_attempt

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


async def test_a_scripted_worker_starts_only_what_is_offered_and_only_once(tmp_path: Path) -> None:
    """`starts` is the oracle for "at most once"."""
    rail = MemoryRail(tmp_path)
    attempt = new_attempt()
    assert not rail.start(attempt)
    await rail.offer(Order(attempt, ("x",), {}, tmp_path))
    assert rail.start(attempt)
    assert not rail.start(attempt)
    rail.finish(attempt)
    assert not rail.start(attempt)
    assert rail.starts == [attempt]


async def test_only_a_running_worker_can_end(tmp_path: Path) -> None:
    """Except that an offered one may prove impossible to start."""
    rail = MemoryRail(tmp_path, now=lambda: NOON)
    attempt = new_attempt()
    for end in (rail.finish, rail.lose):
        with pytest.raises(LookupError, match=attempt):
            end(attempt)
    await rail.offer(Order(attempt, ("x",), {}, tmp_path))
    with pytest.raises(LookupError, match="Offered"):
        rail.finish(attempt)
    rail.finish(attempt, End(Cause.SPAWN, exit_code=None, detail="not found"))
    seen = await rail.observe(attempt)
    assert seen == Ended(Cause.SPAWN, None, None, "not found", NOON, NOON, tmp_path / f"{attempt}.log", 0)
    assert not rail.start(attempt)
