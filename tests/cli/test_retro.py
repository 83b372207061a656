"""`retro`: the guide's retrospective over ledger and learnings, its proposals, and where they go."""

from __future__ import annotations

import json

import pytest

from mosaic_daemon.nouns import events as ev
from mosaic_daemon.nouns.gate import Step
from mosaic_daemon.nouns.variance import Variance
from mosaic_daemon.planning.learning.export import FILE
from tests.cli.conftest import Commands, Happen
from tests.samples import HEAD, NOON, added, stepped, to_running
from tests.support.learning import LEARNINGS
from tests.support.repo import Repo

ESTIMATES = "docs/tasks/estimates.json"


def done(name: str, position: int, used: int | None, **fields: object) -> list[ev.TaskEvent]:
    """A task on its way to being done, not concluded."""
    steps = [stepped(step) for step in list(Step)[:-1]]
    result = ev.ResultAccepted(1, HEAD, used, "")
    return [added(name, position, **fields), *to_running(name), result, *steps, ev.TaskDone({"summary": "done"})]


@pytest.fixture
def milestone(happen: Happen) -> None:
    """Three guards at 1.6 to 1.8 times their estimate, a test within it, and one task without figures."""
    for at, (used, phase) in enumerate([(16_000, 1), (17_000, 1), (18_000, 2)]):
        happen(f"G-{at}", *done(f"G-{at}", at, used, phase=phase, estimate="10K", description="SEC-1: Add guard"))
    tests = done("T-1", 3, 10_000, phase=1, estimate="10K", description="Q-1: Add tests")
    happen("T-1", *tests, ev.TaskConcluded(1, Variance(10_000, 10_000, "TEST_ADD", 1, NOON)))
    happen("T-2", *done("T-2", 4, None, phase=1, estimate="10K"))
    happen("T-3", added("T-3", 5, phase=1, estimate="10K"))


@pytest.mark.usefixtures("milestone")
def test_it_shows_types_phases_patterns_and_proposals(command: Commands) -> None:
    answer = command("retro")
    assert answer.code == 0, answer.err
    lines = [" ".join(line.split()) for line in answer.out.splitlines()]
    for wanted in (
        "GUARD_ADD 3 30K 51K +70%",
        "TEST_ADD 1 10K 10K +0%",
        "All 4 40K 61K +53%",
        "Phase 1 3 30K 43K +43%",
        "Phase 2 1 10K 18K +80%",
        "1 more task without an estimate or a known use",
        "GUARD_ADD is underestimated: 3 of 3 took over 30% more, +70% in all",
        "GUARD_ADD: × 1.7 instead of × 1, from 3 tasks",
    ):
        assert wanted in lines


@pytest.mark.usefixtures("milestone")
def test_json_is_the_same_for_programs(command: Commands, repo: Repo) -> None:
    """One document; nothing was changed."""
    shown = command("retro", "--json").json
    assert shown["total"] | {"ratings": {}} == {
        "name": "All",
        "tasks": 4,
        "estimate": 40_000,
        "actual": 61_000,
        "variance_pct": 53,
        "ratings": {},
    }
    assert shown["proposals"] == [{"task_type": "GUARD_ADD", "factor": 1.7, "now": 1.0, "samples": 3}]
    assert (shown["phase"], shown["unmeasured"], shown["applied"], shown["exported"]) == (None, 1, False, False)
    assert not (repo.root / "docs").exists()
    assert not (repo.folder / "home" / ".config").exists()


@pytest.mark.usefixtures("milestone")
def test_one_phase_alone(command: Commands) -> None:
    shown = command("retro", "--phase", "1", "--json").json
    assert [each["name"] for each in shown["by_phase"]] == ["Phase 1"]
    assert (shown["total"]["tasks"], shown["unmeasured"]) == (3, 1)
    assert command("retro", "--phase", "1", "--apply").code == 2
    assert command("retro", "--phase", "1", "--export").code == 2


@pytest.mark.usefixtures("milestone")
def test_apply_writes_factors_for_the_next_bootstrap(command: Commands, repo: Repo) -> None:
    """Then they are proposed no more."""
    answer = command("retro", "--apply")
    assert answer.code == 0, answer.err
    assert ESTIMATES in answer.out
    factors = json.loads((repo.root / ESTIMATES).read_bytes())
    assert factors == {"version": 1, "factors": {"GUARD_ADD": {"factor": 1.7, "samples": 3}}}
    again = command("retro", "--apply")
    assert "nothing to apply" in again.out
    assert json.loads((repo.root / ESTIMATES).read_bytes()) == factors


@pytest.mark.usefixtures("milestone")
def test_export_adds_one_section(command: Commands, repo: Repo) -> None:
    file = repo.folder / "home" / str(FILE).removeprefix("~/")
    assert command("retro", "--export", "--json").json["exported"] is True
    text = file.read_text()
    assert "## app without a milestone" in text
    assert "already" in command("retro", "--export").out
    assert file.read_text() == text


@pytest.mark.usefixtures("milestone")
def test_entries_that_only_the_learnings_file_has_count_too(command: Commands, repo: Repo) -> None:
    """Not those of tasks that the ledger knows."""
    entry = {"task_type": "BULK_CLEANUP", "estimate_k": 30, "actual_k": 112.8}
    entries = [entry | {"task_id": "OLD-1"}, entry | {"task_id": "G-1"}]
    (repo.root / "docs" / "tasks").mkdir(parents=True)
    (repo.root / LEARNINGS).write_text(json.dumps({"learnings": entries}))
    types = {each["name"]: each["tasks"] for each in command("retro", "--json").json["by_type"]}
    assert types == {"BULK_CLEANUP": 1, "GUARD_ADD": 3, "TEST_ADD": 1}


@pytest.mark.parametrize("file", [LEARNINGS, ESTIMATES])
def test_a_broken_file_is_named_with_its_line(command: Commands, repo: Repo, file: str) -> None:
    (repo.root / "docs" / "tasks").mkdir(parents=True)
    (repo.root / file).write_text("{\n]")
    answer = command("retro")
    assert answer.code == 78
    assert f"{file}:2" in answer.err


def test_nothing_finished_is_said(command: Commands, repo: Repo) -> None:
    """Also where no daemon has ever run; nothing is made of nothing."""
    assert "no finished task" in command("retro").out
    shown = command("retro", "--apply", "--export", "--json").json
    assert (shown["total"], shown["applied"], shown["exported"]) == (None, False, False)
    assert not (repo.root / "docs").exists()
    assert not (repo.folder / "home" / ".config").exists()
