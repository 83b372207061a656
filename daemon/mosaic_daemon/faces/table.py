"""`docs/TASKS.md` on the base branch: read from the daemon's clone, published as a commit of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from mosaic_daemon.faces.published import Published
from mosaic_daemon.ground.errors import Refused
from mosaic_daemon.ground.failpoints import failpoint
from mosaic_daemon.ground.layout import TABLE, Layout
from mosaic_daemon.nouns.record import Record, Removed
from mosaic_daemon.repository.clone import BaseMoved, Clone
from mosaic_daemon.store.ledger import Ledger
from mosaic_daemon.tracking import table
from mosaic_daemon.tracking.entry import Problem
from mosaic_daemon.tracking.merge import FaceChanges, diff, fields_of, row_of
from mosaic_daemon.tracking.view import entry_of

MESSAGE = "chore(orchestrator): Update task table [skip ci]\n"
_DAMAGED = "the table's header is gone, or stands in a code fence that is not closed"
_Rows = Mapping[str, Mapping[str, Any]]


class TableFace:
    """The tracking table.

    Attributes:
        problems: rows that cannot be read; they stay as they are.
        degraded: why it is not published; None while it is.
        dirty: the table does not show what the ledger says.
    """

    name = TABLE

    def __init__(self, layout: Layout, ledger: Ledger, clone: Clone) -> None:
        self._clone = clone
        self._published = Published("table", layout.history, ledger)
        self._entries: dict[str, dict[str, Any]] = {}
        self._at: str | None = None
        self._text = self._published.text
        self._base: _Rows = _fields(_parse(self._text)) if self._text is not None else {}
        self._rejected: frozenset[str] = frozenset()
        self.degraded: str | None = None
        self.problems: tuple[Problem, ...] = ()
        self.dirty = True

    async def changes(self, base_sha: str) -> FaceChanges | None:
        """What people changed on the base branch since the table was last seen there; None when nothing was."""
        if base_sha == self._at:
            return None
        text = await self._clone.read(base_sha, TABLE)
        self._at = base_sha
        if text is None or text == self._text:
            return None
        self._text = text
        self.dirty = True
        if self._published.is_ours(text):
            self._base = _fields(_parse(text))
            return None
        parsed = _parse(text)
        if self._is_damaged(parsed):
            self.problems = (Problem(_DAMAGED, 0, line=parsed.unclosed or 1),)
            return None
        changes = diff(self._base, _fields(parsed))
        removed = {task: view for task, view in changes.removed.items() if task not in parsed.unreadable}
        self.problems = parsed.problems
        return replace(changes, removed=removed)

    def accept(self, later: Iterable[str] = (), rejected: Iterable[str] = ()) -> None:
        """What `changes` told is in the ledger now, all but `later` and `rejected`, which it will tell again.

        Rejected rows stay in the table as they are until somebody mends them.
        """
        self._rejected = frozenset(rejected)
        base = {task: row for task, row in _fields(_parse(self._text)).items() if task not in self._rejected}
        for task in later:
            if task in self._base:
                base[task] = self._base[task]
            self._at = None
        self._base = base

    def show(self, changed: Iterable[Record]) -> None:
        """Records as they are now; the table follows with the next `publish`."""
        for record in changed:
            if isinstance(record.state, Removed):
                self._entries.pop(record.id, None)
            else:
                self._entries[record.id] = entry_of(record)
            self.dirty = True

    async def publish(self, now: datetime) -> bool:
        """Commit the table on top of the commit it was last read from; False when the base branch has moved since.

        Raises:
            Refused: a person's unfinished work or a rule of the server is in the way.
        """
        assert self._at is not None  # noqa: S101
        shown = _parse(self._text)
        if self._is_damaged(shown):
            raise Refused(_DAMAGED, where=TABLE, remedy="mend it on the base branch")
        cells = {row.cells["id"]: row.cells for row in shown.rows}
        rows = [row_of(entry, cells.get(task)) for task, entry in self._entries.items()]
        rows += [dict(cells[task]) for task in cells.keys() & self._rejected - self._entries.keys()]
        text = table.render(shown, rows).encode()
        if text == (self._text or b""):
            self.dirty = False
            return True
        self._published.intend(text)
        commit = await self._clone.commit_files(self._at, {TABLE: text}, MESSAGE, now)
        failpoint("publish.table.before-act")
        try:
            await self._clone.land(commit, self._at)
        except BaseMoved:
            return False
        failpoint("publish.table.after-act")
        self._published.settle(text)
        self._text, self._at, self.dirty, self.degraded = text, commit, False, None
        self._base = {task: row for task, row in _fields(_parse(text)).items() if task not in self._rejected}
        return True

    def _is_damaged(self, parsed: table.Table) -> bool:
        return bool(self._base) and not parsed.head


def _parse(text: bytes | None) -> table.Table:
    return table.parse((text or b"").decode("utf-8", "replace"), source=TABLE)


def _fields(parsed: table.Table) -> _Rows:
    return {row.cells["id"]: fields_of(row.cells) for row in parsed.rows}
