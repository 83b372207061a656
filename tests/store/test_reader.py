"""Looking at the ledger without taking part: one snapshot, no lock, no surprise."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from mosaic_daemon.ground.errors import LedgerError
from mosaic_daemon.nouns.events import (
    AttemptFailed,
    AttemptIntended,
    DrainChanged,
    Event,
    Reported,
    ResultAccepted,
    ReviewBlocked,
    ReviewPassed,
    ReviewResumed,
    TaskDeferred,
    TaskRemoved,
)
from mosaic_daemon.store import codec, sqlite
from mosaic_daemon.store.ledger import Ledger
from mosaic_daemon.store.reader import KNOWN_VERSION, LedgerReader, Use
from mosaic_daemon.store.sqlite import SqliteJournal
from tests.samples import HEAD, NOON, added, attempt, failure, review, to_running


class Writer:
    """A daemon's ledger that stays open."""

    def __init__(self, path: Path) -> None:
        self.ledger = Ledger(SqliteJournal(path))

    def happen(self, task: str, *events: Event) -> None:
        self.ledger.append(task, *events, at=NOON)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "a b?c#d%20é"
    folder.mkdir()
    return folder / "state.db"


def test_it_knows_the_journals_version() -> None:
    assert KNOWN_VERSION == sqlite.SCHEMA_VERSION


def test_what_it_tells_is_what_the_ledger_says(path: Path) -> None:
    """While the ledger is open, in a folder whose name means something in a URI."""
    writer = Writer(path)
    writer.happen("A", added("A", 0, phase=1))
    writer.happen("B", added("B", 1, phase=1), TaskDeferred("later", "ada"))
    writer.happen("C", added("C", 2, blocks=("A", "B")))
    writer.happen("D", added("D", 3, blocks=("A",)), TaskRemoved("ada"))
    writer.happen("", DrainChanged(True, "SIGTERM"))
    with LedgerReader(path) as reader:
        assert dict(reader.progress()) == {(1, "not-started"): 1, (1, "deferred"): 1, (None, "not-started"): 1}
        assert reader.ids() == ["A", "B", "C"]
        assert [row["task"]["id"] for row in reader.rows("not-started", "deferred")] == ["A", "B", "C"]
        assert [row["task"]["id"] for row in reader.rows("not-started", limit=1)] == ["A"]
        assert reader.row("D") is not None
        assert reader.row("E") is None
        assert reader.blocking() == {"A": ["C"], "B": ["C"]}
        assert [codec.load_record(body).id for body in reader.bodies(["C", "E", "A"])] == ["C", "A"]
        assert reader.system()[0]["draining"] is True
        assert reader.last() == writer.ledger.seq
    writer.ledger.close()


def test_events_by_task_kind_and_number(path: Path) -> None:
    writer = Writer(path)
    writer.happen("A", added("A"))
    writer.happen("", Reported("origin", "away"))
    writer.happen("A", TaskDeferred("later", "ada"))
    with LedgerReader(path) as reader:
        assert [event.seq for event in reader.events()] == [1, 2, 3]
        assert [event.seq for event in reader.events(after=1)] == [2, 3]
        assert [event.seq for event in reader.events(newest=2)] == [2, 3]
        assert [event.kind for event in reader.events(task="A")] == ["task-added", "task-deferred"]
        assert [event.body["topic"] for event in reader.events(task="", kinds=("reported",))] == ["origin"]
        assert reader.moved_since(2)
        assert not reader.moved_since(3)
    writer.ledger.close()


def test_it_is_one_instant(path: Path) -> None:
    """What is committed after it was opened is seen by the next one; nobody waits for anybody."""
    writer = Writer(path)
    writer.happen("A", added("A"))
    with LedgerReader(path) as reader:
        writer.happen("B", added("B", 1))
        assert reader.ids() == ["A"]
        assert reader.last() == 1
    with LedgerReader(path) as reader:
        assert reader.ids() == ["A", "B"]
    writer.ledger.close()


def test_a_killed_writer_leaves_everything_readable(path: Path, tmp_path: Path) -> None:
    """Its last commits are in the write-ahead log alone, and the shared memory is gone."""
    writer = Writer(path)
    writer.happen("A", added("A"))
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("state.db", "state.db-wal"):
        (copy / name).write_bytes((path.parent / name).read_bytes())
    with LedgerReader(copy / "state.db") as reader:
        assert reader.ids() == ["A"]
    writer.ledger.close()


def test_it_writes_nothing(path: Path) -> None:
    writer = Writer(path)
    writer.ledger.close()
    before = path.read_bytes()
    with LedgerReader(path) as reader, pytest.raises(LedgerError):
        list(reader._query("DELETE FROM event"))
    assert path.read_bytes() == before


def test_no_ledger_and_one_that_is_just_being_made(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        LedgerReader(path)
    path.touch()
    with pytest.raises(FileNotFoundError):
        LedgerReader(path)


def test_what_is_no_ledger_or_a_newer_one_says_so(path: Path) -> None:
    path.write_bytes(b"no database at all, by far" * 100)
    with pytest.raises(LedgerError, match="cannot be read"):
        LedgerReader(path)
    path.unlink()
    with closing(sqlite3.connect(path)) as newer:
        newer.execute(f"PRAGMA user_version = {KNOWN_VERSION + 1}")
    with pytest.raises(LedgerError, match="install the newer"):
        LedgerReader(path)


def test_rows_are_json(path: Path) -> None:
    writer = Writer(path)
    writer.happen("A", added("A", description="é\x1b"))
    with LedgerReader(path) as reader:
        (row,) = reader.rows("not-started")
        assert json.loads(json.dumps(row)) == row
        assert row["task"]["description"] == "é\x1b"
    writer.ledger.close()


def test_tokens_are_told_per_runtime_and_of_the_reviews(path: Path) -> None:
    """Every attempt counts, whatever became of it or of its task."""
    writer = Writer(path)
    with LedgerReader(path) as reader:
        assert reader.uses() == []
    claude = AttemptIntended(replace(attempt("A", 2), runtime="claude"))
    writer.happen("A", added("A"), *to_running("A"), AttemptFailed(1, failure(), final=False, used=30), claude)
    writer.happen("A", ResultAccepted(2, HEAD, 100, "", review()), ReviewBlocked(failure(), 5), ReviewResumed("ada"))
    writer.happen("A", ReviewPassed(HEAD, {}, (), 7))
    writer.happen("B", added("B", 1), *to_running("B"), AttemptFailed(1, failure(), final=True), TaskRemoved("ada"))
    with LedgerReader(path) as reader:
        assert reader.uses() == [Use("claude", 1, 100), Use("shell", 2, 30), Use(None, 2, 12)]
