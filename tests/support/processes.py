"""What /proc says about the workers of one repository, looked at without the code under test."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path


def attempts_alive(repo: Path) -> dict[int, str]:
    """Live processes that run for attempts, or CI runs, of this repository: pid and attempt.

    The mark is MOSAIC_ATTEMPT in the environment a process was started with. Which repository it belongs to is told
    by its environment, its command line or its working directory.
    """
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        environ = _read(process / "environ")
        if b"MOSAIC_ATTEMPT=" not in environ or _is_gone(process):
            continue
        about = environ + _read(process / "cmdline") + _cwd(process)
        if os.fsencode(repo) + b"/" in about:
            entries = dict(entry.partition(b"=")[::2] for entry in environ.split(b"\0"))
            found[int(process.name)] = entries[b"MOSAIC_ATTEMPT"].decode()
    return found


def sweep(repo: Path) -> None:
    """Kill whatever still runs for attempts of this repository."""
    while alive := attempts_alive(repo):
        for pid in alive:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    return not _is_gone(Path(f"/proc/{pid}"))


def _is_gone(process: Path) -> bool:
    stat = _read(process / "stat")
    return not stat or stat.rpartition(b")")[2].split()[0] in b"ZX"


def _cwd(process: Path) -> bytes:
    try:
        return os.fsencode((process / "cwd").readlink()) + b"/"
    except OSError:
        return b""


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
