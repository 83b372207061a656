"""Templates: a person's own before the package's, and values that are only ever values."""

from __future__ import annotations

from pathlib import Path

import pytest

from mosaic_daemon.ground import templates

NAME = "orchestrator/worker-prompt.md.template"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def put(folder: Path, text: str) -> Path:
    file = folder / NAME
    file.parent.mkdir(parents=True)
    file.write_text(text, encoding="utf-8")
    return folder


def test_the_first_place_that_has_it_wins(tmp_path: Path, home: Path) -> None:
    """The configured folder, the person's, the guide's, the package's."""
    assert "## Task Assignment: T-1" in templates.fill(NAME, {"id": "T-1"})
    put(home / "src/jarvis-brain/docs/templates", "guide ${id}")
    assert templates.fill(NAME, {"id": "T-1"}) == "guide T-1"
    put(home / ".config/mosaic/templates/orchestrator", "mine ${id}")
    assert templates.fill(NAME, {"id": "T-1"}) == "mine T-1"
    assert templates.fill(NAME, {"id": "T-1"}, folder=tmp_path / "none") == "mine T-1"
    assert templates.fill(NAME, {"id": "T-1"}, folder=put(tmp_path / "set", "set ${id}")) == "set T-1"


def test_a_value_is_not_looked_into(tmp_path: Path) -> None:
    """What a task says of itself names no other variable."""
    folder = put(tmp_path / "set", "${a} $b ${unknown} $ $$ {a} ${not valid")
    values = {"a": "${b} $b \\1 ünï", "b": "secret"}
    assert templates.fill(NAME, values, folder=folder) == "${b} $b \\1 ünï secret ${unknown} $ $ {a} ${not valid"
