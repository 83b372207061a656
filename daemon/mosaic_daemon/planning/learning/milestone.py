"""The end of the last phase: when it is reached, and the full retrospective that the guide asks for then."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from mosaic_daemon.ground.errors import InputError
from mosaic_daemon.nouns.events import Reported
from mosaic_daemon.nouns.record import Deferred, Done, Record, Removed
from mosaic_daemon.planning.learning.retrospect import Retrospective, retrospective
from mosaic_daemon.planning.learning.samples import samples_of
from mosaic_daemon.planning.papers import heuristics, record
from mosaic_daemon.planning.planner.learned import NOTHING_LEARNED

TOPIC = "milestone"
_PATTERNS = 3


class Phases:
    """Which tasks of the phases are over, kept up to date record by record; tasks without a phase are no part of it."""

    def __init__(self) -> None:
        self._open: set[str] = set()
        self._done: dict[str, str] = {}
        self._end: str | None = None

    def update(self, changed: Iterable[Record]) -> None:
        for each in changed:
            self._done.pop(each.id, None)
            self._open.discard(each.id)
            if each.task.phase is None or isinstance(each.state, Removed | Deferred):
                continue
            if isinstance(each.state, Done):
                self._done[each.id] = each.completed_at.isoformat() if each.completed_at else ""
            else:
                self._open.add(each.id)
        self._end = None

    @property
    def end(self) -> str:
        """When the last of them was done; empty while one is open, and where there never was one."""
        if self._end is None:
            self._end = "" if self._open else max(self._done.values(), default="")
        return self._end


def looked_back(ended: Iterable[Record], root: Path) -> Reported:
    """The notice: what all of it took against its estimates, what repeats, and what to estimate with next time.

    Args:
        root: the checkout, whose plan and factors the proposals are made against.
    """
    found = _found(list(ended), root)
    said = found.total.line.removeprefix("All: ") if found.total else "nothing was measured"
    proposed = [f"proposed: {each.line}" for each in found.proposals]
    line = "; ".join((f"Milestone retrospective: {said}", *found.patterns[:_PATTERNS], *proposed))
    apply = ", `retro --apply` lets the next bootstrap use it" if proposed else ""
    more = f"`mosaic-orchestrator retro` says more{apply}, `retro --export` keeps it for other projects"
    return Reported(TOPIC, f"{line}; {more}", found.as_dict())


def _found(ended: list[Record], root: Path) -> Retrospective:
    try:
        known, factors = record.read(root), heuristics.read(root)
    except (InputError, OSError):  # `retro` says what is wrong; nothing can be proposed without them
        gathered = samples_of(ended, None)
        return replace(retrospective(gathered.samples, NOTHING_LEARNED, gathered.unmeasured), proposals=())
    gathered = samples_of(ended, known.plan if known else None)
    return retrospective(gathered.samples, factors, gathered.unmeasured)
