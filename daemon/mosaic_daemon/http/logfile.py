"""The end of what an attempt's worker printed, made fit to be shown."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass

from mosaic_daemon.ground.layout import Layout
from mosaic_daemon.ground.secrets import redact
from mosaic_daemon.views.text import cleaned


class NoLog(Exception):
    """There is nothing to show; the message says why."""


@dataclass(frozen=True, slots=True)
class LogTail:
    """The last of a log. `left_out`: bytes before it. `ended`: nothing more will come."""

    text: str
    left_out: int
    ended: bool


def tail(layout: Layout, task: str, fence: int, most: int) -> LogTail:
    """The last `most` bytes, without escape sequences and known secrets.

    A worker can write in this folder: what is no plain file is not read.

    Raises:
        NoLog: it has printed nothing.
    """
    folder = layout.attempts / f"{task}.{fence}"
    try:
        descriptor = os.open(folder / "output.log", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        raise NoLog(f"attempt {task}.{fence} has no log") from None
    with open(descriptor, "rb") as file:  # noqa: PTH123
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise NoLog(f"the log of attempt {task}.{fence} is no file")
        start = max(0, found.st_size - most)
        file.seek(start)
        text = file.read(most).decode(errors="replace")
    if start:
        text = text.partition("\n")[2]  # the first line may have lost its beginning
    return LogTail(redact(cleaned(text)), start, (folder / "exit.json").exists())
