"""How many tokens the work may take, and what the pressure on them means for it: the guide's Step 3b."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Literal

from mosaic_daemon.ground.errors import InputError
from mosaic_daemon.nouns.figures import tokens, tokens_text
from mosaic_daemon.nouns.task import OVER

_LEAST_CAP = 10_000
_OVER = (*OVER, "removed")


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
class Cap:
    """How many tokens the work may take; more than 0. The user named it, or it was derived from the estimates."""

    tokens: int
    source: Literal["user", "derived"] = "user"

    def __post_init__(self) -> None:
        if self.tokens <= 0:
            raise InputError("a budget must be more than 0 tokens", source="budget", remedy="such as 500K")


@dataclass(frozen=True, slots=True)
class Budget:
    """What was used so far, in tokens, and the estimates of all that is still to be done, against the cap."""

    cap: Cap
    used: int
    remaining: int

    @property
    def projected(self) -> int:
        """What the whole work will have taken at its end."""
        return self.used + self.remaining

    @property
    def share(self) -> float:
        """The projected part of the cap; 1.0 is all of it."""
        return self.projected / self.cap.tokens

    @property
    def band(self) -> Band:
        """Below 70 % of the cap normal, to 90 % conservative, above frozen, above the cap itself over."""
        percent, cap = 100 * self.projected, self.cap.tokens
        if percent < 70 * cap:
            return Band.NORMAL
        if percent <= 90 * cap:
            return Band.CONSERVATIVE
        return Band.FROZEN if percent <= 100 * cap else Band.OVER

    @property
    def slots(self) -> int:
        """How many workers may be at work. Nobody named a soft cap, so work goes on beyond it, one at a time."""
        return max(1, self.band.slots) if self.cap.source == "derived" else self.band.slots

    @property
    def line(self) -> str:
        """`120K used + 90K to come = 210K of 320K (66%): normal, up to 2 workers`."""
        used, left, whole = map(tokens_text, (self.used, self.remaining, self.projected))
        cap = f"{tokens_text(self.cap.tokens)}{', a soft cap' if self.cap.source == 'derived' else ''}"
        meaning = self.band.meaning if self.slots == self.band.slots else "1 worker"
        return f"{used} used + {left} to come = {whole} of {cap} ({self.share:.0%}): {self.band.value}, {meaning}"


@lru_cache(4096)  # asked of every task again and again, and few differ
def share(status: str, estimate: str | None, used: int | None) -> tuple[int, int]:
    """A task's part: tokens used, and what is left of its estimate, as people wrote it, until it is over."""
    spent = used or 0
    if status in _OVER or estimate is None:
        return spent, 0
    return spent, max(0, tokens(estimate) - spent)


def derived_cap(estimates: int) -> int:
    """The soft cap where the user named none: all estimates × 1.5, rounded up to two figures, 10K at the least.

    So a plan starts at two thirds at the most, in the normal band. It is derived once, when the plan is made, and kept:
    derived again from what remains it would give way to every overrun.
    """
    needed = max(-(-estimates * 3 // 2), _LEAST_CAP)
    figure: int = 10 ** (len(str(needed)) - 2)
    return -(-needed // figure) * figure
