"""A gate over a REST forge, in a process that may be killed: `python -m tests.crash.rest_gating`.

It reads runs from its standard input, a line of JSON each, and forks for each of them: from a warm interpreter a daemon
starts in milliseconds. Its answers to a line are the process id and, once it has ended, its exit code.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import traceback
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from mosaic_daemon.ground import failpoints
from mosaic_daemon.repository.clone import Clone
from mosaic_daemon.store.sqlite import SqliteJournal
from tests.forges.gate_driver import POLICY, Driver, PassingTime, Place
from tests.samples import task

TASK = task(issue="#7")
POLICY_WITH_RERUNS = replace(POLICY, reruns=1)


@dataclass(frozen=True, slots=True)
class Run:
    """`folder` holds the person's checkout, the daemon's clone and its ledger. `now`: when the daemon starts."""

    folder: str
    place: Place
    now: str
    failpoint: str = ""

    @property
    def line(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, line: str) -> Run:
        fields = json.loads(line)
        return cls(**{**fields, "place": Place(**fields["place"])})


async def deliver(run: Run, journal: SqliteJournal) -> None:
    """Take the one task as far as it goes."""
    folder, time = Path(run.folder), PassingTime(started=datetime.fromisoformat(run.now))
    clone = await Clone.open(folder / "repo", folder / "gate.git", "main")
    driver = Driver(TASK, journal, run.place.forge(clone, time), time)
    driver.policy = POLICY_WITH_RERUNS
    await driver.drive()


def child(run: Run) -> None:
    code = 0
    try:
        failpoints._spec = run.failpoint  # as its environment would say
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


if __name__ == "__main__":
    serve()
