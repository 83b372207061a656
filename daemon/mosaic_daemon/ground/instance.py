"""One daemon per repository: a lock that the kernel frees when its holder dies, however it dies."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from mosaic_daemon.ground.errors import AnotherInstance

DAEMON = "daemon"
_GLANCE_SEC = 0.2  # somebody who asks `holder` has the lock for an instant
_ERRAND_SEC = 5.0  # a command that works on the files is through in a moment
_POLL_SEC = 0.02


@contextmanager
def held(lock: Path, what: str) -> Iterator[None]:
    """Hold the repository. `what` says for people who holds it: `daemon`, `retry`. Waits a little for short holders.

    Raises:
        AnotherInstance: somebody else holds it; says who and since when.
    """
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _take(descriptor, lock)
        about = {"what": what, "pid": os.getpid(), "since": datetime.now(UTC).isoformat(timespec="seconds")}
        with suppress(OSError):  # a full disk: the lock holds all the same
            os.ftruncate(descriptor, 0)
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


def _take(descriptor: int, lock: Path) -> None:
    started = time.monotonic()
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waited = time.monotonic() - started
            if waited > (_GLANCE_SEC if _about(lock).get("what") == DAEMON else _ERRAND_SEC):
                raise AnotherInstance(
                    f"the repository is held by {_described(lock)}",
                    where=str(lock),
                    remedy="`mosaic-orchestrator status` shows it, `mosaic-orchestrator drain` ends it",
                ) from None
        time.sleep(_POLL_SEC)


def _described(lock: Path) -> str:
    about = _about(lock)
    return f"another {about.get('what', 'process')} (pid {about.get('pid', '?')}, since {about.get('since', '?')})"


def _about(lock: Path) -> dict[str, object]:
    try:
        about = json.loads(lock.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return about if isinstance(about, dict) else {}
