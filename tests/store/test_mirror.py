"""What is kept in memory says what the ledger says, whatever has happened in between."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mosaic_daemon.ground.errors import LedgerError
from mosaic_daemon.nouns import events as ev
from mosaic_daemon.store.ledger import Ledger
from mosaic_daemon.store.mirror import Choice, Mirror
from mosaic_daemon.store.reader import LedgerReader
from mosaic_daemon.store.sqlite import SqliteJournal
from tests.samples import NOON, added, failure, to_gate, to_running


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def ledger(file: Path) -> Iterator[Ledger]:
    opened = Ledger(SqliteJournal(file))
    yield opened
    opened.close()


def same(mirror: Mirror, file: Path) -> None:
    """The mirror and a reader of its own agree on everything that the mirror answers itself."""
    with mirror.look() as ours, LedgerReader(file) as theirs:
        assert ours.progress() == theirs.progress()
        assert ours.spending() == theirs.spending()
        assert ours.ids() == theirs.ids() == [brief.id for brief in ours.briefs()]
        assert ours.blocking() == theirs.blocking()
        assert ours.open_before(2) == theirs.open_before(2)
        assert ours.bodies(["R", "A", "nobody"]) == theirs.bodies(["R", "A", "nobody"])
        for statuses in (("in-progress",), ("blocked", "failed"), ("done", "deferred", "not-started")):
            assert ours.rows(*statuses) == theirs.rows(*statuses)
            assert ours.rows(*statuses, limit=1) == theirs.rows(*statuses, limit=1)
        for task in [*theirs.ids(), "R", "nobody"]:
            assert ours.row(task) == theirs.row(task)


def test_it_says_what_the_ledger_says(ledger: Ledger, file: Path) -> None:
    """After every change: a task is added, moves, is removed, comes back."""
    mirror = Mirror(file)
    same(mirror, file)
    steps: list[tuple[str, list[ev.TaskEvent]]] = [
        ("A", [added("A", phase=1, estimate="8K", runtime="codex", blocks=("B",))]),
        ("B", [added("B", 1, phase=2)]),
        ("R", [added("R", 2, blocks=("A",)), *to_running("R"), ev.AttemptFailed(1, failure(), final=True, used=60)]),
        ("A", to_running("A")),
        ("R", [ev.TaskRemoved("ada")]),
        ("A", [ev.AttemptFailed(1, failure(), final=True, used=700)]),
        ("G", [added("G", 3), *to_gate(id="G")[1:]]),
        ("R", [added("R", 9, description="again")]),
        ("B", [ev.TaskDeferred("ada", "later")]),
    ]
    for task, happened in steps:
        ledger.append(task, *happened, at=NOON)
        same(mirror, file)


def test_a_ledger_that_was_lost_is_read_anew(ledger: Ledger, file: Path) -> None:
    mirror = Mirror(file)
    ledger.append("A", added("A"), *to_running("A"), at=NOON)
    same(mirror, file)
    ledger.close()
    for each in file.parent.glob("state.db*"):
        each.unlink()
    with pytest.raises(FileNotFoundError), mirror.look():
        pass
    other = Ledger(SqliteJournal(file))
    other.append("B", added("B"), at=NOON)
    same(mirror, file)
    other.close()
    file.write_bytes(b"no ledger" * 1000)
    with pytest.raises(LedgerError), mirror.look():
        pass


def test_a_look_reads_only_what_is_new(ledger: Ledger, file: Path) -> None:
    """A task that did not change is the same object as before."""
    mirror = Mirror(file)
    for number in range(3):
        ledger.append(f"T-{number}", added(f"T-{number}", number), at=NOON)
    with mirror.look() as looked:
        before = looked.briefs()
    ledger.append("T-1", ev.TaskBlocked("wait", "ada"), at=NOON)
    with mirror.look() as looked:
        after = looked.briefs()
    assert [one is two for one, two in zip(before, after, strict=True)] == [True, False, True]


def test_tasks_are_chosen(ledger: Ledger, file: Path) -> None:
    ledger.append("A-1", added("A-1", phase=1, description="Mend the cart"), at=NOON)
    ledger.append("B-1", added("B-1", 1, phase=2, description="Test the cart"), ev.TaskBlocked("w", "ada"), at=NOON)
    with Mirror(file).look() as looked:
        for choice, ids in (
            (Choice(), ["A-1", "B-1"]),
            (Choice(("blocked",)), ["B-1"]),
            (Choice(phase=1), ["A-1"]),
            (Choice(words="cart"), ["A-1", "B-1"]),
            (Choice(words="b-1"), ["B-1"]),
            (Choice(("blocked",), 1, "cart"), []),
        ):
            assert [brief.id for brief in looked.briefs(choice)] == ids
