"""The tick in a world of its own: real stages and faces, a journal, a rail, a forge and commits in memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

from mosaic_daemon.faces.queue import QueueFace
from mosaic_daemon.faces.table import TableFace
from mosaic_daemon.forges.memory import MemoryForge
from mosaic_daemon.ground.layout import Layout
from mosaic_daemon.ground.settings import WorkerSettings
from mosaic_daemon.parts import Parts, Report
from mosaic_daemon.repository.clone import Clone
from mosaic_daemon.repository.worktrees import Worktrees
from mosaic_daemon.runtimes.base import DEFAULTS
from mosaic_daemon.stages.collect import Judge
from mosaic_daemon.stages.dispatch import Workplace
from mosaic_daemon.stages.gate import GatePolicy
from mosaic_daemon.stages.publish import Publisher
from mosaic_daemon.stages.schedule import Schedule
from mosaic_daemon.store.base import Batch
from mosaic_daemon.store.ledger import Ledger
from mosaic_daemon.store.memory import MemoryJournal
from mosaic_daemon.tick import Tick
from mosaic_rails.base import Offered, Running
from mosaic_rails.memory import End, MemoryRail
from tests.samples import NOON


class Killed(BaseException):
    """The daemon dies here: everything but the journal, the rail, the forge and the files is gone."""


class MortalJournal(MemoryJournal):
    """Attributes:
    dies_at: the daemon dies after this many more commits, before (even) or after (odd) the last one is durable.
    """

    def __init__(self) -> None:
        super().__init__()
        self.dies_at: int | None = None

    def commit(self, batch: Batch) -> int:
        if self.dies_at is None:
            return super().commit(batch)
        self.dies_at -= 1
        if self.dies_at > 0:
            return super().commit(batch)
        is_durable = len(batch.entries) % 2 == 1
        self.dies_at = None
        if is_durable:
            super().commit(batch)
        raise Killed


class Commits:
    """What the tick asks of its clone, answered from the forge's history and the workers' heads."""

    branch = "main"

    def __init__(self, forge: MemoryForge) -> None:
        self._forge = forge
        self.heads: dict[str, str] = {}

    async def base(self) -> str:
        return self._forge.head

    async def take(self, _source: Path, _branch: str, name: str) -> str | None:
        return self.heads.get(name.removeprefix("attempts/"))

    async def changes(self, _base: str, _head: str) -> tuple[()]:
        return ()

    async def forget(self, _names: object) -> None: ...

    async def fast_forward_checkout(self) -> None: ...


class Hands:
    """A clock that somebody else moves."""

    def __init__(self, read: Callable[[], datetime]) -> None:
        self.now = read


class Folders:
    """Working directories that nobody looks into."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def path(self, name: str) -> Path:
        return self._root / name

    async def ensure(self, name: str, _branch: str, _base: str) -> Path:
        return self.path(name)

    async def remove(self, _name: str) -> None: ...

    async def dirty(self, _name: str, _head: str) -> tuple[()]:
        return ()


class World:
    """One repository. `restart` is what a crash leaves of the daemon."""

    def __init__(self, folder: Path) -> None:
        self.layout = Layout(folder)
        for each in (self.layout.attempts, self.layout.results, self.layout.history, folder / "logs"):
            each.mkdir(parents=True)
        self.now = NOON
        self.journal = MortalJournal()
        self.rail = MemoryRail(folder / "logs", now=lambda: self.now)
        self.forge = MemoryForge()
        self.commits = Commits(self.forge)
        self._runner = asyncio.Runner()
        self.restart()

    def restart(self) -> None:
        """A new daemon over what is durable."""
        ledger = Ledger(self.journal)
        clone = cast("Clone", self.commits)
        trees = cast("Worktrees", Folders(self.layout.worktrees))
        queue, table = QueueFace(self.layout, ledger), TableFace(self.layout, ledger, clone)
        worker = WorkerSettings(runtime="shell")
        place = Workplace(self.layout, clone, trees, {"process": self.rail}, dict(DEFAULTS), worker, {"PATH": "/bin"})
        self.ledger = ledger
        self.tick = Tick(
            Parts(
                ledger=ledger,
                clone=clone,
                place=place,
                judge=Judge(self.layout, clone, trees, worker.retries),
                forge=self.forge,
                policy=GatePolicy("main"),
                queue=queue,
                table=table,
                publisher=Publisher(queue, table, timedelta(), table_enabled=False),
                schedule=Schedule("shell"),
                clock=Hands(lambda: self.now),
                max_workers=2,
                default_runtime="shell",
            )
        )

    def run(self) -> Report | None:
        """One tick; None when the daemon died in it, and a new one stands in its place."""
        try:
            return self._runner.run(self.tick.run(rescan=True))
        except Killed:
            self.restart()
            return None

    def close(self) -> None:
        self._runner.close()

    def edit(self, change: Callable[[list[dict[str, Any]]], None]) -> None:
        """A person edits the queue's file."""
        file = self.layout.tasks
        document: dict[str, Any] = json.loads(file.read_bytes()) if file.exists() else {"version": 1, "tasks": []}
        change(document["tasks"])
        temporary = file.with_name("person")
        temporary.write_text(json.dumps(document))
        temporary.replace(file)

    def states(self, wanted: type[Offered] | type[Running]) -> list[str]:
        """Attempts that the rail has in this state."""
        found = {attempt: self._runner.run(self.rail.observe(attempt)) for attempt in self.rail.orders}
        return [attempt for attempt, state in found.items() if isinstance(state, wanted)]

    def succeed(self, attempt: str) -> None:
        """The worker commits a file of its task and reports it."""
        task = attempt.rpartition(".")[0]
        base = self.rail.orders[attempt].env["MOSAIC_BASE_SHA"]
        head = self.forge.history.commit(base, {f"{task}.txt": task}, attempt)
        self.commits.heads[attempt] = head
        self.report(attempt, {"task_id": task, "status": "success", "commit_sha": head, "notes": ""})

    def report(self, attempt: str, result: Mapping[str, Any]) -> None:
        self.rail.finish(attempt, End(output=json.dumps(result).encode()))
