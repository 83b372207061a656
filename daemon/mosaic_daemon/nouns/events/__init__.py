"""Everything that can happen, in the past tense. The ledger appends events; state is their fold (`nouns/fold.py`).

What lives here: one class an event, by what it happens to, with plain values. What may not: rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from mosaic_daemon.nouns.events.attempts import (
    AttemptFailed,
    AttemptIntended,
    AttemptReleased,
    AttemptStarted,
    AttemptStopped,
    ResultAccepted,
    ResultRejected,
)
from mosaic_daemon.nouns.events.gates import (
    GateBlocked,
    GateFailed,
    GateHeld,
    GateIntended,
    GateResumed,
    GateReturned,
    GateRewound,
    GateStepped,
)
from mosaic_daemon.nouns.events.releases import (
    MilestoneReleased,
    ReleaseBlocked,
    ReleaseHeld,
    ReleaseIntended,
    ReleaseOpened,
    ReleaseResumed,
    ReleaseStepped,
)
from mosaic_daemon.nouns.events.reviews import (
    QaDelivered,
    QaNeeded,
    ReviewBlocked,
    ReviewHeld,
    ReviewPassed,
    ReviewResumed,
    ReviewReturned,
)
from mosaic_daemon.nouns.events.system import DrainChanged, PhaseMoved, Reported, RuntimeHeld, RuntimeReleased
from mosaic_daemon.nouns.events.tasks import (
    DeferralDocumented,
    DoneFound,
    EditRefused,
    Requeued,
    StopRequested,
    TaskAdded,
    TaskArchived,
    TaskBlocked,
    TaskConcluded,
    TaskDeferred,
    TaskDone,
    TaskEdited,
    TaskRemoved,
)

__all__ = [
    "AttemptFailed",
    "AttemptIntended",
    "AttemptReleased",
    "AttemptStarted",
    "AttemptStopped",
    "DeferralDocumented",
    "DoneFound",
    "DrainChanged",
    "EditRefused",
    "Entry",
    "Event",
    "GateBlocked",
    "GateFailed",
    "GateHeld",
    "GateIntended",
    "GateResumed",
    "GateReturned",
    "GateRewound",
    "GateStepped",
    "MilestoneReleased",
    "PhaseMoved",
    "QaDelivered",
    "QaNeeded",
    "ReleaseBlocked",
    "ReleaseHeld",
    "ReleaseIntended",
    "ReleaseOpened",
    "ReleaseResumed",
    "ReleaseStepped",
    "Reported",
    "Requeued",
    "ResultAccepted",
    "ResultRejected",
    "ReviewBlocked",
    "ReviewHeld",
    "ReviewPassed",
    "ReviewResumed",
    "ReviewReturned",
    "RuntimeHeld",
    "RuntimeReleased",
    "StopRequested",
    "SystemEvent",
    "TaskAdded",
    "TaskArchived",
    "TaskBlocked",
    "TaskConcluded",
    "TaskDeferred",
    "TaskDone",
    "TaskEdited",
    "TaskEvent",
    "TaskRemoved",
]

TaskEvent = (
    TaskAdded
    | TaskEdited
    | TaskRemoved
    | EditRefused
    | Requeued
    | TaskDeferred
    | DeferralDocumented
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
    | TaskArchived
)
SystemEvent = (
    RuntimeHeld
    | RuntimeReleased
    | DrainChanged
    | PhaseMoved
    | Reported
    | ReleaseOpened
    | ReleaseStepped
    | ReleaseIntended
    | ReleaseHeld
    | ReleaseBlocked
    | ReleaseResumed
    | MilestoneReleased
)
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
