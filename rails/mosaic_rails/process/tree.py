"""Stopping process trees. Every signal goes through a pidfd to a process whose start time was checked: a pid alone may
belong to somebody else by now."""

from __future__ import annotations

import os
import signal
import time

from mosaic_rails.process import proc

_ENTRY = b"/mosaic_rails/process/__main__.py"
_PATIENCE_SEC = 5.0


def send(target: proc.Process, signum: int) -> bool:
    """Signal exactly this process; False when it is gone or not ours to signal."""
    try:
        fd = os.pidfd_open(target.pid)
    except OSError:
        return False
    try:
        now = proc.process(target.pid)
        if now is None or now.gone or now.start != target.start:
            return False
        signal.pidfd_send_signal(fd, signum)
    except OSError:
        return False
    finally:
        os.close(fd)
    return True


def send_below(root: int, signum: int) -> None:
    """Signal everything that descends from this pid, which must be alive and ours."""
    for each in proc.descendants({root}, proc.processes()):
        send(each, signum)


def sweep(attempt: str, home: str, shim: proc.Process | None) -> list[int]:
    """Kill what a dead shim left behind; returns the pids that would not die within a few seconds.

    Found by MOSAIC_ATTEMPT in their environment, with all their descendants. Another repository may have an attempt
    of the same name: whoever runs under a living shim of another folder is spared, and so is the caller's own line.

    Args:
        shim: the attempt's own shim, in case it lives without its lock.
    """
    patience = time.monotonic() + _PATIENCE_SEC
    pause = 0.001
    while left := _leftovers(attempt, home, shim):
        for each in left:
            send(each, signal.SIGKILL)
        if time.monotonic() > patience:
            return [each.pid for each in left]
        time.sleep(pause)
        pause = min(pause * 2, 0.1)
    return []


def _leftovers(attempt: str, home: str, shim: proc.Process | None) -> list[proc.Process]:
    table = proc.processes()
    own_line = set(proc.ancestors(os.getpid(), table))
    mark = f"\0MOSAIC_ATTEMPT={attempt}\0".encode()
    marked = {pid for pid in table.keys() - own_line if mark in b"\0" + proc.environ(pid)}
    foreign = {pid for pid in table if _is_shim_of_another(pid, home)} if marked else set()
    roots = {pid for pid in marked if foreign.isdisjoint(proc.ancestors(pid, table))}
    if shim and shim.pid in table and table[shim.pid].start == shim.start:
        roots.add(shim.pid)
    found = [table[pid] for pid in roots] + proc.descendants(roots, table)
    return [each for each in found if not each.gone and each.pid not in own_line]


def _is_shim_of_another(pid: int, home: str) -> bool:
    argv = proc.cmdline(pid)
    entries = [at for at, word in enumerate(argv[:-1]) if word.endswith(_ENTRY)]
    return bool(entries) and argv[entries[0] + 1] != os.fsencode(home)
