"""The daemon's side of the process rail."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mosaic_rails.base import (
    Absent,
    Cause,
    Errand,
    Lost,
    Observation,
    Offered,
    Order,
    RailError,
    Reach,
    Running,
)
from mosaic_rails.process import proc, records, tree, units
from mosaic_rails.process.home import EXIT, ORDER, STARTED, ExitRecord, Home, one_line
from mosaic_rails.process.shim import ENVIRONMENT, EXIT_HELD, EXIT_STARTED_BEFORE, EXIT_UNPREPARED, STDIN, never_ran

_ATTEMPT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SHIM = str(Path(__file__).with_name("__main__.py"))
_BLOCKED_AT_BIRTH = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
_NO_STDIO = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (0, 1, 2)]
_SAID_BYTES = 4096


@dataclass(frozen=True, slots=True)
class _Watch:
    """A live shim whose end wakes the loop.

    Attributes:
        child: this process started it, or the program that got a unit for it, and has to reap it.
        said: where that program writes what is wrong; None without one.
    """

    pidfd: int
    pid: int
    child: bool
    said: int | None = None


class ProcessRail:
    """Runs each attempt as a local process under a shim that outlives the daemon.

    Implements `mosaic_rails.base.Rail`. All state is in the attempt folders: a second object over the same root, in
    this process or another, sees the same and may offer the same. Where this process is a unit of its user's service
    manager, each shim becomes one too, so that stopping this one leaves it alone.

    Args:
        root: folder of the attempt folders, `<root>/<attempt>/`; made when missing.
        python: interpreter of the shims.
    """

    def __init__(self, root: Path, *, python: str = sys.executable) -> None:
        self._root = root.absolute()
        self._python = python
        self._units = units.of_this_process()
        self._watches: dict[str, _Watch] = {}
        self._unprepared: dict[str, str] = {}
        self._swept: set[str] = set()
        self._wakes: list[Callable[[], None]] = []

    @property
    def name(self) -> str:
        return "process"

    @property
    def reach(self) -> Reach:
        return Reach.COMMAND

    @property
    def trouble(self) -> str:
        return ""

    async def run(self) -> None:
        pass

    def on_change(self, wake: Callable[[], None]) -> None:
        self._wakes.append(wake)

    async def offer(self, order: Order | Errand) -> None:
        if isinstance(order, Errand):
            raise RailError(f"attempt {order.attempt} is an errand for somebody elsewhere; this rail starts commands")
        if order.attempt in self._watches:
            return
        failed = self._unprepared.pop(order.attempt, None)
        try:
            with self._make_home(order.attempt) as home:
                if home.has(STARTED):
                    return
                if failed:
                    raise RailError(f"attempt {order.attempt} did not start: {failed}; it is tried again")
                records.write_order(home, order)
                self._start(order, home)
        except (OSError, ValueError) as error:
            raise RailError(f"attempt {order.attempt} cannot be offered: {error}") from error

    async def observe(self, attempt: str) -> Observation:
        try:
            home = self._home(attempt)
        except OSError:
            return Absent()
        with home:
            if not home.has(STARTED):
                return Offered() if attempt in self._watches else Absent()
            if home.held():
                return self._adopt(attempt, home)
            try:
                return records.ended(home)
            except records.Broken as error:
                return await self._lose(attempt, home, str(error) if home.has(EXIT) else "")

    async def revoke(self, attempt: str) -> None:
        try:
            home = self._home(attempt)
        except OSError:
            return
        with home:
            if not home.has(ORDER) and not home.has(STARTED):
                return
            try:
                never_started = self._end_unstarted(home, Cause.REVOKED, "revoked before it started")
            except OSError as error:
                raise RailError(f"attempt {attempt} cannot be revoked: {error}; free the disk, then again") from error
            if not never_started and home.held():
                await self._stop(attempt, home)

    async def settle(self, attempt: str) -> None:
        self._unprepared.pop(attempt, None)
        self._swept.discard(attempt)

    def _home(self, attempt: str) -> Home:
        if not _ATTEMPT.fullmatch(attempt):
            raise OSError(errno.EINVAL, f"not an attempt's name: {attempt!r}")
        return Home(str(self._root / attempt))

    def _make_home(self, attempt: str) -> Home:
        try:
            return self._home(attempt)
        except FileNotFoundError:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self._root / attempt).mkdir(mode=0o700, exist_ok=True)
        return self._home(attempt)

    def _start(self, order: Order, home: Home) -> None:
        words = self._words(order, home)
        try:
            if self._units is None:
                argv = [*words, ENVIRONMENT, *order.argv]
                pid, said = _spawn(argv, dict(order.env)), None
            else:
                argv = self._units.wrapped(self._root, order, [*words, STDIN, *order.argv])
                pid, said = self._units.spawn(argv, order.env)
        except ValueError as error:
            self._end_unstarted(
                home, Cause.SPAWN, f"cannot start {order.argv[:1]}: {error} in its command or environment"
            )
        except OSError as error:
            if error.errno != errno.E2BIG:
                raise
            self._end_unstarted(home, Cause.SPAWN, "its command and environment are too long for this system")
        else:
            self._watch(order.attempt, pid, child=True, said=said)

    def _words(self, order: Order, home: Home) -> list[str]:
        """The shim's command line up to where its environment comes from."""
        limits = order.limits
        stdin = str(order.stdin.absolute()) if order.stdin else ""
        numbers = (limits.timeout_sec, limits.stall_sec, limits.grace_sec, limits.log_head_bytes, limits.log_tail_bytes)
        return [self._python, "-I", "-S", _SHIM, home.path, str(order.cwd.absolute()), stdin, *map(str, numbers)]

    def _end_unstarted(self, home: Home, cause: Cause, detail: str) -> bool:
        """End an attempt without ever starting it; False when it was started before."""
        try:
            home.start_once()
        except FileExistsError:
            return False
        never_ran(home, ExitRecord(home), cause, detail)
        self._changed()
        return True

    def _adopt(self, attempt: str, home: Home) -> Running:
        try:
            shim = records.shim(home)
        except records.Broken:
            since = os.stat(STARTED, dir_fd=home.fd, follow_symlinks=False).st_mtime
            return Running("pid unknown", datetime.fromtimestamp(since, UTC))
        if attempt not in self._watches and shim.alive():
            self._watch(attempt, shim.pid, child=False)
            if not shim.alive():  # it ended, and its pid may have been somebody else's when the watch was set up
                self._unwatch(attempt)
        return Running(f"pid {shim.pid}", shim.since)

    async def _stop(self, attempt: str, home: Home) -> None:
        try:
            found = records.shim(home).alive()
        except records.Broken:
            found = None
        if found:
            tree.send(found, signal.SIGTERM)
        else:
            await asyncio.to_thread(tree.sweep, attempt, home.path, None)

    async def _lose(self, attempt: str, home: Home, reason: str) -> Observation:
        """The shim is gone and has left no good record: kill what is left of the tree."""
        try:
            shim = records.shim(home)
        except records.Broken:
            shim = None
        if shim and shim.boot_id != proc.boot_id():
            return Lost("the machine was restarted while it ran")
        if attempt not in self._swept:
            if self._units is not None:
                await self._units.stop(self._root, attempt)
            left = await asyncio.to_thread(tree.sweep, attempt, home.path, shim.alive() if shim else None)
            if left:
                since = shim.since if shim else datetime.now(UTC)
                return Running(f"pid {left[0]}, which does not die", since)
            self._swept.add(attempt)
        died = "its shim died before it could report an end"
        return Lost("; ".join(filter(None, (died, records.error_of_shim(home), reason))))

    def _watch(self, attempt: str, pid: int, *, child: bool, said: int | None = None) -> None:
        try:
            pidfd = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        self._watches[attempt] = _Watch(pidfd, pid, child, said)
        asyncio.get_running_loop().add_reader(pidfd, self._shim_ended, attempt)

    def _unwatch(self, attempt: str) -> _Watch:
        watch = self._watches.pop(attempt)
        asyncio.get_running_loop().remove_reader(watch.pidfd)
        os.close(watch.pidfd)
        return watch

    def _shim_ended(self, attempt: str) -> None:
        watch = self._unwatch(attempt)
        if watch.child:
            self._reap(attempt, watch)
        self._changed()

    def _reap(self, attempt: str, watch: _Watch) -> None:
        said = "" if watch.said is None else _take(watch.said)
        try:
            _, status = os.waitpid(watch.pid, os.WNOHANG)
        except ChildProcessError:
            return
        code = os.waitstatus_to_exitcode(status)
        if code == EXIT_UNPREPARED:
            self._unprepared[attempt] = f"nothing could be written to {self._root / attempt}"
        elif code not in (0, EXIT_HELD, EXIT_STARTED_BEFORE):
            why = f": {said}" if said else ""
            self._unprepared[attempt] = f"its shim ended with {code} before it started anything{why}"

    def _changed(self) -> None:
        for wake in self._wakes:
            wake()


def _spawn(argv: list[str], env: dict[str, str]) -> int:
    """A shim as a child of this process, in a session of its own."""
    return os.posix_spawn(argv[0], argv, env, file_actions=_NO_STDIO, setsid=True, setsigmask=_BLOCKED_AT_BIRTH)


def _take(said: int) -> str:
    """The last line of what a program wrote into this file, which is closed."""
    with os.fdopen(said, "rb") as file:
        file.seek(0)
        lines = file.read(_SAID_BYTES).decode("utf-8", "replace").strip().splitlines()
    return one_line(lines[-1]) if lines else ""
