"""The ledger for a face that is asked again and again: what a list of tasks needs is kept in memory between looks.

A look reads only what has happened since the last one, so that it costs the same with ten tasks and with ten thousand.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from mosaic_daemon.store.reader import LedgerReader, Row, Spent


@dataclass(frozen=True, slots=True)
class Brief:
    """What is kept of a task.

    Attributes:
        words: what is searched, in lower case. archived: removed with its milestone. text: its row as it is stored.
    """

    id: str
    position: int
    status: str
    description: str
    phase: int | None
    spent: Spent
    started_at: str | None
    completed_at: str | None
    needs: tuple[str, ...]
    blocks: tuple[str, ...]
    words: str
    removed: bool
    archived: bool
    text: str

    @property
    def row(self) -> Row:
        row: Row = json.loads(self.text)
        row["status"] = self.status
        return row


@dataclass(frozen=True, slots=True)
class Choice:
    """Which tasks of a list: those with one of these statuses, of this phase, with these words in id or description.

    Whatever is empty or None leaves all.
    """

    statuses: tuple[str, ...] = ()
    phase: int | None = None
    words: str = ""

    def takes(self, brief: Brief) -> bool:
        if self.statuses and brief.status not in self.statuses:
            return False
        if self.phase is not None and brief.phase != self.phase:
            return False
        return not self.words or self.words in brief.words


class MirroredReader(LedgerReader):
    """A snapshot of the ledger that takes from memory what would need a look at every task."""

    def __init__(self, path: Path, briefs: dict[str, Brief], seen: int) -> None:
        super().__init__(path)
        self._briefs = briefs
        self.seq = self._catch_up(seen)

    def _catch_up(self, seen: int) -> int:
        last = self.last()
        if seen == 0 or last < seen:  # it was lost, and this is another one
            self._briefs.clear()
            rows = self._query("SELECT id, position, status, body FROM task ORDER BY position")
        else:
            rows = self._query(
                """SELECT id, position, status, body FROM task
                   WHERE id IN (SELECT task FROM event WHERE seq > ?) ORDER BY position""",
                seen,
            )
        for task, position, status, body in rows:
            before = self._briefs.get(task)
            if before is not None and before.position != position:  # it came back: it stands at the end now
                del self._briefs[task]
            self._briefs[task] = _brief(position, status, body)
        return last

    def briefs(self, choice: Choice | None = None) -> list[Brief]:
        """The chosen tasks in order of arrival, removed ones left out."""
        listed = (brief for brief in self._briefs.values() if not brief.removed)
        return [brief for brief in listed if choice is None or choice.takes(brief)]

    def progress(self) -> Counter[tuple[int | None, str]]:
        return Counter((brief.phase, brief.status) for brief in self._briefs.values() if not brief.removed)

    def spending(self) -> list[Spent]:
        found = self._briefs.values()
        return [each.spent for each in found if not each.removed or (each.spent.used and not each.archived)]

    def rows(self, *statuses: str, limit: int = -1) -> list[Row]:
        found = [each for each in self._briefs.values() if each.status in statuses and not each.removed]
        return [brief.row for brief in (found if limit < 0 else found[:limit])]

    def row(self, task: str) -> Row | None:
        brief = self._briefs.get(task)
        return brief.row if brief else None

    def ids(self) -> list[str]:
        return [brief.id for brief in self.briefs()]

    def open_before(self, phase: int) -> list[str]:
        earlier = (each for each in self.briefs() if each.phase is not None and each.phase < phase)
        return [each.id for each in earlier if each.status != "done"]

    def bodies(self, tasks: Sequence[str]) -> list[str]:
        return [self._briefs[task].text for task in tasks if task in self._briefs]

    def blocking(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for brief in self.briefs():
            for blocked in brief.blocks:
                found.setdefault(blocked, []).append(brief.id)
        return found


class Mirror:
    """What is kept between looks at the ledger in the file `path`. One look at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._briefs: dict[str, Brief] = {}
        self._seen = 0
        self._looking = Lock()

    @contextmanager
    def look(self) -> Iterator[MirroredReader]:
        """A snapshot. Raises what `LedgerReader` raises."""
        with self._looking:
            try:
                reader = MirroredReader(self._path, self._briefs, self._seen)
            except BaseException:
                self._seen = 0  # it may have been changed in part
                raise
            self._seen = reader.seq
            with reader:
                yield reader


def _brief(position: int, status: str, body: str) -> Brief:
    row = json.loads(body)
    task, removed = row["task"], row["state"]["kind"] == "removed"
    return Brief(
        id=task["id"],
        position=position,
        status=status,
        description=task["description"],
        phase=task["phase"],
        spent=Spent(task["phase"], task["runtime"], "removed" if removed else status, task["estimate"], row["used"]),
        started_at=row["started_at"],
        completed_at=row["completed_at"],
        needs=tuple(task["depends_on"]),
        blocks=tuple(task["blocks"]),
        words=f"{task['id']}\n{task['description']}".lower(),
        removed=removed,
        archived=bool(row["state"].get("milestone")),
        text=body,
    )
