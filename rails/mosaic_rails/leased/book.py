"""The daemon's durable book of one leased rail: what was offered, granted and ended, and what has been read.

One SQLite file with every commit on the disk before it returns. It is open in one daemon at a time, the one that holds
the repository; even so every change reads what it decides on inside its own transaction.
"""

from __future__ import annotations

import json
import os
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from mosaic_rails.base import RailError
from mosaic_rails.leased import messages as msg
from mosaic_rails.leased import wire
from mosaic_rails.leased.contract import Held, How, Incident, Over, Row

SCHEMA_VERSION = 1

#: Statement lists by the version they lead to. Forward only: a released list never changes.
MIGRATIONS: dict[int, tuple[str, ...]] = {
    1: (
        """CREATE TABLE attempt (
             name TEXT PRIMARY KEY, errand TEXT NOT NULL, offered_at TEXT NOT NULL, stopping TEXT NOT NULL,
             settled INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID""",
        """CREATE TABLE granted (
             attempt TEXT PRIMARY KEY, worker TEXT NOT NULL, claim TEXT NOT NULL, since TEXT NOT NULL,
             number INTEGER NOT NULL, note TEXT NOT NULL) WITHOUT ROWID""",
        """CREATE TABLE ended (
             attempt TEXT PRIMARY KEY, how TEXT NOT NULL, at TEXT NOT NULL, detail TEXT NOT NULL, result BLOB)
           WITHOUT ROWID""",
        "CREATE TABLE seen (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE)",
        """CREATE TABLE incident (
             seq INTEGER PRIMARY KEY, at TEXT NOT NULL, kind TEXT NOT NULL, sender TEXT NOT NULL,
             attempt TEXT NOT NULL, reason TEXT NOT NULL, body BLOB NOT NULL)""",
        "CREATE TABLE memo (name TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID",
    ),
}

_ROW = """SELECT errand, offered_at, stopping, worker, claim, since, number, note, how, at, detail, result
          FROM attempt LEFT JOIN granted ON granted.attempt = name LEFT JOIN ended ON ended.attempt = name"""
_DAEMON, _CURSOR = "daemon", "cursor"
_SEEN_KEPT = 100_000
_INCIDENTS_KEPT = 10_000
_BODY_KEPT_BYTES = wire.MAX_BYTES


class Book:
    """The book in one file (mode 0600).

    Attributes:
        daemon: by which workers know whose attempts these are; made with the book, and never again.

    Raises:
        RailError: it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
            self._connection = sqlite3.connect(path, isolation_level=None, timeout=10.0)
            self._prepare()
            with self.pages() as pages:
                self.daemon = pages.memo(_DAEMON) or f"d-{uuid.uuid4().hex[:12]}"
                pages.remember(_DAEMON, self.daemon)
        except (sqlite3.Error, OSError) as error:
            raise RailError(f"{path}: the rail's book cannot be opened: {error}") from error

    @contextmanager
    def pages(self) -> Iterator[Pages]:
        """One transaction: all of what is written in the block, or nothing of it.

        Raises:
            RailError: it could not be made durable.
        """
        run = self._connection.execute
        try:
            run("BEGIN IMMEDIATE")
            try:
                yield Pages(self._connection)
                run("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    run("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise RailError(f"{self._path}: the rail's book could not be written: {error}; free the disk") from error

    def row(self, attempt: str) -> Row | None:
        """What is known of an attempt."""
        found = self._connection.execute(f"{_ROW} WHERE name = ?", (attempt,)).fetchone()
        return None if found is None else _row(found)

    def unsettled(self) -> list[Row]:
        """The attempts whose end the daemon has not taken in, oldest first."""
        rows = self._connection.execute(f"{_ROW} WHERE NOT settled ORDER BY offered_at, name")
        return [_row(found) for found in rows]

    @property
    def cursor(self) -> str | None:
        """Where the carrier goes on reading."""
        found = self._connection.execute("SELECT body FROM memo WHERE name = ?", (_CURSOR,)).fetchone()
        return found[0] if found else None

    def incidents(self, most: int = 100) -> list[tuple[datetime, Incident]]:
        """What was refused or came too late, newest first."""
        rows = self._connection.execute(
            "SELECT at, kind, sender, attempt, reason, body FROM incident ORDER BY seq DESC LIMIT ?", (most,)
        )
        return [(datetime.fromisoformat(at), Incident(*rest)) for at, *rest in rows]

    def close(self) -> None:
        self._connection.close()

    def _prepare(self) -> None:
        run = self._connection.execute
        (version,) = run("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            raise RailError(f"{self._path} has version {version}: install the newer mosaic-orchestrator that wrote it")
        (mode,) = run("PRAGMA journal_mode = WAL").fetchone()
        run("PRAGMA synchronous = FULL")
        (level,) = run("PRAGMA synchronous").fetchone()
        if mode != "wal" or level != 2:
            raise RailError(f"{self._path}: SQLite gave journal_mode {mode} and synchronous {level}, not wal and 2")
        for target in range(version + 1, SCHEMA_VERSION + 1):
            run("BEGIN IMMEDIATE")
            for statement in MIGRATIONS[target]:
                run(statement)
            run(f"PRAGMA user_version = {target}")
            run("COMMIT")


class Pages:
    """The book inside a transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._run = connection.execute

    def row(self, attempt: str) -> Row | None:
        found = self._run(f"{_ROW} WHERE name = ?", (attempt,)).fetchone()
        return None if found is None else _row(found)

    def put(self, row: Row) -> None:
        """Write an attempt as it is now. A second grant or a second end of it fails, whatever the caller thinks."""
        before = self.row(row.attempt)
        if before is None:
            errand = json.dumps(wire.flat_errand(row.errand))
            self._run(
                "INSERT INTO attempt (name, errand, offered_at, stopping) VALUES (?, ?, ?, ?)",
                (row.attempt, errand, row.offered_at.isoformat(), row.stopping),
            )
        elif row.stopping != before.stopping:
            self._run("UPDATE attempt SET stopping = ? WHERE name = ?", (row.stopping, row.attempt))
        self._put_grant(row, before.held if before else None)
        if row.over is not None and row.over != (before.over if before else None):
            over = row.over
            result = wire.encode(over.result) if over.result else None
            self._run(
                "INSERT INTO ended (attempt, how, at, detail, result) VALUES (?, ?, ?, ?, ?)",
                (row.attempt, over.how.value, over.at.isoformat(), over.detail, result),
            )

    def _put_grant(self, row: Row, before: Held | None) -> None:
        held = row.held
        if held is None or held == before:
            return
        if before is not None and (before.worker, before.claim) == (held.worker, held.claim):
            self._run(
                "UPDATE granted SET number = ?, note = ? WHERE attempt = ?", (held.number, held.note, row.attempt)
            )
            return
        self._run(
            "INSERT INTO granted (attempt, worker, claim, since, number, note) VALUES (?, ?, ?, ?, ?, ?)",
            (row.attempt, held.worker, held.claim, held.since.isoformat(), held.number, held.note),
        )

    def settle(self, attempt: str) -> None:
        """The daemon has taken its end in."""
        self._run("UPDATE attempt SET settled = 1 WHERE name = ? AND NOT settled", (attempt,))

    def is_new(self, message_id: str) -> bool:
        """Note that this message was read; False: it was read before."""
        noted = self._run("INSERT OR IGNORE INTO seen (id) VALUES (?)", (message_id,))
        if noted.rowcount and noted.lastrowid is not None and noted.lastrowid % 1000 == 0:
            self._run("DELETE FROM seen WHERE seq <= ?", (noted.lastrowid - _SEEN_KEPT,))
        return bool(noted.rowcount)

    def note(self, incident: Incident, at: datetime) -> None:
        """Keep a message that counts for nothing."""
        body = incident.body[:_BODY_KEPT_BYTES]
        values = (at.isoformat(), incident.kind, incident.sender, incident.attempt, incident.reason, body)
        noted = self._run(
            "INSERT INTO incident (at, kind, sender, attempt, reason, body) VALUES (?, ?, ?, ?, ?, ?)", values
        )
        # Late results are somebody's work and stay; anybody can send any number of the others.
        oldest = (noted.lastrowid or 0) - _INCIDENTS_KEPT
        self._run("DELETE FROM incident WHERE seq <= ? AND kind <> 'late'", (oldest,))

    def memo(self, name: str) -> str | None:
        found = self._run("SELECT body FROM memo WHERE name = ?", (name,)).fetchone()
        return found[0] if found else None

    def remember(self, name: str, body: str) -> None:
        self._run("INSERT OR REPLACE INTO memo (name, body) VALUES (?, ?)", (name, body))

    def move_cursor(self, cursor: str) -> None:
        """The carrier goes on after this."""
        self.remember(_CURSOR, cursor)


def _row(found: tuple[object, ...]) -> Row:
    errand, offered_at, stopping, worker, claim, since, number, note, how, at, detail, result = found
    held = over = None
    if worker is not None:
        held = Held(str(worker), str(claim), datetime.fromisoformat(str(since)), int(str(number)), str(note))
    if how is not None:
        message = wire.decode(result) if isinstance(result, bytes) else None
        kept = message if isinstance(message, msg.Result) else None
        over = Over(How(str(how)), datetime.fromisoformat(str(at)), str(detail), kept)
    return Row(
        errand=wire.read_errand(json.loads(str(errand))),
        offered_at=datetime.fromisoformat(str(offered_at)),
        held=held,
        stopping=str(stopping),
        over=over,
    )
