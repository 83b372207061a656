"""What a task's worker printed: of its newest attempt, or of the one that is named.

On a terminal, control characters, colours and marks that reorder text are left out; a file or pipe gets it as it is.
"""

from __future__ import annotations

import argparse
import codecs
import os
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from mosaic_daemon.cli import context, render
from mosaic_daemon.store.reader import LedgerReader, Row
from mosaic_daemon.views.text import Cleaner

if TYPE_CHECKING:
    from mosaic_daemon.ground.layout import Layout

_CHUNK = 1 << 16
_POLL_SEC = 0.2
_LOG = "output.log"
_END = "exit.json"
_MARKER = re.compile(rb"\n\[mosaic: (\d+) bytes dropped\]\n")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("task", metavar="TASK", help="its id")
    parser.add_argument("--follow", "-f", action="store_true", help="go on while the worker prints, until it ends")
    parser.add_argument("--attempt", type=int, metavar="N", help="which attempt, counted from 1 (default: the newest)")


def execute(options: argparse.Namespace) -> int:
    layout = context.layout_of(options)
    try:
        fence = _fence(options, layout)
        _print(options, layout, f"{options.task}.{fence}", _Screen())
    except KeyboardInterrupt:
        if not options.follow:
            raise
    return 0


def _fence(options: argparse.Namespace, layout: Layout) -> int:
    """The attempt that is meant; with `--follow` it is waited for.

    Raises:
        InputError: there is no such task or attempt.
        Refused: it has not been started.
    """
    from mosaic_daemon.ground.errors import InputError, Refused

    task = options.task
    told = False
    while True:
        row = _row(layout, task)
        if row is None:
            from mosaic_daemon.views.explanation import check_known

            check_known(layout, task)
        newest = row["fence"] if row else 0
        wanted = newest if options.attempt is None else options.attempt
        if 1 <= wanted <= newest:
            return int(wanted)
        if not (options.follow and options.attempt in (None, newest + 1)):
            if options.attempt is not None and newest:
                raise InputError(f"{task} has no attempt {options.attempt}", remedy=f"its newest is {newest}")
            raise Refused(f"{task} has not been started yet", remedy=f"`mosaic-orchestrator explain {task}` says why")
        if not told:
            told = True
            sys.stderr.write(f"waiting for {task} to start\n")
        time.sleep(_POLL_SEC)


def _row(layout: Layout, task: str) -> Row | None:
    try:
        with LedgerReader(layout.ledger) as ledger:
            return ledger.row(task)
    except FileNotFoundError:
        return None


class _Screen:
    """Standard output: cleaned for a terminal, byte for byte for anything else."""

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")("replace")
        self._cleaner = Cleaner() if render.on_terminal() else None

    def write(self, data: bytes) -> None:
        if self._cleaner is None:
            sys.stdout.buffer.write(data)
        else:
            sys.stdout.write(self._cleaner.feed(self._decode.decode(data)))
        sys.stdout.flush()

    def end(self) -> None:
        if self._cleaner is not None:
            sys.stdout.write(self._cleaner.feed(self._decode.decode(b"", True)) + self._cleaner.end())
            sys.stdout.flush()


def _print(options: argparse.Namespace, layout: Layout, attempt: str, screen: _Screen) -> None:
    from mosaic_daemon.ground.errors import Refused

    folder = layout.attempts / attempt
    while not (folder / _LOG).exists():
        ended = _has_ended(layout, options.task, attempt, folder)
        if ended or not options.follow:
            why = "its worker never started" if ended else "its worker has not printed anything yet"
            raise Refused(f"attempt {attempt} has no log: {why}")
        time.sleep(_POLL_SEC)
    with _Tail(folder / _LOG) as tail:
        while True:
            ended = not options.follow or _has_ended(layout, options.task, attempt, folder)
            for piece in tail.read():
                screen.write(piece)
            if ended:
                return screen.end()
            time.sleep(_POLL_SEC)


def _has_ended(layout: Layout, task: str, attempt: str, folder: Path) -> bool:
    """Its worker is gone: it left its end, or the ledger has moved on."""
    if (folder / _END).exists():
        return True
    row = _row(layout, task)
    if row is None or row["state"]["kind"] not in ("dispatching", "running"):
        return True
    return f"{task}.{row['state']['attempt']['fence']}" != attempt


class _Tail:
    """Reads a log that grows and that is now and then replaced by a shorter one.

    The shorter one lacks some of the middle; a marker between its start and its end counts all that was dropped so far,
    and so tells where in it the reader stood.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO = path.open("rb")

    def __enter__(self) -> _Tail:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self) -> list[bytes]:
        """What is new."""
        pieces = self._rest()
        while self._is_replaced():
            pieces += self._rest()  # what came between the last look and the replacement
            shown = self._file.tell() + _dropped(self._file)
            self._file.close()
            self._file = self._path.open("rb")
            self._file.seek(max(0, shown - _dropped(self._file)))
            pieces += self._rest()
        return pieces

    def _is_replaced(self) -> bool:
        try:
            return os.fstat(self._file.fileno()).st_ino != self._path.stat().st_ino
        except FileNotFoundError:
            return False

    def _rest(self) -> list[bytes]:
        pieces = []
        while piece := self._file.read(_CHUNK):
            pieces.append(piece)
        return pieces


def _dropped(file: BinaryIO) -> int:
    """By how much an offset behind the marker is smaller than it would be in the whole output."""
    at = file.tell()
    file.seek(0)
    marker = _MARKER.search(file.read())
    file.seek(at)
    return int(marker[1]) - len(marker[0]) if marker else 0
