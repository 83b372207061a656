"""What happens to a task's gate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mosaic_daemon.nouns.attempt import Failure
from mosaic_daemon.nouns.gate import Hold, Step


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
