"""The ledger as a reader from outside sees it: rows and events of `state.db`, while the daemon may be writing it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the event log; `body` is the event's own fields."""

    seq: int
    task: str
    kind: str
    body: dict[str, Any]


def statuses(path: Path) -> dict[str, str]:
    """Status per task; empty before the ledger exists. Removed tasks are left out."""
    return {
        task: status
        for task, status, body in _rows(path, "SELECT id, status, body FROM task ORDER BY position")
        if json.loads(body)["state"]["kind"] != "removed"
    }


def records(path: Path) -> dict[str, dict[str, Any]]:
    """The stored record per task."""
    return {task: json.loads(body) for task, body in _rows(path, "SELECT id, body FROM task ORDER BY position")}


def events(path: Path, kind: str | None = None, task: str | None = None) -> list[Event]:
    """The event log in order, or those of one kind, or of one task."""
    rows = _rows(path, "SELECT seq, task, kind, body FROM event ORDER BY seq")
    return [
        Event(seq, name, what, json.loads(body))
        for seq, name, what, body in rows
        if kind in (None, what) and task in (None, name)
    ]


def length(path: Path) -> int:
    """How many events there are."""
    return next((count for (count,) in _rows(path, "SELECT coalesce(max(seq), 0) FROM event")), 0)


def _rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    if not path.exists():
        return []
    with closing(sqlite3.connect(path, timeout=10.0)) as connection:
        try:
            return connection.execute(query).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return []
            raise
