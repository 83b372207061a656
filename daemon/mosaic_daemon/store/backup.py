"""A copy of the ledger as an older version left it, made before a newer one changes its schema."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

_MODE = 0o600


def backup_of(path: Path, version: int) -> Path:
    """Where the copy of schema `version` is."""
    return path.with_name(f"{path.name}.v{version}")


def back_up(connection: sqlite3.Connection, path: Path, version: int) -> Path:
    """Copy what is committed; durable when it returns. An earlier copy of the same version is replaced by a whole one.

    Raises:
        sqlite3.Error, OSError: there is no new copy; the ledger is untouched.
    """
    kept = backup_of(path, version)
    temporary = kept.with_name(f"{kept.name}.tmp")
    temporary.unlink(missing_ok=True)
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, _MODE))
    try:
        with closing(sqlite3.connect(temporary)) as copy:
            connection.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, that can be moved as it is
        _sync(temporary)
        temporary.replace(kept)
    finally:
        temporary.unlink(missing_ok=True)
    _sync(kept.parent)
    return kept


def way_back(path: Path, known: int) -> str:
    """What a person can do whose ledger is newer than this program."""
    newer = "install the newer mosaic-orchestrator that wrote it"
    kept = next(
        (backup_of(path, version) for version in range(known, 0, -1) if backup_of(path, version).is_file()), None
    )
    if kept is None:
        return newer
    moves = f"rm -f {path}-wal {path}-shm && cp {kept} {path}"
    return f"{newer}; or, to go back to how it was before that one came: `{moves}`"


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
