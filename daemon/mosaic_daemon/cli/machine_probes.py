"""What `doctor` finds of this machine: disk, clock, limits, and who else has its hands on the repository's state."""

from __future__ import annotations

import ctypes
import errno
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from mosaic_daemon.cli.probes import Finding
from mosaic_daemon.ground import instance

if TYPE_CHECKING:
    from mosaic_daemon.ground.layout import Layout

_TOO_LITTLE, _LITTLE = 1 << 30, 5 << 30
_FEW_FILES = 20_000
_UNSYNCHRONIZED = 5  # what adjtimex(2) answers, TIME_ERROR
_AHEAD_SEC = 60.0
_STALE_SEC = 600.0
_PROC = Path("/proc")


def machine(layout: Layout) -> Iterator[Finding]:
    """Every line about this machine."""
    yield disk(layout.repo)
    yield clock(layout)
    yield inotify()
    yield file_system(layout)
    yield writers(layout)
    yield stale_locks(layout)


def disk(folder: Path) -> Finding:
    found = os.statvfs(folder)
    free, files = found.f_bavail * found.f_frsize, found.f_favail
    detail = f"{free / (1 << 30):.1f} GiB free"
    remedy = f"free some: `du -xh --max-depth=2 {folder} | sort -h | tail`"
    if free < _TOO_LITTLE:
        return Finding("disk", False, f"{detail}: too little for a worker's checkout and its build", remedy)
    if found.f_files and files < _FEW_FILES:
        return Finding("disk", False, f"{detail}, room for {files} more files only", remedy)
    return Finding("disk", free >= _LITTLE, detail, remedy, warning=True)


def clock(layout: Layout) -> Finding:
    """Whether it is kept right by somebody, and has not gone back since the ledger was written."""
    with suppress(FileNotFoundError):
        ahead = layout.ledger.stat().st_mtime - time.time()
        if ahead > _AHEAD_SEC:
            detail = f"the ledger was written {ahead:.0f} s in the future: the clock was set back"
            return Finding("clock", False, detail, "`timedatectl` shows it; set it right before anything is started")
    state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))
    remedy = "`sudo timedatectl set-ntp true`; times of results, tokens and provider limits depend on it"
    if state == _UNSYNCHRONIZED:
        return Finding("clock", False, "nobody keeps it right", remedy, warning=True)
    return Finding("clock", True, "kept right" if state >= 0 else "the kernel does not tell")


def inotify() -> Finding:
    """Whether one more watcher can be made; without, a change is found by the rescan only."""
    limit = _number("/proc/sys/fs/inotify/max_user_instances")
    watcher = ctypes.CDLL(None, use_errno=True).inotify_init1(os.O_CLOEXEC)
    if watcher < 0:
        why = "none is left" if ctypes.get_errno() == errno.EMFILE else os.strerror(ctypes.get_errno())
        remedy = f"`sudo sysctl fs.inotify.max_user_instances={max(2 * limit, 512)}`, and in /etc/sysctl.d to keep it"
        return Finding("inotify", False, f"{why} of {limit} instances: changes are found late", remedy)
    os.close(watcher)
    return Finding("inotify", True, f"{limit} instances, {_number('/proc/sys/fs/inotify/max_user_watches')} watches")


def file_system(layout: Layout) -> Finding:
    from mosaic_daemon.ground.filesystem import is_over_a_network, kind_of

    kind = kind_of(layout.state if layout.state.exists() else layout.repo)
    if is_over_a_network(kind):
        detail = f"{kind}: the ledger needs locks and memory that are not shared over a network"
        return Finding("file system", False, detail, "move the repository to a disk of this machine", code=78)
    return Finding("file system", True, kind or "unknown")


def writers(layout: Layout) -> Finding:
    """Who has the ledger open for writing: the holder of the repository, and nobody else."""
    holder = instance.holder(layout.lock)
    own = holder.get("pid") if holder else None
    found = sorted(set(_writing(layout.ledger)) - {own, os.getpid()})
    if found:
        detail = f"pid {', '.join(map(str, found))} has the ledger open for writing beside the daemon"
        return Finding("writers", False, detail, f"`ps -fp {found[0]}` shows it; end it, it can damage the ledger")
    if isinstance(own, int) and _state(own) in ("T", "t"):
        return Finding("writers", False, f"pid {own} holds the repository and is stopped", f"`kill -CONT {own}`")
    return Finding("writers", True, f"pid {own}" if own else "none now")


def stale_locks(layout: Layout) -> Finding:
    """git leaves its locks behind when it is killed, and waits for nobody."""
    folders = [layout.repo / ".git", layout.clone]
    found = [lock for folder in folders if folder.is_dir() for lock in _locks(folder)]
    old = [lock for lock in found if time.time() - lock.lstat().st_mtime > _STALE_SEC]
    if not old:
        return Finding("locks", True, "no lock of git's is left over")
    remedy = f"if no git runs there: `rm {' '.join(map(str, old))}`"
    return Finding("locks", False, f"left over: {', '.join(map(str, old))}; git refuses to work there", remedy)


def _locks(folder: Path) -> Iterator[Path]:
    yield from folder.glob("*.lock")
    yield from (folder / "refs").rglob("*.lock")


def _writing(file: Path) -> Iterator[int]:
    """The processes, as far as they may be looked at, that have a file open for writing."""
    try:
        wanted = os.stat(file)  # noqa: PTH116 - its device and inode are compared
    except FileNotFoundError:
        return
    for process in _PROC.glob("[0-9]*"):
        with suppress(OSError):
            for entry in (process / "fd").iterdir():
                found = entry.stat()
                same = (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino)
                if same and _opened_for_writing(process / "fdinfo" / entry.name):
                    yield int(process.name)


def _opened_for_writing(about: Path) -> bool:
    flags = next(line.split()[1] for line in about.read_text().splitlines() if line.startswith("flags:"))
    return int(flags, 8) & os.O_ACCMODE != os.O_RDONLY


def _state(pid: int) -> str:
    try:
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def _number(file: str) -> int:
    try:
        return int(Path(file).read_text())
    except OSError:
        return 0
