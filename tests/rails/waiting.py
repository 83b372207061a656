"""Waiting for conditions of real processes, and looking at them without the code under test."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from mosaic_rails.base import Ended, Lost, Observation, Rail

T = TypeVar("T")

PATIENCE_SEC = 30.0


async def until(condition: Callable[[], object], what: str) -> None:
    """Wait for a condition; fail by its name when it does not come."""
    end = time.monotonic() + PATIENCE_SEC
    while not condition():
        assert time.monotonic() < end, f"waited in vain for: {what}"
        await asyncio.sleep(0.005)


async def observed(rail: Rail, attempt: str, *kinds: type) -> Observation:
    """Wait until an attempt is seen as one of these."""
    end = time.monotonic() + PATIENCE_SEC
    while not isinstance(seen := await rail.observe(attempt), kinds):
        assert time.monotonic() < end, f"{attempt} never became one of {kinds}, last seen {seen}"
        await asyncio.sleep(0.005)
    return seen


async def ended(rail: Rail, attempt: str) -> Ended:
    """Wait for the end of an attempt; fail at once when it is lost."""
    seen = await observed(rail, attempt, Ended, Lost)
    assert isinstance(seen, Ended), seen
    return seen


async def completed(awaitable: Awaitable[T]) -> T:
    """The result, or a failure when it hangs."""
    async with asyncio.timeout(PATIENCE_SEC):
        return await awaitable


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def pids(file: Path) -> list[int]:
    """Process ids that workers noted, one a line; complete lines only."""
    return (
        [int(line) for line in file.read_text().splitlines(keepends=True) if line.endswith("\n")]
        if file.exists()
        else []
    )


@contextmanager
def killed_at_end(argv: list[str], env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process for the time of a block."""
    process = subprocess.Popen(argv, env=env)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
