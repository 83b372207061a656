"""What changed between two versions of a face, and how the changes of two faces come together.

A face's view of a task is a flat mapping of field to JSON value; a face is a mapping of task id to view. Everything
here is a pure function.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from mosaic_daemon.tracking.entry import PEOPLE_FIELDS
from mosaic_daemon.tracking.table import COLUMNS

View = Mapping[str, Any]
Face = Mapping[str, View]

MERGED_FIELDS = frozenset({"status", *PEOPLE_FIELDS})
"""What people may write, and so what two faces can differ in."""

_LISTS = frozenset({"depends_on", "blocks"})
_EMPTY: Mapping[str, Any] = {
    "status": "not-started",
    **dict.fromkeys(("description", "issue", "repo", "branch", "notes"), ""),
}
"""What an empty cell means where it is not null or an empty list: the default of the field."""


@dataclass(frozen=True, slots=True)
class FaceChanges:
    """The way from one version of a face to another.

    Attributes:
        added: views of tasks that are new.
        removed: views of tasks that are gone.
        changed: per task and field, the value before and after; a missing one is None.
    """

    added: Mapping[str, View]
    removed: Mapping[str, View]
    changed: Mapping[str, Mapping[str, tuple[Any, Any]]]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


@dataclass(frozen=True, slots=True)
class Patch:
    """What a face has to take over from the other one.

    Attributes:
        added: tasks it lacks.
        removed: tasks it must drop.
        changed: new values per task and field.
    """

    added: Mapping[str, View]
    removed: frozenset[str]
    changed: Mapping[str, Mapping[str, Any]]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


@dataclass(frozen=True, slots=True)
class Conflict:
    """Both sides changed the same thing differently.

    Attributes:
        task: its id.
        field: the field; empty when one side removed the task and the other changed it. Then it stays.
        mine, theirs: both values, for a removed task None. `mine` was taken.
    """

    task: str
    field: str
    mine: Any
    theirs: Any


@dataclass(frozen=True, slots=True)
class Merge:
    """What makes both sides say the same.

    Attributes:
        to_mine, to_theirs: what each side takes over.
        conflicts: where one side's change was set aside.
    """

    to_mine: Patch
    to_theirs: Patch
    conflicts: tuple[Conflict, ...]


def diff(base: Face, now: Face) -> FaceChanges:
    """Compare two versions of one face."""
    changed = {}
    for name, view in now.items():
        before = base.get(name)
        if before is not None and before != view and (fields := _differences(before, view)):
            changed[name] = fields
    return FaceChanges(
        added={name: view for name, view in now.items() if name not in base},
        removed={name: view for name, view in base.items() if name not in now},
        changed=changed,
    )


def three_way(base: Face, mine: Face, theirs: Face, *, fields: Collection[str] = MERGED_FIELDS) -> Merge:
    """Bring two faces together that were both edited since they said what `base` says.

    Field by field: what one side changed is taken; what both changed alike is fine; what both changed differently is a
    conflict that `mine` wins. A field that a view lacks is one its face does not show, which is no change. A task that
    one side removed and the other left alone is removed; if the other changed it, it stays, because an edit is work
    and a removal can be repeated.

    Args:
        base: what both said last.
        mine: the side that wins, for us the table.
        theirs: the other side.
        fields: which fields are merged; all others are left alone.
    """
    merging = _Merging(fields)
    for name in {**base, **mine, **theirs}:
        before, my, their = base.get(name), mine.get(name), theirs.get(name)
        if my is not None and their is not None:
            if not (my is their or my == their or my == before == their):
                merging.edit(name, before or {}, my, their)
        elif my is not None:
            merging.one_sided(name, before, my, is_mine=True)
        elif their is not None:
            merging.one_sided(name, before, their, is_mine=False)
    return merging.result()


def row_of(entry: View, shown: Mapping[str, str] | None = None) -> dict[str, str]:
    """The table's 14 cells for a task.

    Args:
        entry: the task's fields; absent, null and empty ones make empty cells.
        shown: what its row says now. A cell that means the same already stays as it was typed.
    """
    cells = {column: _cell(entry.get(column)) for column in COLUMNS}
    if shown is None or shown == cells:
        return cells
    return {
        column: shown[column] if _value(column, shown[column]) == _value(column, cell) else cell
        for column, cell in cells.items()
    }


def fields_of(row: Mapping[str, str]) -> dict[str, Any]:
    """The fields that a table row's cells stand for.

    An empty cell is the field's default: null, an empty list or text, `not-started`. Figures stay text. To compare an
    entry with a row, take `fields_of(row_of(entry))`.
    """
    return {column: _value(column, row[column]) for column in COLUMNS}


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _value(column: str, cell: str) -> Any:
    if column in _LISTS:
        return [part for part in map(str.strip, cell.split(",")) if part]
    return cell or _EMPTY.get(column)


def _differences(before: View, after: View) -> dict[str, tuple[Any, Any]]:
    pairs = {field: (before.get(field), after.get(field)) for field in {**before, **after}}
    return {field: pair for field, pair in pairs.items() if pair[0] != pair[1]}


class _Merging:
    """Collects what a merge decides."""

    def __init__(self, fields: Collection[str]) -> None:
        self._fields = fields
        self._conflicts: list[Conflict] = []
        self._added: tuple[dict[str, View], dict[str, View]] = ({}, {})
        self._removed: tuple[set[str], set[str]] = (set(), set())
        self._changed: tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]] = ({}, {})

    def result(self) -> Merge:
        to_mine, to_theirs = (
            Patch(added, frozenset(removed), changed)
            for added, removed, changed in zip(self._added, self._removed, self._changed, strict=True)
        )
        return Merge(to_mine, to_theirs, tuple(self._conflicts))

    def edit(self, name: str, base: View, mine: View, theirs: View) -> None:
        """Both sides have the task."""
        for field in {**mine, **theirs}:
            if field not in self._fields:
                continue
            before = base.get(field)
            my, their = mine.get(field, before), theirs.get(field, before)
            if my == their:
                continue
            if my == before:
                self._changed[0].setdefault(name, {})[field] = their
                continue
            if their != before:
                self._conflicts.append(Conflict(name, field, my, their))
            self._changed[1].setdefault(name, {})[field] = my

    def one_sided(self, name: str, base: View | None, view: View, *, is_mine: bool) -> None:
        """Only one side has the task: the other removed it, or never had it."""
        if base is not None and not self._is_changed(base, view):
            self._removed[0 if is_mine else 1].add(name)
            return
        self._added[1 if is_mine else 0][name] = view
        if base is not None:
            self._conflicts.append(Conflict(name, "", view if is_mine else None, None if is_mine else view))

    def _is_changed(self, base: View, view: View) -> bool:
        return any(field in self._fields and base.get(field) != value for field, value in view.items())
