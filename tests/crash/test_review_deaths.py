"""Death at every named place on the way through an independent review, and around every commit meanwhile."""

from __future__ import annotations

import signal
from collections import Counter

import pytest

from tests.crash import oracle
from tests.crash.test_failpoints import OF_REVIEW
from tests.support import reviewer as reviewers
from tests.support.fixtures import Start
from tests.support.repo import Repo
from tests.support.reviewer import Reviewer, finding, writing

POINTS = [
    *(f"{name}:{nth}" for name in sorted(OF_REVIEW) for nth in (1, 2)),
    *(f"store.{when}-commit:{nth}" for when in ("before", "after") for nth in (5, 6, 7, 8, 9, 10)),
    "collect.recorded:1",
    "collect.recorded:2",
]


@pytest.mark.slow
@pytest.mark.parametrize("action", ["kill", "raise"])
@pytest.mark.parametrize("point", POINTS)
def test_a_review_that_was_interrupted_is_neither_lost_nor_done_twice(
    repo: Repo, start: Start, point: str, action: str
) -> None:
    """Findings, their remediation, its delivery: the same end, one run for each reviewer and commit."""
    reviewer = Reviewer(repo)
    bad = writing(reviewers.code("request-changes", 1, finding()))
    reviewer.script("code", f"case $MOSAIC_TASK_ID in T-1) {bad};; *) {writing(reviewers.APPROVED)};; esac")
    repo.write_tasks(repo.task("T-1", "echo $MOSAIC_ATTEMPT >> log.py", files={}))
    first = start(repo, "--until-idle", env={"MOSAIC_FAILPOINT": f"{point}={action}"})
    code = first.wait(patience_sec=90)
    if action == "kill":
        assert code == -signal.SIGKILL, f"{point} was not hit\n{first.log}"
    else:
        assert "injected at" in first.log, f"{point} was not hit\n{first.log}"
    if code != 0:
        second = start(repo, "--until-idle")
        assert second.wait() == 0, second.log
    assert repo.statuses() == {"T-1": "done", "T-1-QA": "done"}
    assert repo.squashes() == {"T-1-QA": 1}
    assert repo.attempts_run() == ["T-1.1", "T-1-QA.1"]
    assert (repo.on_main("log.py") or "").split() == ["T-1.1", "T-1-QA.1"]
    runs = [f"{task}.1-review1-{aspect}.1" for task in ("T-1", "T-1-QA") for aspect in ("code", "security")]
    assert Counter(reviewer.ran()) == Counter(runs)
    oracle.check_fold(repo)
