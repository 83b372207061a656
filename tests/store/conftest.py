"""`store` runs a test over every journal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mosaic_daemon.store.base import Journal
from mosaic_daemon.store.memory import MemoryJournal
from mosaic_daemon.store.sqlite import SqliteJournal


class Store:
    """A place for one journal, which may be closed and opened again."""

    def __init__(self, make: Callable[[], Journal]) -> None:
        self._make = make
        self._opened: list[Journal] = []

    def open(self) -> Journal:
        """The journal as the next daemon has it; the one before is closed."""
        self.close()
        self._opened.append(self._make())
        return self._opened[-1]

    def close(self) -> None:
        while self._opened:
            self._opened.pop().close()


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "memory":
        memory = MemoryJournal()
        store = Store(lambda: memory)
    else:
        store = Store(lambda: SqliteJournal(tmp_path / "state.db"))
    yield store
    store.close()
