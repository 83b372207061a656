"""Start nothing new, wait until what is in flight is through, and end the daemon.

Workers that run and changes on their way to the base branch are finished first. With --now they are left as they are:
the workers go on, and the next daemon takes them over.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING, Any

from mosaic_daemon.cli import context
from mosaic_daemon.ground import instance
from mosaic_daemon.store.reader import LedgerReader
from mosaic_daemon.views import text
from mosaic_daemon.views.snapshot import PROGRAM

if TYPE_CHECKING:
    from mosaic_daemon.ground.layout import Layout

_POLL_SEC = 0.2
_STARTING_SEC = 10.0


def arguments(parser: argparse.ArgumentParser) -> None:
    how = parser.add_mutually_exclusive_group()
    parser.add_argument("--timeout", type=float, metavar="SEC", help="wait no longer; the drain goes on (exit code 75)")
    how.add_argument("--now", action="store_true", help="do not wait: workers go on, the next daemon takes them over")
    how.add_argument("--resume", action="store_true", help="take the drain back")


def execute(options: argparse.Namespace) -> int:
    layout = context.layout_of(options)
    deadline = None if options.timeout is None else time.monotonic() + options.timeout
    about = _ask(layout, "resume" if options.resume else "drain", options)
    if about is None:
        context.say("no daemon is running")
    elif options.resume:
        context.say(f"the daemon (pid {about['pid']}) starts tasks again")
    else:
        _wait(layout, about, deadline)
        context.say(f"the daemon (pid {about['pid']}) has ended{_left(layout)}")
    return 0


def _ask(layout: Layout, verb: str, options: argparse.Namespace) -> dict[str, Any] | None:
    """The daemon's answer, or None when there is none; one that is just starting is waited for."""
    from mosaic_daemon.ground.errors import Unavailable

    started = time.monotonic()
    while True:
        runs, about = context.ask_daemon(layout, verb, now=options.now, actor=context.actor())
        if runs:
            return dict(about)
        holder = instance.holder(layout.lock)
        if holder is None or holder.get("what") not in (instance.DAEMON, None):
            return None
        if time.monotonic() - started > _STARTING_SEC:
            raise Unavailable(
                f"the daemon (pid {holder.get('pid')}) holds the repository and has no socket",
                where=str(layout.socket),
                remedy=f"`kill -TERM {holder.get('pid')}` drains it as well",
            )
        time.sleep(_POLL_SEC)


def _wait(layout: Layout, about: dict[str, Any], deadline: float | None) -> None:
    """Wait until the daemon has ended.

    Raises:
        Unavailable: it has not in time.
        Refused: somebody took the drain back.
    """
    from mosaic_daemon.ground.errors import Refused, Unavailable

    progress, left = _Progress(), about["in_flight"]
    try:
        while (holder := instance.holder(layout.lock)) is not None and holder.get("pid") == about["pid"]:
            if (answer := _about(layout)) is not None:
                left = answer["in_flight"]
                if not answer["draining"]:
                    raise Refused("the drain was taken back", remedy=f"`{PROGRAM} drain` starts it again")
            progress.show(left)
            if deadline is not None and time.monotonic() >= deadline:
                raise Unavailable(
                    f"still in flight: {text.listed(left)}" if left else "the daemon has not ended yet",
                    remedy=f"the drain goes on; `{PROGRAM} drain --now` leaves them to the next daemon, "
                    f"`{PROGRAM} drain --resume` takes it back",
                )
            time.sleep(_POLL_SEC)
    finally:
        progress.end()


def _about(layout: Layout) -> dict[str, Any] | None:
    from mosaic_daemon.ground.errors import MosaicError

    try:
        runs, about = context.ask_daemon(layout, "about", timeout_sec=5)
    except (OSError, MosaicError):
        return None
    return dict(about) if runs else None


def _left(layout: Layout) -> str:
    """What the next daemon takes over."""
    try:
        with LedgerReader(layout.ledger) as ledger:
            left = [row["task"]["id"] for row in ledger.rows("in-progress")]
    except FileNotFoundError:
        return ""
    return f"; the next one goes on with {text.listed(left)}" if left else ""


class _Progress:
    """One line that is written over, on a terminal only."""

    def __init__(self) -> None:
        self._shown = ""
        self._on = sys.stderr.isatty()

    def show(self, left: list[str]) -> None:
        line = f"waiting for {text.listed(left)}" if left else "the daemon is ending"
        if self._on and line != self._shown:
            self._shown = line
            sys.stderr.write(f"\r\x1b[2K{line}")
            sys.stderr.flush()

    def end(self) -> None:
        if self._shown:
            sys.stderr.write("\r\x1b[2K")
            sys.stderr.flush()
