"""Writers whose disk loses its power under them: `python -m tests.crash.losing`.

It reads runs from its standard input, a line of JSON each, and forks for each of them. Its answers to a line are the
process id, a line for whatever the product has called durable, and at the end `exit` with the exit code.
"""

from __future__ import annotations

import asyncio
import errno
import itertools
import json
import os
import select
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from mosaic_daemon.faces.published import Published
from mosaic_daemon.faces.queue import QueueFace
from mosaic_daemon.ground import atomicfile
from mosaic_daemon.ground.layout import Layout
from mosaic_daemon.store.ledger import Ledger
from mosaic_daemon.store.sqlite import SqliteJournal
from mosaic_rails.base import Ended, Lost, Order
from mosaic_rails.process.rail import ProcessRail
from tests.crash.appending import append_batch
from tests.samples import NOON, added, folded

TASKS = 20
SLOTS = 3
_ATTEMPT = "echo $MOSAIC_ATTEMPT >> effects; sleep 0.0$((RANDOM % 5))"


@dataclass(frozen=True, slots=True)
class Run:
    """One life of a writer.

    Attributes:
        what: `ledger`, `faces` or `attempts`.
        disk: the mount point of the disk that will fail.
        beside: a folder on a disk that will not.
        first: what the numbers of this life begin with; nothing below was written by halves.
        careless: it leaves out what makes things durable.
    """

    what: str
    disk: str
    beside: str
    first: int
    careless: bool = False


def write_ledger(run: Run) -> None:
    with closing(SqliteJournal(Path(run.disk) / "state.db")) as journal:
        if run.careless:
            journal._connection.execute("PRAGMA synchronous = OFF")
        ledger = Ledger(journal)
        for number in itertools.count(run.first):
            append_batch(ledger, number, say)


def write_faces(run: Run) -> None:
    """The queue's file, and the agreed text of the table, one version after the other."""
    if run.careless:
        setattr(os, "fsync", lambda _: None)  # noqa: B010 - mypy knows the name of its parameter
    layout = Layout(Path(run.disk))
    layout.state.mkdir(parents=True, exist_ok=True)
    with closing(SqliteJournal(layout.state / "state.db")) as journal:
        ledger = Ledger(journal)
        for number in range(len(ledger.records), TASKS):
            ledger.append(f"T-{number}", added(f"T-{number}", number), at=NOON)
        queue, agreed = QueueFace(layout, ledger), Published("table", layout.history, ledger)
        for version in itertools.count(run.first):
            assert queue.changes(NOON) is None, "its own text was taken for somebody's edit"
            assert not atomicfile.leftovers(layout.tasks)
            queue.show(folded(added(f"T-{n}", n, description=words(version))) for n in range(TASKS))
            queue.publish()
            assert not queue.dirty
            say(f"tasks.json {version}")
            agreed.settle(table(version))
            say(f"table.base {version}")


def words(version: int) -> str:
    """What every task of the queue says in this version; long enough for several blocks, and never of one length."""
    return f"version {version} {'x' * (version % 7 * 150)}"


def table(version: int) -> bytes:
    return f"version {version}\n".encode() + b"| row |\n" * (500 + version % 5 * 300)


async def start_attempts(run: Run) -> None:
    """As a daemon does: what is not known to be over is offered, and offered again."""
    beside = Path(run.beside)
    python = _python_without_fsync(beside) if run.careless else sys.executable
    rail = ProcessRail(Path(run.disk) / "attempts", python=python)
    changed = asyncio.Event()
    rail.on_change(changed.set)
    numbers = itertools.count(run.first)
    running = json.loads((beside / "running.json").read_text())
    while True:
        changed.clear()
        while len(running) < SLOTS:
            running.append(f"T-{next(numbers)}.1")
            say(f"intended {running[-1]}")
        for attempt in tuple(running):
            match await rail.observe(attempt):
                case Ended() | Lost() as end:
                    running.remove(attempt)
                    changed.set()
                    say(f"{type(end).__name__.lower()} {attempt}")
                case _:
                    env = {"PATH": os.environ["PATH"], "MOSAIC_ATTEMPT": attempt}
                    await rail.offer(Order(attempt, ("bash", "-c", _ATTEMPT), env, beside))
        with suppress(TimeoutError):
            await asyncio.wait_for(changed.wait(), 1.0)


def _python_without_fsync(beside: Path) -> str:
    """An interpreter for shims that takes `-I -S PROGRAM ARGUMENTS…`."""
    script = beside / "python"
    script.write_text(
        f"#!{sys.executable} -IS\n"
        "import os, runpy, sys\n"
        "os.fsync = lambda fd: None\n"
        "del sys.argv[:3]\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    script.chmod(0o700)
    return str(script)


def say(what: str) -> None:
    os.write(1, f"{what}\n".encode())


_WRITERS: dict[str, Callable[[Run], object]] = {
    "ledger": write_ledger,
    "faces": write_faces,
    "attempts": lambda run: asyncio.run(start_attempts(run)),
}


def child(run: Run) -> None:
    say(str(os.getpid()))
    try:
        _WRITERS[run.what](run)
    except BaseException:
        if is_dead(run.disk):
            signal.pause()  # whoever cut the power ends this
        traceback.print_exc()
    os._exit(1)


def is_dead(disk: str) -> bool:
    try:
        (Path(disk) / "probe").touch()
    except OSError as error:
        return error.errno == errno.EIO
    return False


def serve() -> None:
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            child(Run(**json.loads(line)))
        _, status = os.waitpid(pid, 0)
        say(f"exit {os.waitstatus_to_exitcode(status)}")


class Writers:
    """The warm process that writers are forked from."""

    def __init__(self) -> None:
        argv = [sys.executable, "-m", "tests.crash.losing"]
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self._unread = b""

    def start(self, run: Run) -> int:
        """Its process id."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps(asdict(run)).encode() + b"\n")
        return int(self.answer())

    def answer(self) -> str:
        """The next line, when it comes."""
        while b"\n" not in self._unread:
            self._read()
        line, _, self._unread = self._unread.partition(b"\n")
        return line.decode()

    def answers(self) -> list[str]:
        """The lines that are there already."""
        assert self._process.stdout
        while select.select([self._process.stdout], [], [], 0)[0]:
            self._read()
        *lines, self._unread = self._unread.split(b"\n")
        return [line.decode() for line in lines]

    def close(self) -> None:
        self._process.communicate()

    def _read(self) -> None:
        assert self._process.stdout
        part = os.read(self._process.stdout.fileno(), 1 << 16)
        assert part, "the process that forks writers has died"
        self._unread += part


if __name__ == "__main__":
    serve()
