"""Carriers and sites as fixtures."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.rails.leased.carriers import Carrier, MemoryCarrier
from tests.rails.leased.site import LABELS, HandClock, Site
from tests.rails.nats.server import NatsCarrier


@pytest.fixture(params=["memory", "nats"])
def carrier(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Carrier]:
    """Each with a server of this test alone."""
    if request.param == "memory":
        yield MemoryCarrier()
        return
    nats = NatsCarrier(tmp_path / "nats", LABELS)
    yield nats
    nats.kill()


@pytest_asyncio.fixture
async def site(carrier: Carrier, tmp_path: Path) -> AsyncIterator[Site]:
    """In real time."""
    built = Site(tmp_path, carrier)
    yield built
    await built.close()


@pytest_asyncio.fixture
async def still(carrier: Carrier, tmp_path: Path) -> AsyncIterator[Site]:
    """In a time that moves by hand, for the daemon and all hosts."""
    built = Site(tmp_path, carrier, HandClock())
    yield built
    await built.close()
