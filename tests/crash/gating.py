"""A gate over the forge in memory, in a process that may be killed: `python -m tests.crash.gating FOLDER`.

The forge outlives it: its state is kept in FOLDER after every operation, as a forge's own disk would. The internal
forge has no pull requests, no issues and no second run of CI, so these steps are only met here.
"""

from __future__ import annotations

import asyncio
import itertools
import pickle
import sys
from contextlib import closing, suppress
from pathlib import Path

from mosaic_daemon.forges.base import Verdict
from mosaic_daemon.forges.memory import MemoryForge
from mosaic_daemon.nouns import events as ev
from mosaic_daemon.nouns.record import Gating
from mosaic_daemon.stages import gate
from mosaic_daemon.store.ledger import Ledger
from mosaic_daemon.store.sqlite import SqliteJournal
from tests.samples import at, attempt, task

TASK = task(issue="#7")
POLICY = gate.GatePolicy("main", reruns=1)


def forge_in(folder: Path) -> MemoryForge:
    """The forge as the last process left it, or a new one."""
    forge = MemoryForge()
    file = folder / "forge.pickle"
    if file.exists():
        forge.__dict__.update(pickle.loads(file.read_bytes()))  # noqa: S301 - our own file

    def save(*_: object) -> None:
        state = {name: value for name, value in forge.__dict__.items() if name not in ("ci", "hooks", "_wakes")}
        temporary = folder / "forge.new"
        temporary.write_bytes(pickle.dumps(state))
        temporary.replace(file)

    # The change is red until its jobs are run again.
    forge.ci = lambda asked, _: Verdict.RED if asked == "change" and not forge.calls["rerun"] else Verdict.GREEN
    save()
    forge.hooks.append(save)
    return forge


async def deliver(ledger: Ledger, forge: MemoryForge) -> None:
    """Take the one task from its accepted attempt to `done`."""
    if TASK.id not in ledger.records:
        head = forge.history.commit(forge.head, {"a.txt": "mine"})
        forge.hooks[0]("commit", "after")
        ledger.append(
            TASK.id,
            ev.TaskAdded(TASK, 0, "test"),
            ev.AttemptIntended(attempt(TASK.id, 1)),
            ev.ResultAccepted(1, head, None, ""),
            at=at(0),
        )
    looks, has_just_intended = itertools.count(), False
    while isinstance(ledger.records[TASK.id].state, Gating):
        event, now = None, at(60 * next(looks))
        with suppress(OSError):
            look = gate.Look(now, has_just_intended)
            event = await gate.advance(ledger.records[TASK.id], forge, POLICY, look)
        has_just_intended = isinstance(event, ev.GateIntended)
        if event is not None:
            ledger.append(TASK.id, event, at=now)


def main(folder: Path) -> None:
    with closing(SqliteJournal(folder / "state.db")) as journal:
        ledger = Ledger(journal)
        asyncio.run(deliver(ledger, forge_in(folder)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
