"""A measured figure beside its goal and its limit, and the statistics that make one."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Unit = Literal["ms", "x", "requests", "MB"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the report.

    Attributes:
        key: stable name, `A1.p50`: what two runs are compared by.
        unit: of `ours`, `goal`, `limit` and `peers`: milliseconds, a ratio, a count, or megabytes.
        ours: None when it could not be measured; `note` says why.
        goal: at most this much; None for lines that only explain others.
        limit: what the machine allows, measured in the same run; `limit_is` says of what.
        peers: what others take for the same, by name; None: not installed here, or it does not work.
        samples: how many measurements `ours` is the median or percentile of.
        note: what is included, and what is not.
    """

    key: str
    title: str
    unit: Unit
    ours: float | None
    goal: float | None = None
    limit: float | None = None
    limit_is: str = ""
    peers: Mapping[str, float | None] = field(default_factory=dict)
    samples: int = 0
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours over the limit."""
        return self.ours / self.limit if self.ours is not None and self.limit else None

    @property
    def is_met(self) -> bool | None:
        """Whether the goal is met; None when there is none, or nothing was measured."""
        return None if self.ours is None or self.goal is None else self.ours <= self.goal

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "ratio": self.ratio, "is_met": self.is_met}


def not_measured(key: str, reason: object) -> Figure:
    """The line of a figure that could not be taken."""
    return Figure(key, "not measured", "ms", None, note=" ".join(str(reason).split())[:300])


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest measured value that at least `percent` of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def milliseconds(nanoseconds: float) -> float:
    return nanoseconds / 1e6
