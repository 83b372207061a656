"""Death and I/O errors at every named place, and what is true after the next start."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.crash import failpoints, oracle
from tests.crash.gating import TASK
from tests.support.fixtures import Start
from tests.support.repo import Repo

TASKS = ("T-1", "T-2", "T-3")

ON_FORGE = frozenset(f"gate.{act}.{when}-act" for act in ("pr", "rerun", "close") for when in ("before", "after"))
"""The internal forge has no pull requests, no issues and no second run of CI: these are hit over the one in memory."""

OF_BOOTSTRAP = frozenset(name for name in failpoints.in_source() if name.startswith("bootstrap."))
"""A command of its own: hit in `test_bootstrap_deaths`."""

OF_REVIEW = frozenset(name for name in failpoints.in_source() if name.startswith("review."))
"""Only where there are reviewers: hit in `test_review_deaths`."""

OF_RELEASE = frozenset(name for name in failpoints.in_source() if name.startswith("release."))
"""Only when a milestone is released: hit in `test_release_deaths`."""

AGAIN = {
    "store.before-commit": (1, 3, 8, 21),
    "store.after-commit": (1, 3, 8, 21),
    "publish.queue.before-act": (1, 2),
    "publish.queue.after-act": (1, 2),
    "publish.table.before-act": (1, 2),
    "publish.table.after-act": (1, 2),
    "dispatch.offered": (1, 3),
    "collect.recorded": (1, 3),
    "gate.merge.after-act": (1, 3),
}
"""Which times of passing by are met, no more than every run has; once where nothing is said."""


def passes() -> list[str]:
    """`name:nth` of every failpoint that the daemon itself can reach."""
    names = sorted(failpoints.in_source() - ON_FORGE - OF_BOOTSTRAP - OF_REVIEW - OF_RELEASE)
    return [f"{name}:{nth}" for name in names for nth in AGAIN.get(name, (1,))]


def test_the_tables_of_this_suite_name_only_what_exists() -> None:
    """Every failpoint is hit by one of the tests below, because they take the names from the source."""
    names = failpoints.in_source()
    assert names >= ON_FORGE
    assert names >= AGAIN.keys()


def three_tasks(repo: Repo) -> None:
    repo.write_tasks(repo.task("T-1"), repo.task("T-2", "test -f T-1.txt", depends_on=["T-1"]), repo.task("T-3"))


@pytest.mark.slow
@pytest.mark.parametrize("point", passes())
def test_killed_there_and_started_again_everything_is_done_once(repo: Repo, start: Start, point: str) -> None:
    three_tasks(repo)
    first = start(repo, "--until-idle", env={"MOSAIC_FAILPOINT": f"{point}=kill"})
    assert first.wait() == -signal.SIGKILL, f"{point} was not hit\n{first.log}"
    second = start(repo, "--until-idle")
    assert second.wait() == 0, second.log
    oracle.check(repo, TASKS, attempts_each=1)
    assert repo.events("edit-refused") == repo.events("stop-requested") == [], "nobody edited anything"


@pytest.mark.slow
@pytest.mark.parametrize("point", [point for point in passes() if point.endswith(":1") or "store" in point])
def test_after_an_error_there_everything_is_done_once(repo: Repo, start: Start, point: str) -> None:
    """The daemon goes on by itself, or ends with a message and the next one goes on."""
    three_tasks(repo)
    first = start(repo, "--until-idle", env={"MOSAIC_FAILPOINT": f"{point}=raise"})
    code = first.wait(patience_sec=90)
    assert "injected at" in first.log, f"{point} was not hit\n{first.log}"
    if code != 0:
        second = start(repo, "--until-idle")
        assert second.wait() == 0, second.log
    oracle.check(repo, TASKS, attempts_each=1)


@pytest.mark.parametrize("action", ["kill", "raise"])
@pytest.mark.parametrize("name", sorted(ON_FORGE))
def test_on_a_forge_with_pull_requests_and_issues_each_is_made_and_closed_once(
    tmp_path: Path, name: str, action: str
) -> None:
    def run(failpoint: str) -> int:
        env = {**os.environ, "MOSAIC_FAILPOINT": failpoint}
        return subprocess.run(
            [sys.executable, "-m", "tests.crash.gating", str(tmp_path)], env=env, check=False
        ).returncode

    assert run(f"{name}={action}") == (-signal.SIGKILL if action == "kill" else 0)
    assert run("") == 0
    forge = pickle.loads((tmp_path / "forge.pickle").read_bytes())  # noqa: S301 - written by this test
    assert {gate: len(commits) for gate, commits in forge["merges"].items()} == {f"{TASK.id}.1": 1}
    assert {issue: len(comments) for issue, comments in forge["comments"].items()} == {"#7": 1}
    assert len(forge["_open"]) == forge["calls"]["open_change"] == forge["calls"]["close_issue"] == 1
