"""`make run` and `make test` set themselves up, once."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.packaging import ROOT

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")


def _make(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(["make", *words], cwd=folder, env=env, capture_output=True, text=True, check=False)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy2(ROOT / name, tmp_path)
    return tmp_path


def _set_up(clone: Path) -> None:
    """As if the environment had been made and the packages installed."""
    plan = _make(clone, "--dry-run", f"PYTHON={sys.executable}", "run").stdout
    made = re.search(r"^touch (\.venv/\.made-\d+)$", plan, re.MULTILINE)
    assert made
    (clone / ".venv").mkdir()
    (clone / made[1]).touch()
    (clone / ".venv/.installed").touch()


@pytest.mark.parametrize("target", ["run", "test"])
def test_each_target_sets_itself_up_on_a_fresh_clone(clone: Path, target: str) -> None:
    plan = _make(clone, "--dry-run", f"PYTHON={sys.executable}", target).stdout
    assert "-m venv" in plan
    assert "--require-hashes -r requirements.lock" in plan
    assert "--no-deps --no-build-isolation --editable ." in plan


def test_nothing_is_installed_again_when_nothing_changed(clone: Path) -> None:
    _set_up(clone)
    plan = _make(clone, "--dry-run", f"PYTHON={sys.executable}", "run").stdout
    assert plan.splitlines() == [".venv/bin/mosaic-orchestrator demo"]


def test_changed_pins_are_installed_into_the_same_environment(clone: Path) -> None:
    _set_up(clone)
    newer = (clone / ".venv/.installed").stat().st_mtime + 5
    os.utime(clone / "requirements.lock", (newer, newer))
    plan = _make(clone, "--dry-run", f"PYTHON={sys.executable}", "run").stdout
    assert "--require-hashes" in plan
    assert "-m venv" not in plan


def test_an_environment_that_was_moved_is_made_again(clone: Path) -> None:
    """Its scripts name the folder they were made for."""
    _set_up(clone)
    moved = clone.rename(clone.with_name("moved"))
    assert "-m venv" in _make(moved, "--dry-run", f"PYTHON={sys.executable}", "run").stdout


def test_a_python_that_is_too_old_is_named_with_the_remedy(clone: Path) -> None:
    old = clone / "python-old"
    old.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    old.chmod(0o755)
    done = _make(clone, f"PYTHON={old}", "run")
    assert done.returncode != 0
    assert "Python 3.11 or newer is needed" in done.stderr
    assert str(old) in done.stderr
    assert not (clone / ".venv").exists()
