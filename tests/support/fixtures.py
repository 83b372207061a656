"""Fixtures of the e2e and the crash suite: a repository, and daemons that never outlive their test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.daemon import Daemon
from tests.support.processes import sweep
from tests.support.repo import Repo

Start = Callable[..., Daemon]


@pytest.fixture
def repo(tmp_path: Path) -> Iterator[Repo]:
    """A repository with a bare origin."""
    made = Repo(tmp_path)
    try:
        yield made
    finally:
        sweep(made.root)


@pytest.fixture
def start(request: pytest.FixtureRequest) -> Iterator[Start]:
    """Starts daemons: `start(repo, "--until-idle")`; arguments as `Daemon` has them."""
    daemons: list[Daemon] = []

    def start_one(*args: object, **options: object) -> Daemon:
        daemons.append(Daemon(*args, **options))  # type: ignore[arg-type]
        return daemons[-1]

    yield start_one
    for daemon in daemons:
        daemon.destroy()
