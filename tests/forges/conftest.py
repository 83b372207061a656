"""`bench` runs a test over every forge: the internal one with and without an origin, and the one in memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.forges.benches import Bench, InternalBench, MemoryBench


@pytest.fixture(params=["memory", "internal", "internal-without-origin"])
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    match request.param:
        case "memory":
            return MemoryBench()
        case kind:
            return await InternalBench.make(tmp_path, origin=kind == "internal")
