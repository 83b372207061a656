"""`handoff`: a replacement gets what the repository really holds."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Commands, Happen
from tests.samples import added, to_gate, to_running
from tests.support import bootstrap
from tests.support.fixtures import Start
from tests.support.repo import Repo


def test_of_a_planned_project(repo: Repo, command: Commands, start: Start) -> None:
    """Before the first task, and when all is done."""
    repo.configure(bootstrap.CONFIG.replace("[worker]", '[worker]\nquality_gates = "make check"'))
    bootstrap.bootstrap(repo, bootstrap.with_report(repo), "--prefix", "MS")
    before = command("handoff").out
    assert "Progress: 0/0 tasks (0%)" in before
    assert "docs/TASKS.md ✗ (not published yet)" in before
    assert start(repo, "--until-idle").wait() == 0
    found = command("handoff", "--json").json
    assert found["progress"] == {
        "done": found["progress"]["total"],
        "total": found["progress"]["total"],
        "percentage": 100,
    }
    assert (found["next_task"], found["phase"], found["remaining"]) == (None, None, [])
    assert found["persisted"]["table"] is True
    said = command("handoff", "--context", "58%").out
    assert "Context: 58%" in said
    assert "Quality gates: make check" in said
    assert "Continue remediating the findings of" in said
    assert "MS-SEC-001 (" in command("handoff", "--summary").out


def test_the_next_task_is_the_schedulers(command: Commands, happen: Happen) -> None:
    """What is at work comes first, then what would start; the phase is named by its number where there is no plan."""
    happen("A", added("A", 0, phase=2, depends_on=("C",)))
    happen("B", added("B", 1, phase=2))
    happen("C", added("C", 2, phase=1))
    found = command("handoff", "--json").json
    assert (found["next_task"], found["phase"], found["phase_name"]) == ("C", 1, "")
    happen("B", *to_running("B"))
    assert command("handoff", "--json").json["next_task"] == "B"
    happen("T-1", *to_gate())
    said = command("handoff").out
    assert "Current phase: Phase 1\n" in said
    assert "docs/TASKS.md ✗ (not published yet)" in said


@pytest.mark.parametrize(("word", "code"), [("0", 0), ("100%", 0), ("101", 2), ("-1", 2), ("half", 2)])
def test_the_context_is_a_percentage(command: Commands, word: str, code: int) -> None:
    assert command("handoff", f"--context={word}").code == code


BAD = {"no JSON": b"{", "a list of other things": b'{"learnings": 3}', "binary": b"\xff\x00", "no object": b"3"}
BAD["no number"] = b'{"learnings": [{"variance_pct": NaN}]}'
BAD["too deep"] = b"[" * 100_000


@pytest.mark.parametrize("name", BAD)
def test_broken_papers_do_not_keep_anybody_from_handing_over(repo: Repo, command: Commands, name: str) -> None:
    """They are named; the message comes all the same."""
    folder = repo.root / "docs" / "tasks"
    folder.mkdir(parents=True)
    (folder / "orchestrator-learnings.json").write_bytes(BAD[name])
    (folder / "plan.json").write_bytes(BAD[name])
    answer = command("handoff")
    assert answer.code == 0
    assert "plan.json" in answer.err
    assert "- docs/tasks/orchestrator-learnings.json ✗ (" in answer.out
