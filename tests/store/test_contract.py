"""What every journal promises, over every journal."""

from __future__ import annotations

import pytest

from mosaic_daemon.nouns import events as ev
from mosaic_daemon.nouns.gate import Hold, Step
from mosaic_daemon.nouns.system import System
from mosaic_daemon.store.base import Batch, Duplicate, Snapshot
from tests.samples import added, at, attempt, folded, states
from tests.store.conftest import Store


def entry(event: ev.Event, task: str = "T-1", second: int = 0) -> ev.Entry:
    return ev.Entry(at(second), task, "test", event)


def intended(fence: int, task: str = "T-1") -> ev.Entry:
    return entry(ev.AttemptIntended(attempt(task, fence)), task)


def test_a_new_one_is_empty(store: Store) -> None:
    """Nothing has happened."""
    journal = store.open()
    assert journal.load() == Snapshot(0, [], System(), {})
    assert list(journal.entries()) == []


def test_what_was_committed_is_there_for_the_next_daemon(store: Store) -> None:
    """Events, rows, the repository's row, memos; rows in order of arrival."""
    journal = store.open()
    rows = [folded(added(f"T-{n}", position=9 - n)) for n in range(4)]
    system = System(holds={"claude": Hold("limit", at(9))}, draining=True)
    entries = [entry(ev.EditRefused({"a": ((1,), None)}, "no", "x"), f"T-{n}", n) for n in range(4)]
    assert journal.commit(Batch(entries, rows, system, {"m": "1", "gone": "2"})) == 4
    assert journal.commit(Batch(memos={"gone": None, "empty": "", "never": None})) == 4
    snapshot = store.open().load()
    assert snapshot == Snapshot(4, rows[::-1], system, {"m": "1", "empty": ""})
    assert [number for number, _ in store.open().entries()] == [1, 2, 3, 4]


def test_a_row_is_replaced_and_the_rest_stays(store: Store) -> None:
    """A batch without the repository's row leaves that one alone, too."""
    journal = store.open()
    journal.commit(Batch(records=[folded(added()), folded(added("T-2", 1))], system=System(draining=True)))
    journal.commit(Batch(records=[folded(added("T-2", 1), ev.TaskRemoved("x"))]))
    snapshot = store.open().load()
    assert [record.state.kind for record in snapshot.records] == ["not-started", "removed"]
    assert snapshot.system.draining


def test_every_state_is_kept(store: Store) -> None:
    """None of them is another one afterwards."""
    rows = [folded(added(name, number)) for number, name in enumerate(states())]
    records = [
        type(record)(
            **{**{f: getattr(record, f) for f in record.__dataclass_fields__}, "task": row.task, "position": n}
        )
        for n, (row, record) in enumerate(zip(rows, states().values(), strict=True))
    ]
    store.open().commit(Batch(records=records))
    assert list(store.open().load().records) == records


def test_the_log_is_read_from_a_number_by_task_and_up_to_a_count(store: Store) -> None:
    """In order, each event with its own number."""
    journal = store.open()
    events = [entry(ev.TaskRemoved(f"{n}"), f"T-{n % 3}" if n % 4 else "", n) for n in range(12)]
    for each in events:
        journal.commit(Batch([each]))
    numbered = list(enumerate(events, 1))
    assert list(journal.entries()) == numbered
    assert list(journal.entries(after=5)) == numbered[5:]
    assert list(journal.entries(after=99)) == []
    for task in ("T-1", "", "T-9"):
        assert list(journal.entries(task=task)) == [pair for pair in numbered if pair[1].task == task]
    assert (
        list(journal.entries(after=3, task="T-1", limit=1))
        == [pair for pair in numbered[3:] if pair[1].task == "T-1"][:1]
    )
    assert list(journal.entries(limit=3)) == numbered[:3]
    assert list(journal.entries(limit=0)) == []


@pytest.mark.parametrize(
    ("first", "again"),
    [
        ([intended(1)], [intended(1)]),
        ([entry(ev.GateIntended(Step.MERGE, "k", {}))], [entry(ev.GateIntended(Step.PR, "k", {"x": 1}), "T-2")]),
        ([], [intended(2), intended(2)]),
    ],
)
def test_a_fence_and_an_effect_exist_once_for_ever(store: Store, first: list[ev.Entry], again: list[ev.Entry]) -> None:
    """A second one is refused with everything beside it, in this life and in the next."""
    journal = store.open()
    if first:
        journal.commit(Batch(first, memos={"m": "before"}))
    before = journal.load()
    for _ in range(2):
        with pytest.raises(Duplicate):
            journal.commit(
                Batch([entry(ev.TaskRemoved("x")), *again], [folded(added())], System(draining=True), {"m": "after"})
            )
        assert journal.load() == before
        assert [each for _, each in journal.entries()] == first
        journal = store.open()
    assert journal.commit(Batch([intended(7), intended(7, "T-2"), intended(8)])) == len(first) + 3


def test_other_events_may_happen_again(store: Store) -> None:
    """The same words twice are two events."""
    journal = store.open()
    for number in (1, 2):
        assert journal.commit(Batch([entry(ev.AttemptStarted(1, "pid 1", at(0)))])) == number


def test_nothing_is_a_batch_too(store: Store) -> None:
    """It changes nothing."""
    journal = store.open()
    assert journal.commit(Batch()) == 0
    assert journal.load() == Snapshot(0, [], System(), {})
