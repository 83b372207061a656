"""What people ask of tasks by hand. The same functions serve a running daemon and a command that works on the files."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

import anyio

from mosaic_daemon.ground import atomicfile
from mosaic_daemon.ground.errors import InputError, Unavailable
from mosaic_daemon.ground.git import environment
from mosaic_daemon.ground.layout import TABLE, Layout
from mosaic_daemon.nouns.attempt import Attempt
from mosaic_daemon.nouns.events import AttemptReleased, AttemptStarted
from mosaic_daemon.nouns.record import Dispatching, Record, Removed, Running
from mosaic_daemon.nouns.task import Status
from mosaic_daemon.parts import Parts
from mosaic_daemon.stages import inbox, intake
from mosaic_daemon.tracking import table
from mosaic_daemon.tracking.merge import Face, FaceChanges, Merge, fields_of, row_of, three_way
from mosaic_daemon.tracking.view import entry_of
from mosaic_rails.base import Ended, Lost, Rail
from mosaic_rails.base import Running as AtWork

_STOP_SEC = 20.0  # a worker's process tree has 10 s to end by itself
_POLL_SEC = 0.1


async def ask(parts: Parts, task: str, wanted: Status, actor: str) -> str:
    """Ask for a status (`not-started` is a retry, `deferred` a cancellation). Returns one line that says what follows.

    Raises:
        InputError: there is no such task.
        Refused: the rules do not allow it.
    """
    if task not in parts.ledger.records:
        await take_in_queue(parts)
    record = find(parts, task)
    event = intake.request(record, wanted, f"asked for by {actor}", actor)
    if event is None:
        stopping = isinstance(record.state, Running)
        return (
            f"{record.id}: its worker is being stopped already"
            if stopping
            else f"{record.id} is {record.status} already"
        )
    parts.ledger.append(record.id, event, at=parts.clock.now(), actor=actor)
    after = parts.ledger.records[record.id]
    match event.kind:
        case "stop-requested":
            return f"{record.id}: its worker is being stopped; then it is {wanted}"
        case "requeued":
            return f"{record.id} will be done again"
        case "gate-resumed":
            return f"{record.id} goes on at the gate ({after.stage})"
        case _:
            return f"{record.id} is {after.status}"


async def ask_alone(parts: Parts, task: str, wanted: Status, actor: str) -> str:
    """`ask` for a command that has no daemon: it stops the task's worker itself and records its end."""
    record = parts.ledger.records.get(task)
    if record is not None and isinstance(record.state, Dispatching):
        await _settle_start(parts, record.state.attempt)
    said = await ask(parts, task, wanted, actor)
    record = parts.ledger.records[task]
    if not isinstance(record.state, Running):
        return said
    with anyio.move_on_after(_STOP_SEC):
        await _end_worker(parts, record, record.state.attempt)
        return f"{task} is {parts.ledger.records[task].status}, its worker is gone"
    return f"{task}: its worker has not ended yet, the next daemon sees to it"


async def _settle_start(parts: Parts, attempt: Attempt) -> None:
    """A daemon died while it started this attempt: find out whether a worker has it, or see that none ever will."""
    rail = parts.place.rail(attempt)
    await rail.revoke(attempt.name)
    seen = await rail.observe(attempt.name)
    now = parts.clock.now()
    if isinstance(seen, AtWork):
        parts.ledger.append(attempt.task, AttemptStarted(attempt.fence, seen.worker, seen.since), at=now)
    else:
        parts.ledger.append(attempt.task, AttemptReleased(attempt.fence, "its start was interrupted"), at=now)


async def _end_worker(parts: Parts, record: Record, attempt: Attempt) -> None:
    rail = parts.place.rail(attempt)
    await rail.revoke(attempt.name)
    end = await _ended(rail, attempt.name)
    now = parts.clock.now()
    for event in await parts.judge.verdict(record, parts.place.runtimes[attempt.runtime], end, now):
        parts.ledger.append(record.id, event, at=now)
    inbox.keep_result(parts.place.layout, attempt.name)
    await rail.settle(attempt.name)


async def _ended(rail: Rail, attempt: str) -> Ended | Lost:
    while True:
        seen = await rail.observe(attempt)
        if isinstance(seen, Ended | Lost):
            return seen
        await anyio.sleep(_POLL_SEC)


async def take_in_queue(parts: Parts) -> tuple[str, ...]:
    """Take in what people wrote into `tasks.json`; returns a line for each entry that cannot be taken in.

    Raises:
        InputError: the file cannot be read.
    """
    queue = parts.queue
    problems: tuple[str, ...] = ()
    while True:
        now = parts.clock.now()
        if (changes := queue.changes(now)) is not None:
            taken = intake.take_in(changes, parts.ledger, queue.name, now)
            parts.ledger.append_all(taken.entries)
            queue.accept(taken.later, taken.rejected)
            problems += tuple(taken.problems)
            if not taken.later:
                continue  # another edit may come behind it
        if queue.broken is not None:
            raise queue.broken
        if not queue.settling:
            return problems
        await anyio.sleep(_POLL_SEC)  # whoever writes it may be in the middle of it


def publish_queue(parts: Parts) -> None:
    """Let `tasks.json` show the ledger, unless a tool holds it or it was changed since: then the next tick does."""
    parts.queue.show(parts.ledger.listed())
    with suppress(Unavailable):
        parts.queue.publish()


def find(parts: Parts, task: str) -> Record:
    """The record of a task.

    Raises:
        InputError: there is none; names the nearest id.
    """
    record = parts.ledger.records.get(task)
    if record is None or isinstance(record.state, Removed):
        near = difflib.get_close_matches(task, [each.id for each in parts.ledger.listed()], n=1)
        raise InputError(f"there is no task {task!r}", remedy=f"did you mean `{near[0]}`?" if near else "")
    return record


@dataclass(frozen=True, slots=True)
class SyncPlan:
    """What `sync-tasks` would change.

    Attributes:
        to_table, to_queue: one line per change on that side.
        conflicts: both sides changed the same field differently; the table's value is taken.
        problems: rows that cannot be read.
    """

    to_table: tuple[str, ...]
    to_queue: tuple[str, ...]
    conflicts: tuple[str, ...]
    problems: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        return not (self.to_table or self.to_queue)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


async def sync(parts: Parts, *, apply: bool) -> SyncPlan:
    """Three-way merge of the checkout's `docs/TASKS.md` and the queue; done if `apply`, else only planned."""
    problems = await take_in_queue(parts)
    layout = parts.place.layout
    text = layout.table.read_text(encoding="utf-8") if layout.table.exists() else ""
    shown = table.parse(text, source=TABLE)
    # Rows that the ledger has never known are new to it, not removed from it.
    known = parts.ledger.records
    rows = _Rows()
    base = {task: rows.fields(task, row) for task, row in (await _base_rows(parts, layout)).items() if task in known}
    mine = {row.cells["id"]: rows.fields(row.cells["id"], row.cells) for row in shown.rows}
    theirs = {record.id: rows.fields(record.id, row_of(entry_of(record))) for record in parts.ledger.listed()}
    for task in shown.unreadable & theirs.keys():
        mine[task] = base[task] = theirs[task]
    merge = three_way(base, mine, theirs)
    problems += tuple(f"{TABLE}:{problem.line}: {problem.message}" for problem in shown.problems)
    if apply:
        problems += await _apply(parts, merge, shown)
    return SyncPlan(
        to_table=_lines(merge.to_mine.added, merge.to_mine.removed, merge.to_mine.changed),
        to_queue=_lines(merge.to_theirs.added, merge.to_theirs.removed, merge.to_theirs.changed),
        conflicts=tuple(
            f"{each.task}.{each.field}: {each.mine!r} kept, {each.theirs!r} set aside" for each in merge.conflicts
        ),
        problems=problems,
    )


async def _apply(parts: Parts, merge: Merge, shown: table.Table) -> tuple[str, ...]:
    patch, records, now = merge.to_theirs, parts.ledger.records, parts.clock.now()
    before = {task: fields_of(row_of(entry_of(records[task]))) for task in {*patch.changed, *patch.removed}}
    changes = FaceChanges(
        added=patch.added,
        removed={task: before[task] for task in patch.removed},
        changed={
            task: {field: (before[task].get(field), value) for field, value in fields.items()}
            for task, fields in patch.changed.items()
        },
    )
    taken = intake.take_in(changes, parts.ledger, TABLE, now)
    parts.ledger.append_all(taken.entries)
    publish_queue(parts)
    cells = {row.cells["id"]: row.cells for row in shown.rows}
    rows = [row_of(entry_of(record), cells.get(record.id)) for record in parts.ledger.listed()]
    file = parts.place.layout.table
    file.parent.mkdir(exist_ok=True)
    atomicfile.write(file, table.render(shown, rows).encode(), mode=0o644)
    return (*taken.problems, *(f"{task}: its worker is just being started, try again" for task in sorted(taken.later)))


class _Rows:
    """The fields of rows. Most rows are alike on all sides, and then it is one object: comparing it costs nothing."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[Mapping[str, str], Mapping[str, Any]]] = {}

    def fields(self, task: str, cells: Mapping[str, str]) -> Mapping[str, Any]:
        last = self._last.get(task)
        if last is None or last[0] != cells:
            last = self._last[task] = (cells, fields_of(cells))
        return last[1]


async def _base_rows(parts: Parts, layout: Layout) -> dict[str, Mapping[str, str]]:
    """The table that the person started from: the one where their branch left the base branch."""
    run = ["git", "-C", str(layout.repo)]
    for upstream in (f"origin/{parts.clone.branch}", parts.clone.branch, "HEAD"):
        found = await anyio.run_process([*run, "merge-base", "HEAD", upstream], check=False, env=environment())
        if found.returncode == 0:
            revision = f"{found.stdout.decode().strip()}:{TABLE}"
            text = await anyio.run_process([*run, "cat-file", "blob", revision], check=False, env=environment())
            if text.returncode == 0:
                parsed = table.parse(text.stdout.decode("utf-8", "replace"), source=TABLE)
                return {row.cells["id"]: row.cells for row in parsed.rows}
            break
    return {}


def _lines(added: Face, removed: frozenset[str], changed: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    return (
        *(f"+ {task}: {view.get('description', '')}" for task, view in added.items()),
        *(f"- {task}" for task in sorted(removed)),
        *(f"~ {task}.{field} = {value!r}" for task, fields in changed.items() for field, value in fields.items()),
    )
