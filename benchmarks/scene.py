"""A person's repository with a bare origin, in a temporary folder, and its queue as a tool would write it."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mosaic_daemon.ground.layout import TABLE, Layout

_KEPT = ("PATH", "LANG", "TMPDIR", "LD_LIBRARY_PATH")
_PER_FOLDER = 20
_LINE = "a line of text that is not there to be read\n"

Task = Mapping[str, Any]


class Scene:
    """One repository to measure in.

    Attributes:
        origin: the bare repository that changes land in; repo: the person's checkout.
        stamps: where workers leave their times; environment: of everything that is started, without anybody's settings.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.origin = folder / "origin.git"
        self.repo = folder / "app"
        self.stamps = folder / "stamps"
        self.layout = Layout(self.repo)
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        self.environment = {**kept, "HOME": str(folder / "home"), "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C.UTF-8"}

    def git(self, *args: str, cwd: Path | None = None) -> str:
        """Plain git as the person has it; its output without the last newline."""
        done = subprocess.run(
            ["git", *args], cwd=cwd or self.repo, env=self.environment, check=True, capture_output=True, text=True
        )
        return done.stdout.rstrip("\n")

    def commit(self, message: str) -> None:
        """Commit everything and push it."""
        self.git("add", ".")
        self.git("commit", "--quiet", "--message", message)
        self.git("push", "--quiet", "origin", "main")

    def tasks(self) -> list[dict[str, Any]]:
        """The queue as it is now."""
        try:
            found: list[dict[str, Any]] = json.loads(self.layout.tasks.read_bytes())["tasks"]
        except FileNotFoundError:
            return []
        return found

    def enqueue(self, *tasks: Task) -> int:
        """Rename a queue with these further tasks in; the CLOCK_MONOTONIC nanosecond just before the rename."""
        return self.replace_queue(lambda there: [*there, *tasks])

    def replace_queue(self, change: Any) -> int:
        """Rename a changed queue in, under its lock as tools do; see `enqueue`.

        The new text is written outside of the watched folder, so that the rename is the first thing to be seen.
        """
        fresh = self.layout.state.parent / "tasks.json.new"
        with self.layout.tasks_lock.open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            fresh.write_text(json.dumps({"version": 1, "tasks": change(self.tasks())}, indent=2))
            before = time.monotonic_ns()
            fresh.rename(self.layout.tasks)
        return before

    def published(self) -> str:
        """The table on the origin's base branch; empty when there is none."""
        done = subprocess.run(
            ["git", "cat-file", "blob", f"main:{TABLE}"],
            cwd=self.origin,
            env=self.environment,
            check=False,
            capture_output=True,
            text=True,
        )
        return done.stdout


@contextmanager
def scene(*, files: int = 20, config: Sequence[str] = ()) -> Iterator[Scene]:
    """A repository of that many files with an origin, configured with these lines; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="mosaic-bench-", ignore_cleanup_errors=True) as name:
        made = Scene(Path(name).resolve())
        for folder in (made.repo, made.stamps, made.folder / "home"):
            folder.mkdir()
        made.git("init", "--quiet", "--bare", "--initial-branch=main", str(made.origin))
        made.git("init", "--quiet", "--initial-branch=main")
        for key, value in (("user.name", "Bench"), ("user.email", "bench@localhost"), ("gc.auto", "0")):
            made.git("config", key, value)
        made.git("remote", "add", "origin", str(made.origin))
        for number in range(files):
            file = made.repo / f"part{number // _PER_FOLDER:03}" / f"file{number:05}.txt"
            file.parent.mkdir(exist_ok=True)
            file.write_text(f"{number}\n{_LINE * 20}")
        made.commit("start")
        made.layout.state.mkdir(parents=True, mode=0o700)
        made.layout.config.write_text("".join(f"{line}\n" for line in config))
        yield made


def script(name: str) -> str:
    """An installed console script of this environment, called as a user would."""
    return str(Path(sys.executable).with_name(name))
