"""Differences of faces and their merge: nobody's change is lost, and both sides end up saying the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mosaic_daemon.tracking import merge, table
from mosaic_daemon.tracking.entry import PEOPLE_FIELDS
from mosaic_daemon.tracking.merge import Conflict, Face, Patch
from mosaic_daemon.tracking.table import COLUMNS

FIELDS = ("description", "priority", "status")
VIEWS = st.fixed_dictionaries({field: st.integers(0, 2) for field in FIELDS})
FACES: st.SearchStrategy[Face] = st.dictionaries(st.sampled_from("abcd"), VIEWS)


def patched(face: Face, patch: Patch) -> dict[str, dict[str, Any]]:
    """The face after taking over what the merge says."""
    kept = {name: {**view, **patch.changed.get(name, {})} for name, view in face.items() if name not in patch.removed}
    return kept | {name: dict(view) for name, view in patch.added.items()}


@given(FACES, FACES)
def test_a_diff_tells_the_whole_way(base: Face, now: Face) -> None:
    """Whoever applies it to the base has the other version, and every pair is a real difference."""
    changes = merge.diff(base, now)
    rebuilt = {name: dict(view) for name, view in base.items() if name not in changes.removed}
    for name, fields in changes.changed.items():
        assert fields
        for field, (before, after) in fields.items():
            assert rebuilt[name][field] == before != after
            rebuilt[name][field] = after
    assert rebuilt | dict(changes.added) == now
    assert bool(changes) == (base != now)


def test_a_missing_field_and_null_are_the_same() -> None:
    """Entries may leave out what they do not say."""
    assert not merge.diff({"a": {"id": "a"}}, {"a": {"id": "a", "branch": None}})
    assert merge.diff({"a": {"branch": "x"}}, {"a": {}}).changed == {"a": {"branch": ("x", None)}}


@given(FACES, FACES, FACES)
def test_both_sides_say_the_same_after_a_merge(base: Face, mine: Face, theirs: Face) -> None:
    """Whatever happened on either side."""
    result = merge.three_way(base, mine, theirs)
    assert patched(mine, result.to_mine) == patched(theirs, result.to_theirs)


@given(FACES, FACES, FACES)
def test_no_change_is_lost_but_in_a_conflict_that_names_it(base: Face, mine: Face, theirs: Face) -> None:
    """Every value that differs from the base is in the result, or set aside in a conflict."""
    result = merge.three_way(base, mine, theirs)
    merged = patched(mine, result.to_mine)
    conflicts = {(each.task, each.field): each for each in result.conflicts}
    for side in (mine, theirs):
        for name, fields in merge.diff(base, side).changed.items():
            for field, (_, value) in fields.items():
                if merged[name][field] != value:
                    assert side is theirs
                    assert conflicts[name, field] == Conflict(name, field, merged[name][field], value)
        for name, view in merge.diff(base, side).added.items():
            for field, value in view.items():
                assert merged[name][field] == value or conflicts[name, field].theirs == value


@given(FACES, FACES)
def test_one_sided_changes_go_across_without_conflict(base: Face, changed: Face) -> None:
    """To whichever side; and the side that made them takes over nothing."""
    to_theirs = merge.three_way(base, changed, base)
    to_mine = merge.three_way(base, base, changed)
    assert to_theirs.conflicts == to_mine.conflicts == ()
    assert not to_theirs.to_mine
    assert not to_mine.to_theirs
    assert patched(base, to_theirs.to_theirs) == patched(base, to_mine.to_mine) == changed


def test_mine_wins_a_conflict() -> None:
    """The table is canonical; what the other side wanted is listed."""
    result = merge.three_way(
        {"a": {"description": "old", "priority": 0}},
        {"a": {"description": "table", "priority": 0}},
        {"a": {"description": "queue", "priority": 5}},
    )
    assert result.conflicts == (Conflict("a", "description", mine="table", theirs="queue"),)
    assert result.to_mine == Patch({}, frozenset(), {"a": {"priority": 5}})
    assert result.to_theirs == Patch({}, frozenset(), {"a": {"description": "table"}})


def test_the_same_change_on_both_sides_is_none() -> None:
    """Also when both added the same task."""
    both = {"a": {"description": "new"}, "b": {"description": "b"}}
    result = merge.three_way({"a": {"description": "old"}}, both, both)
    assert not result.to_mine
    assert not result.to_theirs
    assert result.conflicts == ()


@pytest.mark.parametrize("is_mine", [True, False])
def test_an_edit_outlives_a_removal(is_mine: bool) -> None:
    """Work is kept, whichever side did it; the removal is listed."""
    base, edited = {"a": {"description": "old"}}, {"a": {"description": "new"}}
    result = merge.three_way(base, edited, {}) if is_mine else merge.three_way(base, {}, edited)
    view = edited["a"]
    assert result.conflicts == (Conflict("a", "", view if is_mine else None, None if is_mine else view),)
    assert (result.to_theirs if is_mine else result.to_mine).added == edited


def test_a_removal_of_what_nobody_touched_goes_across() -> None:
    """In either direction."""
    base = {"a": {"description": "x"}}
    assert merge.three_way(base, {}, base).to_theirs.removed == {"a"}
    assert merge.three_way(base, base, {}).to_mine.removed == {"a"}


def test_a_face_that_does_not_show_a_field_did_not_change_it() -> None:
    """The table has no priorities; that does not reset them."""
    result = merge.three_way(
        {"a": {"priority": 1, "description": "x"}}, {"a": {"description": "y"}}, {"a": {"priority": 2}}
    )
    assert result.conflicts == ()
    assert result.to_mine.changed == {"a": {"priority": 2}}
    assert result.to_theirs.changed == {"a": {"description": "y"}}


def test_only_fields_of_people_are_merged() -> None:
    """The daemon's are taken back by it, not argued about here."""
    result = merge.three_way({"a": {"used": None}}, {"a": {"used": "5K"}}, {"a": {"used": "6K"}})
    assert (bool(result.to_mine), bool(result.to_theirs), result.conflicts) == (False, False, ())
    assert {"status", *PEOPLE_FIELDS} == merge.MERGED_FIELDS


ENTRY: Mapping[str, Any] = {
    "id": "A-1",
    "status": "done",
    "description": "a | b",
    "branch": "fix/x",
    "depends_on": ["A-0", "B-0"],
    "blocks": [],
    "estimate": "8K",
    "priority": 3,
    "agent": None,
}


def test_an_entry_as_a_row() -> None:
    """Lists are comma-separated; what is absent, null or empty is an empty cell."""
    row = merge.row_of(ENTRY)
    assert tuple(row) == COLUMNS
    assert {column: cell for column, cell in row.items() if cell} == {
        "id": "A-1",
        "status": "done",
        "description": "a | b",
        "branch": "fix/x",
        "depends_on": "A-0, B-0",
        "estimate": "8K",
    }


def test_a_row_as_fields() -> None:
    """An empty cell is the field's default, and lists may be typed tightly."""
    fields = merge.fields_of({**dict.fromkeys(COLUMNS, ""), "id": "A-1", "depends_on": "A-0,B-0 ,, "})
    assert fields["depends_on"] == ["A-0", "B-0"]
    assert (fields["blocks"], fields["estimate"], fields["agent"]) == ([], None, None)
    assert (fields["status"], fields["notes"], fields["issue"]) == ("not-started", "", "")


def test_cells_that_mean_the_same_stay_as_they_were_typed() -> None:
    """So the row is not rewritten for a space."""
    shown = {**merge.row_of(ENTRY), "depends_on": "A-0,B-0", "estimate": "9K"}
    row = merge.row_of(ENTRY, shown)
    assert (row["depends_on"], row["estimate"]) == ("A-0,B-0", "8K")


@given(st.fixed_dictionaries({column: st.text(max_size=5) for column in COLUMNS}))
def test_rows_and_fields_are_inverse(row: dict[str, str]) -> None:
    """Fields made of a row make a row that means the same."""
    fields = merge.fields_of(row)
    assert merge.fields_of(merge.row_of(fields)) == fields
    assert merge.row_of(fields, row) == row


def test_a_task_goes_through_both_faces() -> None:
    """Entry to row to Markdown and back: what the table shows of it is unchanged."""
    text = table.render(table.parse("", source="t"), [merge.row_of(ENTRY)])
    (row,) = table.parse(text, source="t").rows
    shown = merge.fields_of(row.cells)
    assert {field: shown[field] for field in ENTRY if field in shown} == {
        field: value for field, value in ENTRY.items() if field in shown
    }
