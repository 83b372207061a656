"""Carriers and sites as fixtures."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.rails.leased.carriers import Carrier, MemoryCarrier
from tests.rails.leased.site import HandClock, Site


@pytest.fixture(params=["memory"])
def carrier(request: pytest.FixtureRequest) -> Carrier:
    return MemoryCarrier()


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
