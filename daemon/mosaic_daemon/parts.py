"""What a tick works with, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from mosaic_daemon.faces.queue import QueueFace
from mosaic_daemon.faces.table import TableFace
from mosaic_daemon.forges.base import Forge
from mosaic_daemon.ground.clock import Clock
from mosaic_daemon.ground.errors import InputError
from mosaic_daemon.lines import Lines
from mosaic_daemon.milestone.release import Milestones
from mosaic_daemon.notifiers.base import Notifier
from mosaic_daemon.nouns.release import Release
from mosaic_daemon.nouns.task import OVER
from mosaic_daemon.planning.completion import Completion
from mosaic_daemon.planning.learning.conclusions import Conclusions
from mosaic_daemon.planning.papers.capfile import CapFile
from mosaic_daemon.repository.clone import Clone
from mosaic_daemon.stages.collect import Judge
from mosaic_daemon.stages.delegation import Delegation
from mosaic_daemon.stages.dispatch import Workplace
from mosaic_daemon.stages.gate import GatePolicy
from mosaic_daemon.stages.publish import Publisher
from mosaic_daemon.stages.review import Reviews
from mosaic_daemon.stages.schedule import Schedule
from mosaic_daemon.stages.spending import Spending
from mosaic_daemon.store.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Parts:
    """Put together in `app`; a tick keeps no state of its own beside these.

    Attributes:
        cap: how many tokens the work may take.
        max_workers: how many workers may be alive at once.
        default_runtime: of tasks that name none.
        notifiers: the ways to a person.
    """

    ledger: Ledger
    clone: Clone
    place: Workplace
    judge: Judge
    reviews: Reviews
    forge: Forge
    policy: GatePolicy
    queue: QueueFace
    table: TableFace
    publisher: Publisher
    schedule: Schedule
    spending: Spending
    conclusions: Conclusions
    completion: Completion
    milestones: Milestones
    cap: CapFile
    delegation: Delegation
    lines: Lines
    clock: Clock
    max_workers: int
    default_runtime: str
    notifiers: tuple[Notifier, ...] = ()


@dataclass(slots=True)
class Report:
    """What a tick did and left.

    Attributes:
        progress: something moved: another tick may move more at once.
        counts: tasks per status.
        idle: nothing is left that could move by itself.
        stuck: for the first hundred tasks that cannot start, the reasons.
        due: when to look again at the latest, beside the regular rescan.
        broken: why the queue's file cannot be read; nothing new is started while it is so.
        release: of a milestone, the newest.
    """

    progress: bool = False
    counts: Mapping[str, int] = field(default_factory=dict)
    idle: bool = False
    stuck: Mapping[str, list[str]] = field(default_factory=dict)
    due: datetime | None = None
    broken: InputError | None = None
    release: Release | None = None

    @property
    def attention(self) -> bool:
        """Work is left that only a person can move."""
        if self.release is not None and self.release.failure is not None:
            return True
        return any(count for status, count in self.counts.items() if status not in OVER)

    def wait_until(self, due: datetime | None) -> None:
        """Look again at `due` at the latest."""
        if due is not None:
            self.due = due if self.due is None else min(self.due, due)
