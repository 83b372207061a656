"""The port to whatever does attempts on a worker's machine, and what that machine can do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from mosaic_rails.base import Ended, Errand, Observation


@dataclass(frozen=True, slots=True)
class Made:
    """What came of an attempt. `head`: pushed already; empty: none. `result`: JSON text; empty: it is in the log."""

    head: str
    result: str
    log: str


class Hands(Protocol):
    """Does attempts on this machine. `key` names one for ever, also between daemons: `<daemon>.<attempt>`."""

    async def start(self, key: str, errand: Errand) -> None:
        """Start it unless it was ever started before. May fail and be called again.

        Raises:
            RailError: it cannot be started, and trying again would not help.
        """

    async def observe(self, key: str) -> Observation:
        """What is true of it now."""

    async def stop(self, key: str) -> None:
        """End its whole process tree; `observe` tells when. One that never started never starts after this."""

    async def hand_in(self, key: str, errand: Errand, end: Ended) -> Made:
        """Push what was made to `errand.ref`, and read what it says. May fail and be called again."""

    async def forget(self, key: str) -> None:
        """The daemon has what it needs: the working directory may go."""

    def on_change(self, wake: Callable[[], None]) -> None:
        """Call `wake` whenever an observation may have changed."""


@dataclass(frozen=True, slots=True)
class Abilities:
    """What this worker takes on.

    Attributes:
        labels: what it has. slots: how many attempts at once.
        retry_sec: when it says again what was not answered, at the latest; more often where leases are short.
        daemons: whose offers it takes, by their carrier's names; None: those of whoever may send any.
    """

    labels: tuple[str, ...]
    slots: int = 1
    retry_sec: float = 5.0
    daemons: frozenset[str] | None = None
