"""`init`: what it makes, what it leaves alone."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from mosaic_daemon.cli.init import LINKS
from mosaic_daemon.ground.configuration import load
from mosaic_daemon.ground.settings import RailsSettings, Settings
from tests.cli.conftest import Commands
from tests.support.repo import Repo, git


@pytest.fixture
def bare(repo: Repo) -> Repo:
    """The repository before anything was prepared."""
    repo.config_file.unlink()
    repo.state.rmdir()
    repo.state.parent.rmdir()
    return repo


def test_it_prepares_and_says_what_comes_next(bare: Repo, command: Commands) -> None:
    """A private folder that git does not see, and settings that say nothing but the defaults."""
    answer = command.process("init")
    assert (answer.code, answer.err) == (0, "")
    assert bare.state.stat().st_mode & 0o777 == 0o700
    assert git(bare.root, "status", "--short") == ""
    assert load(bare.config_file) == Settings()
    first, second = (line.strip() for line in answer.out.splitlines()[-2:])
    assert first.startswith("mosaic-orchestrator enqueue FIRST-1")
    assert second == "mosaic-orchestrator run"


def test_every_key_is_in_the_file(bare: Repo, command: Commands) -> None:
    """With the comment sign taken away the file still loads."""
    command("init")
    text = bare.config_file.read_text()
    shown = [line.removeprefix("#") for line in text.splitlines() if line.startswith("#") and not line.startswith("# ")]
    assert any(line.startswith("poll_sec = ") for line in shown)
    rails = {f"rails.{name}": field for name, field in RailsSettings.model_fields.items()}
    for table, group in (Settings.model_fields | rails).items():
        if table not in ("runtimes", "rails"):
            assert f"\n[{table}]\n" in text
            for key in group.annotation.model_fields:  # type: ignore[union-attr]
                assert any(line.startswith(f"{key} = ") for line in shown), key


def test_twice_changes_nothing(bare: Repo, command: Commands) -> None:
    command("init")
    bare.config_file.write_text("[run]\npoll_sec = 3\n")
    answer = command("init")
    assert answer.code == 0
    assert "already prepared" in answer.out
    assert bare.config_file.read_text() == "[run]\npoll_sec = 3\n"
    exclude = (bare.root / ".git" / "info" / "exclude").read_text()
    assert exclude.count("/.mosaic/orchestrator/") == 1


def test_in_a_linked_worktree_git_does_not_see_it_either(bare: Repo, command: Commands) -> None:
    """Its `.git` is a file, and the exclude lines are the main repository's."""
    tree = bare.folder / "tree"
    git(bare.root, "worktree", "add", "-q", str(tree), "-b", "other")
    assert command("init", cwd=tree).code == 0
    assert (tree / ".mosaic" / "orchestrator").is_dir()
    assert git(tree, "status", "--porcelain") == ""


def test_the_four_names_are_linked_and_work(bare: Repo, command: Commands) -> None:
    """Again is fine; a stale link is replaced; somebody's own file is not."""
    folder = bare.folder / "home" / ".config" / "mosaic" / "bin"
    folder.mkdir(parents=True)
    (folder / LINKS[0]).symlink_to("/nowhere")
    for _ in range(2):
        assert command.process("init", "--link").code == 0
    assert {link.name for link in folder.iterdir()} == set(LINKS)
    drained = subprocess.run([folder / "mosaic-orchestrator-drain"], cwd=bare.root, capture_output=True, check=False)
    assert drained.stdout == b"no daemon is running\n"
    (folder / LINKS[1]).unlink()
    (folder / LINKS[1]).write_text("mine")
    answer = command("init", "--link")
    assert (answer.code, (folder / LINKS[1]).read_text()) == (1, "mine")
    assert str(folder / LINKS[1]) in answer.err


def test_an_agent_that_is_not_installed_is_worth_a_note(bare: Repo, command: Commands, tmp_path: Path) -> None:
    """Before the first task stands still."""
    (bare.folder / "empty").mkdir()
    git_only = bare.folder / "empty" / "git"
    git_only.symlink_to("/usr/bin/git")
    environment = {**command.environment(), "PATH": str(git_only.parent)}
    answer = subprocess.run(
        [str(Path(os.sys.executable).with_name("mosaic-orchestrator")), "init"],  # type: ignore[attr-defined]
        cwd=bare.root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0
    assert "`claude`, who does the work by default, is not on the PATH" in answer.stdout
