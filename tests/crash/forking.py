"""A gate over a real forge, in a process that may be killed: `python -m tests.crash.forking`.

It reads runs from its standard input, a line of JSON each, and forks for each of them: from a warm interpreter a daemon
starts in milliseconds. Its answers to a line are the process id and, once it has ended, its exit code.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import traceback
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from mosaic_daemon.ground import failpoints
from mosaic_daemon.repository.clone import Clone
from mosaic_daemon.store.sqlite import SqliteJournal
from tests.forges.gate_driver import POLICY, Driver, PassingTime, Place
from tests.forges.scripted import Scripts
from tests.samples import task

TASK = task(issue="#7")
POLICY_WITH_RERUNS = replace(POLICY, reruns=1)


@dataclass(frozen=True, slots=True)
class Run:
    """`folder` holds the person's checkout, the daemon's clone and its ledger. `now`: when the daemon starts."""

    folder: str
    place: Place | Scripts
    now: str
    failpoint: str = ""

    @property
    def line(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, line: str) -> Run:
        fields = json.loads(line)
        kind = Scripts if "tools" in fields["place"] else Place
        return cls(**{**fields, "place": kind(**fields["place"])})

    @property
    def pid_file(self) -> Path:
        return Path(self.folder) / "daemon.pid"


class Waiting(Driver):
    """Scripts run in true time: their ends are waited for, a second at the most."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.pause_sec = 15.0
        self._changed = asyncio.Event()
        self.forge.on_change(self._changed.set)

    async def pause(self) -> None:
        await super().pause()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), 1.0)
        self._changed.clear()


async def deliver(run: Run, journal: SqliteJournal) -> None:
    """Take the one task as far as it goes."""
    folder, time = Path(run.folder), PassingTime(started=datetime.fromisoformat(run.now))
    clone = await Clone.open(folder / "repo", folder / "gate.git", "main")
    kind = Waiting if isinstance(run.place, Scripts) else Driver
    driver = kind(TASK, journal, run.place.forge(clone, time), time)
    driver.policy = POLICY_WITH_RERUNS
    await driver.drive()


def child(run: Run) -> None:
    code = 0
    try:
        failpoints._spec = run.failpoint  # as its environment would say
        run.pid_file.write_text(f"{os.getpid()}\n")
        with closing(SqliteJournal(Path(run.folder) / "state.db")) as journal:
            asyncio.run(deliver(run, journal))
    except BaseException:
        traceback.print_exc()
        code = 1
    os._exit(code)


def serve() -> None:
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            child(Run.read(line))
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


class Daemons:
    """The warm process that daemons are forked from."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.forking"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def start(self, run: Run) -> int:
        """Its process id."""
        assert self._process.stdin
        self._process.stdin.write(f"{run.line}\n")
        self._process.stdin.flush()
        return self._answer()

    def code(self) -> int:
        """The exit code of the one that was started last, negative for a signal."""
        return self._answer()

    def _answer(self) -> int:
        assert self._process.stdout
        return int(self._process.stdout.readline())

    def close(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


if __name__ == "__main__":
    serve()
