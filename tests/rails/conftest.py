"""Benches as fixtures: `bench` runs a test over every rail, `processes` over real processes alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.rails.bench import Bench, LeasedBench, MemoryBench, ProcessBench
from tests.rails.leased.carriers import MemoryCarrier
from tests.rails.leased.site import HandClock, Site


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[ProcessBench]:
    bench = ProcessBench(tmp_path)
    try:
        yield bench
    finally:
        bench.clear()


@pytest_asyncio.fixture
async def leased(tmp_path: Path) -> AsyncIterator[LeasedBench]:
    site = Site(tmp_path, MemoryCarrier(), HandClock())
    yield LeasedBench(site)
    await site.close()


@pytest.fixture(params=["memory", "process", "leased"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    if request.param == "memory":
        return MemoryBench(tmp_path)
    if request.param == "leased":
        leased: LeasedBench = request.getfixturevalue("leased")
        return leased
    processes: ProcessBench = request.getfixturevalue("processes")
    return processes
