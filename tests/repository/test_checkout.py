"""The person's own checkout: what bootstrap commits there, and that a commit that fails leaves no trace."""

from __future__ import annotations

from pathlib import Path

import pytest

from mosaic_daemon.ground.errors import Refused
from mosaic_daemon.ground.layout import TABLE
from mosaic_daemon.repository.checkout import OURS, Checkout
from tests.support.repo import git

PLAN = "docs/tasks/plan.json"


def test_a_hook_that_takes_files_away_and_refuses_the_commit_gets_them_put_back(tmp_path: Path) -> None:
    """The error is git's, and everything stands as before."""
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "config", "user.name", "A")
    git(tmp_path, "config", "user.email", "a@example.org")
    (tmp_path / "docs").mkdir()
    (tmp_path / TABLE).write_text("old\n")
    git(tmp_path, "add", TABLE)
    git(tmp_path, "commit", "-q", "-m", "first")
    hook = tmp_path / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\nrm {TABLE}\necho not on my watch >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(Refused, match="not on my watch"):
        Checkout(tmp_path, "main").commit({TABLE: b"new\n", PLAN: b"{}\n"}, f"{OURS}plan")
    assert (tmp_path / TABLE).read_text() == "old\n"
    assert not (tmp_path / PLAN).exists()
    assert git(tmp_path, "status", "--porcelain") == ""
