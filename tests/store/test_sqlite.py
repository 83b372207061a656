"""The journal's file: private, never half written, never guessed from, and left alone when it is not ours."""

from __future__ import annotations

import os
import resource
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mosaic_daemon.ground.errors import LedgerError
from mosaic_daemon.nouns import events as ev
from mosaic_daemon.store import sqlite
from mosaic_daemon.store.base import Batch
from mosaic_daemon.store.ledger import Ledger
from mosaic_daemon.store.sqlite import MIGRATIONS, SCHEMA_VERSION, SqliteJournal
from tests.samples import added, at
from tests.store.refold import refolded

FIXTURE = Path(__file__).with_name("data") / "ledger-1.sql"


def note(text: str, task: str = "T-1") -> ev.Entry:
    return ev.Entry(at(0), task, "test", ev.TaskRemoved(text))


def raw(path: Path, *statements: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        return [row for statement in statements for row in connection.execute(statement)]
    finally:
        connection.close()


@contextmanager
def small_files(most_bytes: int) -> Iterator[None]:
    """The system writes no file further than this: what a full disk is like."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_the_file_is_private_and_every_commit_is_on_the_disk(tmp_path: Path) -> None:
    """As read back from SQLite itself."""
    path = tmp_path / "state.db"
    journal = SqliteJournal(path)
    journal.commit(Batch([note("x")]))
    for file in tmp_path.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    assert raw(path, "PRAGMA journal_mode") == [("wal",)]
    assert journal._connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert raw(path, "PRAGMA integrity_check") == [("ok",)]
    journal.close()


@pytest.mark.parametrize("room", [0, 100, 5000, 20_000, 60_000])
def test_a_full_disk_stores_all_of_a_batch_or_nothing(tmp_path: Path, room: int) -> None:
    """Said as a ledger error; afterwards it goes on as if nothing had been asked."""
    path = tmp_path / "state.db"
    journal = SqliteJournal(path)
    ledger = Ledger(journal)
    ledger.append("T-1", added(), at=at(0))
    before = journal.load()
    large = [ev.Entry(at(0), f"T-{n}", "test", added(f"T-{n}", n, prompt="x" * 2000)) for n in range(2, 40)]
    with small_files((tmp_path / "state.db-wal").stat().st_size + room), pytest.raises(LedgerError) as caught:
        ledger.append_all(large)
    assert str(path) in caught.value.line
    assert journal.load() == before
    assert list(ledger.records) == ["T-1"]
    ledger.append_all(large)
    journal.close()
    again = SqliteJournal(path)
    assert len(again.load().records) == 39
    assert raw(path, "PRAGMA integrity_check") == [("ok",)]
    again.close()


@pytest.mark.parametrize(
    ("failpoint", "stored"),
    [("store.before-commit=kill", False), ("store.after-commit=kill", True), ("store.before-commit=raise", False)],
)
def test_death_around_a_commit(tmp_path: Path, failpoint: str, stored: bool) -> None:
    """The batch is there as a whole, or it never was."""
    path = tmp_path / "state.db"
    program = """
import sys, pathlib
from tests.store.test_sqlite import *
ledger = Ledger(SqliteJournal(pathlib.Path(sys.argv[1])))
try:
    ledger.append("T-1", added(), ev.TaskDeferred("x", "y"), at=at(0))
except LedgerError:
    assert not ledger.records and ledger.seq == 0
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)],
        env={**os.environ, "MOSAIC_FAILPOINT": failpoint},
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == (-9 if failpoint.endswith("kill") else 0)
    journal = SqliteJournal(path)
    snapshot = journal.load()
    assert (snapshot.seq, [record.state.kind for record in snapshot.records]) == (
        (2, ["deferred"]) if stored else (0, [])
    )
    journal.close()


class TestNotOurs:
    """What is no ledger of this program's is refused, named, and left as it is."""

    @pytest.mark.parametrize("mode", ["delete", "wal"])
    def test_a_newer_version(self, tmp_path: Path, mode: str) -> None:
        """Whatever the newer program thinks of journals."""
        path = tmp_path / "state.db"
        raw(
            path, f"PRAGMA journal_mode = {mode}", "CREATE TABLE new (x)", f"PRAGMA user_version = {SCHEMA_VERSION + 1}"
        )
        before = path.read_bytes()
        with pytest.raises(LedgerError, match=f"version {SCHEMA_VERSION + 1}.*up to {SCHEMA_VERSION}"):
            SqliteJournal(path)
        assert path.read_bytes() == before
        assert raw(path, "PRAGMA journal_mode") == [(mode,)]

    @pytest.mark.parametrize(
        "content", [b"garbage " * 1000, b"SQLite format 3\0" + b"\0" * 4000, b'{"tasks": []}', b"\0" * 8192]
    )
    def test_a_file_that_is_none(self, tmp_path: Path, content: bytes) -> None:
        """Byte for byte the same afterwards, and nothing beside it."""
        path = tmp_path / "state.db"
        path.write_bytes(content)
        with pytest.raises(LedgerError, match="cannot be read"):
            SqliteJournal(path).load()
        assert path.read_bytes() == content
        assert [file.name for file in tmp_path.iterdir()] == ["state.db"]

    @pytest.mark.parametrize("what", ["folder", "missing-folder", "no-permission", "foreign-database"])
    def test_a_place_that_cannot_hold_one(self, tmp_path: Path, what: str) -> None:
        """One line that names it."""
        path = tmp_path / "state.db"
        match what:
            case "folder":
                path.mkdir()
            case "missing-folder":
                path = tmp_path / "none" / "state.db"
            case "no-permission":
                path = Path("/proc/1/state.db")
            case "foreign-database":
                raw(path, "CREATE TABLE task (x)")
        with pytest.raises(LedgerError) as caught:
            SqliteJournal(path)
        assert str(path) in caught.value.line

    @pytest.mark.parametrize(
        "damage",
        [
            "UPDATE task SET body = '{}'",
            "UPDATE task SET body = 'x'",
            """UPDATE task SET body = json_set(body, '$.state.kind', 'unheard-of')""",
            "UPDATE memo SET body = '[]' WHERE name = 'system'",
            "DROP TABLE memo",
        ],
    )
    def test_rows_that_make_no_sense(self, tmp_path: Path, damage: str) -> None:
        """A ledger error when it is loaded: nothing is guessed."""
        path = tmp_path / "state.db"
        journal = SqliteJournal(path)
        Ledger(journal).append_all(
            [ev.Entry(at(0), "T-1", "x", added()), ev.Entry(at(0), "", "x", ev.DrainChanged(True, "x"))]
        )
        journal.close()
        raw(path, damage)
        journal = SqliteJournal(path)
        with pytest.raises(LedgerError, match="cannot be read"):
            journal.load()
        journal.close()


class TestMigrations:
    """Forward only, one transaction each."""

    def test_a_ledger_of_version_1_is_read_for_ever(self, tmp_path: Path) -> None:
        """A file as the first released version wrote it: every row, every event."""
        path = tmp_path / "state.db"
        connection = sqlite3.connect(path)
        connection.executescript(FIXTURE.read_text(encoding="utf-8"))
        connection.close()
        journal = SqliteJournal(path)
        ledger = Ledger(journal)
        assert {record.id: record.state.kind for record in ledger.records.values()} == {
            "OLD-1": "done",
            "OLD-2": "blocked",
            "OLD-3": "running",
            "OLD-4": "not-started",
            "OLD-5": "removed",
        }
        assert ledger.records["OLD-2"].task.extra == {"mine": [1, None, "ü"]}
        assert ledger.records["OLD-3"].fence == 2
        assert list(ledger.system.holds) == ["claude"]
        assert ledger.memo("fences") == '{"OLD-4": 3}'
        assert refolded(journal) == (ledger.records, ledger.system)
        ledger.append("OLD-4", ev.TaskDeferred("later", "test"), at=at(0))
        journal.close()

    def test_each_step_leads_to_its_version(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """From any older one, and what was there stays."""
        path = tmp_path / "state.db"
        journal = SqliteJournal(path)
        Ledger(journal).append("T-1", added(), at=at(0))
        journal.close()
        steps = {SCHEMA_VERSION + 1: ("CREATE TABLE two (x)",), SCHEMA_VERSION + 2: ("ALTER TABLE two ADD y",)}
        monkeypatch.setattr(sqlite, "MIGRATIONS", {**MIGRATIONS, **steps})
        monkeypatch.setattr(sqlite, "SCHEMA_VERSION", SCHEMA_VERSION + 2)
        for _ in range(2):
            journal = SqliteJournal(path)
            assert len(journal.load().records) == 1
            journal.close()
        assert raw(path, "PRAGMA user_version", "SELECT count(*) FROM pragma_table_info('two')") == [
            (SCHEMA_VERSION + 2,),
            (2,),
        ]

    def test_what_was_there_is_kept_before_a_step(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Whole, private, and what the older program goes back to with the very commands that it is told."""
        path = tmp_path / "state.db"
        journal = SqliteJournal(path)
        Ledger(journal).append("T-1", added(), at=at(0))
        journal.close()
        with monkeypatch.context() as newer:
            newer.setattr(sqlite, "MIGRATIONS", {**MIGRATIONS, SCHEMA_VERSION + 1: ("DROP TABLE memo",)})
            newer.setattr(sqlite, "SCHEMA_VERSION", SCHEMA_VERSION + 1)
            SqliteJournal(path).close()
        kept = tmp_path / f"state.db.v{SCHEMA_VERSION}"
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        with pytest.raises(LedgerError, match="install the newer") as refused:
            SqliteJournal(path)
        subprocess.run(refused.value.remedy.split("`")[1], shell=True, check=True)  # noqa: S602
        journal = SqliteJournal(path)
        assert [record.id for record in journal.load().records] == ["T-1"]
        journal.close()
        assert sorted(file.name for file in tmp_path.iterdir()) == ["state.db", kept.name]

    def test_nothing_is_changed_where_it_cannot_be_kept(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A full disk."""
        path = tmp_path / "state.db"
        SqliteJournal(path).close()
        monkeypatch.setattr(sqlite, "MIGRATIONS", {**MIGRATIONS, SCHEMA_VERSION + 1: ("CREATE TABLE two (x)",)})
        monkeypatch.setattr(sqlite, "SCHEMA_VERSION", SCHEMA_VERSION + 1)
        with small_files(4096), pytest.raises(LedgerError, match="free disk space"):
            SqliteJournal(path)
        assert raw(path, "PRAGMA user_version") == [(SCHEMA_VERSION,)]
        assert [file.name for file in tmp_path.iterdir() if ".v" in file.name] == []

    def test_a_new_ledger_needs_no_copy(self, tmp_path: Path) -> None:
        SqliteJournal(tmp_path / "state.db").close()
        assert [file.name for file in tmp_path.iterdir()] == ["state.db"]

    def test_an_event_or_a_state_of_a_newer_program(self, tmp_path: Path) -> None:
        """In a ledger of the same schema: nobody is told to throw it away."""
        path = tmp_path / "state.db"
        journal = SqliteJournal(path)
        Ledger(journal).append("T-1", added(), at=at(0))
        journal.close()
        raw(path, "UPDATE task SET body = json_set(body, '$.state.kind', 'levitating')")
        journal = SqliteJournal(path)
        with pytest.raises(LedgerError, match="if a newer mosaic-orchestrator wrote it, install that one"):
            journal.load()
        journal.close()

    def test_a_step_that_fails_leaves_the_version_before(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Not half of it."""
        path = tmp_path / "state.db"
        SqliteJournal(path).close()
        steps = {SCHEMA_VERSION + 1: ("CREATE TABLE two (x)", "CREATE TABLE two (x)")}
        with monkeypatch.context() as patched:
            patched.setattr(sqlite, "MIGRATIONS", {**MIGRATIONS, **steps})
            patched.setattr(sqlite, "SCHEMA_VERSION", SCHEMA_VERSION + 1)
            with pytest.raises(LedgerError):
                SqliteJournal(path)
        assert raw(path, "PRAGMA user_version", "SELECT count(*) FROM sqlite_master WHERE name = 'two'") == [
            (SCHEMA_VERSION,),
            (0,),
        ]
        SqliteJournal(path).close()

    def test_every_version_has_its_step(self) -> None:
        """Without a gap, and the schema as it was released."""
        assert list(MIGRATIONS) == list(range(1, SCHEMA_VERSION + 1))
        assert sum(map(len, MIGRATIONS[1])) == 501, "a released list never changes: add a version"
