"""How many tokens the work may take, and what the pressure on them means for it: the guide's Step 3b."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from mosaic_daemon.ground.errors import InputError

_LEAST_CAP = 10_000


class Band(StrEnum):
    """How tight the budget is, and so how work is dispatched."""

    NORMAL = "normal"
    CONSERVATIVE = "conservative"
    FROZEN = "frozen"
    OVER = "over"

    @property
    def slots(self) -> int:
        """How many workers may be at work; those that are already go on."""
        return {Band.NORMAL: 2, Band.CONSERVATIVE: 1}.get(self, 0)

    @property
    def meaning(self) -> str:
        """What it does, for people."""
        return _MEANING[self]


_MEANING = {
    Band.NORMAL: "up to 2 workers",
    Band.CONSERVATIVE: "1 worker, tighter scope, no exploratory tasks",
    Band.FROZEN: "no new starts: triage what remains with the user",
    Band.OVER: "stopped: reduce scope, split into phases, or approve a higher budget",
}

WAYS_OUT = ("reduce scope", "split into phases", "approve a higher budget")
"""What the user is asked to choose from when the cap cannot be met."""


@dataclass(frozen=True, slots=True)
class Budget:
    """All figures in tokens.

    Attributes:
        cap: what the work may take; more than 0. source: the user named it, or it was derived from the estimates.
        used: what was taken so far. remaining: estimates of all that is still to be done.
    """

    cap: int
    used: int
    remaining: int
    source: Literal["user", "derived"] = "user"

    def __post_init__(self) -> None:
        if self.cap <= 0:
            raise InputError("a budget must be more than 0 tokens", source="budget", remedy="such as 500K")

    @property
    def projected(self) -> int:
        """What the whole work will have taken at its end."""
        return self.used + self.remaining

    @property
    def share(self) -> float:
        """The projected part of the cap; 1.0 is all of it."""
        return self.projected / self.cap

    @property
    def band(self) -> Band:
        """Below 70 % of the cap normal, to 90 % conservative, above frozen, above the cap itself over."""
        percent = 100 * self.projected
        if percent < 70 * self.cap:
            return Band.NORMAL
        if percent <= 90 * self.cap:
            return Band.CONSERVATIVE
        return Band.FROZEN if percent <= 100 * self.cap else Band.OVER

    @property
    def slots(self) -> int:
        return self.band.slots


def derived_cap(estimates: int) -> int:
    """The soft cap where the user named none: all estimates × 1.5, rounded up to two figures, 10K at the least.

    So a plan starts at two thirds at the most, in the normal band. It is derived once, when the plan is made, and kept:
    derived again from what remains it would give way to every overrun.
    """
    needed = max(-(-estimates * 3 // 2), _LEAST_CAP)
    figure: int = 10 ** (len(str(needed)) - 2)
    return -(-needed // figure) * figure
