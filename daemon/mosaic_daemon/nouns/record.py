"""A task with everything the daemon knows of it. Each state is a type that carries its own data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from mosaic_daemon.nouns.attempt import Attempt, Failure
from mosaic_daemon.nouns.gate import Gate, Hold
from mosaic_daemon.nouns.review import Review
from mosaic_daemon.nouns.task import Status, Task
from mosaic_daemon.nouns.variance import Variance


@dataclass(frozen=True, slots=True)
class NotStarted:
    """Waiting for its turn. `not_before` delays the next try; `reason` says why it came back."""

    kind: Literal["not-started"] = "not-started"
    reason: str = ""
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Dispatching:
    """The fence is issued; whether a worker has started is not yet known."""

    attempt: Attempt
    kind: Literal["dispatching"] = "dispatching"


@dataclass(frozen=True, slots=True)
class Running:
    """A worker is at it. `stopping` names why it was asked to stop."""

    attempt: Attempt
    worker: str
    since: datetime
    stopping: str = ""
    kind: Literal["running"] = "running"


@dataclass(frozen=True, slots=True)
class Reviewing:
    """The attempt's result is accepted, and an independent review looks at it."""

    attempt: Attempt
    review: Review
    kind: Literal["reviewing"] = "reviewing"


@dataclass(frozen=True, slots=True)
class NeedsQa:
    """Its review found what must be mended; the task `qa` does that on the same branch, and delivers both.

    `evidence`: what the review said.
    """

    attempt: Attempt
    qa: str
    failure: Failure
    evidence: Mapping[str, Any]
    kind: Literal["needs-qa"] = "needs-qa"


@dataclass(frozen=True, slots=True)
class Gating:
    """The attempt's result is accepted and on its way to the base branch."""

    attempt: Attempt
    gate: Gate
    kind: Literal["gating"] = "gating"


@dataclass(frozen=True, slots=True)
class Done:
    """On the base branch, green, closed: `evidence` proves it."""

    evidence: Mapping[str, Any]
    kind: Literal["done"] = "done"


@dataclass(frozen=True, slots=True)
class Failed:
    """Its tries are used up."""

    failure: Failure
    kind: Literal["failed"] = "failed"


@dataclass(frozen=True, slots=True)
class Blocked:
    """It cannot go on without a person. `gate`, `review`: where it stood, if it stood in one."""

    failure: Failure
    attempt: Attempt | None = None
    gate: Gate | None = None
    review: Review | None = None
    kind: Literal["blocked"] = "blocked"


@dataclass(frozen=True, slots=True)
class Deferred:
    """A person decided against doing it now."""

    reason: str
    kind: Literal["deferred"] = "deferred"


@dataclass(frozen=True, slots=True)
class Removed:
    """It is out of the queue; its history stays in the ledger. A person took it out, or its milestone is archived.

    `milestone`: the version of that one; `delivered`: the evidence of a task that was done there, `reason`: of one that
    was deferred.
    """

    kind: Literal["removed"] = "removed"
    milestone: str = ""
    delivered: Mapping[str, Any] | None = None
    reason: str = ""


State = NotStarted | Dispatching | Running | Reviewing | NeedsQa | Gating | Done | Failed | Blocked | Deferred | Removed

_STATUS: Mapping[str, Status] = {
    "not-started": Status.NOT_STARTED,
    "dispatching": Status.IN_PROGRESS,
    "running": Status.IN_PROGRESS,
    "reviewing": Status.IN_PROGRESS,
    "needs-qa": Status.NEEDS_QA,
    "gating": Status.IN_PROGRESS,
    "done": Status.DONE,
    "failed": Status.FAILED,
    "blocked": Status.BLOCKED,
    "deferred": Status.DEFERRED,
    "removed": Status.DEFERRED,
}


@dataclass(frozen=True, slots=True)
class Record:
    """A task, its state, and what has been counted for it.

    Attributes:
        position: order of arrival; breaks ties.
        fence: the last one issued; 0 before the first attempt.
        tries: failures since the last time a person asked for it, per failure class.
        last_failure: goes into the next prompt.
        used: tokens of all attempts together; None when nothing was reported.
        notes: one line per thing worth knowing, oldest first.
        concluded: the fence at whose end everything was done that follows an end; None before the first.
        variance: at that end; None when use or estimate was unknown.
        mends: the task whose review asked for this one; its delivery delivers that as well. Empty: an ordinary task.
        start_from: the commit its next attempt starts from; empty: the newest of the base branch.
        documented: that it is deferred is written down.
    """

    task: Task
    position: int
    state: State = NotStarted()
    fence: int = 0
    tries: Mapping[str, int] = field(default_factory=dict)
    last_failure: Failure | None = None
    agent: str = ""
    started_at: datetime | None = None
    completed_at: datetime | None = None
    used: int | None = None
    notes: tuple[str, ...] = ()
    concluded: int | None = None
    variance: Variance | None = None
    mends: str = ""
    start_from: str = ""
    documented: bool = False

    @property
    def id(self) -> str:
        return self.task.id

    @property
    def status(self) -> Status:
        return _STATUS[self.state.kind]

    @property
    def stage(self) -> str | None:
        """Where an `in-progress` task is: `dispatching`, `running`, `reviewing`, `gate:<step>`; None otherwise."""
        match self.state:
            case Dispatching() | Running() | Reviewing():
                return self.state.kind
            case Gating(gate=gate):
                return f"gate:{gate.step}"
            case _:
                return None

    @property
    def attempt(self) -> Attempt | None:
        """The attempt it is in, or was blocked in."""
        match self.state:
            case Dispatching(attempt) | Running(attempt) | Reviewing(attempt) | NeedsQa(attempt) | Gating(attempt):
                return attempt
            case Blocked(attempt=attempt):
                return attempt
            case _:
                return None

    @property
    def is_to_be_concluded(self) -> bool:
        """It has ended, and what follows an end is not done yet."""
        return isinstance(self.state, Done | Failed) and self.concluded != self.fence

    @property
    def hold(self) -> Hold | None:
        """What its review or its gate waits for."""
        match self.state:
            case Reviewing(review=review):
                return review.hold
            case Gating(gate=gate):
                return gate.hold
            case _:
                return None

    @property
    def occupies_slot(self) -> bool:
        """A worker of it is alive, or may be."""
        return isinstance(self.state, Dispatching | Running)
