"""The cap that holds now."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from mosaic_daemon.nouns.budget import Cap
from mosaic_daemon.planning.papers.capfile import PLAN_FILE, CapFile


def write(root: Path, document: Any) -> None:
    (root / PLAN_FILE).parent.mkdir(parents=True, exist_ok=True)
    (root / PLAN_FILE).write_text(json.dumps(document))


def test_the_configured_cap_wins(tmp_path: Path) -> None:
    write(tmp_path, {"cap": {"tokens": 5, "source": "derived"}})
    assert CapFile(tmp_path, 7).read() == Cap(7)
    assert CapFile(tmp_path, None).read() == Cap(5, "derived")


def test_a_plan_that_is_made_while_the_daemon_runs_is_noticed(tmp_path: Path) -> None:
    """And one that changes, or goes."""
    caps = CapFile(tmp_path, None)
    assert caps.read() is None
    write(tmp_path, {"cap": {"tokens": 5, "source": "user"}})
    assert caps.read() == Cap(5)
    write(tmp_path, {"cap": {"tokens": 500_000, "source": "user"}})
    assert caps.read() == Cap(500_000)
    (tmp_path / PLAN_FILE).unlink()
    assert caps.read() is None


@pytest.mark.parametrize("document", [[], {}, {"cap": 5}, {"cap": {"tokens": -1}}, {"cap": {"tokens": "many"}}, None])
def test_a_damaged_plan_leaves_the_last_good_cap(tmp_path: Path, document: Any) -> None:
    """A limit that somebody set does not go away by a slip of the hand."""
    write(tmp_path, document)
    assert CapFile(tmp_path, None).read() is None
    write(tmp_path, {"cap": {"tokens": 5, "source": "user"}})
    caps = CapFile(tmp_path, None)
    assert caps.read() == Cap(5)
    write(tmp_path, document)
    assert caps.read() == Cap(5)
    assert PLAN_FILE in caps.problem


@pytest.mark.parametrize("text", ['{"cap": {"tokens": Infinity}}', "[" * 200_000, '{"cap": {"tokens": 1e999}}', "{"])
def test_what_no_reader_can_take_leaves_the_last_good_cap(tmp_path: Path, text: str) -> None:
    """The file is read with every tick: none of these may end it."""
    write(tmp_path, {"cap": {"tokens": 5}})
    caps = CapFile(tmp_path, None)
    assert caps.read() == Cap(5)
    (tmp_path / PLAN_FILE).write_text(text)
    assert caps.read() == Cap(5)
    assert PLAN_FILE in caps.problem


def test_a_pipe_in_its_place_keeps_nobody_waiting(tmp_path: Path) -> None:
    (tmp_path / PLAN_FILE).parent.mkdir(parents=True)
    os.mkfifo(tmp_path / PLAN_FILE)
    caps = CapFile(tmp_path, None)
    assert caps.read() is None
    assert "no ordinary file" in caps.problem
