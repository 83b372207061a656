"""Death while a learning is captured, at every place where something of it becomes durable."""

from __future__ import annotations

import signal

import pytest

from tests.crash import oracle
from tests.support.fixtures import Start
from tests.support.learning import ESCALATED, PENDING, learnings, one_phase, reports
from tests.support.repo import Repo

POINTS = (
    *(f"conclude.cleaned:{nth}" for nth in (1, 2, 3)),
    *(f"publish.table.{when}-act:{nth}" for when in ("before", "after") for nth in (1, 2)),
    *(f"store.{when}-commit:{nth}" for when in ("before", "after") for nth in range(20, 40, 3)),
)


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS)
def test_killed_there_each_end_is_learnt_from_once(repo: Repo, start: Start, point: str) -> None:
    """One entry, one note, one notice and one clean folder, whenever the daemon died."""
    repo.configure("[tracking]\ninterval_sec = 0.05\n[run]\nmax_workers = 1\n[gate]\nci = 'none'\n")
    tasks = one_phase(repo)
    first = start(repo, "--until-idle", env={"MOSAIC_FAILPOINT": f"{point}=kill"})
    assert first.wait() == -signal.SIGKILL, f"{point} was not hit\n{first.log}"
    second = start(repo, "--until-idle")
    assert second.wait() == 0, second.log
    assert repo.statuses() == dict.fromkeys(tasks, "done")
    assert sorted(each["task_id"] for each in learnings(repo)) == ["T-1", "T-2"]
    assert sorted(event.task for event in repo.events("task-concluded")) == tasks
    assert sum("CRITICAL" in note for note in repo.record("T-2")["notes"]) == 1
    assert repo.reports().count("CRITICAL: variance +300% (250→1K)") == 1
    assert repo.reports().count("Phase 1 retrospective") == 1
    assert repo.reports().count("Milestone retrospective") == 1
    assert (reports(repo, PENDING), reports(repo, ESCALATED)) == (["F-T-20.md"], [])
    oracle.check_fold(repo)
