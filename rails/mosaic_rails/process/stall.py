"""Whether a worker is stuck: no output, next to no CPU time of its tree, no change below its working directory."""

from __future__ import annotations

import os
import time

from mosaic_rails.process import proc

_ENTRIES_PER_CHECK = 2000
_SECONDS_PER_CHECK = 0.05
_FOLDERS_REMEMBERED = 10_000
_TICKS = os.sysconf("SC_CLK_TCK")
_IDLE_SHARE = 0.01  # of one CPU: a runtime that only waits still runs its timers


class Stall:
    """Watches for a standstill of `limit` seconds, looking ten times in it, at most each second, at least each 30.

    Args:
        limit: seconds; 0: never stuck.
        root: the pid whose descendants are the worker's tree.
        folder: the worker's working directory.

    Attributes:
        next_check: monotonic time of the next look.
    """

    def __init__(self, limit: float, root: int, folder: str) -> None:
        self._limit = limit
        self._root = root
        self._every = min(max(limit / 10, 1.0), 30.0)
        # Unknown counts as active at the first look: most workers end before it, and are spared the search.
        self._used_before: float | None = None
        self._looked_at = time.monotonic()
        self._changes = Changes(folder)
        self._active_at = time.monotonic()
        self.next_check = self._active_at + self._every if limit > 0 else float("inf")

    def output(self, now: float) -> None:
        """The worker printed something."""
        self._active_at = now

    def stuck(self, now: float) -> bool:
        """Look, if it is time to look again; True when the limit is reached."""
        if now < self.next_check:
            return False
        self.next_check = now + self._every
        # The folder is looked at last: it costs the most, and most often the answer is known without it.
        if self._works(now) or (self._active_at + self._every <= now and self._changes.seen()):
            self._active_at = max(self._active_at, now)
        return now - self._active_at >= self._limit

    def _works(self, now: float) -> bool:
        """Whether the tree has used CPU time since the last look, also by processes that have ended since."""
        below = proc.descendants({self._root}, proc.processes())
        reaped = os.times()
        used = sum(each.cpu for each in below) / _TICKS + reaped.children_user + reaped.children_system
        before, self._used_before = self._used_before, used
        since, self._looked_at = now - self._looked_at, now
        # A child that its parent has waited for takes its time along: less than before is work as well.
        return before is None or abs(used - before) > _IDLE_SHARE * since


class Changes:
    """Notices that something below a folder was written, made, renamed or removed, by the newest change time found.

    Each look is bounded in entries and time and goes on where the last one stopped, so a large tree is covered over
    several looks.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._pending: list[str] = []
        self._newest = time.time_ns()

    def seen(self) -> bool:
        until = time.monotonic() + _SECONDS_PER_CHECK
        budget = _ENTRIES_PER_CHECK
        newest = self._newest
        if not self._pending:
            self._pending = [self._folder]
            newest = max(newest, _changed_at(self._folder))
        while self._pending and budget > 0 and time.monotonic() < until:
            folder = self._pending.pop()
            for path, is_folder, changed in _entries(folder, budget):
                budget -= 1
                newest = max(newest, changed)
                if is_folder and len(self._pending) < _FOLDERS_REMEMBERED:
                    self._pending.append(path)
        changed_since = newest > self._newest
        self._newest = newest
        return changed_since


def _entries(folder: str, most: int) -> list[tuple[str, bool, int]]:
    """Path, whether it is a folder, and change time in nanoseconds, of at most so many entries."""
    found: list[tuple[str, bool, int]] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if len(found) == most:
                    break
                found.append((entry.path, entry.is_dir(follow_symlinks=False), _changed_at(entry.path)))
    except OSError:
        pass  # removed meanwhile, or unreadable: then it says nothing
    return found


def _changed_at(path: str) -> int:
    try:
        return os.lstat(path).st_ctime_ns
    except OSError:
        return 0
