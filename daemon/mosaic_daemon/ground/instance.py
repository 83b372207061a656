"""One daemon per repository: a lock that the kernel frees when its holder dies, however it dies."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from mosaic_daemon.ground.errors import AnotherInstance


@contextmanager
def held(lock: Path, what: str) -> Iterator[None]:
    """Hold the repository. `what` says for people who holds it: `daemon`, `retry`.

    Raises:
        AnotherInstance: somebody else holds it; says who and since when.
    """
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AnotherInstance(
                f"the repository is held by {_described(lock)}",
                where=str(lock),
                remedy="`mosaic-orchestrator status` shows it, `mosaic-orchestrator drain` ends it",
            ) from None
        os.ftruncate(descriptor, 0)
        about = {"what": what, "pid": os.getpid(), "since": datetime.now(UTC).isoformat(timespec="seconds")}
        os.pwrite(descriptor, json.dumps(about).encode() + b"\n", 0)
        yield
    finally:
        os.close(descriptor)


def holder(lock: Path) -> dict[str, object] | None:
    """Who holds the repository now, as it wrote about itself; None when nobody does."""
    try:
        descriptor = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _about(lock)
    finally:
        os.close(descriptor)
    return None


def _described(lock: Path) -> str:
    about = _about(lock)
    return f"another {about.get('what', 'process')} (pid {about.get('pid', '?')}, since {about.get('since', '?')})"


def _about(lock: Path) -> dict[str, object]:
    try:
        about = json.loads(lock.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return about if isinstance(about, dict) else {}
