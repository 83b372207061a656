"""Everything that can happen, in the past tense. The ledger appends events; state is their fold (`fold.py`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from mosaic_daemon.nouns.attempt import Attempt, Failure
from mosaic_daemon.nouns.gate import Hold, Step
from mosaic_daemon.nouns.review import Review
from mosaic_daemon.nouns.task import Task
from mosaic_daemon.nouns.variance import Variance

# --- people -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TaskAdded:
    """A new task.

    Attributes:
        source: the file or command it came from.
        fence: the last one known from before a ledger was lost.
        mends, start_from: see `Record`; `notes`: its first note.
    """

    task: Task
    position: int
    source: str
    fence: int = 0
    mends: str = ""
    start_from: str = ""
    notes: str = ""
    kind: Literal["task-added"] = "task-added"


@dataclass(frozen=True, slots=True)
class TaskEdited:
    """`task` is the whole new people's block; `changed` names the fields with their old and new values."""

    task: Task
    changed: Mapping[str, tuple[Any, Any]]
    source: str
    kind: Literal["task-edited"] = "task-edited"


@dataclass(frozen=True, slots=True)
class TaskRemoved:
    source: str
    kind: Literal["task-removed"] = "task-removed"


@dataclass(frozen=True, slots=True)
class EditRefused:
    """An edit the rules do not allow. What was written is kept here; nothing else changes."""

    changed: Mapping[str, tuple[Any, Any]]
    reason: str
    source: str
    kind: Literal["edit-refused"] = "edit-refused"


@dataclass(frozen=True, slots=True)
class Requeued:
    """Asked to run again from the start: counters are reset."""

    reason: str
    source: str
    kind: Literal["requeued"] = "requeued"


@dataclass(frozen=True, slots=True)
class TaskDeferred:
    reason: str
    source: str
    kind: Literal["task-deferred"] = "task-deferred"


@dataclass(frozen=True, slots=True)
class TaskBlocked:
    """Blocked by a person, or by the `daemon` until a person has mended the task's entry."""

    reason: str
    source: str
    kind: Literal["task-blocked"] = "task-blocked"


@dataclass(frozen=True, slots=True)
class StopRequested:
    """The worker of this task is to be stopped; `wanted` is the status it gets then."""

    wanted: Literal["not-started", "deferred", "blocked"]
    reason: str
    source: str
    kind: Literal["stop-requested"] = "stop-requested"


# --- attempts ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AttemptIntended:
    attempt: Attempt
    kind: Literal["attempt-intended"] = "attempt-intended"


@dataclass(frozen=True, slots=True)
class AttemptStarted:
    fence: int
    worker: str
    since: datetime
    kind: Literal["attempt-started"] = "attempt-started"


@dataclass(frozen=True, slots=True)
class AttemptFailed:
    """`final`: no further try is left, the task is `failed`."""

    fence: int
    failure: Failure
    final: bool
    used: int | None = None
    kind: Literal["attempt-failed"] = "attempt-failed"


@dataclass(frozen=True, slots=True)
class AttemptReleased:
    """It ended without a verdict on the task (provider's limit, never started): no try is used."""

    fence: int
    reason: str
    not_before: datetime | None = None
    used: int | None = None
    kind: Literal["attempt-released"] = "attempt-released"


@dataclass(frozen=True, slots=True)
class AttemptStopped:
    """It was stopped on request and its process tree is gone."""

    fence: int
    wanted: Literal["not-started", "deferred", "blocked"]
    reason: str
    used: int | None = None
    kind: Literal["attempt-stopped"] = "attempt-stopped"


@dataclass(frozen=True, slots=True)
class ResultAccepted:
    """`review`: what comes before the gate; None: nothing, and `unreviewed` says why where reviews are on."""

    fence: int
    head_sha: str
    used: int | None
    notes: str
    review: Review | None = None
    unreviewed: str = ""
    kind: Literal["result-accepted"] = "result-accepted"


@dataclass(frozen=True, slots=True)
class ResultRejected:
    """A file in the inbox that is nobody's result: late fence, wrong form, not a file. It was moved, not applied."""

    file: str
    reason: str
    kind: Literal["result-rejected"] = "result-rejected"


# --- review -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReviewHeld:
    """It waits for something outside itself."""

    hold: Hold
    kind: Literal["review-held"] = "review-held"


@dataclass(frozen=True, slots=True)
class ReviewPassed:
    """Nothing in the change has to be mended first. The verdict counts for this head alone.

    Attributes:
        evidence: who said what of which change.
        notes: a line each, for the task's notes.
    """

    head_sha: str
    evidence: Mapping[str, Any]
    notes: tuple[str, ...]
    used: int | None = None
    kind: Literal["review-passed"] = "review-passed"


@dataclass(frozen=True, slots=True)
class QaNeeded:
    """The task `qa`, added with this, mends what was found."""

    head_sha: str
    qa: str
    failure: Failure
    evidence: Mapping[str, Any]
    notes: tuple[str, ...]
    used: int | None = None
    kind: Literal["qa-needed"] = "qa-needed"


@dataclass(frozen=True, slots=True)
class ReviewReturned:
    """Back to a worker, who starts from the reviewed head. `final`: it was sent back often enough, it is blocked."""

    head_sha: str
    failure: Failure
    final: bool
    notes: tuple[str, ...]
    used: int | None = None
    kind: Literal["review-returned"] = "review-returned"


@dataclass(frozen=True, slots=True)
class ReviewBlocked:
    """No reviewer came to a verdict."""

    failure: Failure
    used: int | None = None
    kind: Literal["review-blocked"] = "review-blocked"


@dataclass(frozen=True, slots=True)
class ReviewResumed:
    """A person cleared the block: the same change is reviewed again, by new runs."""

    source: str
    kind: Literal["review-resumed"] = "review-resumed"


@dataclass(frozen=True, slots=True)
class QaDelivered:
    """The task that mends this one is done, and has delivered both."""

    qa: str
    evidence: Mapping[str, Any]
    kind: Literal["qa-delivered"] = "qa-delivered"


# --- gate -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GateStepped:
    """A step is finished; `evidence` is what was seen, `next` the step to do now."""

    step: Step
    evidence: Mapping[str, Any]
    next: Step
    base_sha: str | None = None
    change: str | None = None
    merge_sha: str | None = None
    kind: Literal["gate-stepped"] = "gate-stepped"


@dataclass(frozen=True, slots=True)
class GateIntended:
    """Written before the outside is touched. `key` is unique for ever: the same thing is never intended twice."""

    step: Step
    key: str
    request: Mapping[str, Any]
    kind: Literal["gate-intended"] = "gate-intended"


@dataclass(frozen=True, slots=True)
class GateRewound:
    """The base branch moved before anything was merged: back to the queue guard. The open intent did not happen."""

    reason: str
    kind: Literal["gate-rewound"] = "gate-rewound"


@dataclass(frozen=True, slots=True)
class GateHeld:
    """It waits. `nothing_happened`: what was intended was not done, for certain; that intent is over."""

    hold: Hold
    nothing_happened: bool = False
    kind: Literal["gate-held"] = "gate-held"


@dataclass(frozen=True, slots=True)
class GateReturned:
    """Back to a worker with the failure in its next prompt."""

    failure: Failure
    kind: Literal["gate-returned"] = "gate-returned"


@dataclass(frozen=True, slots=True)
class GateBlocked:
    failure: Failure
    kind: Literal["gate-blocked"] = "gate-blocked"


@dataclass(frozen=True, slots=True)
class GateFailed:
    """The change can never become `done` (nothing to merge): the task is `failed`."""

    failure: Failure
    kind: Literal["gate-failed"] = "gate-failed"


@dataclass(frozen=True, slots=True)
class GateResumed:
    """A person cleared the block; the step it stood on starts again with its probe."""

    source: str
    kind: Literal["gate-resumed"] = "gate-resumed"


@dataclass(frozen=True, slots=True)
class DoneFound:
    """A ledger was lost, and the base branch carries the task's squash commit: `evidence` names it."""

    evidence: Mapping[str, Any]
    kind: Literal["done-found"] = "done-found"


@dataclass(frozen=True, slots=True)
class TaskDone:
    evidence: Mapping[str, Any]
    kind: Literal["task-done"] = "task-done"


@dataclass(frozen=True, slots=True)
class TaskConcluded:
    """What follows a task's end is done: its reports are cleaned up, its variance is known.

    Attributes:
        fence: of its last attempt. variance: None when its use or its estimate is unknown.
    """

    fence: int
    variance: Variance | None = None
    kind: Literal["task-concluded"] = "task-concluded"


# --- the whole repository ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RuntimeHeld:
    """A provider's limit: no start on this runtime until then."""

    runtime: str
    hold: Hold
    kind: Literal["runtime-held"] = "runtime-held"


@dataclass(frozen=True, slots=True)
class RuntimeReleased:
    runtime: str
    kind: Literal["runtime-released"] = "runtime-released"


@dataclass(frozen=True, slots=True)
class DrainChanged:
    draining: bool
    source: str
    kind: Literal["drain-changed"] = "drain-changed"


@dataclass(frozen=True, slots=True)
class Reported:
    """Something people should see that changes no state: deadlock, a broken file, a degraded face."""

    topic: str
    message: str
    details: Mapping[str, Any] = field(default_factory=dict)
    kind: Literal["reported"] = "reported"


TaskEvent = (
    TaskAdded
    | TaskEdited
    | TaskRemoved
    | EditRefused
    | Requeued
    | TaskDeferred
    | TaskBlocked
    | StopRequested
    | AttemptIntended
    | AttemptStarted
    | AttemptFailed
    | AttemptReleased
    | AttemptStopped
    | ResultAccepted
    | ResultRejected
    | ReviewHeld
    | ReviewPassed
    | QaNeeded
    | ReviewReturned
    | ReviewBlocked
    | ReviewResumed
    | QaDelivered
    | GateStepped
    | GateIntended
    | GateRewound
    | GateHeld
    | GateReturned
    | GateBlocked
    | GateFailed
    | GateResumed
    | TaskDone
    | DoneFound
    | TaskConcluded
)
SystemEvent = RuntimeHeld | RuntimeReleased | DrainChanged | Reported
Event = TaskEvent | SystemEvent


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the event log.

    Attributes:
        task: the task's id; empty for the whole repository.
        actor: `daemon`, or who asked.
    """

    at: datetime
    task: str
    actor: str
    event: Event
