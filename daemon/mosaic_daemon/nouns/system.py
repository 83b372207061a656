"""What is true of the whole repository rather than of one task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mosaic_daemon.nouns.gate import Hold
from mosaic_daemon.nouns.phase import PhaseState
from mosaic_daemon.nouns.release import Release


@dataclass(frozen=True, slots=True)
class System:
    """Attributes:
    holds: per runtime, a provider's limit that stops every start on it.
    draining: nothing new is started.
    phases: those that have come to the end of their bulk, by number.
    release: of a milestone, the newest; None before the first.
    """

    holds: Mapping[str, Hold] = field(default_factory=dict)
    draining: bool = False
    phases: Mapping[int, PhaseState] = field(default_factory=dict)
    release: Release | None = None
