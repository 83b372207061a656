"""From an accepted result to a verdict on it, and from the verdict to what follows. Any call may be repeated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from mosaic_daemon.nouns.attempt import Attempt, Failure, FailureClass
from mosaic_daemon.nouns.events import QaDelivered, ResultAccepted, ReviewBlocked, ReviewHeld, TaskDone, TaskEvent
from mosaic_daemon.nouns.record import Blocked, Failed, NeedsQa, NotStarted, Record, Reviewing
from mosaic_daemon.nouns.review import Aspect, Review, Verdict
from mosaic_daemon.stages.review import scope
from mosaic_daemon.stages.review.deciding import Case, decided, qa_id
from mosaic_daemon.stages.review.policy import ReviewPolicy
from mosaic_daemon.stages.review.reviewers import (
    Desk,
    Nothing,
    Pending,
    Reviewers,
    fallback_runtime,
    is_there,
    may_use_scripts,
    prefix,
    total,
)
from mosaic_rails.base import Ended, Lost, Running

_NO_REVIEWER = "not reviewed: no reviewer"
Happened = tuple[str, TaskEvent]


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at a review knows beside it. `taken`: the ids that tasks have. `position`: of a new task."""

    now: datetime
    position: int
    taken: Mapping[str, Record]


class Reviews:
    """Every review of one repository; keeps nothing: what runs is found by its name."""

    def __init__(self, desk: Desk, policy: ReviewPolicy) -> None:
        self.desk = desk
        self.policy = policy

    async def opened(self, record: Record, accepted: ResultAccepted, now: datetime) -> ResultAccepted:
        """The same result, with the review that comes before its gate, or with why there is none."""
        attempt = record.attempt
        if self.policy.mode == "off" or attempt is None or accepted.head_sha == attempt.base_sha:
            return accepted
        able = [aspect for aspect in Aspect if self.policy.mode == "required" or self._has_reviewer(attempt, aspect)]
        if not able:
            return replace(accepted, unreviewed=_NO_REVIEWER)
        clone, head = self.desk.clone, accepted.head_sha
        base = await clone.fork_point(head) or attempt.base_sha
        changes = await clone.commits.changes(base, head)
        aspects = scope.aspects(change.path for change in changes)
        if not aspects:
            return replace(accepted, unreviewed="not needed: documentation and tracking files only")
        wanted = tuple(aspect for aspect in aspects if aspect in able)
        if not wanted:
            return replace(accepted, unreviewed=_NO_REVIEWER)
        missing = tuple(aspect for aspect in aspects if aspect not in able)
        review = Review(wanted, head, base, scope.diff_hash(changes), now, missing=missing)
        return replace(accepted, review=review)

    def _has_reviewer(self, attempt: Attempt, aspect: Aspect) -> bool:
        policy, env = self.policy, self.desk.environment
        programs = list(policy.scripts.get(aspect, ())[:1]) if may_use_scripts(policy, attempt.runtime) else []
        fallback = self.desk.runtimes.get(fallback_runtime(policy, attempt.runtime))
        if fallback is not None:
            programs += fallback.command[:1]
        return any(is_there(program, env) for program in programs)

    async def advance(self, record: Record, look: Look) -> list[Happened]:
        """What follows now: events with the task each is of, to be recorded at once; none while reviewers work."""
        assert isinstance(record.state, Reviewing)  # noqa: S101
        attempt, review = record.state.attempt, record.state.review
        reviewers = Reviewers(self.desk, self.policy, record, attempt, review)
        said = [await reviewers.script(aspect, look.now) for aspect in review.aspects]
        silent = [each for each in said if isinstance(each, Nothing)]
        if silent:
            said.append(await reviewers.fallback(look.now))
        waits = [each for each in said if isinstance(each, Pending)]
        if waits:
            hold = next((each.hold for each in waits if each.hold), None)
            return [(record.id, ReviewHeld(hold))] if hold and hold != review.hold else []
        used = total(*(each.used for each in said if isinstance(each, Verdict | Nothing)))
        if isinstance(last := said[-1], Nothing):
            return [(record.id, ReviewBlocked(_no_verdict([*silent, last], look.now), used))]
        verdicts = tuple(each for each in said if isinstance(each, Verdict))
        case = Case(
            record,
            attempt,
            review,
            verdicts,
            look.now,
            look.position,
            is_free=qa_id(record.id) not in look.taken,
            max_rounds=self.policy.max_rounds,
            used=used,
        )
        return decided(case)

    async def sweep(self, records: Iterable[Record]) -> None:
        """End the runs, and remove the checkouts, of reviews that are over or not wanted any more.

        `records`: those whose reviews are neither.
        """
        wanted = tuple(filter(None, (_runs_of(record) for record in records)))
        for tree in self.desk.trees.names():
            if tree.startswith((".", *wanted)):
                continue
            seen = await self.desk.rail.observe(tree)
            if isinstance(seen, Running):
                await self.desk.rail.revoke(tree)
            elif isinstance(seen, Ended | Lost):
                await self.desk.rail.settle(tree)
                await self.desk.trees.remove(tree)
            else:
                await self.desk.trees.remove(tree)


def _runs_of(record: Record) -> str:
    """How the names of the runs begin that are still looked at: by reviewers, or by a person."""
    match record.state:
        case Reviewing(attempt, review) | Blocked(attempt=Attempt() as attempt, review=Review() as review):
            return prefix(attempt, review)
        case _:
            return ""


def delivered(original: Record | None, qa: Record, done: TaskDone) -> QaDelivered | None:
    """What the delivery of a remediation task is for the task that it mends; None: nothing."""
    if original is None or not isinstance(original.state, NeedsQa | NotStarted | Failed):
        return None
    state = original.state
    review: Mapping[str, Any] = state.evidence if isinstance(state, NeedsQa) else {}
    summary = str(done.evidence.get("summary", "done"))
    evidence = {**done.evidence, "summary": f"{summary} | delivered with {qa.id}", "delivered_with": qa.id}
    return QaDelivered(qa.id, {**evidence, "review_before": review} if review else evidence)


def _no_verdict(nothing: list[Nothing], now: datetime) -> Failure:
    """Why nobody came to a verdict, with the command of the first that was asked."""
    shown = next((each for each in nothing if each.command), nothing[-1])
    reasons = "; ".join(dict.fromkeys(each.reason for each in nothing))
    return Failure(
        kind=FailureClass.REVIEW,
        step="reviewing",
        message=f"no reviewer came to a verdict: {reasons}",
        command=shown.command,
        cwd=shown.cwd,
        tail=shown.tail,
        at=now,
        code="no_verdict",
    )
