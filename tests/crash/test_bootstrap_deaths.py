"""A bootstrap that dies is run again: one issue for each phase, one commit, one entry for each task."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.crash import failpoints
from tests.e2e.conftest import DIALECTS, OnForge
from tests.support.bootstrap import FINDINGS, bootstrap, plan_of, with_report
from tests.support.repo import GATE, Repo, git, rows_of

POINTS = sorted(name for name in failpoints.in_source() if name.startswith("bootstrap."))
OTHERS = tuple(dialect for dialect in DIALECTS if dialect != "gitea")
"""Only what is before the files depends on the forge."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dialect", "point"), [*(("gitea", point) for point in POINTS), *((each, "bootstrap.filed") for each in OTHERS)]
)
def test_killed_there_and_run_again_everything_is_there_once(tmp_path: Path, dialect: str, point: str) -> None:
    with OnForge.opened(tmp_path, dialect) as place:
        report = with_report(place.repo)
        bootstrap(place.repo, report, code=-signal.SIGKILL, env={"MOSAIC_FAILPOINT": f"{point}=kill"})
        bootstrap(place.repo, report)
        titles = [issue.title for issue in place.fake.issues]
        assert titles == [
            "Phase 1: Critical Security Fixes",
            *[f"Phase {phase['number']}: {phase['title']}" for phase in plan_of(place.repo)["plan"]["phases"][1:]],
        ]
        assert len(titles) == 4
        [milestone] = place.fake.milestones
        assert (milestone.title, {issue.milestone for issue in place.fake.issues}) == ("0.0.1", {milestone.id})
        subjects = git(place.repo.landed, "log", "--format=%s", "main")
        assert subjects.count("Bootstrap tasks.md") == 1
        rows = rows_of(place.repo.on_main("docs/TASKS.md") or "")
        assert rows.keys() == place.repo.shown().keys()
        assert {row["issue"] for row in rows.values()} == {f"#{issue.number}" for issue in place.fake.issues}


FILES = range(1, 7)
"""How many files the first bootstrap has written when it dies."""


@pytest.mark.slow
@pytest.mark.parametrize("written", FILES)
def test_killed_between_two_files_the_next_one_doubles_nothing_and_commits_all(tmp_path: Path, written: int) -> None:
    repo = Repo(tmp_path)
    repo.configure(GATE)
    report = with_report(repo)
    bootstrap(repo, report, code=-signal.SIGKILL, env={"MOSAIC_FAILPOINT": f"bootstrap.written:{written}=kill"})
    bootstrap(repo, report)
    findings = [row["description"].partition(":")[0] for row in rows_of(repo.on_main("docs/TASKS.md") or "").values()]
    assert [findings.count(name) for name in FINDINGS] == [1, 1, 1, 1]
    assert repo.on_main("docs/PRD.md")
    assert repo.on_main("docs/tasks/orchestrator-learnings.json")
    assert git(repo.root, "status", "--porcelain") == ""


@pytest.mark.slow
def test_what_is_in_the_way_is_met_before_an_issue_is_made(tmp_path: Path) -> None:
    with OnForge.opened(tmp_path, "gitea") as place:
        report = with_report(place.repo)
        (place.repo.root / ".gitignore").write_text("build/\n")
        git(place.repo.root, "add", ".gitignore")
        said = bootstrap(place.repo, report, code=1).stderr
        assert ".gitignore: has changes that are not committed" in said
        assert place.fake.issues == []


@pytest.mark.slow
def test_a_create_that_is_done_and_answered_with_an_error_makes_no_second_issue(tmp_path: Path) -> None:
    """The forge makes the issue and drops the connection; the same run finds it."""
    with OnForge.opened(tmp_path, "gitea") as place:
        place.fake.on("create_issue", times=2).then_drop()
        bootstrap(place.repo, with_report(place.repo))
        assert len(place.fake.issues) == 4
