"""The journal on SQLite: one file, one writing connection, WAL with every commit on the disk before it returns."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from mosaic_daemon.ground.errors import LedgerError
from mosaic_daemon.ground.failpoints import failpoint
from mosaic_daemon.ground.filesystem import is_over_a_network, kind_of
from mosaic_daemon.nouns.events import Entry
from mosaic_daemon.nouns.system import System
from mosaic_daemon.store import codec
from mosaic_daemon.store.backup import back_up, way_back
from mosaic_daemon.store.base import Batch, Duplicate, Snapshot
from mosaic_daemon.store.memory import once_key

SCHEMA_VERSION = 1

#: Statement lists by the version they lead to. Forward only: a released list never changes.
MIGRATIONS: dict[int, tuple[str, ...]] = {
    1: (
        """CREATE TABLE event (
             seq INTEGER PRIMARY KEY, at TEXT NOT NULL, task TEXT NOT NULL, actor TEXT NOT NULL, kind TEXT NOT NULL,
             body TEXT NOT NULL)""",
        "CREATE INDEX event_task ON event (task, seq)",
        """CREATE TABLE task (
             id TEXT PRIMARY KEY, position INTEGER NOT NULL, status TEXT NOT NULL, body TEXT NOT NULL) WITHOUT ROWID""",
        "CREATE TABLE once (key TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID",
        "CREATE TABLE memo (name TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID",
    ),
}

_SYSTEM = "system"
_MEND_THE_DISK = "free disk space or mend the disk; nothing that was stored is lost"
_NOT_ITS_FAULT = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}


class SqliteJournal:
    """A journal in one SQLite file (mode 0600). Open it only while holding the repository's lock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if is_over_a_network(kind := kind_of(path.parent)):
            raise LedgerError(
                f"the ledger cannot be on {kind}: locks and shared memory do not hold there",
                where=str(path),
                remedy="move the repository to a disk of this machine",
            )
        try:
            os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
            self._connection = sqlite3.connect(path, isolation_level=None, timeout=10.0)
        except (sqlite3.Error, OSError) as error:
            raise self._unreadable(error) from error
        try:
            self._prepare()
        except (sqlite3.Error, OSError) as error:
            self._connection.close()
            raise self._unreadable(error) from error
        except LedgerError:
            self._connection.close()
            raise

    def load(self) -> Snapshot:
        try:
            (seq,) = self._connection.execute("SELECT coalesce(max(seq), 0) FROM event").fetchone()
            rows = self._connection.execute("SELECT body FROM task ORDER BY position")
            records = [codec.load_record(body) for (body,) in rows]
            memos: dict[str, str] = dict(self._connection.execute("SELECT name, body FROM memo"))
            system = codec.load_system(memos.pop(_SYSTEM)) if _SYSTEM in memos else System()
        except (sqlite3.Error, ValueError) as error:
            raise self._unreadable(error) from error
        return Snapshot(seq, records, system, memos)

    def commit(self, batch: Batch) -> int:
        run = self._connection.execute
        try:
            run("BEGIN IMMEDIATE")
            try:
                seq = self._write(batch)
                failpoint("store.before-commit")
                run("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    run("ROLLBACK")
                raise
        except sqlite3.IntegrityError as error:
            raise Duplicate(str(error)) from error
        except (sqlite3.Error, OSError) as error:
            raise LedgerError(
                f"the ledger could not store an event: {error}",
                where=str(self.path),
                remedy=_MEND_THE_DISK,
            ) from error
        failpoint("store.after-commit")
        return seq

    def _write(self, batch: Batch) -> int:
        run = self._connection.execute
        (seq,) = run("SELECT coalesce(max(seq), 0) FROM event").fetchone()
        for entry in batch.entries:
            seq += 1
            body = codec.dump_event(entry.event)
            values = (seq, entry.at.isoformat(), entry.task, entry.actor, entry.event.kind, body)
            run("INSERT INTO event (seq, at, task, actor, kind, body) VALUES (?, ?, ?, ?, ?, ?)", values)
            if key := once_key(entry):
                run("INSERT INTO once (key, seq) VALUES (?, ?)", (key, seq))
        for record in batch.records:
            row = (record.id, record.position, record.status.value, codec.dump_record(record))
            run("INSERT OR REPLACE INTO task (id, position, status, body) VALUES (?, ?, ?, ?)", row)
        memos = dict(batch.memos)
        if batch.system is not None:
            memos[_SYSTEM] = codec.dump_system(batch.system)
        for name, text in memos.items():
            if text is None:
                run("DELETE FROM memo WHERE name = ?", (name,))
            else:
                run("INSERT OR REPLACE INTO memo (name, body) VALUES (?, ?)", (name, text))
        return int(seq)

    def entries(
        self, *, after: int = 0, task: str | None = None, limit: int | None = None
    ) -> Iterator[tuple[int, Entry]]:
        rows = self._connection.execute(
            """SELECT seq, at, task, actor, body FROM event
               WHERE seq > ?1 AND (?2 IS NULL OR task = ?2) ORDER BY seq LIMIT ?3""",
            (after, task, -1 if limit is None else limit),
        )
        for seq, at, name, actor, body in rows:
            yield seq, Entry(datetime.fromisoformat(at), name, actor, codec.load_event(body))

    def close(self) -> None:
        self._connection.close()

    def _prepare(self) -> None:
        run = self._connection.execute
        (version,) = run("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            raise LedgerError(
                f"the ledger has version {version}, this program knows versions up to {SCHEMA_VERSION}",
                where=str(self.path),
                remedy=way_back(self.path, SCHEMA_VERSION),
            )
        (mode,) = run("PRAGMA journal_mode = WAL").fetchone()
        run("PRAGMA synchronous = FULL")
        (level,) = run("PRAGMA synchronous").fetchone()
        if mode != "wal" or level != 2:
            raise LedgerError(
                f"SQLite gave journal_mode {mode} and synchronous {level} where the ledger needs wal and 2",
                where=str(self.path),
                remedy="put the repository on a local file system that supports shared memory (not NFS)",
            )
        if 0 < version < SCHEMA_VERSION:
            back_up(self._connection, self.path, version)
        for target in range(version + 1, SCHEMA_VERSION + 1):
            run("BEGIN IMMEDIATE")
            for statement in MIGRATIONS[target]:
                run(statement)
            run(f"PRAGMA user_version = {target}")
            run("COMMIT")

    def _unreadable(self, error: Exception) -> LedgerError:
        remedy = "move it away to have it rebuilt from tasks.json and the attempts, or restore a backup"
        if isinstance(error, ValidationError) and error.errors()[0]["type"] != "json_invalid":
            return LedgerError(
                "the ledger cannot be read: it holds what this program does not know",
                where=str(self.path),
                remedy=f"if a newer mosaic-orchestrator wrote it, install that one; if none did, {remedy}",
            )
        if isinstance(error, OSError) or getattr(error, "sqlite_errorcode", 0) & 0xFF in _NOT_ITS_FAULT:
            remedy = _MEND_THE_DISK
        return LedgerError(f"the ledger cannot be read: {error}", where=str(self.path), remedy=remedy)
