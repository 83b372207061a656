"""Every event, status, step and failure has words."""

from __future__ import annotations

import json
from typing import get_args

import pytest

from mosaic_daemon.nouns import events as ev
from mosaic_daemon.nouns.attempt import FailureClass
from mosaic_daemon.nouns.events import Event
from mosaic_daemon.nouns.gate import Hold, Step
from mosaic_daemon.nouns.phase import Stage
from mosaic_daemon.nouns.release import ReleaseStep
from mosaic_daemon.nouns.task import Category, Status
from mosaic_daemon.nouns.variance import Variance
from mosaic_daemon.store import codec
from mosaic_daemon.views import wording
from tests.samples import NOON, added, attempt, failure, stepped, task

EVENTS: list[Event] = [
    added(),
    ev.TaskEdited(task(), {"priority": (0, 5), "branch": ("", "fix/x")}, "tasks.json"),
    ev.TaskRemoved("tasks.json"),
    ev.EditRefused({"status": ("in-progress", "done")}, "only the daemon sets `done`", "docs/TASKS.md"),
    ev.Requeued("asked for by ada", "ada"),
    ev.TaskDeferred("later", "ada"),
    ev.TaskBlocked("wait", "ada"),
    ev.StopRequested("deferred", "asked for by ada", "ada"),
    ev.AttemptIntended(attempt()),
    ev.AttemptStarted(1, "pid 7", NOON),
    ev.AttemptFailed(1, failure(), final=True),
    ev.AttemptReleased(1, "the provider's limit", not_before=NOON),
    ev.AttemptStopped(1, "deferred", "stopped on request"),
    ev.ResultAccepted(1, "c" * 40, 5200, "ok"),
    ev.ResultRejected("results/late/T-1.1.json", "the attempt has already ended"),
    ev.ReviewHeld(Hold("the provider's limit", NOON)),
    ev.ReviewPassed("c" * 40, {"verdict": "approve"}, ("Review: approve (0 blockers, 0 critical) | Codex 0.98.0",)),
    ev.QaNeeded("c" * 40, "T-1-QA", failure(), {}, ("Review: needs-qa (1 blocker) → QA task T-1-QA created",)),
    ev.ReviewReturned("c" * 40, failure(), False, ()),
    ev.ReviewBlocked(failure()),
    ev.ReviewResumed("ada"),
    ev.QaDelivered("T-1-QA", {"summary": "done: abc on main | delivered with T-1-QA"}),
    stepped(Step.MAIN_CLEAR),
    ev.GateIntended(Step.MERGE, "T-1.1:merge:0", {"merge": "c" * 40}),
    ev.GateRewound("the base branch moved before the merge"),
    ev.GateHeld(Hold("CI of the base branch is still running", NOON)),
    ev.GateReturned(failure()),
    ev.GateBlocked(failure()),
    ev.GateFailed(failure()),
    ev.GateResumed("ada"),
    ev.TaskDone({"summary": "done: abc on main"}),
    ev.DoneFound({"summary": "done: found on the base branch"}),
    ev.TaskConcluded(1, Variance(8_000, 12_000, "GUARD_ADD", 1, NOON, 2, ("validation",))),
    ev.TaskConcluded(1),
    ev.TaskArchived("0.0.1"),
    ev.ReleaseOpened("0.0.1", "First", "ada"),
    ev.ReleaseStepped(ReleaseStep.TAG, {"summary": "v0.0.1 at abc"}, ReleaseStep.PUBLISH),
    ev.ReleaseIntended(ReleaseStep.TAG, "release:0.0.1:tag:0", {"tag": "v0.0.1"}),
    ev.ReleaseHeld(Hold("CI of the base branch is still running", NOON)),
    ev.ReleaseBlocked(failure()),
    ev.ReleaseResumed("ada"),
    ev.MilestoneReleased({"summary": "milestone 0.0.1 is released"}),
    ev.RuntimeHeld("claude", Hold("the provider's limit", NOON)),
    ev.RuntimeReleased("claude"),
    ev.DrainChanged(True, "SIGTERM"),
    ev.DeferralDocumented("docs/reports/deferred/deferred-errors.md"),
    ev.PhaseMoved(1, Stage.POLISH, 10, 9, {"T-1": Category.HARD}),
    ev.Reported("phase 1", "Phase 1 Complete: 90% (9/10)\n- Quick-wins: 0 fixed"),
    ev.Reported("deadlock", "deadlock: 1 task(s) cannot start"),
]


def test_the_samples_are_every_kind_of_event() -> None:
    assert {type(event) for event in EVENTS} == set(get_args(Event))


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.kind)
def test_an_event_reads_as_one_line(event: Event) -> None:
    """From the text that the ledger stores."""
    body = json.loads(codec.dump_event(event))
    said = wording.sentence(event.kind, body)
    assert said
    assert "\n" not in said
    assert "None" not in said
    assert said != event.kind.replace("-", " ")


def test_an_unknown_event_says_its_kind() -> None:
    """A ledger of a newer program may have some."""
    assert wording.sentence("moon-landed", {}) == "moon landed"


def test_every_word_of_the_nouns_is_known() -> None:
    assert set(wording.STATUS) == {status.value for status in Status}
    assert set(wording.STEP) == set(wording.PASSED) == {step.value for step in Step}
    assert set(wording.RELEASE_STEP) == {step.value for step in ReleaseStep}
    assert set(wording.FAILURE) == {kind.value for kind in FailureClass}


def test_a_command_is_pasted_where_it_ran() -> None:
    assert wording.command_to_paste({"command": "make test", "cwd": "/srv/a b"}) == "cd '/srv/a b' && make test"
    assert wording.command_to_paste({"command": "make test", "cwd": ""}) == "make test"
    assert wording.command_to_paste({"command": "", "cwd": "/srv"}) == ""


def test_edits_show_what_was_and_what_is() -> None:
    edited = ev.TaskEdited(task(), {"files": ([], ["a.py"]), "branch": ("x", "")}, "tasks.json")
    said = wording.sentence(edited.kind, json.loads(codec.dump_event(edited)))
    assert said == "edited in tasks.json: files: nothing → ['a.py']; branch: x → nothing"
