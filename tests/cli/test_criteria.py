"""`status --criteria`: the ten stopping criteria of a real repository, from its ledger and its papers."""

from __future__ import annotations

import json
import os
from itertools import pairwise
from typing import Any

from mosaic_daemon.nouns.attempt import Failure, FailureClass
from mosaic_daemon.nouns.events import (
    MilestoneReleased,
    ReleaseBlocked,
    ReleaseOpened,
    ReleaseResumed,
    ReleaseStepped,
)
from mosaic_daemon.nouns.release import ReleaseStep
from tests.cli.conftest import Commands, Happen
from tests.samples import NOON, added
from tests.support.fixtures import Start
from tests.support.repo import Repo, git


def stopping(command: Commands) -> dict[str, Any]:
    found: dict[str, Any] = command("status", "--json").json["stopping"]
    return found


def met(command: Commands) -> set[int]:
    return {each["number"] for each in stopping(command)["criteria"] if each["met"]}


def test_an_empty_repository(command: Commands) -> None:
    """Nothing is done yet, and that is no error."""
    answer = command("status", "--criteria")
    assert (answer.code, answer.err) == (0, "")
    assert "1.   All tasks in docs/TASKS.md are `done`" in answer.out
    assert "there are no tasks yet" in answer.out
    assert "there is neither docs/PRD.md nor docs/PRD.json" in answer.out
    assert "nobody has to be asked" in answer.out


def test_from_the_first_task_to_the_last(repo: Repo, command: Commands, start: Start) -> None:
    """Stored evidence decides; a milestone that is planned and not released keeps it open."""
    repo.write_tasks(
        repo.task("T-1", description="SEC-API-1: no empty passwords"),
        repo.task("D-1", kind="docs", description="Document it"),
    )
    assert met(command) == {6, 7, 8, 9, 10}
    assert start(repo, "--until-idle").wait() == 0
    assert met(command) == {1, 6, 7, 8, 9, 10}
    docs = repo.root / "docs"
    docs.mkdir(exist_ok=True)
    (docs / "PRD.md").write_text("# PRD\n\nSEC-API-11 and nothing else.\n")
    assert "does not name SEC-API-1" in stopping(command)["criteria"][4]["evidence"]
    git(repo.root, "add", "docs/PRD.md")
    git(repo.root, "commit", "-q", "-m", "what was delivered", "--date", "2001-01-01T00:00:00Z")
    assert "after the last delivery" in stopping(command)["criteria"][4]["evidence"]
    (docs / "PRD.md").write_text("# PRD\n\n- `SEC-API-1`: passwords are not empty.\n")
    assert stopping(command)["stop"] == "complete"
    assert "Complete: every criterion is met." in command("status", "--criteria").out
    (docs / "tasks").mkdir()
    (docs / "tasks" / "plan.json").write_text(json.dumps({"plan": {"milestone": {"version": "0.0.3"}}}))
    (docs / "DOCUMENTATION-CHECKLIST.md").write_text("- [x] README\n- [ ] changelog\n")
    assert met(command) == {1, 5, 8, 9, 10}
    assert "no milestone release yet (0.0.3)" in command("status", "--criteria").out


def test_the_seventh_is_about_the_milestone_that_is_planned(repo: Repo, command: Commands, happen: Happen) -> None:
    """Where its release stands, then what proves it; the release of the one before proves nothing of the next."""

    def seventh() -> tuple[bool, str]:
        found = stopping(command)["criteria"][6]
        return found["met"], found["evidence"]

    tasks = repo.root / "docs" / "tasks"
    tasks.mkdir(parents=True)
    (tasks / "plan.json").write_text(json.dumps({"plan": {"milestone": {"version": "0.0.1"}}}))
    happen("", ReleaseOpened("0.0.1", "First", "ada"))
    assert seventh() == (False, "0.0.1 is being released: verifying the base branch")
    happen("", ReleaseBlocked(Failure(FailureClass.GATE, "release:verify", "CI is red", at=NOON)))
    assert "blocked: CI is red" in seventh()[1]
    happen("", ReleaseResumed("ada"))
    steps = list(ReleaseStep)
    for step, following in pairwise(steps):
        happen("", ReleaseStepped(step, {"summary": step.value}, following, base_sha="b" * 40))
    said = "milestone 0.0.1 is released: v0.0.1 at bbbbbbbbbbbb | docs/releases/v0.0.1.md | archived in cccccccccccc"
    happen("", MilestoneReleased({"commit": "c" * 40, "summary": said}))
    assert seventh() == (True, said)
    (tasks / "plan.json").write_text(json.dumps({"plan": {"milestone": {"version": "0.0.2"}}}))
    assert seventh() == (False, "no milestone release yet (0.0.2)")
    (tasks / "plan.json").unlink()
    assert seventh() == (True, said)


def test_what_cannot_be_read_is_no_failure(repo: Repo, command: Commands, happen: Happen) -> None:
    """Broken papers, settings and ledger are as good as none."""
    happen("T-1", added())
    (repo.root / "docs" / "PRD.md").mkdir(parents=True)
    (repo.root / "docs" / "tasks").mkdir()
    (repo.root / "docs" / "tasks" / "plan.json").write_text('{"plan": []}')
    (repo.root / "docs" / "PRD.json").write_bytes(b"\xff\xfe")
    repo.configure("forge = 3\n")
    assert met(command) == {5, 7}
    repo.state_db.write_bytes(b"no database" * 100)
    assert command("status", "--criteria").code == 0
    assert command("status", "--criteria", "--json").code == 2


def test_no_paper_keeps_anybody_waiting(repo: Repo, command: Commands, happen: Happen) -> None:
    """Whoever may change a file of the repository may put anything there: pipes, long lines, many empty ones."""
    happen("T-1", added())
    docs = repo.root / "docs"
    docs.mkdir()
    os.mkfifo(docs / "PRD.md")
    (docs / "PRD.json").write_text("0" * 1_000_000)
    (docs / "DOCUMENTATION-CHECKLIST.md").write_text("\n" * 1_000_000 + "- [ ] changelog\n")
    (docs / "tasks").mkdir()
    (docs / "tasks" / "plan.json").write_text("[" * 100_000)
    found = stopping(command)["criteria"]
    assert "docs/PRD.json names all" in found[4]["evidence"]
    assert "1 open" in found[5]["evidence"] or found[5]["met"]
