"""Benches as fixtures: `bench` runs a test over every rail, `processes` over real processes alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rails.bench import Bench, MemoryBench, ProcessBench


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[ProcessBench]:
    bench = ProcessBench(tmp_path)
    try:
        yield bench
    finally:
        bench.clear()


@pytest.fixture(params=["memory", "process"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    if request.param == "memory":
        return MemoryBench(tmp_path)
    processes: ProcessBench = request.getfixturevalue("processes")
    return processes
