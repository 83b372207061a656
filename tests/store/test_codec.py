"""Values come back from the ledger as they went in: otherwise the state after a restart is another one."""

from __future__ import annotations

import json

import pytest
from hypothesis import given

from mosaic_daemon.nouns import events as ev
from mosaic_daemon.nouns.record import Record, Running
from mosaic_daemon.nouns.system import System
from mosaic_daemon.store import codec
from tests.samples import states
from tests.store.values import EVENTS, EVERY_KIND, RECORDS, SYSTEMS


@given(EVENTS)
def test_every_event_comes_back(event: ev.Event) -> None:
    """Of the same kind, with the same types inside."""
    text = codec.dump_event(event)
    back = codec.load_event(text)
    assert (type(back), back) == (type(event), event)
    assert codec.dump_event(back) == text
    assert json.loads(text)["kind"] == event.kind


@given(RECORDS)
def test_every_record_comes_back(record: Record) -> None:
    """In whatever state it is."""
    text = codec.dump_record(record)
    back = codec.load_record(text)
    assert (type(back.state), back) == (type(record.state), record)
    assert codec.dump_record(back) == text


@given(SYSTEMS)
def test_the_repository_row_comes_back(system: System) -> None:
    """Holds and all."""
    assert codec.load_system(codec.dump_system(system)) == system


def test_no_kind_of_event_is_left_out() -> None:
    """Of this test, or of the union."""
    kinds = [*ev.TaskEvent.__args__, *ev.SystemEvent.__args__]
    assert len(kinds) == len({kind.__dataclass_fields__["kind"].default for kind in kinds}) == EVERY_KIND


@pytest.mark.parametrize("text", ["", "null", "{}", '{"kind": "unheard-of"}', '{"kind": "task-removed"}', "[1]"])
def test_what_is_no_event_is_an_error(text: str) -> None:
    """Never a guess."""
    with pytest.raises(ValueError, match="validation error"):
        codec.load_event(text)


def test_a_state_of_the_same_shape_keeps_its_kind() -> None:
    """`Dispatching` and `Running` are told apart by their names."""
    record = states()["dispatching"]
    back = codec.load_record(codec.dump_record(record))
    assert not isinstance(back.state, Running)
    assert back == record
