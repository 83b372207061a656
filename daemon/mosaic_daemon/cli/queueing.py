"""Adding tasks to `tasks.json` beside people, editors and a daemon that write it at the same time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from mosaic_daemon.ground import atomicfile
from mosaic_daemon.ground.errors import InputError, Unavailable
from mosaic_daemon.ground.layout import Layout
from mosaic_daemon.store.reader import LedgerReader
from mosaic_daemon.tracking import queuefile
from mosaic_daemon.tracking.entry import DAEMON_FIELDS, PEOPLE_STATUSES, Entry, validate
from mosaic_daemon.views.snapshot import PROGRAM

_LOCK_SEC = 10.0
_ROUNDS = 20

Task = Mapping[str, Any]


def add(layout: Layout, tasks: Sequence[Task], *, source: str) -> list[str]:
    """Add all of these or none; returns lines about what may be wrong with them all the same.

    `source` is where they come from, for messages; empty for the command line.

    Raises:
        InputError: one of them is no task or is there already, or the file cannot be read; nothing was changed.
        Unavailable: another tool holds the file's lock, or keeps writing the file, or the disk is full.
    """
    new = [_checked(task, position, source) for position, task in enumerate(tasks, start=1)]
    known = _known(layout)

    def added(file: queuefile.QueueFile) -> list[Any]:
        _refuse_known(layout, file, new, known)
        return [*file.entries, *new]

    with atomicfile.locked(layout.tasks_lock, timeout_sec=_LOCK_SEC):
        file = _publish(layout, added)
    return list(_doubts(new, {*known, *file.by_id}))


def put(layout: Layout, tasks: Sequence[Task]) -> None:
    """Have the file say of these tasks what they say; a field that they leave out, and every other task, stays.

    Raises:
        InputError: the file cannot be read; nothing was changed.
        Unavailable: another tool holds the file's lock, or keeps writing the file, or the disk is full.
    """
    wanted = {str(task["id"]): task for task in tasks}

    def edited(file: queuefile.QueueFile) -> list[Any]:
        there = [entry if file.is_problem(entry) else entry | wanted.get(entry["id"], {}) for entry in file.entries]
        return [*there, *(dict(task) for name, task in wanted.items() if name not in file.by_id)]

    with atomicfile.locked(layout.tasks_lock, timeout_sec=_LOCK_SEC):
        _publish(layout, edited)


def _checked(task: Task, position: int, source: str) -> dict[str, Any]:
    """The task without the daemon's empty fields.

    Raises:
        InputError: names the field.
    """
    entry = validate(task, source=source, position=position)
    name = f"task {entry.id!r}"
    if entry.status.value not in PEOPLE_STATUSES:
        raise InputError(
            f"{name}: only the daemon sets the status `{entry.status.value}`",
            source=source,
            remedy=f"leave it out, or use one of {', '.join(PEOPLE_STATUSES)}",
        )
    defaults = {field: Entry.model_fields[field].get_default() for field in DAEMON_FIELDS}
    for field, default in defaults.items():
        if task.get(field) not in (None, "", default):
            raise InputError(f"{name}: the field `{field}` is the daemon's", source=source, remedy="leave it out")
    if entry.id in (*entry.depends_on, *entry.blocks):
        raise InputError(f"{name} waits for itself", source=source, remedy="take its own id out of the list")
    if entry.command is not None and entry.runtime not in (None, "shell"):
        problem = f"{name}: `command` is for the runtime `shell`, and its runtime is `{entry.runtime}`"
        raise InputError(problem, source=source, remedy="leave one of them out")
    if entry.runtime == "shell" and entry.command is None:
        raise InputError(f"{name}: the runtime `shell` needs a `command`", source=source)
    return {field: value for field, value in task.items() if field not in defaults}


def _known(layout: Layout) -> set[str]:
    """Every task of the ledger that people see."""
    try:
        with LedgerReader(layout.ledger) as ledger:
            return set(ledger.ids())
    except FileNotFoundError:
        return set()


def _publish(layout: Layout, edit: Callable[[queuefile.QueueFile], list[Any]]) -> queuefile.QueueFile:
    """Exchange the file for one with the edited entries, again and again until nothing came in between.

    What an editor without the lock saved meanwhile comes out of the exchange; it is the newer text, and is edited then.
    """
    shown = _read(layout)
    before = shown
    for _ in range(_ROUNDS):
        try:
            file = _parsed(layout, shown)
            entries = edit(file)
        except InputError:
            if shown != before and shown is not None:
                atomicfile.exchange(layout.tasks, shown)  # it is not ours to judge: put it back
            raise
        if entries == list(file.entries) and shown == before:
            return file
        text = queuefile.render(entries, file.extra)
        found = atomicfile.exchange(layout.tasks, text)
        if found == before:
            return file
        shown, before = found, text
    raise Unavailable(
        f"another program keeps writing the file ({_ROUNDS} times in a row)",
        where=str(layout.tasks),
        remedy="look with `explain` whether the task is there, or try again",
    )


def _read(layout: Layout) -> bytes | None:
    try:
        return atomicfile.read_untrusted(layout.tasks, max_bytes=queuefile.MAX_BYTES)
    except FileNotFoundError:
        return None


def _parsed(layout: Layout, text: bytes | None) -> queuefile.QueueFile:
    return queuefile.QueueFile.empty() if text is None else queuefile.parse(text, source=str(layout.tasks))


def _refuse_known(layout: Layout, file: queuefile.QueueFile, new: Sequence[Mapping[str, Any]], known: set[str]) -> None:
    seen: set[str] = set()
    for task in new:
        name = task["id"]
        if name in file.by_id or name in known:
            raise InputError(
                f"there is a task {name!r} already",
                source=str(layout.tasks),
                remedy=f"`{PROGRAM} explain {name}` shows it; take another id, or edit that entry",
            )
        if name in seen:
            raise InputError(f"{name!r} appears twice among the new tasks")
        seen.add(name)


def _doubts(new: Sequence[Task], known: set[str]) -> Iterator[str]:
    """Dependencies that name no task: allowed, because it may come later, and often a typing error."""
    there = known | {str(task["id"]) for task in new}
    for task in new:
        missing = [need for need in task.get("depends_on") or () if need not in there]
        if missing:
            yield f"note: {task['id']} waits for {', '.join(missing)}, not in the queue so far"
