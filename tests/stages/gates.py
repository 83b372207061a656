"""A gate under test: one accepted attempt, a journal, a forge in memory, and a driver that may be killed anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

from mosaic_daemon.forges.base import Forge
from mosaic_daemon.forges.memory import MemoryForge
from mosaic_daemon.ground.errors import Unavailable
from mosaic_daemon.nouns import events as ev
from mosaic_daemon.nouns.gate import Step
from mosaic_daemon.nouns.record import Record
from mosaic_daemon.nouns.task import Status, Task
from mosaic_daemon.stages import gate
from mosaic_daemon.stages.gate import Look
from mosaic_daemon.stages.intake import request
from mosaic_daemon.store.ledger import Ledger
from mosaic_daemon.store.memory import MemoryJournal
from tests.samples import at, attempt, task
from tests.support.gates import OneTask

_MOST_LOOKS = 300


class Killed(BaseException):
    """The daemon dies here: everything but the journal and the forge is gone."""


class GateBench(OneTask):
    """Attributes:
    forge: outlives the daemon; `head`: the accepted commit.
    """

    def __init__(
        self,
        of: Task | None = None,
        *,
        changes: Mapping[str, str | None] | None = None,
        policy: gate.GatePolicy | None = None,
    ) -> None:
        self.forge = MemoryForge()
        self.policy = policy or gate.GatePolicy("main")
        self.journal = MemoryJournal()
        self.ledger = Ledger(self.journal)
        self.task = of or task(issue="#7")
        self.head = self.forge.history.commit(self.forge.head, {"a.txt": "mine"} if changes is None else changes)
        self.rounds = 0
        self.waited = timedelta()
        self._has_just_intended = False
        self.append(ev.TaskAdded(self.task, 0, "test"))
        self.accept()

    def accept(self) -> None:
        """A worker's attempt with this head is accepted."""
        fence = self.record.fence + 1
        self.append(ev.AttemptIntended(attempt(self.task.id, fence)), ev.ResultAccepted(fence, self.head, None, ""))

    @property
    def now(self) -> datetime:
        return at(self.ledger.seq) + self.waited

    def append(self, *events: ev.TaskEvent) -> None:
        self.ledger.append(self.task.id, *events, at=self.now)

    def restart(self) -> None:
        self._has_just_intended = False
        self.ledger = Ledger(self.journal)

    async def look(self, forge: Forge | None = None) -> ev.TaskEvent | None:
        """One look at the gate; what came of it is recorded."""
        now, self._has_just_intended = Look(self.now, self._has_just_intended), False
        event = await gate.advance(self.record, forge or self.forge, self.policy, now)
        if event is not None:
            self.append(event)
        self._has_just_intended = isinstance(event, ev.GateIntended)
        return event

    async def run(self, *, until: Step | None = None) -> Record:
        """Look until nothing moves any more, through crashes and outages, or until it stands on a step."""
        waited = 0
        for _ in range(_MOST_LOOKS):
            if self.step is None or self.step is until:
                return self.record
            try:
                event = await self.look()
            except Killed:
                self.restart()
                continue
            except Unavailable:
                event = None
            # CI takes several looks: give up only when nothing moves for a while.
            is_waiting = event is None or isinstance(event, ev.GateHeld)
            waited = waited + 1 if is_waiting else 0
            self.waited += timedelta(minutes=3) if is_waiting else timedelta()
            if waited > 6:
                return self.record
        raise AssertionError(f"the gate never comes to rest: {self.record.state}")

    def ask(self, wanted: Status) -> None:
        """A person asks for a status."""
        event = request(self.record, wanted, "asked", "person")
        assert event is not None
        self.append(event)

    @property
    def landed(self) -> list[str]:
        """Commits on the base branch that carry a trailer of this task's gates."""
        history = self.forge.history
        return [
            line.removeprefix("Mosaic-Gate: ")
            for commit in history.above(history.first, self.forge.head)
            for line in commit.message.splitlines()
            if line.startswith(f"Mosaic-Gate: {self.task.id}.")
        ]

    def check(self) -> None:
        """What holds at every moment, whatever has happened."""
        assert len(set(self.landed)) == len(self.landed), "a gate has landed twice"
        if self.status is Status.DONE:
            self.check_done()
        if self.status is Status.BLOCKED:
            failure = self.record.last_failure
            assert failure is not None
            assert failure.message
            assert "\n" not in failure.message

    def check_done(self) -> None:
        """`done` is what can be read back: the commit, its tree, its CI, the closed issue."""
        evidence = getattr(self.record.state, "evidence", {})
        assert evidence["issue"] in self.forge.comments or self.forge.calls["close_issue"] == 0
        if evidence["merge_sha"] is None:
            assert self.task.kind.may_change_nothing
            return
        commit = self.forge.history[evidence["merge_sha"]]
        assert commit in self.forge.history.above(self.forge.history.first, self.forge.head)
        assert evidence["tree"] == commit.tree
        assert evidence["ci"] in ("green", "absent")
        assert len(self.landed) >= 1


class Boundaries:
    """Counts the instants around the forge's operations, and does something at one of them."""

    def __init__(self, forge: MemoryForge) -> None:
        self.seen = 0
        self._planned: dict[int, list[str | None]] = {}
        self._forge = forge
        forge.hooks.append(self._pass)

    def kill_at(self, *instants: int) -> None:
        for instant in instants:
            self._planned.setdefault(instant, []).append(None)

    def push_at(self, instant: int, path: str) -> None:
        """Somebody commits to the base branch at this instant."""
        self._planned.setdefault(instant, []).append(path)

    def _pass(self, operation: str, when: Literal["before", "after"]) -> None:
        instant, self.seen = self.seen, self.seen + 1
        for path in self._planned.pop(instant, []):
            if path is None:
                raise Killed(f"{when} {operation}")
            self._forge.push({path: f"by somebody at {instant}"})
