"""Figures over time, for charts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from mosaic_daemon.store.mirror import Brief
from mosaic_daemon.views.text import moment

_MOST = 200
_STAGES: Mapping[str, str] = {
    "task-added": "not-started",
    "requeued": "not-started",
    "attempt-released": "not-started",
    "attempt-stopped": "not-started",
    "attempt-failed": "not-started",
    "review-returned": "not-started",
    "gate-returned": "not-started",
    "attempt-intended": "in-progress",
    "result-accepted": "gate",
    "review-resumed": "review",
    "review-passed": "gate",
    "gate-resumed": "gate",
    "review-blocked": "blocked",
    "gate-blocked": "blocked",
    "task-blocked": "blocked",
    "gate-failed": "failed",
    "qa-needed": "needs-qa",
    "task-deferred": "deferred",
    "task-done": "done",
    "done-found": "done",
    "qa-delivered": "done",
    "task-removed": "deferred",
}
_ENDS = ("done", "failed")


@dataclass(frozen=True, slots=True)
class Span:
    """What a task did between two moments: a status, `review` or `gate`."""

    stage: str
    start: datetime
    end: datetime


def spans(happened: Iterable[Mapping[str, Any]], now: datetime) -> list[Span]:
    """What a task did from when to when, by its events."""
    turns: list[tuple[str, datetime]] = []
    for each in happened:
        if (stage := _stage(each["kind"], each["event"])) and (not turns or turns[-1][0] != stage):
            turns.append((stage, moment(each["at"])))
    if turns and turns[-1][0] not in _ENDS:
        turns.append(("", now))
    return [Span(stage, start, end) for (stage, start), (_, end) in pairwise(turns)]


def _stage(kind: str, body: Mapping[str, Any]) -> str:
    if kind == "attempt-failed" and body.get("final"):
        return "failed"
    if kind == "result-accepted" and body.get("review"):
        return "review"
    return _STAGES.get(kind, "")


def over_time(briefs: Iterable[Brief]) -> list[tuple[str, int]]:
    """(time, tokens used in all until then), at the end of each task that has one; thinned out when there are many."""
    ended = sorted((each.completed_at, each.spent.used) for each in briefs if each.completed_at and each.spent.used)
    total, points = 0, []
    for at, used in ended:
        total += used
        points.append((at, total))
    step = -(-len(points) // _MOST) or 1
    return [*points[:-1:step], points[-1]] if points else []
