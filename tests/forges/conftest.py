"""`bench` runs a test over every forge: in memory, internal with and without an origin, scripts, REST dialects.

`world` is a fake forge of each dialect in turn with all a gate needs, and `daemon` one daemon in front of it.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.forges import rest_gates
from tests.forges.benches import Bench, InternalBench, MemoryBench, RestBench
from tests.forges.fakes.fixtures import DIALECTS
from tests.forges.rest_gates import Daemon, World
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


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rest_gates.prepared(tmp_path_factory.mktemp("gates") / "prepared")


@pytest.fixture(params=DIALECTS)
def world(request: pytest.FixtureRequest, tmp_path: Path, prepared: Path) -> Iterator[World]:
    folder = shutil.copytree(prepared, tmp_path / "world")
    world = World.make(folder, request.param)
    with world.fake:
        yield world


@pytest.fixture
async def daemon(world: World) -> AsyncIterator[Daemon]:
    with rest_gates.unwritten(world.fake.token):
        async with world.daemon() as daemon:
            yield daemon
