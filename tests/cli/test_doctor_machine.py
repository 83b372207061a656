"""`doctor` on the machine: disk, clock, limits, other writers, leftovers, logins, and the way the daemon runs."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from mosaic_daemon.cli import machine_probes
from tests.cli.conftest import Commands
from tests.support.fixtures import Start
from tests.support.repo import Repo, git
from tests.support.waiting import until

SHELL = '[worker]\nruntime = "shell"\n'


@pytest.fixture(autouse=True)
def ready(repo: Repo) -> None:
    repo.state.chmod(0o700)
    repo.configure(SHELL)


def told(command: Commands, name: str) -> dict[str, Any]:
    """One line of the document."""
    findings = {each["name"]: each for each in command("doctor", "--json").json["findings"]}
    return dict(findings[name])


def test_every_line_of_the_machine_is_there(command: Commands) -> None:
    lines = ("disk", "clock", "inotify", "file system", "writers", "locks", "service", "git identity")
    names = {each["name"] for each in command("doctor", "--json").json["findings"]}
    assert set(lines) <= names


def test_a_full_disk(command: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """Little is a warning, too little a failure."""
    real = os.statvfs("/")

    def with_free(size: int) -> None:
        values = list(real)
        values[4] = size // real.f_frsize
        monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result(values))

    with_free(3 << 30)
    assert told(command, "disk")["level"] == "warning"
    with_free(100 << 20)
    found = told(command, "disk")
    assert (found["level"], found["remedy"].startswith("free some: `du")) == ("failure", True)


def test_a_clock_that_went_back(repo: Repo, command: Commands) -> None:
    repo.state_db.touch()
    later = time.time() + 3600
    os.utime(repo.state_db, (later, later))
    assert "the clock was set back" in told(command, "clock")["detail"]


def test_no_watcher_is_left() -> None:
    """As in a process that may open nothing more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        found = machine_probes.inotify()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert not found.ok
    assert "fs.inotify.max_user_instances" in found.remedy


def test_somebody_else_writes_the_ledger(repo: Repo, command: Commands) -> None:
    """A program that has it open, however harmless it means to be; readers are nobody's business."""
    sqlite3.connect(repo.state_db).execute("CREATE TABLE t (x)").connection.close()
    assert told(command, "writers")["ok"]
    with repo.state_db.open("rb") as file:
        reader = subprocess.Popen(["sleep", "600"], stdin=file)
    assert told(command, "writers")["ok"]
    with repo.state_db.open("r+b") as file:
        writer = subprocess.Popen(["sleep", "600"], stdin=file)
    try:
        found = told(command, "writers")
        assert found["level"] == "failure"
        assert f"pid {writer.pid} has the ledger open" in found["detail"]
    finally:
        for each in (reader, writer):
            each.kill()
            each.wait()


def test_the_daemon_itself_is_no_second_writer_unless_it_is_stopped(
    repo: Repo, command: Commands, start: Start
) -> None:
    daemon = start(repo).ready()
    assert told(command, "writers")["detail"] == f"pid {daemon.pid}"
    daemon.signal(signal.SIGSTOP)
    stat = Path(f"/proc/{daemon.pid}/stat")
    until(lambda: ") T " in stat.read_text(), "the daemon to be stopped")
    try:
        lines = {each["name"]: each for each in command("doctor", "--json").json["findings"]}
        assert lines["writers"]["remedy"] == f"`kill -CONT {daemon.pid}`"
    finally:
        daemon.signal(signal.SIGCONT)


def test_locks_that_git_left_behind(repo: Repo, command: Commands) -> None:
    """Those of a git at work are not told."""
    lock = repo.root / ".git" / "index.lock"
    lock.touch()
    assert told(command, "locks")["ok"]
    long_ago = time.time() - 3600
    os.utime(lock, (long_ago, long_ago))
    found = told(command, "locks")
    assert found["level"] == "failure"
    assert f"rm {lock}" in found["remedy"]


def test_nobody_said_who_commits(repo: Repo, command: Commands) -> None:
    git(repo.root, "config", "--unset", "user.email")
    answer = command("doctor")
    assert "warn    git identity" in answer.out
    assert "not ok  git identity" not in answer.out


@pytest.fixture
def installed(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """All agents are, and nothing of this machine's accounts is seen."""
    folder = repo.folder / "bin"
    folder.mkdir()
    for name in ("claude", "codex", "opencode"):
        (folder / name).touch(mode=0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    for each in list(os.environ):
        if each.endswith(("_API_KEY", "_AUTH_TOKEN")) or each.startswith(("CLAUDE", "CODEX", "XDG_")):
            monkeypatch.delenv(each)


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("claude", ".claude/.credentials.json"),
        ("codex", ".codex/auth.json"),
        ("opencode", ".local/share/opencode/auth.json"),
    ],
)
def test_an_agent_that_is_not_logged_in(repo: Repo, command: Commands, name: str, file: str) -> None:
    """A warning that names the command; its own file is a login."""
    repo.configure(f'[worker]\nruntime = "{name}"\n')
    found = told(command, f"login {name}")
    assert (found["level"], name in found["remedy"]) == ("warning", True)
    own = repo.folder / "home" / file
    own.parent.mkdir(parents=True)
    own.write_text("{}")
    assert told(command, f"login {name}")["detail"] == str(own)


@pytest.mark.usefixtures("installed")
def test_a_key_in_the_environment_is_a_login(repo: Repo, command: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the runtime whose workers get it; its value is not shown."""
    repo.configure('[worker]\nruntime = "claude"\n[runtimes.codex]\n')
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-not-shown")
    answer = command("doctor")
    assert "$ANTHROPIC_API_KEY" in answer.out
    assert "warn    login codex" in answer.out
    assert "sk-not-shown" not in answer.out
