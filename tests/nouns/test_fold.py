"""Every transition, allowed or not, and what holds after any of them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mosaic_daemon.nouns import events as ev
from mosaic_daemon.nouns.attempt import LIMITED, FailureClass
from mosaic_daemon.nouns.fold import IllegalTransition, advance
from mosaic_daemon.nouns.fold_system import advance_system
from mosaic_daemon.nouns.gate import Hold, Step
from mosaic_daemon.nouns.record import Blocked, Deferred, Done, Failed, Gating, NotStarted, Record, Reviewing, Running
from mosaic_daemon.nouns.system import System
from mosaic_daemon.nouns.task import Status
from tests.samples import (
    HEAD,
    MERGE,
    NOON,
    added,
    at,
    attempt,
    failure,
    folded,
    states,
    stepped,
    task,
    to_gate,
    to_running,
)

STATES = states()

#: Every event, as it would fit the record of that state best: the right fence, the right step.
EVENTS: dict[str, ev.TaskEvent] = {
    "task-added": added(),
    "task-edited": ev.TaskEdited(task(description="else"), {"description": ("do T-1", "else")}, "test"),
    "task-removed": ev.TaskRemoved("test"),
    "edit-refused": ev.EditRefused({"stage": (None, "x")}, "the daemon's", "test"),
    "requeued": ev.Requeued("again", "test"),
    "task-deferred": ev.TaskDeferred("later", "test"),
    "deferral-documented": ev.DeferralDocumented("a.md"),
    "task-blocked": ev.TaskBlocked("stop", "test"),
    "stop-requested": ev.StopRequested("blocked", "stop", "test"),
    "attempt-intended": ev.AttemptIntended(attempt()),
    "attempt-started": ev.AttemptStarted(1, "pid 7", NOON),
    "attempt-failed": ev.AttemptFailed(1, failure(), final=False),
    "attempt-released": ev.AttemptReleased(1, "limit"),
    "attempt-stopped": ev.AttemptStopped(1, "deferred", "stopped"),
    "result-accepted": ev.ResultAccepted(1, HEAD, 5, "ok"),
    "result-rejected": ev.ResultRejected("results/late/x", "late"),
    "review-held": ev.ReviewHeld(Hold("wait")),
    "review-passed": ev.ReviewPassed(HEAD, {"verdict": "approve"}, ("Review: approve",), 7),
    "qa-needed": ev.QaNeeded(
        HEAD, "T-1-QA", failure(FailureClass.REVIEW), {"verdict": "needs-qa"}, ("Review: needs-qa",)
    ),
    "review-returned": ev.ReviewReturned(HEAD, failure(FailureClass.REVIEW), False, ()),
    "review-blocked": ev.ReviewBlocked(failure(FailureClass.REVIEW)),
    "review-resumed": ev.ReviewResumed("test"),
    "qa-delivered": ev.QaDelivered("T-1-QA", {"summary": "done"}),
    "gate-stepped": stepped(Step.MERGEABLE),
    "gate-intended": ev.GateIntended(Step.MERGEABLE, "k2", {}),
    "gate-rewound": ev.GateRewound("moved"),
    "gate-held": ev.GateHeld(Hold("wait")),
    "gate-returned": ev.GateReturned(failure(FailureClass.CONFLICT)),
    "gate-blocked": ev.GateBlocked(failure(FailureClass.GATE)),
    "gate-failed": ev.GateFailed(failure(FailureClass.NO_CHANGES)),
    "gate-resumed": ev.GateResumed("test"),
    "task-done": ev.TaskDone({"summary": "done"}),
    "done-found": ev.DoneFound({"summary": "found"}),
    "task-concluded": ev.TaskConcluded(1),
    "task-archived": ev.TaskArchived("0.0.1"),
}
AT_STEP = {"gating": Step.MERGEABLE, "intended": Step.MERGE, "merged": Step.VERIFY, "closing": Step.CLOSE}

_ALWAYS = {"task-edited", "edit-refused", "result-rejected"}
_ENDS = {"attempt-failed", "attempt-released", "attempt-stopped", "result-accepted"}
_IN_GATE = {"gate-stepped", "gate-intended", "gate-held", "gate-blocked"}
_BACK = {"gate-returned", "gate-failed"}
_JUDGED = {"review-held", "review-passed", "qa-needed", "review-returned", "review-blocked"}
_ASKED = {"requeued", "task-deferred", "task-blocked"}
ALLOWED: dict[str, set[str]] = {
    "not-started": {"task-removed", *_ASKED, "attempt-intended", "done-found", "qa-delivered"},
    "dispatching": {"attempt-started", *_ENDS},
    "running": {"stop-requested", *_ENDS},
    "stopping": {"stop-requested", *_ENDS},
    "reviewing": {*_ASKED, *_JUDGED},
    "needs-qa": {"task-removed", *_ASKED, "qa-delivered"},
    "blocked-in-review": {"task-removed", "requeued", "task-deferred", "review-resumed"},
    "gating": {*_ASKED, *_IN_GATE, *_BACK, "gate-rewound"},
    "intended": {*_IN_GATE, "gate-rewound"},
    "merged": _IN_GATE,
    "closing": {*_IN_GATE, "task-done"},
    "done": {"task-concluded", "task-archived"},
    "failed": {"task-removed", *_ASKED, "task-concluded", "qa-delivered"},
    "blocked": {"task-removed", "requeued", "task-deferred"},
    "blocked-in-gate": {"task-removed", "requeued", "task-deferred", "gate-resumed"},
    "blocked-intended": {"gate-resumed"},
    "blocked-merged": {"gate-resumed"},
    "deferred": {"task-removed", "requeued", "task-blocked", "deferral-documented", "task-archived"},
    "removed": {"task-added"},
    "archived": {"task-added"},
}


def fitting(state: str, kind: str) -> ev.TaskEvent:
    event = EVENTS[kind]
    if isinstance(event, ev.GateStepped | ev.GateIntended) and state in AT_STEP:
        return replace(event, step=AT_STEP[state])
    return event


@pytest.mark.parametrize("kind", EVENTS)
@pytest.mark.parametrize("state", STATES)
def test_an_event_happens_only_to_states_it_fits(state: str, kind: str) -> None:
    """The whole matrix: an event that does not fit is refused, and nothing else is."""
    record, event = STATES[state], fitting(state, kind)
    if kind in ALLOWED[state] | _ALWAYS:
        advance(record, event, NOON)
    else:
        with pytest.raises(IllegalTransition):
            advance(record, event, NOON)


def test_every_event_is_in_the_matrix() -> None:
    """A new kind of event needs a column."""
    assert {kind.__dataclass_fields__["kind"].default for kind in ev.TaskEvent.__args__} == set(EVENTS)


@pytest.mark.parametrize("kind", sorted(set(EVENTS) - {"task-added"}))
def test_nothing_happens_to_an_unknown_task(kind: str) -> None:
    """Only being added does."""
    with pytest.raises(IllegalTransition):
        advance(None, EVENTS[kind], NOON)


@pytest.mark.parametrize("kind", ["attempt-started", *sorted(_ENDS)])
@pytest.mark.parametrize("fence", [0, 2, 7])
def test_an_event_of_another_fence_is_refused(kind: str, fence: int) -> None:
    """The attempt that is on its way has fence 1."""
    event = EVENTS[kind]
    assert isinstance(
        event, ev.AttemptStarted | ev.AttemptFailed | ev.AttemptReleased | ev.AttemptStopped | ev.ResultAccepted
    )
    for state in ("dispatching", "running"):
        with pytest.raises(IllegalTransition):
            advance(STATES[state], replace(event, fence=fence), NOON)


@pytest.mark.parametrize("kind", ["review-passed", "qa-needed", "review-returned"])
def test_a_verdict_on_another_head_is_refused(kind: str) -> None:
    """It lapses when the head moves: what was approved is the one commit that was looked at."""
    event = EVENTS[kind]
    assert isinstance(event, ev.ReviewPassed | ev.QaNeeded | ev.ReviewReturned)
    with pytest.raises(IllegalTransition):
        advance(STATES["reviewing"], replace(event, head_sha=MERGE), NOON)


def test_a_passed_review_is_evidence_of_the_gate_and_its_tokens_count() -> None:
    record = folded(EVENTS["review-passed"], record=STATES["reviewing"])
    assert isinstance(record.state, Gating)
    assert (record.state.gate.head_sha, record.state.gate.evidence["review"]) == (HEAD, {"verdict": "approve"})
    assert (record.used, record.notes[-1]) == (107, "Review: approve")


def test_what_was_sent_back_goes_on_from_the_reviewed_head() -> None:
    """Until a person asks for a fresh start; a remediation task carries the first work on even then."""
    back = folded(EVENTS["review-returned"], record=STATES["reviewing"])
    assert (back.start_from, back.tries) == (HEAD, {"review": 1})
    assert folded(ev.Requeued("again", "test"), record=back).start_from == ""
    mends = folded(replace(added("T-1-QA"), mends="T-1", start_from=HEAD))
    assert folded(ev.Requeued("again", "test"), record=mends).start_from == HEAD
    assert mends.tries == {"review": 1}


def test_a_review_that_is_resumed_is_a_new_round_of_the_same_change() -> None:
    before, again = (
        STATES["reviewing"].state,
        folded(ev.ReviewResumed("test"), record=STATES["blocked-in-review"]).state,
    )
    assert isinstance(before, Reviewing)
    assert isinstance(again, Reviewing)
    assert again == replace(before, review=replace(before.review, round=2))


@pytest.mark.parametrize("fence", [0, 2, 5])
def test_a_fence_is_never_skipped_or_issued_twice(fence: int) -> None:
    """The next one is one more, also after the task was removed and added again."""
    with pytest.raises(IllegalTransition):
        advance(STATES["not-started"], ev.AttemptIntended(attempt(fence=fence)), NOON)
    back = folded(ev.TaskRemoved("test"), added(position=9), record=STATES["failed"])
    assert back.fence == 1
    with pytest.raises(IllegalTransition):
        advance(back, ev.AttemptIntended(attempt(fence=1)), NOON)
    assert advance(back, ev.AttemptIntended(attempt(fence=2)), NOON).fence == 2


def test_a_fence_known_from_a_lost_ledger_is_kept() -> None:
    """The higher of both counts."""
    assert folded(replace(added(), fence=4)).fence == 4
    assert folded(ev.TaskRemoved("test"), replace(added(), fence=4), record=STATES["failed"]).fence == 4
    assert folded(ev.TaskRemoved("test"), replace(added(), fence=0), record=STATES["failed"]).fence == 1


@pytest.mark.parametrize("step", [step for step in Step if step is not Step.MERGEABLE])
def test_only_the_step_it_stands_on_can_end(step: Step) -> None:
    """A step reported twice, or out of order, is a bug."""
    for event in (replace(stepped(Step.MERGEABLE), step=step), ev.GateIntended(step, "k", {})):
        with pytest.raises(IllegalTransition):
            advance(STATES["gating"], event, NOON)


def test_a_task_is_done_only_after_the_last_step() -> None:
    """Not one step earlier, whatever has been merged, and whatever kind somebody makes of the task meanwhile."""
    for step in Step:
        record = folded(*to_gate(step))
        record = replace(record, task=task(kind=record.task.kind.VERIFICATION))
        if step is Step.CLOSE:
            assert advance(record, EVENTS["task-done"], NOON).status is Status.DONE
        else:
            with pytest.raises(IllegalTransition):
                advance(record, EVENTS["task-done"], NOON)


def test_what_is_or_may_be_merged_never_goes_back() -> None:
    """Neither a person nor the gate can send it to a worker, put it off or drop it."""
    for state in ("intended", "merged", "closing", "blocked-intended", "blocked-merged"):
        for kind in (*_ASKED, *_BACK, "task-removed"):
            with pytest.raises(IllegalTransition):
                advance(STATES[state], EVENTS[kind], NOON)


def test_going_back_to_the_queue_guard_forgets_what_was_pinned() -> None:
    """Base, intent and hold belong to the round that is over."""
    held = folded(ev.GateHeld(Hold("dirty", at(60))), record=STATES["intended"])
    state = advance(held, ev.GateRewound("moved"), NOON).state
    assert isinstance(state, Gating)
    assert (state.gate.step, state.gate.base_sha, state.gate.intent, state.gate.hold) == (
        Step.MAIN_CLEAR,
        None,
        None,
        None,
    )
    assert (state.gate.rounds, state.gate.head_sha) == (1, HEAD)


def test_a_finished_step_keeps_its_evidence_and_clears_intent_and_hold() -> None:
    """What was seen stays to the end."""
    held = folded(ev.GateHeld(Hold("wait")), record=STATES["intended"])
    state = advance(held, stepped(Step.MERGE), NOON).state
    assert isinstance(state, Gating)
    assert (state.gate.step, state.gate.merge_sha) == (Step.VERIFY, MERGE)
    assert (state.gate.intent, state.gate.hold) == (None, None)
    assert list(state.gate.evidence) == ["lease", "main-clear", "pr", "mergeable", "merge"]


def test_a_blocked_gate_goes_on_where_it_stood() -> None:
    """With its intent, so that the probe comes first and nothing is intended twice; its tries count anew."""
    state = advance(STATES["blocked-intended"], ev.GateResumed("test"), at(5)).state
    assert isinstance(state, Gating)
    assert state.gate.step is Step.MERGE
    assert state.gate.intent == {"key": "k", "try": 0}


def test_failures_are_counted_per_class_and_a_person_resets_them() -> None:
    """None uses up another's tries."""
    record = folded(
        added(),
        *to_running(),
        ev.AttemptFailed(1, failure(), final=False),
        *to_running(fence=2),
        ev.AttemptFailed(2, failure(FailureClass.LOST), final=False),
        *to_running(fence=3),
        ev.AttemptFailed(3, failure(), final=True),
    )
    assert record.tries == {"worker": 2, "lost": 1}
    assert isinstance(record.state, Failed)
    again = advance(record, ev.Requeued("please", "test"), NOON)
    assert (again.tries, again.fence, again.completed_at) == ({}, 3, None)
    assert again.last_failure is not None  # the next prompt still says what went wrong


def test_a_provider_limit_uses_up_no_try() -> None:
    """The task waits, no failure is counted, and the waits in a row are known."""
    record = folded(added(), *to_running(), ev.AttemptReleased(1, "limit", at(60), used=7))
    assert record.tries == {LIMITED: 1}
    assert record.state == NotStarted(reason="limit", not_before=at(60))
    assert record.used == 7


@pytest.mark.parametrize(
    ("wanted", "status"),
    [("not-started", Status.NOT_STARTED), ("deferred", Status.DEFERRED), ("blocked", Status.BLOCKED)],
)
def test_a_stopped_worker_leaves_what_was_asked_for(wanted: str, status: Status) -> None:
    """And nothing is counted as a failure."""
    stop = ev.AttemptStopped(1, wanted, "as asked", used=3)  # type: ignore[arg-type]
    record = advance(STATES["running"], stop, NOON)
    assert (record.status, record.tries, record.used) == (status, {}, 3)
    assert (record.completed_at is None) == (wanted == "not-started")


def test_tokens_of_all_attempts_are_added_up() -> None:
    """An attempt that reports nothing adds nothing."""
    events = [*to_running(), ev.AttemptFailed(1, failure(), final=False, used=100)]
    assert folded(added(), *events).used == 100
    events += [*to_running(fence=2), ev.AttemptFailed(2, failure(), final=False), *to_running(fence=3)]
    assert folded(added(), *events, ev.ResultAccepted(3, HEAD, 23, "")).used == 123
    assert folded(added(), *to_running(), ev.ResultAccepted(1, HEAD, None, "")).used is None


def test_notes_are_single_lines_without_repeats_and_bounded() -> None:
    """However long something goes wrong."""
    record = STATES["not-started"]
    for number in range(1, 60):
        record = folded(
            *to_running(fence=number),
            ev.AttemptFailed(number, failure(message=f"bad\n{number // 2}"), final=False),
            record=record,
        )
    assert len(record.notes) == 20
    assert record.notes[-1] == "worker: bad 29"
    assert len(set(record.notes)) == 20


def test_times_of_start_and_end() -> None:
    """Started once, at the first attempt; completed while, and only while, it is in a terminal status."""
    record = advance(STATES["not-started"], ev.AttemptIntended(attempt()), at(1))
    record = advance(record, ev.AttemptFailed(1, failure(), final=True), at(2))
    assert (record.started_at, record.completed_at) == (at(1), at(2))
    record = advance(record, ev.Requeued("again", "test"), at(3))
    record = advance(record, ev.AttemptIntended(attempt(fence=2)), at(4))
    assert (record.started_at, record.completed_at) == (at(1), None)


def test_the_repository_row() -> None:
    """Holds per runtime, drained or not; a report changes nothing."""
    system = System()
    system = advance_system(system, ev.RuntimeHeld("claude", Hold("limit", at(9))), NOON)
    system = advance_system(system, ev.RuntimeHeld("codex", Hold("missing")), NOON)
    system = advance_system(system, ev.RuntimeReleased("claude"), NOON)
    system = advance_system(system, ev.RuntimeReleased("nobody"), NOON)
    assert advance_system(system, ev.Reported("x", "y"), NOON) is system
    assert system == System(holds={"codex": Hold("missing")})
    assert advance_system(system, ev.DrainChanged(True, "test"), NOON).draining


WALK = st.lists(st.sampled_from([*EVENTS.values(), *to_gate(Step.CLOSE), *to_running(fence=2)]), max_size=40)


@given(WALK)
def test_whatever_happens_the_record_makes_sense(events: list[ev.TaskEvent]) -> None:
    """Over any sequence of events, legal ones applied and the others refused."""
    record: Record | None = None
    for event in events:
        before = record
        try:
            record = advance(record, event, NOON)
        except IllegalTransition:
            assert record is before
            continue
        assert record.id == "T-1"
        assert record.fence >= (before.fence if before else 0)
        assert record.occupies_slot == (record.stage in ("dispatching", "running"))
        assert (record.status is Status.IN_PROGRESS) == (record.stage is not None)
        ended = isinstance(record.state, Done | Failed | Blocked | Deferred)
        assert ended == (record.completed_at is not None) or record.state.kind == "removed"
        if record.attempt:
            assert record.attempt.fence == record.fence
        if isinstance(record.state, Running):
            assert record.state.stopping in ("", "not-started", "deferred", "blocked")
        if before and isinstance(before.state, Done):
            assert record.state == before.state
