"""The ledger: what it shows is the fold of what the journal holds, at every moment, and after every death."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mosaic_daemon.ground.errors import LedgerError
from mosaic_daemon.nouns import events as ev
from mosaic_daemon.nouns.fold import IllegalTransition
from mosaic_daemon.nouns.gate import Hold, Step
from mosaic_daemon.nouns.record import Deferred, NotStarted, Record, Removed, Running
from mosaic_daemon.store.base import Batch, Duplicate
from mosaic_daemon.store.ledger import Ledger
from mosaic_daemon.store.memory import MemoryJournal
from mosaic_daemon.store.sqlite import SqliteJournal
from tests.samples import added, at, attempt, failure, stepped, to_gate, to_running
from tests.store.conftest import Store
from tests.store.refold import refolded

TASKS = ("T-1", "T-2", "T-3")


class Stubborn(MemoryJournal):
    """A disk that is full for a while."""

    is_full = False

    def commit(self, batch: Batch) -> int:
        if self.is_full:
            raise LedgerError("the disk is full")
        return super().commit(batch)


def moves(task: str) -> list[ev.Event]:
    fences = range(1, 4)
    return [
        added(task),
        ev.TaskRemoved("x"),
        ev.Requeued("again", "x"),
        ev.TaskDeferred("later", "x"),
        ev.TaskBlocked("no", "x"),
        ev.StopRequested("deferred", "x", "x"),
        *(ev.AttemptIntended(attempt(task, fence)) for fence in fences),
        *(ev.AttemptStarted(fence, "pid", at(0)) for fence in fences),
        *(ev.AttemptFailed(fence, failure(), final=fence == 3) for fence in fences),
        *(ev.ResultAccepted(fence, "c" * 40, 5, "") for fence in fences),
        *(stepped(step) for step in list(Step)[:-1]),
        ev.GateIntended(Step.MERGE, f"{task}:merge", {}),
        ev.GateBlocked(failure()),
        ev.GateResumed("x"),
        ev.TaskDone({"summary": "x"}),
    ]


MOVES = st.sampled_from([(task, event) for task in TASKS for event in moves(task)])
SYSTEM_MOVES = st.sampled_from(
    [("", ev.RuntimeHeld("a", Hold("x"))), ("", ev.RuntimeReleased("a")), ("", ev.DrainChanged(True, "x"))]
)
BATCHES = st.lists(st.lists(MOVES | SYSTEM_MOVES, min_size=1, max_size=5), max_size=25)


def check(ledger: Ledger, journal: MemoryJournal | SqliteJournal) -> None:
    """All views of the ledger say the same, and it is what the events say."""
    records, system = refolded(journal)
    snapshot = journal.load()
    assert dict(ledger.records) == {record.id: record for record in snapshot.records} == records
    assert ledger.system == snapshot.system == system
    assert ledger.seq == snapshot.seq
    again = Ledger(journal)
    assert list(again.records.values()) == list(ledger.records.values())
    assert [record.id for record in again.listed()] == [record.id for record in ledger.listed()]
    listed = list(ledger.listed())
    assert ledger.counts() == Counter(record.status.value for record in listed) == again.counts()
    for kind in (NotStarted, Running, Removed, Deferred):
        assert ledger.in_state(kind) == sorted(
            (record for record in records.values() if isinstance(record.state, kind)), key=lambda each: each.position
        )
    assert ledger.next_position() == again.next_position() > max((r.position for r in records.values()), default=-1)


@given(BATCHES)
def test_whatever_happens_it_shows_the_fold_of_the_events(batches: list[list[tuple[str, ev.Event]]]) -> None:
    """Batches that do not fit change nothing at all."""
    journal = MemoryJournal()
    ledger = Ledger(journal)
    for number, batch in enumerate(batches):
        entries = [
            ev.Entry(at(number), task, "x", replace(event, position=ledger.next_position() + index))
            if isinstance(event, ev.TaskAdded)
            else ev.Entry(at(number), task, "x", event)
            for index, (task, event) in enumerate(batch)
        ]
        before = (dict(ledger.records), ledger.system, ledger.seq, journal.load())
        try:
            ledger.append_all(entries)
        except (IllegalTransition, Duplicate):
            assert (dict(ledger.records), ledger.system, ledger.seq, journal.load()) == before
    check(ledger, journal)


def test_a_whole_life_on_every_journal(store: Store) -> None:
    """Every event on its way to `done`, each in its own transaction, and the state at the end from events alone."""
    journal = store.open()
    ledger = Ledger(journal)
    for event in [*to_gate(Step.CLOSE), ev.TaskDone({"summary": "done", "merge_sha": "d" * 40})]:
        ledger.append("T-1", event, at=at(ledger.seq))
    ledger.append("T-2", added("T-2", 1), *to_running("T-2"), at=at(99))
    check(ledger, journal)  # type: ignore[arg-type]
    assert ledger.counts() == {"done": 1, "in-progress": 1}


def test_a_task_that_was_removed_and_comes_back_stands_at_the_end() -> None:
    """Now, and after a restart: the faces show it in the same place."""
    journal = MemoryJournal()
    ledger = Ledger(journal)
    ledger.append_all([ev.Entry(at(0), task, "x", added(task, n)) for n, task in enumerate(TASKS)])
    ledger.append("T-1", ev.TaskRemoved("x"), at=at(1))
    ledger.append("T-1", added("T-1", ledger.next_position()), at=at(2))
    assert [record.id for record in ledger.listed()] == ["T-2", "T-3", "T-1"]
    check(ledger, journal)


def test_what_the_disk_refuses_has_not_happened() -> None:
    """Neither in the ledger nor in what it tells of changes; the same batch works once there is room."""
    journal = Stubborn()
    ledger = Ledger(journal)
    ledger.append("T-1", added(), at=at(0))
    ledger.take_changed()
    journal.is_full = True
    with pytest.raises(LedgerError):
        ledger.append("T-1", *to_running(), at=at(1))
    with pytest.raises(LedgerError):
        ledger.remember({"x": "y"})
    assert isinstance(ledger.records["T-1"].state, NotStarted)
    assert (ledger.take_changed(), ledger.memo("x")) == (set(), None)
    journal.is_full = False
    ledger.append("T-1", *to_running(), at=at(1))
    assert ledger.take_changed() == {"T-1"}
    check(ledger, journal)


def test_changes_are_told_once() -> None:
    """All of them after opening, and again when asked for."""
    journal = MemoryJournal()
    first = Ledger(journal)
    first.append_all([ev.Entry(at(0), task, "x", added(task, n)) for n, task in enumerate(TASKS)])
    ledger = Ledger(journal)
    assert ledger.take_changed() == set(TASKS)
    assert ledger.take_changed() == set()
    ledger.append("T-2", ev.TaskDeferred("x", "x"), at=at(1))
    ledger.append("", ev.DrainChanged(True, "x"), at=at(1))
    assert ledger.take_changed() == {"T-2"}
    ledger.mark_all_changed()
    assert ledger.take_changed() == set(TASKS)


def test_memos(store: Store) -> None:
    """Small texts by name, kept until they are forgotten; they are no events."""
    ledger = Ledger(store.open())
    ledger.remember({"a": "1", "b": "", "c": "ü\n"})
    ledger.remember({"a": None, "never": None})
    assert (ledger.memo("a"), ledger.memo("b"), ledger.memo("c"), ledger.seq) == (None, "", "ü\n", 0)
    again = Ledger(store.open())
    assert (again.memo("a"), again.memo("b"), again.memo("c")) == (None, "", "ü\n")


def test_nobody_can_write_into_what_it_shows() -> None:
    """The only way to change it is an event."""
    ledger = Ledger(MemoryJournal())
    with pytest.raises(TypeError):
        ledger.records["T-1"] = Record(added().task, 0)  # type: ignore[index]


def test_an_empty_batch_is_nothing() -> None:
    """Not even a transaction."""
    journal = Stubborn()
    journal.is_full = True
    Ledger(journal).append_all([])
