"""`sync-tasks`: the plan, doing it, and its exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Commands
from tests.support.fixtures import Start
from tests.support.repo import Repo, git, rows_of

HEAD = """# Tasks

| id | status | description | issue | repo | branch | depends_on | blocks | agent | started_at | completed_at | estimate | used | notes |
|---|---|---|---|---|---|---|---|---|---|---|---|---|---|
"""  # noqa: E501


def row(task: str, description: str, status: str = "not-started") -> str:
    return f"| {task} | {status} | {description} |" + " |" * 11 + "\n"


@pytest.fixture
def table(repo: Repo) -> Path:
    """The table in the checkout, committed with one row."""
    file = repo.root / "docs" / "TASKS.md"
    file.parent.mkdir()
    file.write_text(HEAD + row("A", "first"))
    git(repo.root, "add", "docs")
    git(repo.root, "commit", "-q", "-m", "table")
    git(repo.root, "push", "-q")
    return file


def test_a_plan_changes_nothing_and_applying_it_does(repo: Repo, command: Commands, table: Path) -> None:
    """3 while changes are pending, 0 after they are made and when there are none."""
    repo.write_tasks({"id": "A", "description": "first"}, {"id": "Q", "description": "from the queue"})
    table.write_text(table.read_text() + row("T", "from the table"))
    before = table.read_text()
    plan = command.process("sync-tasks")
    assert (plan.code, plan.err) == (3, "")
    assert "+ T: from the table" in plan.out
    assert "+ Q: from the queue" in plan.out
    assert "sync-tasks --apply" in plan.out
    assert table.read_text() == before
    done = command("sync-tasks", "--apply")
    assert done.code == 0
    assert rows_of(table.read_text()).keys() == repo.shown().keys() == {"A", "Q", "T"}
    again = command("sync-tasks")
    assert (again.code, again.out) == (0, "docs/TASKS.md and the queue say the same\n")


def test_both_sides_changed_the_same(repo: Repo, command: Commands, table: Path) -> None:
    """The table wins, and it is said."""
    repo.write_tasks({"id": "A", "description": "by the queue"})
    table.write_text(HEAD + row("A", "by the table"))
    plan = command("sync-tasks", "--json")
    assert plan.code == 3
    assert plan.json["pending"] is True
    assert plan.json["conflicts"] == ["A.description: 'by the table' kept, 'by the queue' set aside"]
    assert command("sync-tasks", "--apply", "--json").json["applied"] is True
    assert repo.shown()["A"]["description"] == "by the table"


def test_an_empty_ledger_removes_no_row(repo: Repo, command: Commands, table: Path) -> None:
    """A table that was committed before the first start, or a ledger that was lost: its rows are new, not removed."""
    plan = command("sync-tasks")
    assert plan.code == 3
    assert "+ A: first" in plan.out
    assert "- A" not in plan.out
    assert command("sync-tasks", "--apply").code == 0
    assert rows_of(table.read_text()).keys() == repo.shown().keys() == {"A"}


def test_what_cannot_be_read_is_named(repo: Repo, command: Commands, table: Path) -> None:
    """A bad row and a bad entry stay as they are; a file that is none stops everything."""
    table.write_text(table.read_text() + "| -bad- | x | y |\n")
    repo.write_tasks({"id": "B", "description": "b", "kind": "cod"})
    plan = command("sync-tasks")
    assert "docs/TASKS.md:6" in plan.out
    assert "did you mean 'code'?" in plan.out
    repo.write_queue(b"{")
    broken = command("sync-tasks")
    assert (broken.code, broken.out) == (78, "")
    assert "tasks.json:1:" in broken.err


def test_a_running_daemon_does_it(repo: Repo, command: Commands, table: Path, start: Start) -> None:
    daemon = start(repo, "--poll-sec", "3600").ready()
    daemon.until(lambda: repo.status("A"), "the table to be read")
    table.write_text(HEAD + row("A", "first", "deferred"))
    assert command("sync-tasks").code == 3
    assert command("sync-tasks", "--apply").code == 0
    daemon.status("A", "deferred")
    assert daemon.stop() == 0
