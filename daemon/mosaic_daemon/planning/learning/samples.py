"""Finished tasks as samples for a retrospective: from records, and from entries of the learnings file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from mosaic_daemon.faces.learnings import LEARNINGS, entries_of, parsed
from mosaic_daemon.ground import atomicfile, strictjson
from mosaic_daemon.ground.layout import Layout
from mosaic_daemon.nouns.record import Record, Removed
from mosaic_daemon.nouns.variance import Variance, measured
from mosaic_daemon.planning.learning.classification import characteristics
from mosaic_daemon.planning.learning.retrospect import Sample
from mosaic_daemon.planning.plan import Plan
from mosaic_daemon.planning.planner.learned import unlearned
from mosaic_daemon.store import codec
from mosaic_daemon.store.reader import LedgerReader

_ENDED = ("done", "failed")
_MOST = 10**12


class Gathered(NamedTuple):
    """Samples, and how many finished tasks have no estimate, or nobody said what they used."""

    samples: tuple[Sample, ...]
    unmeasured: int


def gathered(layout: Layout, plan: Plan | None, phase: int | None = None) -> Gathered:
    """What the ledger knows, and what only the checkout's learnings file does; when there are no tasks, those of the
    milestone that was released last. `phase`: that one alone.

    Raises:
        LedgerError, InputError: one of them cannot be read; the latter names the line.
    """
    try:
        with LedgerReader(layout.ledger) as ledger:
            everything = ledger.ids()
            ended = [row["task"]["id"] for row in ledger.rows(*_ENDED)]
            release = ledger.system()[0].get("release") if not everything else None
            bodies = ledger.archived(release["version"]) if release else ledger.bodies(ended)
            records = [codec.load_record(body) for body in bodies]
    except FileNotFoundError:
        everything, records = [], []
    found = samples_of((each for each in records if phase is None or each.task.phase == phase), plan)
    captured_alone = _only_captured(layout, frozenset(everything)) if phase is None else []
    return Gathered((*found.samples, *captured_alone), found.unmeasured)


def samples_of(records: Iterable[Record], plan: Plan | None) -> Gathered:
    """Of those of these records that have ended."""
    ended = [each for each in records if each.status.value in _ENDED or _was_done(each)]
    found = [each for each in map(sample_of, ended) if each is not None]
    planned = {each.task.id: unlearned(each.reasons) for each in plan.tasks} if plan else {}
    samples = tuple(replace(each, planned=planned.get(each.task) or each.planned) for each in found)
    return Gathered(samples, len(ended) - len(found))


def _was_done(record: Record) -> bool:
    return isinstance(record.state, Removed) and record.state.delivered is not None


def variance_of(record: Record) -> Variance | None:
    """Of a task that has ended; None when its use or its estimate is unknown."""
    if not record.is_to_be_concluded:
        return record.variance
    figures = measured(record.task.estimate, record.used)
    if figures is None or record.completed_at is None:
        return None
    kind = characteristics(record.task)
    return Variance(*figures, kind.task_type, record.fence, record.completed_at, kind.files, kind.keywords)


def sample_of(record: Record) -> Sample | None:
    """A record that has ended; None when there is nothing to compare."""
    found = variance_of(record)
    if found is None:
        return None
    return Sample(record.id, record.task.phase, found.task_type, found.estimate, found.used, found.estimate)


def captured(entries: Iterable[Any]) -> Iterator[Sample]:
    """Those entries that are in the guide's shape: people may have put anything beside them."""
    for each in entries:
        if isinstance(each, Mapping):
            estimate, used = _tokens(each.get("estimate_k")), _tokens(each.get("actual_k"))
            name, task_type = each.get("task_id"), each.get("task_type")
            if isinstance(name, str) and isinstance(task_type, str) and estimate and used is not None:
                yield Sample(name, None, task_type, estimate, used, estimate)


def _only_captured(layout: Layout, known: frozenset[str]) -> list[Sample]:
    try:
        text = atomicfile.read_untrusted(layout.repo / LEARNINGS, max_bytes=strictjson.MAX_BYTES)
    except FileNotFoundError:
        return []
    return [each for each in captured(entries_of(parsed(text))) if each.task not in known]


def _tokens(thousands: Any) -> int | None:
    if isinstance(thousands, bool) or not isinstance(thousands, int | float) or not 0 <= thousands * 1_000 <= _MOST:
        return None
    return round(thousands * 1_000)
