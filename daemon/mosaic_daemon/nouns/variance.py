"""What a task took against its estimate, and what follows from that: the guide's variance thresholds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from mosaic_daemon.nouns.figures import tokens, tokens_text


class Rating(StrEnum):
    """The guide's four thresholds; each reaches up to and includes its upper end."""

    ACCEPTABLE = "acceptable"  #: to 30 %: only logged
    REVIEW = "review"  #: to 50 %: flagged in the notes
    CAPTURE = "capture"  #: to 100 %: captured as a learning
    CRITICAL = "critical"  #: above: captured, and the task's classification needs a look

    @property
    def is_learning(self) -> bool:
        return self in (Rating.CAPTURE, Rating.CRITICAL)


_MEANING: Mapping[Rating, str] = {
    Rating.ACCEPTABLE: "acceptable",
    Rating.REVIEW: "flagged for review",
    Rating.CAPTURE: "captured as a learning",
    Rating.CRITICAL: "review task classification, possible mismatch",
}


@dataclass(frozen=True, slots=True)
class Variance:
    """A task's tokens, and what kind of work it was.

    Attributes:
        estimate: more than 0. used: of all attempts together.
        task_type: the guide's name of it, `GUARD_ADD`.
        attempts: how many it took, which is its last fence. ended_at: when it was done or failed for good.
        files: how many it was about. keywords: of its description that tell its type.
    """

    estimate: int
    used: int
    task_type: str
    attempts: int
    ended_at: datetime
    files: int = 0
    keywords: tuple[str, ...] = ()

    @property
    def percent(self) -> int:
        """(actual - estimate) / estimate × 100, rounded."""
        return percent(self.estimate, self.used)

    @property
    def rating(self) -> Rating:
        """By the exact figure, in either direction: 30.4 % is above 30."""
        return rating(self.estimate, self.used)

    @property
    def line(self) -> str:
        """`variance +276% (30K→112.8K): review task classification, possible mismatch`."""
        return f"variance {short(self.estimate, self.used)}: {_MEANING[self.rating]}"

    @property
    def note(self) -> str:
        """For the task's notes; empty when it is only logged."""
        if self.rating is Rating.ACCEPTABLE:
            return ""
        return f"CRITICAL: {self.line}" if self.rating is Rating.CRITICAL else self.line

    @property
    def analysis(self) -> str:
        """What can be said without knowing the work."""
        times = f"{self.used / self.estimate:.2g}"
        tries = f" over {self.attempts} attempts" if self.attempts > 1 else ""
        if self.rating is Rating.CRITICAL:
            return f"{self.task_type} took {times} × its estimate{tries}: {_MEANING[self.rating]}"
        if self.used > self.estimate:
            return f"{self.task_type} took {times} × its estimate{tries}: underestimated"
        return f"{self.task_type} took {times} × its estimate{tries}: overestimated, or done already"


def measured(estimate: str | None, used: int | None) -> tuple[int, int] | None:
    """The estimate as people wrote it and the use, in tokens; None when one is unknown, or nothing was estimated."""
    if estimate is None or used is None or (expected := tokens(estimate)) <= 0:
        return None
    return expected, used


def percent(estimate: int, used: int) -> int:
    """The variance in percent, rounded half up."""
    return (200 * (used - estimate) + estimate) // (2 * estimate)


def rating(estimate: int, used: int) -> Rating:
    """The threshold that a variance has passed, exactly."""
    distance = 100 * abs(used - estimate)
    if distance <= 30 * estimate:
        return Rating.ACCEPTABLE
    if distance <= 50 * estimate:
        return Rating.REVIEW
    return Rating.CAPTURE if distance <= 100 * estimate else Rating.CRITICAL


def short(estimate: int, used: int) -> str:
    """`+276% (30K→112.8K)`."""
    return f"{percent(estimate, used):+d}% ({tokens_text(estimate)}→{tokens_text(used)})"


def learning(task: str, variance: Variance) -> dict[str, Any]:
    """An entry of `orchestrator-learnings.json`, in the guide's shape."""
    return {
        "task_id": task,
        "task_type": variance.task_type,
        "estimate_k": _thousands(variance.estimate),
        "actual_k": _thousands(variance.used),
        "variance_pct": variance.percent,
        "characteristics": {"file_count": variance.files, "keywords": list(variance.keywords)},
        "analysis": variance.analysis,
        "captured_at": variance.ended_at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    }


def _thousands(number: int) -> int | float:
    """With one decimal at most, and none where it is 0: 30, 112.8."""
    tenths = (number + 50) // 100
    return tenths // 10 if tenths % 10 == 0 else tenths / 10
