"""`tasks.json` as a whole: strict about the file, patient with its entries, and nothing lost by writing it again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mosaic_daemon.ground.errors import InputError
from mosaic_daemon.tracking import queuefile
from mosaic_daemon.tracking.entry import FIELDS, Problem

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
PLAIN = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT | st.lists(TEXT, max_size=2)
NAMES = st.sampled_from(["A-1", "A-2", "A-3", "a/b", "", "-x"])
ENTRIES = PLAIN | st.dictionaries(st.sampled_from(FIELDS) | TEXT, PLAIN, max_size=5).flatmap(
    lambda fields: st.builds(lambda name: {**fields, "id": name}, NAMES) | st.just(fields)
)


def parse(text: str) -> queuefile.QueueFile:
    return queuefile.parse(text.encode(), source="tasks.json")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[]", "is not a JSON object"),
        ('{"tasks": []}', "has no integer field 'version'"),
        ('{"version": true, "tasks": []}', "has no integer field 'version'"),
        ('{"version": 2, "tasks": []}', "is a version 2 queue"),
        ('{"version": 1}', "has no list 'tasks'"),
        ('{"version": 1, "tasks": {}}', "has no list 'tasks'"),
        ('{"version": 1, "tasks": [], "tasks": []}', "key 'tasks' appears twice"),
    ],
)
def test_what_is_no_queue_fails(text: str, problem: str) -> None:
    """And is told what the smallest one looks like, or where the text is wrong."""
    with pytest.raises(InputError, match=problem) as caught:
        parse(text)
    assert caught.value.where.startswith("tasks.json")


def test_one_bad_entry_does_not_fail_the_file() -> None:
    """It is reported with its place, and stays among the entries."""
    text = """{ "x": [1, {"tasks": 2}], "version": 1,
 "tasks": [
  {"id": "A-1", "description": "one"},
  {"id": "../up"},   5,
  {"description": "[no id],"},

  {"id": "A-1", "description": "two"},
  {"id": "A-2", "description": ""}
 ] }"""
    queue = parse(text)
    assert list(queue.by_id) == ["A-1", "A-2"]
    assert queue.by_id["A-1"]["description"] == "one"
    assert queue.problems == (
        Problem("has an 'id' that is none: '../up'", 2, task="", line=4),
        Problem("is not a JSON object", 3, task="", line=4),
        Problem("has no 'id'", 4, task="", line=5),
        Problem("has the id 'A-1' of an earlier entry", 5, task="A-1", line=7),
    )
    assert [queue.is_problem(entry) for entry in queue.entries] == [False, True, True, True, True, False]
    assert json.loads(queuefile.render(queue.entries, queue.extra)) == json.loads(text)


def test_an_id_that_cannot_be_a_key_is_only_a_bad_id() -> None:
    """Lists and objects cannot be looked up."""
    assert len(parse('{"version": 1, "tasks": [{"id": []}, {"id": {}}, {"id": null}]}').problems) == 3


def test_fields_are_written_in_the_documented_order() -> None:
    """Unknown ones follow in their own; what is not there is not invented."""
    data = queuefile.render([{"zz": 1, "notes": "", "aa": 2, "description": "d", "id": "A-1"}], {"owner": "me"})
    assert list(json.loads(data)) == ["version", "tasks", "owner"]
    assert list(json.loads(data)["tasks"][0]) == ["id", "description", "notes", "zz", "aa"]
    assert data.startswith(b'{\n  "version": 1,\n')
    full = dict.fromkeys(FIELDS, "x") | {"zz": 1}
    assert list(json.loads(queuefile.render([full]))["tasks"][0]) == [*FIELDS, "zz"]


@given(st.lists(ENTRIES, max_size=6), st.dictionaries(TEXT, PLAIN, max_size=2), st.sampled_from([None, 1]))
def test_nothing_is_lost_by_writing_again(entries: list[Any], extra: dict[str, Any], indent: int | None) -> None:
    """Whatever stands in the list and beside it; and every entry is either usable or a problem."""
    document = {**extra, "version": 1, "tasks": entries}
    queue = parse(json.dumps(document, indent=indent))
    assert json.loads(queuefile.render(queue.entries, queue.extra)) == document
    assert len(queue.by_id) + len(queue.problems) == len(entries)
    assert [queue.is_problem(entry) for entry in queue.entries].count(True) == len(queue.problems)


def test_the_empty_queue() -> None:
    """The same as the smallest file."""
    assert parse('{"version": 1, "tasks": []}') == queuefile.QueueFile.empty()


def test_the_schema_describes_the_file() -> None:
    """Every reference in it leads somewhere."""
    schema = queuefile.schema()
    references = [part.split('"')[0] for part in json.dumps(schema).split('"$ref": "#/$defs/')[1:]]
    assert set(references) == {"Entry", "Status", "Kind", "Category"} == set(schema["$defs"])
    assert schema["properties"]["version"] == {"const": 1}
