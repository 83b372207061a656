"""The smallest repository that can be served; with a daemon a whole one."""

from __future__ import annotations

from pathlib import Path

import pytest

from mosaic_daemon.ground.layout import Layout
from tests.support.fixtures import repo, start

__all__ = ["repo", "start"]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A repository that nobody has worked in yet."""
    return Layout(tmp_path / "app")
