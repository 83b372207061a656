"""`tasks.json`: written by people, agents and tools at any moment, and by the daemon."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from loguru import logger

from mosaic_daemon.faces.published import Published
from mosaic_daemon.ground import atomicfile
from mosaic_daemon.ground.errors import InputError, Unavailable
from mosaic_daemon.ground.failpoints import failpoint
from mosaic_daemon.ground.layout import Layout
from mosaic_daemon.nouns.record import Record, Removed
from mosaic_daemon.store.ledger import Ledger
from mosaic_daemon.tracking import queuefile
from mosaic_daemon.tracking.entry import Problem
from mosaic_daemon.tracking.merge import FaceChanges, View, diff
from mosaic_daemon.tracking.view import entry_of

MAX_BYTES = 64 << 20
_SETTLE = timedelta(seconds=2)
_KEPT = 50
_UNKNOWN = ()
_Entries = Mapping[str, View]


@dataclass(slots=True)
class _Edit:
    """What people made of `base`, as long as the ledger has not taken it in.

    Attributes:
        file: the text that was replaced before anybody had looked at it; None for one that is still in its place.
    """

    base: _Entries
    entries: _Entries
    file: Path | None = None


@dataclass(slots=True)
class _Replaced:
    """A text that was swapped out and nobody has looked at; `base` is what its author started from."""

    file: Path
    base: _Entries
    unreadable_since: datetime | None = None


class QueueFace:
    """The queue's file.

    Attributes:
        broken: why the file cannot be read; None while it can. Nothing new is started while it is set.
        dirty: the file does not show what the ledger says.
        problems: entries of the file that are no tasks; they stay in it as they are.
    """

    name = "tasks.json"

    def __init__(self, layout: Layout, ledger: Ledger) -> None:
        self._layout = layout
        self._ledger = ledger
        self._published = Published("tasks", layout.history, ledger)
        self._seen: bytes | None = self._published.text
        self._known: _Entries | None = None
        self._stat: tuple[int, ...] | None = _UNKNOWN
        self._is_read = False
        self._edit: _Edit | None = None
        self._replaced: list[_Replaced] | None = None
        self._unusable: list[Any] = []
        self._rejected: dict[str, View] = {}
        self._extra: Mapping[str, Any] = {}
        self._shown: dict[str, dict[str, Any]] = {}
        self._broken_since: datetime | None = None
        self.problems: tuple[Problem, ...] = ()
        self.broken: InputError | None = None
        self.dirty = True

    # --- in -----------------------------------------------------------------------------------------------------------

    def changes(self, now: datetime) -> FaceChanges | None:
        """What people changed and the ledger has not taken in; None when nothing is. Told again until `accept`.

        A file that cannot be read is given two seconds (editors write in place), then `broken` says why.
        """
        if self._replaced is None:
            self._recover()
        if self._edit is None:
            self._edit = self._edit_in_replaced(now)
        # In the order they were written: an older edit must not win over a newer one.
        if self._edit is None and not self._replaced:
            self._edit = self._edit_in_place(now)
        elif self._edit is not None:
            self._look_for_damage(now)
        return diff(self._edit.base, self._edit.entries) if self._edit else None

    def accept(self, later: Iterable[str] = (), rejected: Iterable[str] = ()) -> None:
        """What `changes` told is in the ledger now, all but `later` and `rejected`.

        Later ones are told again. Rejected ones stay in the file as they are until somebody mends them.
        """
        edit, self._edit = self._edit, None
        if edit is None:
            return
        self._rejected.update((task, edit.entries[task]) for task in rejected)
        taken = {task: view for task, view in edit.entries.items() if task not in self._rejected}
        self.dirty = True
        if waiting := {task: edit.base[task] for task in later}:
            self._edit = replace(edit, base=taken | waiting)
            return
        if edit.file is None:
            self._known = taken
        else:
            self._file_away(edit.file)
        if self._seen is not None:
            # Or a crash before the next publication would have the same edit told again, and a request done twice.
            with suppress(OSError, Unavailable):
                self._published.settle(self._seen)

    @property
    def settling(self) -> bool:
        """Something could not be read a moment ago; it is worth looking again soon."""
        return bool(self._replaced) or (self._broken_since is not None and self.broken is None)

    def entries(self) -> Mapping[str, Mapping[str, Any]]:
        """The entries of the file as they stand there now; none when it is missing or cannot be read."""
        with suppress(InputError, FileNotFoundError):
            text = atomicfile.read_untrusted(self._layout.tasks, max_bytes=MAX_BYTES)
            return self._parse(text).by_id
        return {}

    @property
    def _base(self) -> _Entries:
        """The tasks of the text that was last seen or shown, those left out that the ledger has never taken in."""
        if self._known is None:
            entries = self._parse(self._seen).by_id if self._seen else {}
            self._known = {task: view for task, view in entries.items() if self._is_task(task)}
        return self._known

    def _is_task(self, name: str) -> bool:
        return name in self._ledger.records and name not in self._rejected

    def _edit_in_place(self, now: datetime) -> _Edit | None:
        """What people changed in the file since it was last seen."""
        stat = _stat(self._layout.tasks)
        if stat == self._stat:
            return None
        if stat is None:
            self._known = self._base
            self._stat, self._seen, self.dirty = None, None, True
            self._broken_since, self.broken = None, None
            return None
        try:
            text = atomicfile.read_untrusted(self._layout.tasks, max_bytes=MAX_BYTES)
            file = None if text == self._seen and self._is_read else self._parse(text)
        except FileNotFoundError:
            return None
        except InputError as error:
            if self._is_damaged(error, now):
                self._stat = stat
            return None
        self._stat, self._broken_since, self.broken, self._is_read = stat, None, None, True
        return None if file is None else self._compare(text, file)

    def _look_for_damage(self, now: datetime) -> None:
        """An older edit waits to be taken in, so this text is not compared yet; but nothing is started over damage."""
        if _stat(self._layout.tasks) == self._stat:
            return
        try:
            self._parse(atomicfile.read_untrusted(self._layout.tasks, max_bytes=MAX_BYTES))
        except FileNotFoundError:
            return
        except InputError as error:
            self._is_damaged(error, now)
        else:
            self._broken_since, self.broken = None, None

    def _is_damaged(self, error: InputError, now: datetime) -> bool:
        """Whether it has been unreadable for so long that nobody can be in the middle of writing it."""
        self._broken_since = self._broken_since or now
        if now - self._broken_since < _SETTLE:
            return False
        self.broken = error
        return True

    def _compare(self, text: bytes, file: queuefile.QueueFile) -> _Edit | None:
        base = self._base
        usable = {id(entry) for entry in file.by_id.values()}
        self._unusable = [entry for entry in file.entries if id(entry) not in usable]
        self._extra, self.problems = file.extra, file.problems
        is_ours = text == self._seen or self._published.is_ours(text)
        self._seen = text
        if is_ours:
            self._rejected = {task: view for task, view in file.by_id.items() if task not in self._ledger.records}
            self._known = {task: view for task, view in file.by_id.items() if self._is_task(task)}
            return None
        self._rejected = {}
        return _Edit(base, file.by_id)

    def _edit_in_replaced(self, now: datetime) -> _Edit | None:
        """What people changed in a text that was swapped out before anybody had looked at it."""
        while self._replaced:
            oldest = self._replaced[0]
            try:
                text = atomicfile.read_untrusted(oldest.file, max_bytes=MAX_BYTES)
                entries = self._parse(text).by_id
            except (InputError, FileNotFoundError) as error:
                # Its author may be in the middle of writing it.
                oldest.unreadable_since = oldest.unreadable_since or now
                if now - oldest.unreadable_since < _SETTLE:
                    return None
                kept = self._file_away(self._replaced.pop(0).file)
                logger.warning("an edit was replaced and cannot be read: {}; it is kept as {}", error, kept)
            else:
                self._replaced.pop(0)
                return _Edit(oldest.base, entries, oldest.file)
        return None

    def _recover(self) -> None:
        """Find texts that a killed daemon had swapped out and not looked at."""
        with suppress(Unavailable), atomicfile.locked(self._layout.tasks_lock, timeout_sec=0):
            self._replaced = []
            for file in atomicfile.leftovers(self._layout.tasks):
                if self._is_ours(file):
                    file.unlink()
                else:
                    self._replaced.append(_Replaced(file, self._base))

    def _is_ours(self, file: Path) -> bool:
        with suppress(InputError, FileNotFoundError):
            return self._published.is_ours(atomicfile.read_untrusted(file, max_bytes=MAX_BYTES))
        return False

    # --- out ----------------------------------------------------------------------------------------------------------

    def show(self, changed: Iterable[Record]) -> None:
        """Records as they are now; the file follows with the next `publish`."""
        for record in changed:
            if isinstance(record.state, Removed):
                self._shown.pop(record.id, None)
            else:
                self._shown[record.id] = entry_of(record)
            self.dirty = True

    def publish(self) -> None:
        """Make the file show the ledger, unless people changed it since it was last seen: that comes first.

        Raises:
            Unavailable: a tool holds the file's lock, or the disk is full.
        """
        if self._edit is not None or self._replaced:
            return
        rejected = [entry for task, entry in self._rejected.items() if task not in self._shown]
        text = queuefile.render([*self._shown.values(), *rejected, *self._unusable], self._extra)
        if text == self._seen:
            self.dirty = False
            return
        # Under this name a text that was swapped out is found again after a crash, and no editor of it loses anything.
        file = self._layout.tasks.with_name(f".{self.name}.{time.time_ns()}.tmp")
        with atomicfile.locked(self._layout.tasks_lock, timeout_sec=0):
            if _stat(self._layout.tasks) != self._stat:
                return
            self._published.intend(text)
            failpoint("publish.queue.before-act")
            swapped = atomicfile.exchange(self._layout.tasks, text, keep=file)
            failpoint("publish.queue.after-act")
        if swapped is None or swapped == self._seen:
            self._replaced = []
        else:
            self._replaced = [_Replaced(file, self._base)]
        # Somebody may have changed the file since: only the next look can tell.
        self._seen, self._known, self._stat, self.dirty = text, dict(self._shown), _UNKNOWN, False
        if not self._replaced:
            if swapped is not None:
                self._file_away(file)
            self._published.settle(text)

    def _file_away(self, file: Path) -> Path:
        """Keep a text that was replaced; the last fifty are."""
        folder = self._layout.history
        folder.mkdir(mode=0o700, exist_ok=True)
        kept = folder / f"{time.time_ns()}.tasks.json"
        file.rename(kept)
        for old in sorted(folder.glob("*.tasks.json"))[:-_KEPT]:
            old.unlink()
        return kept

    def _parse(self, text: bytes) -> queuefile.QueueFile:
        return queuefile.parse(text, source=str(self._layout.tasks), max_bytes=MAX_BYTES)


def _stat(path: Path) -> tuple[int, ...] | None:
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
