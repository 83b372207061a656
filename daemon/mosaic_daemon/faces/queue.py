"""`tasks.json`: written by people, agents and tools at any moment, and by the daemon."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from mosaic_daemon.faces.published import Published
from mosaic_daemon.ground import atomicfile
from mosaic_daemon.ground.errors import InputError
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
        self._stat: tuple[int, ...] | None = None
        self._known: dict[str, View] | None = None
        self._told: Mapping[str, View] = {}
        self._foreign: list[Any] = []
        self._extra: Mapping[str, Any] = {}
        self.problems: tuple[Problem, ...] = ()
        self._shown: dict[str, dict[str, Any]] = {}
        self._rejected: frozenset[str] = frozenset()
        self._broken_since: datetime | None = None
        self.broken: InputError | None = None
        self.dirty = True

    def changes(self, now: datetime) -> FaceChanges | None:
        """What people changed since the file was last seen; None when nothing was.

        A file that cannot be read is given two seconds (editors write in place), then `broken` says why.
        """
        stat = _stat(self._layout.tasks)
        if stat == self._stat:
            return None
        if stat is None:
            self._stat, self._seen, self.dirty = None, None, True
            return None
        try:
            text = atomicfile.read_untrusted(self._layout.tasks, max_bytes=MAX_BYTES)
            file = self._parse(text)
        except InputError as error:
            self._broken_since = self._broken_since or now
            if now - self._broken_since >= _SETTLE:
                self._stat, self.broken = stat, error
            return None
        self._stat, self._broken_since, self.broken = stat, None, None
        return self._compare(text, file)

    def recover(self) -> list[FaceChanges]:
        """What people had written into texts that a killed daemon had swapped out and not yet looked at."""
        with atomicfile.locked(self._layout.tasks_lock, timeout_sec=5):
            for leftover in atomicfile.leftovers(self._layout.tasks):
                if self._published.is_ours(leftover.read_bytes()):
                    leftover.unlink()
                else:
                    leftover.rename(self._history_file())
            unseen = sorted(self._layout.history.glob("*.tasks.json"))[-2:] if self._published.is_interrupted else []
        found = []
        for text in (file.read_bytes() for file in unseen):
            with suppress(InputError):
                found.append(diff(self._base, self._parse(text).by_id))
        return found

    @property
    def settling(self) -> bool:
        """The file could not be read a moment ago; it is worth looking again soon."""
        return self._broken_since is not None and self.broken is None

    def entries(self) -> Mapping[str, Mapping[str, Any]]:
        """The entries of the file as they stand there now; none when it is missing or cannot be read."""
        with suppress(InputError, FileNotFoundError):
            text = atomicfile.read_untrusted(self._layout.tasks, max_bytes=MAX_BYTES)
            return self._parse(text).by_id
        return {}

    def accept(self, later: Iterable[str] = (), rejected: Iterable[str] = ()) -> None:
        """What `changes` told is in the ledger now, all but `later` and `rejected`, which it will tell again.

        Rejected entries stay in the file as they are until somebody mends them.
        """
        base, self._known = self._base, dict(self._told)
        for task in rejected:
            self._foreign.append(self._known.pop(task))
        for task in later:
            self._stat = None
            if task in base:
                self._known[task] = base[task]

    def show(self, changed: Iterable[Record]) -> None:
        """Records as they are now; the file follows with the next `publish`."""
        for record in changed:
            if isinstance(record.state, Removed):
                self._shown.pop(record.id, None)
            else:
                self._shown[record.id] = entry_of(record)
            self.dirty = True

    def publish(self) -> FaceChanges | None:
        """Make the file show the ledger. Returns what people had changed in the text that was replaced.

        Raises:
            Unavailable: a tool holds the file's lock.
        """
        text = queuefile.render([*self._shown.values(), *self._foreign], self._extra)
        if text == self._seen:
            self.dirty = False
            return None
        with atomicfile.locked(self._layout.tasks_lock, timeout_sec=0):
            if _stat(self._layout.tasks) != self._stat:
                return None
            self._published.intend(text)
            failpoint("publish.queue.before-act")
            # Kept under its own name, so that an editor that still has it open loses nothing either.
            swapped = atomicfile.exchange(self._layout.tasks, text, keep=self._history_file())
            failpoint("publish.queue.after-act")
        self._stat = _stat(self._layout.tasks)
        lost = self._overtaken(swapped)
        self._published.settle(text)
        self._seen, self._known, self.dirty = text, None, lost is not None
        return lost

    @property
    def _base(self) -> Mapping[str, View]:
        """The tasks of the text that was last seen or shown."""
        if self._known is None:
            self._known = dict(self._parse(self._seen).by_id) if self._seen else {}
        return self._known

    def _compare(self, text: bytes, file: queuefile.QueueFile) -> FaceChanges | None:
        if text == self._seen:
            return None
        base = self._base
        usable = {id(entry) for entry in file.by_id.values()}
        self._foreign = [entry for entry in file.entries if id(entry) not in usable]
        self._extra, self.problems, self._seen = file.extra, file.problems, text
        if self._published.is_ours(text):
            self._known = dict(file.by_id)
            return None
        self._told, self.dirty = file.by_id, True
        return diff(base, file.by_id)

    def _overtaken(self, swapped: bytes | None) -> FaceChanges | None:
        """An edit that came between our last look and the exchange, told as changes."""
        if swapped is None or swapped == self._seen:
            return None
        with suppress(InputError):
            return diff(self._base, self._parse(swapped).by_id)
        return None

    def _history_file(self) -> Path:
        """A name for the text that is about to be replaced; the last fifty are kept."""
        folder = self._layout.history
        folder.mkdir(mode=0o700, exist_ok=True)
        for old in sorted(folder.glob("*.tasks.json"))[: 1 - _KEPT]:
            old.unlink()
        return folder / f"{time.time_ns()}.tasks.json"

    def _parse(self, text: bytes) -> queuefile.QueueFile:
        return queuefile.parse(text, source=str(self._layout.tasks), max_bytes=MAX_BYTES)


def _stat(path: Path) -> tuple[int, ...] | None:
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
