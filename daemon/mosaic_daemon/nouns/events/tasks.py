"""What people and the end of the work do to a task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mosaic_daemon.nouns.task import Task
from mosaic_daemon.nouns.variance import Variance


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
class TaskArchived:
    """Its milestone is released: it leaves queue and table, and stands in the archive. `milestone`: the version."""

    milestone: str
    kind: Literal["task-archived"] = "task-archived"


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
class DeferralDocumented:
    """It is written down why it is deferred. `where`: the file; empty: in the ledger alone, as configured."""

    where: str
    kind: Literal["deferral-documented"] = "deferral-documented"


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
