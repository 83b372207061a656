"""Any command: what it prints is what it says. There is nothing to count and no limit to recognise."""

from __future__ import annotations

from datetime import datetime

from mosaic_daemon.runtimes.base import Reading
from mosaic_daemon.runtimes.events import plain


def read(log: bytes, ended_at: datetime) -> Reading:  # noqa: ARG001 - the readers' common shape
    return Reading(plain(log.decode("utf-8", "replace")), None, None, None, None)
