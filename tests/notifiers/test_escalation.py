"""Which tasks need a person: one call each, and one for a task and the one that mends it together."""

from __future__ import annotations

import pytest

from mosaic_daemon.escalation import Commands, of_release, of_tasks
from mosaic_daemon.nouns import events as ev
from mosaic_daemon.nouns.attempt import Failure, FailureClass
from mosaic_daemon.nouns.concern import Concern
from mosaic_daemon.store.ledger import Ledger
from mosaic_daemon.store.memory import MemoryJournal
from tests.samples import HEAD, NOON, failure, task, to_review, to_running

QA = "T-1-QA"
NEEDED = ev.QaNeeded(HEAD, QA, failure(FailureClass.REVIEW, "the review found 1 blocker: it divides"), {}, ())
MENDING = ev.TaskAdded(task(QA), 1, "review", mends="T-1", start_from=HEAD)


def calls(*mending: ev.TaskEvent) -> list[Concern]:
    """What people are told of T-1 in `needs-qa`, and of the task that mends it after these events."""
    ledger = Ledger(MemoryJournal())
    ledger.append("T-1", *to_review(), NEEDED, at=NOON)
    ledger.append(QA, *mending, at=NOON)
    return list(of_tasks(ledger, Commands("/srv/app")))


@pytest.mark.parametrize("mending", [[MENDING], [MENDING, *to_running(QA)]], ids=["not started", "at work"])
def test_while_its_remediation_can_come_nobody_is_told(mending: list[ev.TaskEvent]) -> None:
    assert calls(*mending) == []


@pytest.mark.parametrize(
    ("mending", "said"),
    [
        ([], "was taken out"),
        ([MENDING, ev.TaskRemoved("ada")], "was taken out"),
        ([MENDING, ev.TaskDeferred("not now", "ada")], "is deferred: not now"),
        ([MENDING, ev.TaskBlocked("not now", "ada")], "is blocked: not now"),
    ],
    ids=["absent", "removed", "deferred", "blocked by a person"],
)
def test_a_task_whose_remediation_comes_no_more_is_told_once(mending: list[ev.TaskEvent], said: str) -> None:
    """What, why, and the ways on; the remediation itself has no call, for a person stopped it."""
    (concern,) = calls(*mending)
    assert concern.topic == "task T-1"
    assert concern.what == f"T-1 is needs-qa, and {QA}, which was to mend it, {said}"
    assert "the review found 1 blocker: it divides" in concern.why
    assert "mosaic-orchestrator retry T-1 --repo /srv/app" in concern.choices
    assert (f"mosaic-orchestrator retry {QA} --repo /srv/app" in concern.choices) == (said != "was taken out")


@pytest.mark.parametrize(
    "mending",
    [
        [MENDING, *to_running(QA), ev.AttemptFailed(1, failure(), final=True)],
        [MENDING, ev.TaskBlocked("it needs a command", "daemon")],
    ],
    ids=["failed", "blocked by the daemon"],
)
def test_a_remediation_that_stopped_is_told_for_both(mending: list[ev.TaskEvent]) -> None:
    (concern,) = calls(*mending)
    assert concern.topic == f"task {QA}"
    assert "it mends what the review of T-1 found; until then T-1 waits as well" in concern.tried


def test_another_end_of_the_same_remediation_is_another_call() -> None:
    """And the same end is the same one, however often it is looked at."""
    deferred, blocked = calls(MENDING, ev.TaskDeferred("x", "ada")), calls(MENDING, ev.TaskBlocked("x", "ada"))
    assert deferred[0].delivery != blocked[0].delivery
    assert deferred == calls(MENDING, ev.TaskDeferred("x", "ada"))


def test_a_release_that_is_blocked_is_told_until_somebody_asks_for_it_again() -> None:
    """With the command that failed, and the way on."""
    ledger = Ledger(MemoryJournal())
    command = Commands("/srv/app")
    assert list(of_release(ledger.system.release, command)) == []
    why = Failure(FailureClass.GATE, "release:tag", "the tag exists", command="git ls-remote --tags x", at=NOON)
    ledger.append("", ev.ReleaseOpened("0.0.1", "First", "ada"), ev.ReleaseBlocked(why), at=NOON)
    (concern,) = of_release(ledger.system.release, command)
    assert concern.what == "the release of 0.0.1 is blocked: the tag exists"
    assert concern.tried == ("the command that failed: git ls-remote --tags x",)
    assert concern.choices[0] == "mend it, then mosaic-orchestrator release --repo /srv/app"
    ledger.append("", ev.ReleaseResumed("ada"), at=NOON)
    assert list(of_release(ledger.system.release, command)) == []
