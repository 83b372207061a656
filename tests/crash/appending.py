"""A fixed sequence of batches appended to a ledger, by processes that may be killed at any system call.

`python -m tests.crash.appending` reads folders from its standard input, a line each, and starts a process for each: it
stops itself (SIGSTOP) before it opens the ledger, so that a tracer can be attached, goes on where the last one ended,
and writes down in `acknowledged` what the ledger has taken. Forked from a warm interpreter, a run takes milliseconds.
The answer to each line is the process id.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from mosaic_daemon.ground.errors import LedgerError
from mosaic_daemon.nouns import events as ev
from mosaic_daemon.store.ledger import Ledger
from mosaic_daemon.store.sqlite import SqliteJournal
from tests.samples import added, at, attempt

BATCHES = 4
REFUSED = 3
"""The exit code when the ledger said no."""


def append(folder: Path) -> None:
    """Take the sequence on from where the ledger stands.

    Raises:
        LedgerError: the ledger could not take a batch.
    """
    notes = os.open(folder / "acknowledged", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with closing(SqliteJournal(folder / "state.db")) as journal:
        ledger = Ledger(journal)
        for number in range(BATCHES):
            append_batch(ledger, number, lambda what: os.write(notes, f"{what}\n".encode()))


def append_batch(ledger: Ledger, number: int, acknowledge: Callable[[str], object]) -> None:
    """A task with two events and a memo, if the ledger has not got them; each is acknowledged when it is taken."""
    task = f"T-{number}"
    if task not in ledger.records:
        intended = ev.AttemptIntended(attempt(task, 1))
        ledger.append(task, added(task, number), intended, at=at(number))
        acknowledge(task)
    if ledger.memo(task) is None:
        ledger.remember({task: "x" * 100})
        acknowledge(f"memo {task}")


def child(folder: Path) -> None:
    """What a forked process does, from its stop to its end."""
    os.kill(os.getpid(), signal.SIGSTOP)
    code = 0
    try:
        append(folder)
    except LedgerError:
        code = REFUSED
    except BaseException:
        traceback.print_exc()
        code = 1
    os._exit(code)


def serve() -> None:
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            child(Path(line.rstrip("\n")))
        _, status = os.waitpid(pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
