"""Daemons that are killed, and what they find when they start again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.forking import Daemons
from tests.forges import rest_gates
from tests.support.fixtures import repo, start

__all__ = ["daemons", "prepared", "repo", "start"]


@pytest.fixture(scope="session")
def daemons() -> Iterator[Daemons]:
    daemons = Daemons()
    yield daemons
    daemons.close()


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rest_gates.prepared(tmp_path_factory.mktemp("gates") / "prepared")
