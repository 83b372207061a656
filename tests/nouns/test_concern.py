"""A call for a person: fit to be shown anywhere, told once, remembered across restarts and damage."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from mosaic_daemon.nouns.concern import Concern, Told, plain, together
from tests.samples import at

CALL = Concern("task T-1", "T-1 is failed: why", "it broke", ("retry",), ("once",), "failed 1", "T-1")


def test_what_a_worker_said_cannot_steer_anything() -> None:
    """One line, no control characters, not endless."""
    shown = plain("a\x1b]0;owned\x07\nb\u202ec" + "x" * 5000)
    assert shown.startswith("a ]0;owned b c")
    assert shown.isprintable()
    assert len(shown) == 600


def test_all_of_it_is_in_both_forms() -> None:
    text, document = CALL.text("/src"), CALL.document("/src")
    for said in ("T-1 is failed: why", "it broke", "retry", "once", "/src"):
        assert said in text
        assert said in str(document)


def test_the_same_call_has_the_same_delivery() -> None:
    other = Concern("task T-1", "other words", "", (), mark="failed 1")
    assert other.delivery == CALL.delivery
    assert Concern("task T-1", "other words", "", (), mark="failed 2").delivery != CALL.delivery
    assert together([CALL, other], "status").delivery == together([other, CALL], "status").delivery


def test_told_once_over_restarts() -> None:
    """Another mark is another call."""
    told = Told.read(None)
    assert not told.knows(CALL)
    told.note(CALL, at(0))
    again = Told.read(told.text())
    assert again.knows(CALL)
    assert not again.knows(Concern("task T-1", "", "", (), mark="failed 2"))


def test_one_that_comes_and_goes() -> None:
    """Not told again soon; long gone it is news."""
    told = Told.read(None)
    told.note(CALL, at(0))
    assert not told.keep({}, at(60))
    assert told.knows(CALL)
    assert not told.keep({CALL.topic: CALL}, at(120))
    assert told.keep({}, at(4000))
    assert not told.knows(CALL)


def test_one_that_stays_is_never_told_again() -> None:
    told = Told.read(None)
    told.note(CALL, at(0))
    for hour in range(50):
        told.keep({CALL.topic: CALL}, at(3000.0 * hour))
        assert told.knows(CALL)


def test_since_when_it_is_there_is_kept_until_it_is_sent() -> None:
    """Over restarts, and while it is not seen for a moment; another mark is there since another time."""
    told = Told.read(None)
    assert told.keep({CALL.topic: CALL}, at(0))
    again = Told.read(told.text())
    again.keep({}, at(60))
    again.keep({CALL.topic: CALL}, at(120))
    assert again.dated(CALL).since == at(0)
    assert again.dated(CALL).delivery != CALL.delivery
    again.keep({CALL.topic: (other := replace(CALL, mark="failed 2"))}, at(180))
    assert (again.dated(other).since, again.dated(CALL)) == (at(180), CALL)
    again.note(other, at(200))
    assert again.pending == {}


def test_what_an_older_daemon_kept_is_kept() -> None:
    told = Told.read(json.dumps({CALL.topic: [CALL.mark, at(0).isoformat(), at(0).isoformat()]}))
    assert told.knows(CALL)


@pytest.mark.parametrize(
    "text",
    [
        '{"told": {}}',
        '{"told": {}, "pending": {"a": ["m"]}}',
        "",
        "{",
        "[]",
        "3",
        '{"a": 1}',
        '{"a": ["m", "x", "y"]}',
        '{"a": ["m", "2026-03-01T12:00:00", "2026-03-01"]}',
    ],
)
def test_a_damaged_memory_is_none(text: str) -> None:
    assert Told.read(text) == Told()
