"""Values that tests start from: a task, a record in any state, a moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from mosaic_daemon.nouns import events as ev
from mosaic_daemon.nouns.attempt import Attempt, Failure, FailureClass
from mosaic_daemon.nouns.fold import advance
from mosaic_daemon.nouns.gate import STEPS, Step
from mosaic_daemon.nouns.record import Record
from mosaic_daemon.nouns.review import Aspect, Review
from mosaic_daemon.nouns.task import Task

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
BASE = "b" * 40
HEAD = "c" * 40
MERGE = "d" * 40


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def task(id: str = "T-1", **fields: Any) -> Task:  # noqa: A002
    return Task(**{"id": id, "description": f"do {id}", **fields})


def attempt(id: str = "T-1", fence: int = 1) -> Attempt:  # noqa: A002
    return Attempt(id, fence, f"task/{id.lower()}", BASE, "shell", "process")


def failure(kind: FailureClass = FailureClass.WORKER, message: str = "it broke") -> Failure:
    return Failure(kind, "worker", message, at=NOON)


def folded(*events: ev.TaskEvent, record: Record | None = None) -> Record:
    """The record after these events."""
    for event in events:
        record = advance(record, event, NOON)
    assert record is not None
    return record


def added(id: str = "T-1", position: int = 0, **fields: Any) -> ev.TaskAdded:  # noqa: A002
    return ev.TaskAdded(task(id, **fields), position, "test")


def to_running(id: str = "T-1", fence: int = 1) -> list[ev.TaskEvent]:  # noqa: A002
    return [ev.AttemptIntended(attempt(id, fence)), ev.AttemptStarted(fence, "pid 7", NOON)]


def review(head: str = HEAD) -> Review:
    return Review((Aspect.CODE, Aspect.SECURITY), head, BASE, "d" * 64, NOON)


def to_review(id: str = "T-1") -> list[ev.TaskEvent]:  # noqa: A002
    """The events that bring a new task to its review."""
    return [added(id), *to_running(id), ev.ResultAccepted(1, HEAD, 100, "", review())]


def stepped(step: Step, **facts: Any) -> ev.GateStepped:
    """The step is finished, the next one follows."""
    known: dict[str, Any] = {"base_sha": BASE} if step is Step.MAIN_CLEAR else {}
    if step is Step.MERGE:
        known = {"merge_sha": MERGE}
    return ev.GateStepped(step, {"seen": step.value}, STEPS[STEPS.index(step) + 1], **{**known, **facts})


def to_gate(step: Step = Step.LEASE, id: str = "T-1") -> list[ev.TaskEvent]:  # noqa: A002
    """The events that bring a new task to a step of its gate."""
    gate: list[ev.TaskEvent] = [stepped(each) for each in STEPS[: STEPS.index(step)]]
    return [added(id), *to_running(id), ev.ResultAccepted(1, HEAD, 100, ""), *gate]


def states() -> dict[str, Record]:
    """A record per state, by a name that says which."""
    person = ("asked for", "test")
    blocked = failure(FailureClass.GATE)
    return {
        "not-started": folded(added()),
        "dispatching": folded(added(), to_running()[0]),
        "running": folded(added(), *to_running()),
        "stopping": folded(added(), *to_running(), ev.StopRequested("deferred", *person)),
        "reviewing": folded(*to_review()),
        "needs-qa": folded(*to_review(), ev.QaNeeded(HEAD, "T-1-QA", failure(FailureClass.REVIEW), {}, ())),
        "blocked-in-review": folded(*to_review(), ev.ReviewBlocked(failure(FailureClass.REVIEW))),
        "gating": folded(*to_gate(Step.MERGEABLE)),
        "intended": folded(*to_gate(Step.MERGE), ev.GateIntended(Step.MERGE, "k", {})),
        "merged": folded(*to_gate(Step.VERIFY)),
        "closing": folded(*to_gate(Step.CLOSE)),
        "done": folded(*to_gate(Step.CLOSE), ev.TaskDone({"summary": "done"})),
        "failed": folded(added(), *to_running(), ev.AttemptFailed(1, failure(), final=True)),
        "blocked": folded(added(), ev.TaskBlocked(*person)),
        "blocked-in-gate": folded(*to_gate(Step.MERGEABLE), ev.GateBlocked(blocked)),
        "blocked-intended": folded(*to_gate(Step.MERGE), ev.GateIntended(Step.MERGE, "k", {}), ev.GateBlocked(blocked)),
        "blocked-merged": folded(*to_gate(Step.VERIFY), ev.GateBlocked(blocked)),
        "deferred": folded(added(), ev.TaskDeferred(*person)),
        "removed": folded(added(), ev.TaskRemoved("test")),
        "archived": folded(*to_gate(Step.CLOSE), ev.TaskDone({"summary": "done"}), ev.TaskArchived("0.0.1")),
    }
