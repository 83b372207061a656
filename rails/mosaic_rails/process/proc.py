"""What /proc says about processes. Reading only; imports stay light (see the package's docstring)."""

# pathlib and contextlib would cost several milliseconds at every start of a worker.
# ruff: noqa: PTH123, PTH208
from __future__ import annotations

import os


class Process:
    """One process at the moment it was looked at.

    Attributes:
        start: clock ticks after boot; together with the pid it names a process for as long as the machine is up.
        cpu: clock ticks used by it and by those of its children that were waited for.
        gone: a zombie: nothing runs any more.
    """

    __slots__ = ("cpu", "gone", "parent", "pid", "start")

    def __init__(self, pid: int, stat: bytes) -> None:
        # The name in field 2 may hold spaces and brackets: everything is counted from its end.
        fields = stat[stat.rindex(b")") + 2 :].split()
        self.pid = pid
        self.gone = fields[0] in (b"Z", b"X")
        self.parent = int(fields[1])
        self.cpu = sum(map(int, fields[11:15]))
        self.start = int(fields[19])


def process(pid: int) -> Process | None:
    """None: there is no such process."""
    stat = _read(pid, "stat")
    return Process(pid, stat) if stat else None


def processes() -> dict[int, Process]:
    """Every process that can be seen, by pid."""
    found = (process(int(name)) for name in os.listdir("/proc") if name.isdigit())
    return {each.pid: each for each in found if each}


def descendants(roots: set[int], table: dict[int, Process]) -> list[Process]:
    """All that descend from the roots, without the roots."""
    children: dict[int, list[Process]] = {}
    for each in table.values():
        children.setdefault(each.parent, []).append(each)
    found: dict[int, Process] = {}
    pending = list(roots)
    while pending:
        for child in children.get(pending.pop(), ()):
            if child.pid not in found and child.pid not in roots:
                found[child.pid] = child
                pending.append(child.pid)
    return list(found.values())


def ancestors(pid: int, table: dict[int, Process]) -> list[int]:
    """The pid itself, its parent, and so on up to the first process."""
    line: list[int] = []
    while pid in table and pid not in line:
        line.append(pid)
        pid = table[pid].parent
    return line


def environ(pid: int) -> bytes:
    """The environment it was started with, entries separated by NUL; empty when it may not be read."""
    return _read(pid, "environ")


def cmdline(pid: int) -> list[bytes]:
    """Its argv; empty when it may not be read."""
    return _read(pid, "cmdline").split(b"\0")[:-1]


def boot_id() -> str:
    """A name for this run of the machine."""
    with open("/proc/sys/kernel/random/boot_id") as file:
        return file.read().strip()


def _read(pid: int, name: str) -> bytes:
    try:
        with open(f"/proc/{pid}/{name}", "rb") as file:
            return file.read()
    except OSError:
        return b""
