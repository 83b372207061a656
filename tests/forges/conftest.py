"""`bench` runs a test over every forge: in memory, internal with and without an origin, scripts, REST dialects."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.forges.benches import Bench, InternalBench, MemoryBench, RestBench
from tests.forges.fakes.fixtures import DIALECTS
from tests.forges.scripted import ScriptedBench


@pytest.fixture(params=["memory", "internal", "internal-without-origin", "wrappers", *DIALECTS])
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    match request.param:
        case "memory":
            yield MemoryBench()
        case "internal" | "internal-without-origin" as kind:
            yield await InternalBench.make(tmp_path, origin=kind == "internal")
        case "wrappers":
            yield await ScriptedBench.start(tmp_path)
        case dialect:
            async with RestBench.make(tmp_path, dialect) as rest:
                yield rest
