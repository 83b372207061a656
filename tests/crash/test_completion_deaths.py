"""Death while a phase comes to its end, at every place where something of it becomes durable."""

from __future__ import annotations

import signal

import pytest

from tests.crash import oracle
from tests.support.completion import QUICK, deferred_errors, sections_of
from tests.support.fixtures import Start
from tests.support.learning import verification
from tests.support.repo import Repo

POINTS = (
    *(f"publish.table.{when}-act:{nth}" for when in ("before", "after") for nth in (1, 2)),
    *(f"store.{when}-commit:{nth}" for when in ("before", "after") for nth in range(2, 12, 3)),
)


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS)
def test_killed_there_what_is_left_is_documented_once(repo: Repo, start: Start, point: str) -> None:
    """One section, one event of each kind, one report of each end, and then the next phase."""
    repo.configure(QUICK)
    repo.write_tasks(
        repo.task("LEFT", phase=1, category="architectural"),
        verification(repo, "V-1", depends_on=["LEFT"], phase=1),
        repo.task("N-1", phase=2),
    )
    first = start(repo, "--until-idle", env={"MOSAIC_FAILPOINT": f"{point}=kill"})
    assert first.wait() == -signal.SIGKILL, f"{point} was not hit\n{first.log}"
    second = start(repo, "--until-idle")
    assert second.wait() == 0, second.log
    assert repo.statuses() == {"LEFT": "deferred", "V-1": "done", "N-1": "done"}
    assert list(deferred_errors(repo)) == ["LEFT"]
    assert sections_of(repo, "LEFT") == 1
    assert len(repo.events("deferral-documented")) == 1
    assert len(repo.events("task-deferred")) == 1
    assert [(event.body["phase"], event.body["stage"]) for event in repo.events("phase-moved")] == [
        (1, "polish"),
        (1, "complete"),
        (2, "polish"),
        (2, "complete"),
    ]
    for phase in (1, 2):
        assert repo.reports().count(f"Phase {phase} Bulk Complete") == 1
        assert repo.reports().count(f"Phase {phase} Complete") == 1
    oracle.check_fold(repo)
