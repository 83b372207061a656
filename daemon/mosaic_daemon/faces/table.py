"""`docs/TASKS.md` on the base branch: read from the daemon's clone, published as a commit of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

from mosaic_daemon.faces.deferrals import DeferredErrors
from mosaic_daemon.faces.learnings import Learnings
from mosaic_daemon.faces.published import Published
from mosaic_daemon.ground.errors import Refused, Unavailable
from mosaic_daemon.ground.failpoints import failpoint
from mosaic_daemon.ground.layout import TABLE, Layout
from mosaic_daemon.nouns.record import Record, Removed
from mosaic_daemon.nouns.release import ReleaseStep
from mosaic_daemon.repository.checkout import OURS
from mosaic_daemon.repository.clone import BaseMoved, Clone
from mosaic_daemon.repository.ignored import GITIGNORE, with_lines
from mosaic_daemon.repository.qa_reports import FOLDER
from mosaic_daemon.store.ledger import Ledger
from mosaic_daemon.tracking import table
from mosaic_daemon.tracking.entry import Problem
from mosaic_daemon.tracking.merge import FaceChanges, diff, fields_of, row_of
from mosaic_daemon.tracking.view import entry_of

MESSAGE = "chore(orchestrator): Update task table [skip ci]\n"
_DAMAGED = "the table's header is gone, or stands in a code fence that is not closed"
_HISTORY = 20
_Rows = Mapping[str, Mapping[str, Any]]


class TableFace:
    """The tracking table.

    Attributes:
        learnings, deferrals: files that go along with its commits.
        problems: rows that cannot be read; they stay as they are.
        degraded: why it is not published; None while it is.
        dirty: the table does not show what the ledger says.
    """

    name = TABLE

    def __init__(
        self, layout: Layout, ledger: Ledger, clone: Clone, learnings: Learnings, deferrals: DeferredErrors
    ) -> None:
        self._clone = clone
        self._reports = layout.repo / FOLDER
        self.learnings = learnings
        self.deferrals = deferrals
        self._ledger = ledger
        self._published = Published("table", layout.history, ledger)
        self._entries: dict[str, dict[str, Any]] = {}
        self._at: str | None = None
        self._told_at: str | None = None
        self._has_looked = False
        self._planned: _Rows = {}
        self._is_there = False
        self._text = self._published.text
        self._rejected: frozenset[str] = frozenset()
        self._base: _Rows = self._tasks(_parse(self._text))
        self.degraded: str | None = None
        self.problems: tuple[Problem, ...] = ()
        self.dirty = True

    async def changes(self, base_sha: str) -> FaceChanges | None:
        """What people changed on the base branch and the ledger has not taken in; None when nothing is.

        Told again until `accept`.
        """
        if base_sha == self._at:
            return None
        self.dirty |= self.learnings.is_waiting or self.deferrals.is_waiting  # somebody may have mended their file
        text = await self._clone.commits.read(base_sha, TABLE)
        self._is_there = text is not None
        if text is None and not any(map(self._is_task, self._base)):  # it went with a milestone: a new one begins
            self._text, self._base = None, {}
        if text is None or (text == self._text and self._told_at is None):
            self._at = base_sha
            return None
        if not self._has_looked:
            await self._find_ancestor(base_sha)
        self._text, self._at, self._told_at, self.dirty = text, None, None, True
        parsed = _parse(text)
        if self._published.is_ours(text):
            self._at, self._base = base_sha, self._tasks(parsed)
            return None
        if self._is_damaged(parsed):
            self._at, self.problems = base_sha, (Problem(_DAMAGED, 0, line=parsed.unclosed or 1),)
            return None
        self._told_at, self.problems = base_sha, parsed.problems
        changes = diff(self._base, _fields(parsed))
        removed = {task: view for task, view in changes.removed.items() if task not in parsed.unreadable}
        added = {task: self._news(task, view) for task, view in changes.added.items()}
        return replace(changes, added=added, removed=removed)

    def accept(self, later: Iterable[str] = (), rejected: Iterable[str] = ()) -> None:
        """What `changes` told is in the ledger now, all but `later` and `rejected`, which it will tell again.

        Rejected rows stay in the table as they are until somebody mends them.
        """
        self._rejected = frozenset(rejected)
        waiting = {task: self._base[task] for task in later}
        self._base = {**self._tasks(_parse(self._text)), **waiting}
        if waiting or self._text is None:
            return
        self._at, self._told_at = self._told_at, None
        # Or a crash before the next publication would have the same edit told again, and a request done twice.
        with suppress(OSError, Unavailable):
            self._published.settle(self._text)

    def show(self, changed: Iterable[Record]) -> None:
        """Records as they are now; the table follows with the next `publish`."""
        records = list(changed)
        self.learnings.show(records)
        self.deferrals.show(records)
        for record in records:
            if isinstance(record.state, Removed):
                self._entries.pop(record.id, None)
            else:
                self._entries[record.id] = entry_of(record)
            self.dirty = True

    async def publish(self, now: datetime) -> bool:
        """Commit the table on top of the commit it was last read from.

        False when the base branch has moved since, or an edit waits to be taken in: that comes first.

        Raises:
            Refused: a person's unfinished work or a rule of the server is in the way.
        """
        if self._at is None:
            return False
        if not self._is_there and (not self._entries or self._is_being_archived):
            self.dirty, self.degraded = False, None
            return True
        shown = _parse(self._text)
        if self._is_damaged(shown):
            raise Refused(_DAMAGED, where=TABLE, remedy="mend it on the base branch")
        cells = {row.cells["id"]: row.cells for row in shown.rows}
        rows = [row_of(entry, cells.get(task)) for task, entry in self._entries.items()]
        rows += [dict(row) for task, row in cells.items() if task not in self._entries and not self._is_task(task)]
        text = table.render(shown, rows).encode("utf-8", "surrogateescape")
        beside = {**await self.learnings.files(self._at, now), **await self.deferrals.files(self._at, now)}
        beside |= await self._ignored(self._at)
        if text == (self._text or b"") and not beside:
            self.dirty = False
            return True
        self._published.intend(text)
        commit = await self._clone.commit_files(self._at, {TABLE: text, **beside}, MESSAGE, now)
        failpoint("publish.table.before-act")
        try:
            await self._clone.land(commit, self._at)
        except BaseMoved:
            return False
        failpoint("publish.table.after-act")
        self.learnings.settle()
        self.deferrals.settle(now)
        self._published.settle(text)
        self._text, self._at, self.dirty, self.degraded = text, commit, False, None
        self._is_there = True
        self._base = self._tasks(_parse(text))
        return True

    async def _ignored(self, base: str) -> dict[str, bytes]:
        """`.gitignore` with the guide's lines, where there are reports that they are about and somebody lost them."""
        if not self._reports.is_dir():
            return {}
        text = await self._clone.commits.read(base, GITIGNORE) or b""
        kept = with_lines(text)
        return {} if kept == text else {GITIGNORE: kept}

    def _news(self, task: str, view: Mapping[str, Any]) -> Mapping[str, Any]:
        """What a row says of a task that the queue has brought already: not what was planned, somebody may have edited
        that in the queue since.
        """
        record = self._ledger.records.get(task)
        if record is None or isinstance(record.state, Removed):
            return view
        planned = self._planned.get(task, {})
        return {name: value for name, value in view.items() if name not in planned or planned[name] != value}

    async def _find_ancestor(self, base_sha: str) -> None:
        """After a restart: what people started from, if the daemon died while it published. At first: what was planned,
        which is in the queue as well.
        """
        if self._published.text is None:
            for commit in await self._clone.commits.commits_of(base_sha, TABLE, 1, beginning=OURS):
                self._planned = _fields(_parse(await self._clone.commits.read(commit, TABLE)))
        for commit in await self._clone.commits.commits_of(base_sha, TABLE, _HISTORY):
            text = await self._clone.commits.read(commit, TABLE)
            if text is not None and self._published.is_ours(text):
                self._base = self._tasks(_parse(text))
                break
        self._has_looked = True

    def _tasks(self, parsed: table.Table) -> _Rows:
        """The rows of tasks that the ledger has taken in."""
        return {task: row for task, row in _fields(parsed).items() if self._is_task(task)}

    def _is_task(self, name: str) -> bool:
        record = self._ledger.records.get(name)
        is_archived = record is not None and isinstance(record.state, Removed) and bool(record.state.milestone)
        return record is not None and not is_archived and name not in self._rejected

    @property
    def _is_being_archived(self) -> bool:
        """The commit that takes the table away may have landed, and a crash came before that was recorded."""
        release = self._ledger.system.release
        return release is not None and release.is_active and release.step is ReleaseStep.ARCHIVE

    def _is_damaged(self, parsed: table.Table) -> bool:
        return bool(self._base) and not parsed.head


def _parse(text: bytes | None) -> table.Table:
    """What is no UTF-8 is somebody's text as well and comes back as it was; a task's row it makes unreadable."""
    parsed = table.parse((text or b"").decode("utf-8", "surrogateescape"), source=TABLE)
    foreign = [row for row in parsed.rows if not "".join(row.cells.values()).isprintable() and not _is_text(row)]
    if not foreign:
        return parsed
    problems = (Problem("holds bytes that are no UTF-8", 0, task=row.cells["id"], line=row.line) for row in foreign)
    rows = tuple(row for row in parsed.rows if row not in foreign)
    return replace(parsed, rows=rows, problems=(*parsed.problems, *problems))


def _is_text(row: table.Row) -> bool:
    try:
        "".join(row.cells.values()).encode()
    except UnicodeEncodeError:
        return False
    return True


def _fields(parsed: table.Table) -> _Rows:
    return {row.cells["id"]: fields_of(row.cells) for row in parsed.rows}
