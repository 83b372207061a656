"""Fixtures of the tests that run real agent CLIs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agents.install import CannotInstall, commands
from tests.agents.model_server import ModelServer


@pytest.fixture(scope="session")
def agent_commands() -> Path:
    """The folder with `claude`, `codex` and `opencode`."""
    try:
        return commands(os.environ)
    except CannotInstall as error:
        pytest.skip(f"the agent CLIs cannot be installed: {error}")


@pytest.fixture
def model_server() -> Iterator[ModelServer]:
    """A model that does what the prompt says."""
    with ModelServer() as server:
        yield server
