"""State is the fold of events. `advance` owns every transition; an event that does not fit its state is a bug."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from mosaic_daemon.nouns import events as ev
from mosaic_daemon.nouns.attempt import LIMITED, Attempt, Failure, FailureClass
from mosaic_daemon.nouns.bookkeeping import all_noted, counted, noted, spent
from mosaic_daemon.nouns.gate import Gate, Step, may_have_landed
from mosaic_daemon.nouns.record import (
    Blocked,
    Deferred,
    Dispatching,
    Done,
    Failed,
    Gating,
    NeedsQa,
    NotStarted,
    Record,
    Removed,
    Reviewing,
    Running,
    State,
)
from mosaic_daemon.nouns.review import Review


class IllegalTransition(Exception):
    """An event that its task's state does not allow."""

    def __init__(self, record: Record | None, event: ev.Event) -> None:
        state = record.state.kind if record else "unknown"
        super().__init__(f"{event.kind} cannot happen to a task that is {state}: {record and record.id}")


def advance(record: Record | None, event: ev.TaskEvent, at: datetime) -> Record:
    """The record after `event`.

    Raises:
        IllegalTransition: the event does not fit; nothing may be stored.
    """
    match event:
        case ev.TaskAdded():
            if record is not None and not isinstance(record.state, Removed):
                raise IllegalTransition(record, event)
            return _added(event, record)
        case _ if record is None:
            raise IllegalTransition(record, event)
        case ev.TaskEdited(task=task):
            return replace(record, task=task)
        case ev.EditRefused() | ev.ResultRejected():
            return record
        case ev.DoneFound(evidence=evidence) if isinstance(record.state, NotStarted):
            return replace(record, state=Done(evidence), completed_at=at, notes=noted(record, str(evidence["summary"])))
        case ev.DeferralDocumented() if isinstance(record.state, Deferred):
            return replace(record, documented=True)
        case ev.TaskConcluded(fence=fence, variance=variance) if record.is_to_be_concluded and fence == record.fence:
            notes = noted(record, variance.note if variance else "")
            return replace(record, concluded=fence, variance=variance, notes=notes)
        case ev.TaskArchived(milestone=milestone):
            return replace(record, state=_archived(record, event, milestone))
        case (
            ev.TaskRemoved()
            | ev.Requeued()
            | ev.TaskDeferred()
            | ev.TaskBlocked()
            | ev.StopRequested()
            | ev.GateResumed()
            | ev.ReviewResumed()
        ):
            return _on_request(record, event, at)
        case (
            ev.AttemptIntended()
            | ev.AttemptStarted()
            | ev.AttemptFailed()
            | ev.AttemptReleased()
            | ev.AttemptStopped()
            | ev.ResultAccepted()
        ):
            return _on_attempt(record, event, at)
        case (
            ev.ReviewHeld()
            | ev.ReviewPassed()
            | ev.QaNeeded()
            | ev.ReviewReturned()
            | ev.ReviewBlocked()
            | ev.QaDelivered()
        ):
            return _on_review(record, event, at)
        case _:
            return _on_gate(record, event, at)


def _archived(record: Record, event: ev.TaskEvent, milestone: str) -> Removed:
    match record.state:
        case Done(evidence=evidence):
            return Removed(milestone=milestone, delivered=evidence)
        case Deferred(reason=reason):
            return Removed(milestone=milestone, reason=reason)
        case _:
            raise IllegalTransition(record, event)


def _on_request(record: Record, event: ev.TaskEvent, at: datetime) -> Record:
    if _cannot_be_undone(record.state) and not isinstance(event, ev.GateResumed):
        raise IllegalTransition(record, event)
    match event, record.state:
        case ev.TaskRemoved(), NotStarted() | Failed() | Blocked() | Deferred() | NeedsQa():
            return replace(record, state=Removed())
        case ev.Requeued(reason=reason), (
            NotStarted() | Failed() | Blocked() | Deferred() | NeedsQa() | Reviewing() | Gating()
        ):
            return replace(
                record,
                state=NotStarted(reason=reason),
                tries={},
                start_from=record.start_from if record.mends else "",
                completed_at=None,
                notes=noted(record, reason),
                documented=False,
            )
        case ev.TaskDeferred(reason=reason), NotStarted() | Failed() | Blocked() | NeedsQa() | Reviewing() | Gating():
            last = record.state.failure if isinstance(record.state, NeedsQa) else record.last_failure
            notes = noted(record, reason)
            return replace(record, state=Deferred(reason), completed_at=at, notes=notes, last_failure=last)
        case (
            ev.TaskBlocked(reason=reason, source=source),
            NotStarted() | Failed() | Deferred() | NeedsQa() | Reviewing() | Gating(),
        ):
            return _blocked_by_person(record, reason, at, step="start" if source == "daemon" else "person")
        case ev.StopRequested(wanted=wanted), Running() as running:
            return replace(record, state=replace(running, stopping=wanted))
        case ev.GateResumed(), Blocked(attempt=Attempt() as attempt, gate=Gate() as gate):
            intent = {**gate.intent, "try": 0} if gate.intent else None  # its tries count anew
            resumed = replace(gate, hold=None, since=at, intent=intent)
            return replace(record, state=Gating(attempt, resumed), completed_at=None)
        case ev.ReviewResumed(), Blocked(attempt=Attempt() as attempt, review=Review() as review):
            again = replace(review, round=review.round + 1, hold=None)
            return replace(record, state=Reviewing(attempt, again), completed_at=None)
        case _:
            raise IllegalTransition(record, event)


def _on_attempt(record: Record, event: ev.TaskEvent, at: datetime) -> Record:
    state = record.state
    match event, state:
        case ev.AttemptIntended(attempt=attempt), NotStarted() if attempt.fence == record.fence + 1:
            return replace(
                record,
                state=Dispatching(attempt),
                fence=attempt.fence,
                agent=attempt.agent,
                started_at=record.started_at or at,
            )
        case ev.AttemptStarted(fence=fence, worker=worker, since=since), Dispatching(attempt) if fence == attempt.fence:
            return replace(record, state=Running(attempt, worker, since))
        case ev.AttemptFailed(fence=fence, failure=failure), Dispatching(attempt) | Running(attempt) if (
            fence == attempt.fence
        ):
            after: State = Failed(failure) if event.final else NotStarted(reason=failure.message)
            return replace(
                counted(record, failure, event.used),
                state=after,
                completed_at=at if event.final else None,
            )
        case ev.AttemptReleased(fence=fence), Dispatching(attempt) | Running(attempt) if fence == attempt.fence:
            # A provider that refuses says when to come back, or is given a time; nobody to take it is no refusal.
            refused = {LIMITED: record.tries.get(LIMITED, 0) + 1} if event.not_before else {}
            return replace(
                spent(record, event.used),
                state=NotStarted(reason=event.reason, not_before=event.not_before),
                tries={**record.tries, **refused},
            )
        case ev.AttemptStopped(fence=fence), Dispatching(attempt) | Running(attempt) if fence == attempt.fence:
            return _stopped(spent(record, event.used), event, at)
        case ev.ResultAccepted(fence=fence), Dispatching(attempt) | Running(attempt) if fence == attempt.fence:
            gate = _gate(attempt, event.head_sha, at, {"verdict": event.unreviewed} if event.unreviewed else {})
            accepted = Gating(attempt, gate) if event.review is None else Reviewing(attempt, event.review)
            return replace(spent(record, event.used), state=accepted, notes=noted(record, event.notes))
        case _:
            raise IllegalTransition(record, event)


def _on_review(record: Record, event: ev.TaskEvent, at: datetime) -> Record:
    match event, record.state:
        case ev.QaDelivered(evidence=evidence), NeedsQa() | NotStarted() | Failed():
            notes = noted(record, str(evidence.get("summary", "")))
            return replace(record, state=Done(evidence), completed_at=at, last_failure=None, notes=notes)
        case ev.ReviewHeld(hold=hold), Reviewing(attempt, review):
            return replace(record, state=Reviewing(attempt, replace(review, hold=hold)))
        case ev.ReviewBlocked(failure=failure), Reviewing(attempt, review):
            blocked = Blocked(failure, attempt, review=review)
            return replace(counted(record, failure, event.used), state=blocked, completed_at=at)
        case (
            (
                ev.ReviewPassed(head_sha=head, notes=notes, used=used)
                | ev.QaNeeded(head_sha=head, notes=notes, used=used)
                | ev.ReviewReturned(head_sha=head, notes=notes, used=used)
            ),
            Reviewing(attempt, review),
        ) if head == review.head_sha:
            with_notes = replace(spent(record, used), notes=all_noted(record, notes))
            return _judged(with_notes, event, attempt, at)
        case _:
            raise IllegalTransition(record, event)


def _judged(record: Record, event: ev.TaskEvent, attempt: Attempt, at: datetime) -> Record:
    """The record after a reviewer's verdict on the head it was asked about."""
    match event:
        case ev.ReviewPassed(head_sha=head, evidence=evidence):
            return replace(record, state=Gating(attempt, _gate(attempt, head, at, evidence)))
        case ev.QaNeeded(qa=qa, failure=failure, evidence=evidence):
            return replace(record, state=NeedsQa(attempt, qa, failure, evidence), completed_at=at)
        case ev.ReviewReturned(head_sha=head, failure=failure, final=final):
            after: State = Blocked(failure, attempt) if final else NotStarted(reason=failure.message)
            tries = {**record.tries, failure.kind.value: record.tries.get(failure.kind.value, 0) + 1}
            back = replace(record, state=after, tries=tries, last_failure=failure, start_from=head)
            return replace(back, completed_at=at if final else None)
        case _:
            raise IllegalTransition(record, event)


def _gate(attempt: Attempt, head: str, at: datetime, review: Mapping[str, Any]) -> Gate:
    evidence = {"review": review} if review else {}
    return Gate(id=attempt.name, head_sha=head, opened_at=at, since=at, evidence=evidence)


def _added(event: ev.TaskAdded, before: Record | None) -> Record:
    """A new record. One that mends another's findings has been sent back once already.

    `before`: what was taken out; its fences are issued for good, and in the same milestone its tokens are spent.
    """
    tries = {FailureClass.REVIEW.value: 1} if event.mends else {}
    fence = max(event.fence, before.fence if before else 0)
    used = before.used if before and isinstance(before.state, Removed) and not before.state.milestone else None
    fresh = Record(task=event.task, position=event.position, fence=fence, tries=tries, used=used)
    return replace(fresh, mends=event.mends, start_from=event.start_from, notes=noted(fresh, event.notes))


def _on_gate(record: Record, event: ev.TaskEvent, at: datetime) -> Record:
    if not isinstance(record.state, Gating):
        raise IllegalTransition(record, event)
    attempt, gate = record.state.attempt, record.state.gate
    match event:
        case ev.GateStepped(step=step) if step == gate.step:
            moved = replace(
                gate,
                step=event.next,
                base_sha=event.base_sha or gate.base_sha,
                change=event.change or gate.change,
                merge_sha=event.merge_sha or gate.merge_sha,
                intent=None,
                hold=None,
                since=at,
                evidence={**gate.evidence, step.value: event.evidence},
            )
            return replace(record, state=Gating(attempt, moved))
        case ev.GateIntended(step=step, key=key, request=request) if step == gate.step:
            opened = replace(gate, intent={"key": key, **request}, intended_at=at, acts=gate.acts + 1, hold=None)
            return replace(record, state=Gating(attempt, opened))
        case ev.GateRewound() if gate.merge_sha is None:
            again = replace(gate, step=Step.MAIN_CLEAR, base_sha=None, intent=None, hold=None, since=at)
            return replace(record, state=Gating(attempt, replace(again, rounds=gate.rounds + 1)))
        case ev.GateHeld(hold=hold, nothing_happened=nothing):
            held = replace(gate, hold=hold, intent=None if nothing else gate.intent)
            return replace(record, state=Gating(attempt, held))
        case ev.GateReturned(failure=failure) if not _cannot_be_undone(record.state):
            return replace(counted(record, failure, None), state=NotStarted(reason=failure.message))
        case ev.GateBlocked(failure=failure):
            return replace(counted(record, failure, None), state=Blocked(failure, attempt, gate), completed_at=at)
        case ev.GateFailed(failure=failure) if not _cannot_be_undone(record.state):
            return replace(counted(record, failure, None), state=Failed(failure), completed_at=at)
        case ev.TaskDone(evidence=evidence) if gate.step is Step.CLOSE:
            notes = noted(record, str(evidence.get("summary", "")))
            return replace(record, state=Done(evidence), completed_at=at, last_failure=None, notes=notes)
        case _:
            raise IllegalTransition(record, event)


def _cannot_be_undone(state: State) -> bool:
    """Its squash commit is, or may be, on the base branch: it can only go forward."""
    match state:
        case Gating(gate=gate) | Blocked(gate=Gate() as gate):
            return may_have_landed(gate)
        case _:
            return False


def _stopped(record: Record, event: ev.AttemptStopped, at: datetime) -> Record:
    match event.wanted:
        case "not-started":
            return replace(record, state=NotStarted(reason=event.reason), tries={})
        case "deferred":
            notes = noted(record, event.reason)
            return replace(record, state=Deferred(event.reason), completed_at=at, notes=notes)
        case "blocked":
            return _blocked_by_person(record, event.reason, at)


def _blocked_by_person(record: Record, reason: str, at: datetime, step: str = "person") -> Record:
    """`step`: `start` where the daemon found the task's entry unfit, and a person has to mend it."""
    failure = Failure(FailureClass.PERSON, step, reason, at=at)
    return replace(record, state=Blocked(failure), completed_at=at, notes=noted(record, reason))
