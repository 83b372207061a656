"""What people changed becomes events: a three-way comparison of a face with what it showed last.

People own the description and everything else in the first block of an entry, the daemon the second block; `status`
is shared. What the rules do not allow is refused with a reason, never silently dropped.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from mosaic_daemon.ground.errors import InputError, Refused
from mosaic_daemon.nouns import events as ev
from mosaic_daemon.nouns.attempt import FailureClass
from mosaic_daemon.nouns.gate import may_have_landed
from mosaic_daemon.nouns.record import (
    Blocked,
    Deferred,
    Dispatching,
    Done,
    Failed,
    Gating,
    NeedsQa,
    NotStarted,
    Record,
    Removed,
    Reviewing,
    Running,
)
from mosaic_daemon.nouns.task import Status
from mosaic_daemon.store.ledger import Ledger
from mosaic_daemon.tracking.entry import PEOPLE_FIELDS, validate
from mosaic_daemon.tracking.merge import FaceChanges
from mosaic_daemon.tracking.view import entry_of, task_of

FENCES = "fences"  #: the ledger's memo of fences that were issued before it was lost
_Fields = Mapping[str, tuple[Any, Any]]


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of one face's changes.

    Attributes:
        entries: to be appended to the ledger, all at once.
        problems: what could not be taken in, each one line.
        rejected: ids of new entries among those; their text is left as it is.
        later: ids whose change has to wait until their worker's start is known.
    """

    entries: list[ev.Entry]
    problems: list[str]
    rejected: set[str]
    later: set[str]

    def edit(self, record: Record, changed: _Fields, source: str, now: datetime) -> None:
        """Take in changes of one task; what cannot be is refused as a whole."""
        try:
            events = list(_edited(record, changed, source))
        except InputError as error:
            self.problems.append(error.line)
            events = [ev.EditRefused(changed, error.problem, source)]
        self.entries.extend(ev.Entry(now, record.id, source, event) for event in events)


def take_in(changes: FaceChanges, ledger: Ledger, source: str, now: datetime) -> Taken:
    """The events that a face's changes ask for. Nothing is stored."""
    taken = Taken([], [], set(), set())
    position = ledger.next_position()
    fences: dict[str, int] = json.loads(ledger.memo(FENCES) or "{}")
    for task, raw in changes.added.items():
        record = ledger.records.get(task)
        if record is not None and not isinstance(record.state, Removed):
            taken.edit(record, _differences(record, raw), source, now)
            continue
        try:
            events = list(_added(raw, position, source, fences.get(task, 0), _delivered(record)))
        except InputError as error:
            taken.problems.append(error.line)
            taken.rejected.add(task)
            continue
        position += 1
        taken.entries.extend(ev.Entry(now, task, source, event) for event in events)
    for task, changed in changes.changed.items():
        record = ledger.records.get(task)
        if record is None or isinstance(record.state, Removed):
            continue
        if isinstance(record.state, Dispatching):
            taken.later.add(task)
        else:
            taken.edit(record, _against(record, changed), source, now)
    for task in changes.removed:
        record = ledger.records.get(task)
        if record is not None and not isinstance(record.state, Removed):
            taken.entries.append(ev.Entry(now, task, source, _removed(record, source)))
    return taken


def request(record: Record, wanted: Status, reason: str, source: str) -> ev.TaskEvent | None:
    """The event that gives a task the status a person asks for; None when it has it already.

    Raises:
        Refused: the rules do not allow it; the message says why and what would.
    """
    state = record.state
    match wanted, state:
        case Status.NOT_STARTED, NotStarted():
            return None
        case Status.NOT_STARTED, Blocked(gate=gate, attempt=attempt, failure=failure) if gate and attempt:
            if failure.kind is FailureClass.GATE or may_have_landed(gate):
                return ev.GateResumed(source)
            return ev.Requeued(reason, source)
        case Status.NOT_STARTED, Blocked(review=review) if review:
            return ev.ReviewResumed(source)
        case Status.NOT_STARTED, Failed() | Blocked() | Deferred() | NeedsQa() | Reviewing():
            return ev.Requeued(reason, source)
        case (Status.DEFERRED, Deferred()):
            return None
        case Status.DEFERRED, NotStarted() | Failed() | NeedsQa() | Reviewing():
            return ev.TaskDeferred(reason, source)
        case Status.BLOCKED, Blocked():
            return None
        case Status.BLOCKED, NotStarted() | Failed() | Deferred() | NeedsQa() | Reviewing():
            return ev.TaskBlocked(reason, source)
        case ((Status.NOT_STARTED | Status.DEFERRED | Status.BLOCKED), Running(stopping=stopping)):
            return None if stopping == wanted.value else ev.StopRequested(_STOPS[wanted], reason, source)
        case ((Status.NOT_STARTED | Status.DEFERRED | Status.BLOCKED), Gating(gate=gate) | Blocked(gate=gate)) if gate:
            if may_have_landed(gate):
                raise Refused(
                    "its squash commit is, or may be, on the base branch: it can only go forward", where=record.id
                )
            if wanted is Status.NOT_STARTED:
                return ev.Requeued(reason, source)
            return (ev.TaskDeferred if wanted is Status.DEFERRED else ev.TaskBlocked)(reason, source)
        case Status.DEFERRED, Blocked():
            return ev.TaskDeferred(reason, source)
        case ((Status.NOT_STARTED | Status.DEFERRED | Status.BLOCKED), Done()):
            raise Refused("it is done, with evidence", where=record.id, remedy="add a new task for what is left to do")
        case ((Status.NOT_STARTED | Status.DEFERRED | Status.BLOCKED), _):
            raise Refused("its worker is just being started", where=record.id, remedy="ask again in a moment")
        case _:
            raise Refused(
                f"only the daemon sets `{wanted}`: it is read back from the repository, never taken on anybody's word",
                where=record.id,
                remedy="people may ask for `not-started`, `deferred` or `blocked`",
            )


_STOPS: Mapping[Status, Literal["not-started", "deferred", "blocked"]] = {
    Status.NOT_STARTED: "not-started",
    Status.DEFERRED: "deferred",
    Status.BLOCKED: "blocked",
}


def _delivered(record: Record | None) -> Mapping[str, Any] | None:
    """The evidence of a task that comes back from an archived milestone."""
    return record.state.delivered if record is not None and isinstance(record.state, Removed) else None


def _added(
    raw: Mapping[str, Any], position: int, source: str, fence: int, delivered: Mapping[str, Any] | None = None
) -> Iterator[ev.TaskEvent]:
    entry = validate(dict(raw), source=source, position=position)
    yield ev.TaskAdded(task_of(entry), position, source, fence)
    status = Status(entry.status)
    if status is Status.DEFERRED:
        yield ev.TaskDeferred("arrived as deferred", source)
    elif status is Status.BLOCKED:
        yield ev.TaskBlocked("arrived as blocked", source)
    elif status is Status.DONE and delivered is not None:
        yield ev.DoneFound({"summary": f"done: {entry.id}", **delivered})
    elif status is not Status.NOT_STARTED:
        reason = f"it arrived as `{status}`, and the daemon has no evidence of that"
        yield ev.EditRefused({"status": (None, status.value)}, reason, source)
        yield ev.TaskBlocked(f"{reason}: ask for `not-started` to have it done, or `deferred` to leave it", source)


def _edited(record: Record, changed: _Fields, source: str) -> Iterator[ev.TaskEvent]:
    theirs = {name: pair for name, pair in changed.items() if _is_peoples(name, record)}
    if theirs:
        raw = {**entry_of(record), **{name: after for name, (_, after) in theirs.items()}}
        entry = validate(
            {key: value for key, value in raw.items() if value is not None}, source=source, position=record.position
        )
        yield ev.TaskEdited(task_of(entry), theirs, source)
    foreign = {name: pair for name, pair in changed.items() if name not in theirs and name != "status"}
    if foreign:
        yield ev.EditRefused(foreign, "these fields are the daemon's", source)
    if "status" in changed:
        try:
            wanted = Status(changed["status"][1] or "not-started")
            event = request(record, wanted, f"asked for in {source}", source)
        except ValueError:
            yield ev.EditRefused({"status": changed["status"]}, "this is not a status", source)
        except Refused as refused:
            yield ev.EditRefused({"status": changed["status"]}, refused.problem, source)
        else:
            if event is not None:
                yield event


def _removed(record: Record, source: str) -> ev.TaskEvent:
    if isinstance(record.state, NotStarted | Failed | Deferred | NeedsQa) or (
        isinstance(record.state, Blocked) and record.state.gate is None
    ):
        return ev.TaskRemoved(source)
    return ev.EditRefused(
        {"id": (record.id, None)}, f"it is {record.status}: only waiting tasks can be taken out", source
    )


def _is_peoples(name: str, record: Record) -> bool:
    return name in PEOPLE_FIELDS or (name not in entry_of(record)) or name in record.task.extra


def _against(record: Record, changed: _Fields) -> dict[str, tuple[Any, Any]]:
    """Changes that still differ from what the ledger says: what both sides did alike is no change."""
    current = entry_of(record)
    return {name: pair for name, pair in changed.items() if _plain(current.get(name)) != _plain(pair[1])}


def _differences(record: Record, raw: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What an entry that appears again says differently from the ledger."""
    current = entry_of(record)
    return {
        name: (current.get(name), value)
        for name, value in raw.items()
        if name in PEOPLE_FIELDS and _plain(current.get(name)) != _plain(value)
    }


def _plain(value: Any) -> Any:
    """Values that mean the same compare equal: nothing, an empty text and an empty list."""
    return None if value in ("", [], ()) else value
