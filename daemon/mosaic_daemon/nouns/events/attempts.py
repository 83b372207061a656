"""What happens to the attempts of a task."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from mosaic_daemon.nouns.attempt import Attempt, Failure
from mosaic_daemon.nouns.review import Review


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
