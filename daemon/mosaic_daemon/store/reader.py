"""The ledger for those who only look: no lock, no models, nothing that takes long to import.

Opening it takes a snapshot: whatever is asked afterwards belongs to one instant. A running daemon is not disturbed by
it. Rows come as the JSON they are stored as (`codec.py` writes it from the nouns).
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from mosaic_daemon.ground.errors import LedgerError

KNOWN_VERSION = 1
"""The newest version of the ledger that is understood here; a test keeps it equal to the journal's."""

Row = dict[str, Any]
"""A `Record` as JSON, with its `status` beside its `state`."""

_LISTED = "NOT (status = 'deferred' AND json_extract(body, '$.state.kind') = 'removed')"


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of the event log.

    Attributes:
        seq: its number, rising.
        at: ISO 8601.
        task: empty for the whole repository.
        body: the event as JSON, its `kind` included.
    """

    seq: int
    at: str
    task: str
    actor: str
    kind: str
    body: dict[str, Any]


class Spent(NamedTuple):
    """A task's tokens: the estimate as people wrote it, and what its attempts used; None when nobody said.

    `status`: its own, or `removed`.
    """

    phase: int | None
    runtime: str | None
    status: str
    estimate: str | None
    used: int | None


class Use(NamedTuple):
    """Who took how many tokens: `runs` attempts of a runtime, or reviews where `runtime` is None."""

    runtime: str | None
    runs: int
    used: int


class Proof(NamedTuple):
    """What of a task the stopping criteria are judged by; None: it has no such thing.

    `merged`: the squash commit; `ci`: the verdict on it; `closed`: when its issue was; `warning`: what was let pass.
    """

    task: str
    status: str
    kind: str
    description: str
    phase: int | None
    reason: str | None
    merged: str | None
    ci: str | None
    closed: str | None
    warning: str | None
    completed_at: str | None


class LedgerReader:
    """One snapshot of the ledger in the file `path`.

    Raises:
        FileNotFoundError: there is no ledger yet, or one that is just being made.
        LedgerError: it cannot be read, or is newer than this program. Any method may raise it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        path.stat()
        try:
            self._connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=5.0
            )
        except sqlite3.Error as error:
            raise self._unreadable(error) from error
        try:
            self._query("BEGIN")
            ((version,),) = self._query("PRAGMA user_version")
            if version > KNOWN_VERSION:
                raise LedgerError(
                    f"the ledger has version {version}, this program knows versions up to {KNOWN_VERSION}",
                    where=str(path),
                    remedy="install the newer mosaic-orchestrator that wrote it",
                )
            if version == 0:
                raise FileNotFoundError(path)
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._connection.close()

    def progress(self) -> Counter[tuple[int | None, str]]:
        """Tasks per phase and status, removed ones left out."""
        found: Counter[tuple[int | None, str]] = Counter()
        rows = self._query(f"SELECT json_extract(body, '$.task.phase'), status FROM task WHERE {_LISTED}")  # noqa: S608
        found.update((phase, status) for phase, status in rows)
        return found

    def spending(self) -> list[Spent]:
        """What each task was estimated at and has used; of those that people took out, the ones that have used any."""
        rows = self._query(
            f"""SELECT json_extract(body, '$.task.phase'), json_extract(body, '$.task.runtime'),
                CASE WHEN {_LISTED} THEN status ELSE 'removed' END,
                json_extract(body, '$.task.estimate'), json_extract(body, '$.used')
                FROM task WHERE {_LISTED} OR (json_extract(body, '$.used') > 0
                AND coalesce(json_extract(body, '$.state.milestone'), '') = '') ORDER BY position"""  # noqa: S608
        )
        return [Spent(*row) for row in rows]

    def uses(self) -> list[Use]:
        """Tokens per runtime and of the reviews, of everything that ever ran; whoever did not run is left out."""
        attempts = self._query(
            """SELECT json_extract(start.body, '$.attempt.runtime') AS runtime, count(DISTINCT start.seq),
                      coalesce(sum(json_extract(over.body, '$.used')), 0)
               FROM event AS start LEFT JOIN event AS over
               ON over.task = start.task AND over.seq > start.seq
                  AND over.kind IN ('attempt-failed', 'attempt-released', 'attempt-stopped', 'result-accepted')
                  AND json_extract(over.body, '$.fence') = json_extract(start.body, '$.attempt.fence')
               WHERE start.kind = 'attempt-intended' GROUP BY runtime ORDER BY runtime"""
        )
        reviews = self._query(
            """SELECT NULL, count(*), coalesce(sum(json_extract(body, '$.used')), 0) FROM event
               WHERE kind IN ('review-passed', 'qa-needed', 'review-returned', 'review-blocked')"""
        )
        return [Use(*row) for row in (*attempts, *reviews) if row[1]]

    def proofs(self) -> list[Proof]:
        """Where each task stands and what proves it, in order of arrival, removed ones left out."""
        evidence = [f"state.evidence.{name}" for name in ("merge_sha", "ci", "closed_at", "warning")]
        fields = ["task.kind", "task.description", "task.phase", "state.failure.message", *evidence, "completed_at"]
        shown = ", ".join(f"json_extract(body, '$.{field}')" for field in fields)
        rows = self._query(f"SELECT id, status, {shown} FROM task WHERE {_LISTED} ORDER BY position")  # noqa: S608
        return [Proof(*row) for row in rows]

    def rows(self, *statuses: str, limit: int = -1) -> list[Row]:
        """The tasks with one of these statuses, in order of arrival, removed ones left out."""
        marks = ", ".join("?" * len(statuses))
        found = self._query(
            f"SELECT status, body FROM task WHERE status IN ({marks}) AND {_LISTED} ORDER BY position LIMIT ?",  # noqa: S608
            *statuses,
            limit,
        )
        return [_row(status, body) for status, body in found]

    def row(self, task: str) -> Row | None:
        """One task, also a removed one; None when there never was any."""
        for status, body in self._query("SELECT status, body FROM task WHERE id = ?", task):
            return _row(status, body)
        return None

    def ids(self) -> list[str]:
        """Every task's id in order of arrival, removed ones left out."""
        return [task for (task,) in self._query(f"SELECT id FROM task WHERE {_LISTED} ORDER BY position")]  # noqa: S608

    def open_before(self, phase: int) -> list[str]:
        """The ids of the tasks of lower phases that are not done."""
        earlier = "json_extract(body, '$.task.phase') < ?"
        return [
            task
            for (task,) in self._query(
                f"SELECT id FROM task WHERE status <> 'done' AND {_LISTED} AND {earlier} ORDER BY position",  # noqa: S608
                phase,
            )
        ]

    def archived(self, milestone: str) -> list[str]:
        """The stored text of the tasks that were archived with this milestone, for `codec.load_record`."""
        found = self._query("SELECT body FROM task WHERE json_extract(body, '$.state.milestone') = ?", milestone)
        return [body for (body,) in found]

    def blocking(self) -> dict[str, list[str]]:
        """Per task the ids of those that name it in their `blocks`."""
        found: dict[str, list[str]] = {}
        edges = """SELECT edge.value, task.id FROM task, json_each(task.body, '$.task.blocks') AS edge
                   WHERE json_extract(task.body, '$.state.kind') <> 'removed'"""
        for blocked, task in self._query(edges):
            found.setdefault(blocked, []).append(task)
        return found

    def bodies(self, tasks: Sequence[str]) -> list[str]:
        """The stored text of these tasks, for `codec.load_record`; unknown ids are left out."""
        found = []
        for task in tasks:
            found += [body for (body,) in self._query("SELECT body FROM task WHERE id = ?", task)]
        return found

    def system(self) -> tuple[dict[str, Any], str | None]:
        """The repository's state as JSON, and its stored text; what a new repository has when there is none."""
        for (body,) in self._query("SELECT body FROM memo WHERE name = 'system'"):
            return json.loads(body), body
        return {"holds": {}, "draining": False}, None

    def last(self) -> int:
        """The number of the newest event; 0 when nothing has happened."""
        return int(next(iter(self._query("SELECT coalesce(max(seq), 0) FROM event")))[0])

    def events(
        self,
        *,
        after: int = 0,
        before: int | None = None,
        task: str | None = None,
        newest: int | None = None,
        kinds: Sequence[str] = (),
    ) -> list[Happening]:
        """Events in order. `newest`: only so many of the last ones. An empty `task` means the whole repository's."""
        where = ["seq > ?"]
        values: list[int | str] = [after]
        if before is not None:
            where.append("seq < ?")
            values.append(before)
        if task is not None:
            where.append("task = ?")
            values.append(task)
        if kinds:
            where.append(f"kind IN ({', '.join('?' * len(kinds))})")
            values += kinds
        rows = self._query(
            f"""SELECT seq, at, task, actor, kind, body FROM event
                WHERE {" AND ".join(where)} ORDER BY seq DESC LIMIT ?""",  # noqa: S608
            *values,
            -1 if newest is None else newest,
        )
        found = [Happening(seq, at, name, actor, kind, json.loads(body)) for seq, at, name, actor, kind, body in rows]
        return found[::-1]

    def moved_since(self, seq: int) -> bool:
        """Whether anything has happened to any task after this event."""
        return any(True for _ in self._query("SELECT 1 FROM event WHERE seq > ? AND task <> '' LIMIT 1", seq))

    def _query(self, statement: str, *values: Any) -> Iterator[Any]:
        try:
            return iter(self._connection.execute(statement, values).fetchall())
        except sqlite3.Error as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: sqlite3.Error) -> LedgerError:
        return LedgerError(
            f"the ledger cannot be read: {error}",
            where=str(self._path),
            remedy="`mosaic-orchestrator run` says more; nothing was changed",
        )


def _row(status: str, body: str) -> Row:
    row: Row = json.loads(body)
    row["status"] = status
    return row
