"""A real repository with a real bare origin, its queue, and everything that can be read back from it."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.support import ledger, worker

CI = 'ci_command = ["test", "-f", "README.md"]'
GATE = f"[gate]\n{CI}\n"
_IDENTITY = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_EDITOR": "true",
}


def git(folder: Path, *args: str, check: bool = True) -> str:
    """What git prints, without the last newline."""
    done = subprocess.run(
        ["git", *args], cwd=folder, env={**os.environ, **_IDENTITY}, capture_output=True, text=True, check=False
    )
    assert not check or done.returncode == 0, f"git {' '.join(args)}: {done.stderr}"
    return done.stdout.rstrip("\n")


class Repo:
    """The orchestrated repository.

    Attributes:
        folder: everything of one test is below it; what lies beside `root` is outside of the repository.
        root: the person's checkout, on `main`.
        origin: the bare repository changes land in; None when the repository has none.
        effects: workers note their attempts here.
        log_folder: what daemons print goes here.
    """

    def __init__(self, folder: Path, *, with_origin: bool = True) -> None:
        self.folder = folder
        self.root = folder / "app"
        self.origin = folder / "origin.git" if with_origin else None
        self.effects = folder / "effects"
        self.log_folder = folder
        self.state = self.root / ".mosaic" / "orchestrator"
        self.tasks_file = self.state / "tasks.json"
        self.config_file = self.state / "config.toml"
        self.results = self.state / "results"
        self._make()
        self.configure(GATE)

    def _make(self) -> None:
        self.root.mkdir(parents=True)
        (self.folder / "home").mkdir(exist_ok=True)
        git(self.root, "init", "-q", "-b", "main")
        git(self.root, "config", "user.name", "Ada")
        git(self.root, "config", "user.email", "ada@example.org")
        (self.root / "README.md").write_text("hello\n")
        git(self.root, "add", "README.md")
        git(self.root, "commit", "-q", "-m", "start")
        if self.origin is not None:
            git(self.folder, "init", "-q", "--bare", "-b", "main", str(self.origin))
            git(self.root, "remote", "add", "origin", "../origin.git")
            git(self.root, "push", "-q", "-u", "origin", "main")
        self.state.mkdir(parents=True)

    # --- the queue ------------------------------------------------------------------------------------------------

    def configure(self, text: str) -> None:
        """Replace `config.toml`."""
        self.config_file.write_text(text)

    def task(self, name: str, *steps: str, files: Mapping[str, str] | None = None, **fields: Any) -> dict[str, Any]:
        """An entry whose worker notes its attempt, runs `steps`, writes `files`, commits, and reports success."""
        written = {f"{name}.txt": f"{name}\n"} if files is None else files
        command = worker.script(
            worker.noting(self.effects), *steps, worker.writing(written), worker.COMMIT, worker.RESULT
        )
        return {"id": name, "description": f"F-{name}: a change", "command": command, **fields}

    def bare_task(self, name: str, *steps: str, **fields: Any) -> dict[str, Any]:
        """An entry whose worker notes its attempt and runs `steps`, nothing else."""
        command = worker.script(worker.noting(self.effects), *steps)
        return {"id": name, "description": f"F-{name}: a change", "command": command, **fields}

    def write_tasks(self, *entries: Mapping[str, Any]) -> None:
        """Write the queue as an editor does that replaces the file."""
        self.write_queue(json.dumps({"version": 1, "tasks": list(entries)}, indent=1).encode())

    def write_queue(self, text: bytes) -> None:
        """Replace the queue's file by this text."""
        temporary = self.state / "person.tmp"
        temporary.write_bytes(text)
        temporary.replace(self.tasks_file)

    def edit_tasks(self, **edits: Mapping[str, Any]) -> None:
        """Change fields of entries in the queue's file, as a person does; ids with `-` are written with `_`."""
        document = self.queue()
        for entry in document["tasks"]:
            entry.update(edits.get(entry["id"].replace("-", "_"), {}))
        self.write_queue(json.dumps(document, indent=1).encode())

    def queue(self) -> dict[str, Any]:
        """The queue's file."""
        document: dict[str, Any] = json.loads(self.tasks_file.read_bytes())
        return document

    def shown(self) -> dict[str, dict[str, Any]]:
        """The entries of the queue's file by id."""
        return {entry["id"]: entry for entry in self.queue()["tasks"]}

    # --- the table ------------------------------------------------------------------------------------------------

    def table(self) -> dict[str, dict[str, str]]:
        """The rows of the published table by id, as plain cells."""
        return rows_of(git(self.landed, "show", "main:docs/TASKS.md", check=False))

    def colleague(self, name: str = "colleague") -> Path:
        """Another clone of the origin, at its newest commit."""
        clone = self.folder / name
        if not clone.exists():
            git(self.folder, "clone", "-q", str(self.origin), str(clone))
        git(clone, "pull", "-q", "--rebase")
        return clone

    def push_meanwhile(self, path: str, text: str) -> None:
        """Somebody pushes a file to main, on top of whatever the daemon has pushed by then."""
        clone = self.colleague()
        (clone / path).write_text(text)
        git(clone, "add", path)
        git(clone, "commit", "-q", "-m", "meanwhile")
        for _ in range(20):
            git(clone, "pull", "-q", "--rebase")
            git(clone, "push", "-q", check=False)
            if git(clone, "status", "-sb").count("ahead") == 0:
                return
        raise AssertionError("the daemon was quicker every time")

    def push_table_edit(self, old: str, new: str) -> None:
        """Somebody edits `docs/TASKS.md` in another clone and pushes, again when the daemon was quicker."""
        for _ in range(20):
            clone = self.colleague()
            file = clone / "docs" / "TASKS.md"
            text = file.read_bytes().decode()
            assert old in text, f"{old!r} is not in the table:\n{text}"
            file.write_bytes(text.replace(old, new, 1).encode())
            git(clone, "commit", "-q", "-a", "-m", "edit the table")
            git(clone, "push", "-q", check=False)
            if not git(clone, "rev-list", "origin/main..HEAD"):
                return
            git(clone, "reset", "-q", "--hard", "HEAD~1")
        raise AssertionError("the edit could not be pushed")

    # --- what became of it ----------------------------------------------------------------------------------------

    @property
    def landed(self) -> Path:
        """Where changes land: the origin, or the repository itself."""
        return self.origin or self.root

    @property
    def state_db(self) -> Path:
        return self.state / "state.db"

    def statuses(self) -> dict[str, str]:
        """Status per task, by the ledger."""
        return ledger.statuses(self.state_db)

    def status(self, task: str) -> str | None:
        return self.statuses().get(task)

    def record(self, task: str) -> dict[str, Any]:
        return ledger.records(self.state_db)[task]

    def events(self, kind: str | None = None, task: str | None = None) -> list[ledger.Event]:
        return ledger.events(self.state_db, kind, task)

    def reports(self) -> str:
        """Everything the daemon reported to people, a line each."""
        return "\n".join(event.body["message"] for event in self.events("reported"))

    def on_main(self, path: str) -> str | None:
        """A file's text on the base branch, or None."""
        if git(self.landed, "ls-tree", "main", "--", path) == "":
            return None
        return git(self.landed, "show", f"main:{path}")

    def squashes(self) -> Counter[str]:
        """How many commits on the base branch carry each task's trailer."""
        found = git(
            self.landed,
            "log",
            "--first-parent",
            "--format=%(trailers:key=Mosaic-Task,valueonly,separator=%x2C)",
            "main",
        )
        return Counter(name for line in found.splitlines() for name in line.split(",") if name)

    def gates(self) -> Counter[str]:
        """How many commits on the base branch carry each gate's trailer."""
        found = git(
            self.landed,
            "log",
            "--first-parent",
            "--format=%(trailers:key=Mosaic-Gate,valueonly,separator=%x2C)",
            "main",
        )
        return Counter(name for line in found.splitlines() for name in line.split(",") if name)

    def attempts_run(self) -> list[str]:
        """The attempts whose workers had their effect, in order."""
        return self.effects.read_text().split() if self.effects.exists() else []

    def prompt(self, attempt: str) -> str:
        return (self.state / "attempts" / attempt / "prompt.md").read_text()


def rows_of(text: str) -> dict[str, dict[str, str]]:
    """Rows of a table by their first cell. Good for cells without escapes."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    parsed = [[cell.strip() for cell in line.replace("\\|", "¦").strip("|").split("|")] for line in lines]
    if not parsed:
        return {}
    head, _, *rows = parsed
    return {row[0]: dict(zip(head, row, strict=True)) for row in rows}


def all_are(statuses: Mapping[str, str], wanted: str, tasks: Iterable[str]) -> bool:
    """Whether each of these tasks has this status."""
    return all(statuses.get(task) == wanted for task in tasks)
