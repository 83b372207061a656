"""The guide's "Learning & Retrospective" and "Report Cleanup", by a real daemon in a real repository."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from mosaic_daemon.nouns.variance import Rating
from tests.support.fixtures import Start
from tests.support.learning import (
    ESCALATED,
    LEARNINGS,
    PENDING,
    ignore_reports,
    learnings,
    one_phase,
    report,
    reports,
    verification,
)
from tests.support.repo import Repo, git


@pytest.mark.slow
def test_a_phase_leaves_learnings_notes_notices_and_clean_folders(repo: Repo, start: Start) -> None:
    """Steps 10, 16, 17 and 18 of the execution loop."""
    one_phase(repo)
    daemon = start(repo, "--until-idle")
    assert daemon.wait() == 0, daemon.log
    taught = {each["task_id"]: each for each in learnings(repo)}
    assert sorted(taught) == ["T-1", "T-2"]
    assert {key: taught["T-2"][key] for key in ("task_type", "estimate_k", "actual_k", "variance_pct")} == {
        "task_type": "SECURITY_FIX",
        "estimate_k": 0.3,
        "actual_k": 1,
        "variance_pct": 300,
    }
    assert taught["T-1"]["task_type"] == "GUARD_ADD"
    assert "variance +67% (600→1K): captured as a learning" in repo.record("T-1")["notes"]
    critical = "CRITICAL: variance +300% (250→1K): review task classification, possible mismatch"
    assert critical in repo.record("T-2")["notes"]
    assert critical in repo.table()["T-2"]["notes"]
    assert repo.reports().count(f"T-2: {critical}") == 1
    assert not [note for note in repo.record("T-3")["notes"] if "variance" in note], Rating.ACCEPTABLE
    assert "T-3 variance +0% (1K→1K): acceptable" in daemon.log
    notices = [line for line in repo.reports().splitlines() if "Phase 1 retrospective" in line]
    assert len(notices) == 1
    assert "3 tasks, +62% (1.8K→3K)" in notices[0]
    milestone = [line for line in repo.reports().splitlines() if "Milestone retrospective" in line]
    assert len(milestone) == 1
    assert "3 tasks, +62% (1.8K→3K)" in milestone[0]
    assert reports(repo, PENDING) == ["F-T-20.md"]
    assert reports(repo, ESCALATED) == []
    assert len(repo.events("task-concluded")) == 3


@pytest.mark.slow
def test_what_people_take_out_of_the_file_does_not_come_back(repo: Repo, start: Start) -> None:
    """Nor what was archived with its milestone: each end is learnt from once, whatever became of its entry."""
    repo.write_tasks(repo.task("T-1", estimate="250"))
    first = start(repo, "--until-idle")
    assert first.wait() == 0, first.log
    assert len(learnings(repo)) == 1
    repo.push_meanwhile(LEARNINGS, '{"learnings": []}\n')
    repo.write_tasks(repo.task("T-1", estimate="250"), repo.task("T-2", estimate="250"))
    second = start(repo, "--until-idle")
    assert second.wait() == 0, second.log
    assert [each["task_id"] for each in learnings(repo)] == ["T-2"]


@pytest.mark.slow
def test_learnings_travel_in_tracking_commits_of_allowed_paths(repo: Repo, start: Start) -> None:
    """`[skip ci]`, the table and the learnings and nothing else."""
    one_phase(repo)
    daemon = start(repo, "--until-idle")
    assert daemon.wait() == 0, daemon.log
    commits = git(repo.landed, "log", "--format=%H", "main", "--", LEARNINGS).split()
    assert 1 <= len(commits) <= 2
    for commit in commits:
        subject, *paths = git(repo.landed, "show", "--format=%s", "--name-only", commit).split("\n")
        assert subject.startswith("chore(orchestrator): ")
        assert subject.endswith("[skip ci]")
        assert set(filter(None, paths)) <= {"docs/TASKS.md", LEARNINGS}


_AGENT = """
import json, os, pathlib, subprocess
task, ok = os.environ["MOSAIC_TASK_ID"], pathlib.Path({flag!r}).exists()
if ok:
    pathlib.Path("T-1.txt").write_text("T-1")
    subprocess.run("git add -A && git commit -q -m T-1", shell=True, check=True)
head = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True).stdout.strip()
says = dict(task_id=task, status="success" if ok else "failed", commit_sha=head if ok else None, notes="")
ended = dict(type="result", subtype="success", is_error=False, result=json.dumps(says))
print(json.dumps(dict(ended, usage=dict(input_tokens=2000, output_tokens=0))))
"""


@pytest.mark.slow
def test_a_task_that_fails_for_good_is_learnt_from_and_its_reports_are_escalated(repo: Repo, start: Start) -> None:
    """Asked for again by a person and done, it has a second end: one more entry, for all it took."""
    flag, agent = repo.folder / "now", repo.folder / "agent.py"
    agent.write_text(_AGENT.format(flag=str(flag)))
    command = json.dumps([sys.executable, str(agent)])
    repo.configure(
        f'[worker]\nretries = 0\nruntime = "agent"\n[gate]\nci = "none"\n'
        f'[runtimes.agent]\ncommand = {command}\nprompt = "stdin"\noutput = "claude-stream-json"\n'
    )
    ignore_reports(repo)
    report(repo, "F-T-1.md")
    repo.write_tasks({"id": "T-1", "description": "F-T-1: a change", "estimate": "1K"})
    first = start(repo, "--until-idle")
    assert first.wait() == 3, first.log
    assert [each["variance_pct"] for each in learnings(repo)] == [100]
    assert reports(repo, ESCALATED) == ["F-T-1.md"]
    assert reports(repo, PENDING) == []
    flag.touch()
    report(repo, "F-T-1.md")
    repo.edit_tasks(T_1={"status": "not-started"})
    second = start(repo, "--until-idle")
    assert second.wait() == 0, second.log
    assert [each["variance_pct"] for each in learnings(repo)] == [100, 300]
    assert "over 2 attempts" in learnings(repo)[1]["analysis"]
    assert (reports(repo, PENDING), reports(repo, ESCALATED)) == ([], ["F-T-1.md"])


def test_nothing_to_learn_makes_no_file(repo: Repo, start: Start) -> None:
    """Within the threshold, without an estimate, or without a known use."""
    silent = worker_without_figures(repo)
    repo.write_tasks(repo.task("T-1", estimate="1K"), repo.task("T-2"), silent)
    daemon = start(repo, "--until-idle")
    assert daemon.wait() == 0, daemon.log
    assert repo.on_main(LEARNINGS) is None
    assert repo.on_main("docs/tasks") is None
    assert len(repo.events("task-concluded")) == 3


def worker_without_figures(repo: Repo) -> dict[str, object]:
    entry = verification(repo, "T-3", estimate="100")
    return {**entry, "command": entry["command"].replace('"used":"1K",', "")}


OWN = {"task_id": "OLD-1", "note": "mine", "estimate_k": 1.50}
EDITED: dict[str, dict[str, Any]] = {
    "with more keys and entries": {"project": "x", "learnings": [OWN, "a line", None], "heuristics": {"A": 2}},
    "without the list": {"project": "x"},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", EDITED)
def test_what_people_wrote_into_the_file_stays(repo: Repo, start: Start, name: str) -> None:
    """Their keys, their entries, in their order; ours come last."""
    (repo.root / "docs" / "tasks").mkdir(parents=True)
    (repo.root / LEARNINGS).write_text(json.dumps(EDITED[name]))
    git(repo.root, "add", LEARNINGS)
    git(repo.root, "commit", "-q", "-m", "mine")
    git(repo.root, "push", "-q")
    repo.write_tasks(repo.task("T-1", estimate="250"))
    daemon = start(repo, "--until-idle")
    assert daemon.wait() == 0, daemon.log
    found = json.loads(repo.on_main(LEARNINGS) or "")
    theirs = EDITED[name].get("learnings", [])
    assert found | {"learnings": []} == EDITED[name] | {"learnings": []}
    assert found["learnings"][:-1] == theirs
    assert found["learnings"][-1]["task_id"] == "T-1"


BROKEN = {
    "no JSON": ('{"learnings": [\n  {"task_id": "A",}\n]}', ":2"),
    "a key twice": ('{"learnings": [],\n "learnings": []}', ":2"),
    "no list": ('{\n"learnings": {}}', ":2"),
    "a text": ('"learnings"', ":1"),
    "empty": ("", ""),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_named_and_not_touched(repo: Repo, start: Start, name: str) -> None:
    """File and line; tasks go on; mended, it gets what waits."""
    text, line = BROKEN[name]
    (repo.root / "docs" / "tasks").mkdir(parents=True)
    (repo.root / LEARNINGS).write_text(text)
    git(repo.root, "add", LEARNINGS)
    git(repo.root, "commit", "-q", "-m", "mine")
    git(repo.root, "push", "-q")
    repo.write_tasks(repo.task("T-1", estimate="250"))
    daemon = start(repo, env={"MOSAIC_ORCHESTRATOR_TRACKING__INTERVAL_SEC": "0.1"})
    daemon.until(lambda: f"{LEARNINGS}{line}" in repo.reports(), "the file to be named")
    daemon.until(lambda: repo.table()["T-1"]["status"] == "done", "the table to go on")
    assert repo.on_main(LEARNINGS) == text
    repo.push_meanwhile(LEARNINGS, '{"learnings": []}\n')
    daemon.until(lambda: [each["task_id"] for each in learnings(repo)] == ["T-1"], "what waited to be added")
    assert repo.reports().count("it is not touched") == 1
