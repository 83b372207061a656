"""The daemon's book of a rail: what is written together is kept together, and nothing is granted or ended twice."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mosaic_rails.base import RailError
from mosaic_rails.leased.book import SCHEMA_VERSION, Book
from mosaic_rails.leased.contract import Held, How, Incident, Over, Row
from tests.rails.leased.site import errand
from tests.samples import NOON

ROW = Row(errand("T.1", labels=("gpu", "arch=arm64")), NOON)
HELD = Held("w1", "c", NOON, 3, "working")
OVER = Over(How.LOST, NOON, "nobody was heard")


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    made = Book(tmp_path / "rails" / "one.db")
    yield made
    made.close()


def put(book: Book, *rows: Row) -> None:
    with book.pages() as pages:
        for row in rows:
            pages.put(row)


def test_what_is_written_is_read_back(book: Book, tmp_path: Path) -> None:
    """Also by the next daemon, which goes by the same name."""
    put(book, ROW, replace(ROW, held=HELD), replace(ROW, held=HELD, stopping="asked"))
    last = replace(ROW, held=HELD, stopping="asked", over=OVER)
    put(book, last)
    again = Book(tmp_path / "rails" / "one.db")
    assert again.row("T.1") == last
    assert again.daemon == book.daemon
    assert again.row("T.2") is None
    again.close()


def test_an_attempt_has_one_grant_and_one_end_for_ever(book: Book) -> None:
    """Whatever a caller thinks: the file refuses, and nothing of the change is kept."""
    put(book, replace(ROW, held=HELD))
    with pytest.raises(RailError):
        put(book, Row(errand("T.2"), NOON), replace(ROW, held=replace(HELD, worker="w2")))
    put(book, replace(ROW, held=HELD, over=OVER))
    with pytest.raises(RailError):
        put(book, replace(ROW, held=HELD, over=replace(OVER, how=How.ENDED)))
    assert book.row("T.1") == replace(ROW, held=HELD, over=OVER)
    assert book.row("T.2") is None


def test_the_cursor_moves_with_the_effects_or_not_at_all(book: Book) -> None:
    """A daemon that dies in between reads the messages again."""

    def change() -> None:
        with book.pages() as pages:
            pages.put(ROW)
            assert pages.is_new("m1")
            pages.move_cursor("s2")
            raise KeyboardInterrupt

    with book.pages() as pages:
        pages.move_cursor("s1")
    with pytest.raises(KeyboardInterrupt):
        change()
    assert book.cursor == "s1"
    assert book.row("T.1") is None
    with book.pages() as pages:
        assert pages.is_new("m1")
        assert not pages.is_new("m1")


def test_settled_attempts_are_not_looked_at_again(book: Book) -> None:
    """Their records stay."""
    put(book, ROW, Row(errand("U.1"), NOON))
    with book.pages() as pages:
        pages.settle("T.1")
        pages.settle("X.1")
    assert [row.attempt for row in book.unsettled()] == ["U.1"]
    assert book.row("T.1") == ROW


def test_anybody_can_be_refused_any_number_of_times(book: Book) -> None:
    """The newest refusals are kept, and every late result."""
    with book.pages() as pages:
        for number in range(10_050):
            kind = "late" if number == 3 else "refused"
            pages.note(Incident(kind, "w9", "T.1", f"reason {number}", b"{}"), NOON)
    kept = [incident for _, incident in book.incidents(20_000)]
    assert len(kept) == 10_001
    assert (kept[0].reason, kept[-1].reason) == ("reason 10049", "reason 3")


def test_a_newer_book_and_a_broken_one_are_refused(tmp_path: Path) -> None:
    """They are left as they are."""
    newer = tmp_path / "newer.db"
    Book(newer).close()
    connection = sqlite3.connect(newer)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    with pytest.raises(RailError, match="install the newer"):
        Book(newer)
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"no database" * 1000)
    with pytest.raises(RailError, match="cannot be opened"):
        Book(broken)
    assert broken.read_bytes().startswith(b"no database")
