"""What happens to the independent review of a change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mosaic_daemon.nouns.attempt import Failure
from mosaic_daemon.nouns.gate import Hold


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
