"""What happens to the whole repository."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from mosaic_daemon.nouns.gate import Hold
from mosaic_daemon.nouns.phase import Stage
from mosaic_daemon.nouns.task import Category


@dataclass(frozen=True, slots=True)
class RuntimeHeld:
    """A provider's limit: no start on this runtime until then."""

    runtime: str
    hold: Hold
    kind: Literal["runtime-held"] = "runtime-held"


@dataclass(frozen=True, slots=True)
class RuntimeReleased:
    runtime: str
    kind: Literal["runtime-released"] = "runtime-released"


@dataclass(frozen=True, slots=True)
class DrainChanged:
    draining: bool
    source: str
    kind: Literal["drain-changed"] = "drain-changed"


@dataclass(frozen=True, slots=True)
class PhaseMoved:
    """A phase came to another stage of its completion, or back to its bulk by tasks that were added.

    Attributes:
        total, fixed: its errors, and those of them that are done.
        inventory: what was left when its polish began, by task.
    """

    phase: int
    stage: Stage
    total: int
    fixed: int
    inventory: Mapping[str, Category] = field(default_factory=dict)
    kind: Literal["phase-moved"] = "phase-moved"


@dataclass(frozen=True, slots=True)
class Reported:
    """Something people should see that changes no state: deadlock, a broken file, a degraded face."""

    topic: str
    message: str
    details: Mapping[str, Any] = field(default_factory=dict)
    kind: Literal["reported"] = "reported"
