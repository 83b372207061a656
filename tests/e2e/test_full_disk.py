"""A full disk: nothing is lost, no try is used up, and everything goes on when there is room again."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import worker
from tests.support.fixtures import Start
from tests.support.processes import sweep
from tests.support.repo import GATE, Repo
from tests.support.waiting import until

MEGABYTES = 24


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Repo]:
    """A repository, origin and all, on a file system of a few megabytes."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system takes root")
    mount = tmp_path / "small"
    mount.mkdir()
    options = f"size={MEGABYTES}m"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(mount)], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"a tmpfs cannot be mounted here: {mounted.stderr.decode().strip()}")
    repo = Repo(mount)
    repo.log_folder = tmp_path
    try:
        yield repo
    finally:
        sweep(repo.root)
        until(
            lambda: subprocess.run(["umount", str(mount)], check=False, capture_output=True).returncode == 0, "umount"
        )


def fill(repo: Repo) -> Path:
    """Take every byte that is left."""
    ballast = repo.folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while file.write(b"x" * size):
                    pass
            except OSError:
                continue
    return ballast


CONFIG = f"{GATE}[worker]\nretries = 0\n"


@pytest.mark.slow
def test_a_disk_that_is_full_when_work_is_to_be_collected(small: Repo, start: Start) -> None:
    """The commits are there, the result could not be written down: no try is used, another attempt is made."""
    small.configure(CONFIG)
    flag, ready = small.log_folder / "go", small.log_folder / "ready"
    commits = worker.script(worker.writing({"T-1.txt": "1"}), worker.COMMIT)
    small.write_tasks(
        small.bare_task("T-1", commits, f"touch {ready}", worker.waiting(flag), worker.RESULT),
        small.task("T-2", depends_on=["T-1"]),
    )
    daemon = start(small)
    daemon.until(ready.exists, "the work to be committed")
    daemon.until(lambda: small.record("T-1")["state"]["kind"] == "running", "the start to be known")
    ballast = fill(small)
    flag.touch()
    daemon.says(r"(?i)disk is full|no space left")
    assert daemon.is_alive
    ballast.unlink()
    daemon.status("T-2", "done")
    assert daemon.stop() == 0
    assert small.squashes() == {"T-1": 1, "T-2": 1}
    assert "worker" not in small.record("T-1")["tries"]
    assert {task: entry["status"] for task, entry in small.shown().items()} == {"T-1": "done", "T-2": "done"}


@pytest.mark.slow
def test_a_daemon_that_starts_on_a_full_disk(small: Repo, start: Start) -> None:
    """It says so in one line and can be started again; nothing has to be moved away or repaired."""
    small.write_tasks(small.task("T-1"))
    assert start(small, "--until-idle").wait() == 0
    small.write_tasks(*small.shown().values(), small.task("T-2"))
    ballast = fill(small)
    daemon = start(small)
    daemon.says(r"(?i)disk is full|no space left|trying again")
    assert "move it away" not in daemon.log
    ballast.unlink()
    until(lambda: not daemon.is_alive or small.status("T-2") == "done", "its end, or the task's")
    if not daemon.is_alive:
        assert daemon.wait() in (1, 75)
        assert start(small, "--until-idle").wait() == 0
    assert small.squashes() == {"T-1": 1, "T-2": 1}


@pytest.mark.slow
def test_a_disk_that_is_full_from_the_first_start(small: Repo, start: Start) -> None:
    small.write_tasks(small.task("T-1"))
    ballast = fill(small)
    daemon = start(small)
    assert daemon.wait() in (1, 75)
    assert "full" in daemon.log or "No space left" in daemon.log
    assert "a bug" not in daemon.log
    ballast.unlink()
    assert start(small, "--until-idle").wait() == 0
    assert small.squashes() == {"T-1": 1}


@pytest.mark.slow
def test_disks_that_fill_up_again_and_again(small: Repo, start: Start) -> None:
    """Ten tasks while the disk is full every other moment: all of them land once."""
    names = [f"T-{n}" for n in range(10)]
    small.effects = small.log_folder / "effects"
    small.write_tasks(*(small.task(name) for name in names))
    daemon = start(small)
    for number in range(3):
        seq = len(small.events())
        daemon.until(lambda: len(small.events()) > seq + 3 or not unfinished(small), "progress")  # noqa: B023
        ballast = fill(small)
        daemon.until(lambda: daemon.log.count("trying again in") > number or not unfinished(small), "it")  # noqa: B023
        ballast.unlink()
    daemon.until(lambda: not unfinished(small), "all tasks to be done", patience_sec=90)
    assert daemon.stop() == 0
    assert small.squashes() == dict.fromkeys(names, 1)
    assert len(small.attempts_run()) == len(set(small.attempts_run()))


def unfinished(repo: Repo) -> list[str]:
    statuses = repo.statuses()
    return [task for task, status in statuses.items() if status != "done"] if statuses else ["T-0"]
