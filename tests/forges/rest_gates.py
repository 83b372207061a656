"""The gate's state machine over a REST forge: a fake that speaks HTTP, daemons in front of it, and what must hold."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from loguru import logger

from mosaic_daemon.forges.rest.forge import RestForge
from mosaic_daemon.forges.rest.watch import Polling
from mosaic_daemon.isolation import Isolation
from mosaic_daemon.nouns import events as ev
from mosaic_daemon.nouns.attempt import Failure
from mosaic_daemon.nouns.gate import Gate, Step
from mosaic_daemon.nouns.record import Blocked, Gating, Record
from mosaic_daemon.nouns.task import Status, Task
from mosaic_daemon.repository.clone import Clone
from mosaic_daemon.stages import gate
from mosaic_daemon.stages.gate import GatePolicy
from mosaic_daemon.stages.intake import request
from mosaic_daemon.store.ledger import Ledger
from mosaic_daemon.store.memory import MemoryJournal
from tests.forges.fakes.fake import Fake, enterprise
from tests.forges.fakes.fixtures import DIALECTS
from tests.forges.fakes.origin import Origin
from tests.forges.fakes.state import Issue
from tests.forges.rest.conftest import MAKERS
from tests.forges.rest.loopback import OwnTime
from tests.repository.repos import commit, git
from tests.samples import attempt, task

_E = TypeVar("_E", bound=ev.TaskEvent)

POLICY = GatePolicy("main", ci_timeout=timedelta(minutes=5), queue_timeout=timedelta(minutes=5))
WORK = {"a.txt": "mine\n"}

_WORK = "refs/mosaic/work"
_PATIENCE = 12
_MOST_LOOKS = 300


@dataclass
class PassingTime(OwnTime):
    """Starts at the true time, as commits are stamped with it; then only waiting makes it pass."""

    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    def now(self) -> datetime:
        return self.started + timedelta(seconds=self.seconds)


def prepared(folder: Path) -> Path:
    """A person's checkout, its origin and a daemon's clone of it, to be copied: made once, as git takes its time."""
    folder.mkdir()
    root, origin, clone = folder / "repo", folder / "origin.git", folder / "gate.git"
    root.mkdir()
    git(root, "init", "-q", "-b", "main", "--template=")
    commit(root, {"a.txt": "one\n", "b.txt": "two\n"}, "first")
    git(folder, "clone", "-q", "--bare", "--template=", str(root), str(origin))
    git(root, "remote", "add", "origin", "../origin.git")
    git(folder, "clone", "-q", "--bare", "--template=", str(origin), str(clone))
    git(clone, "update-ref", _WORK, worked(clone, "refs/heads/main", WORK))
    return folder


def worked(clone: Path, base: str, files: Mapping[str, str]) -> str:
    """A worker's commit on top of `base`, as a daemon has fetched it."""
    origin = Origin(clone)
    return origin.make_commit(origin.tree_with(base, files), (git(clone, "rev-parse", base),), "work")


@dataclass
class World:
    """What outlives every daemon: the forge, its origin, and time."""

    folder: Path
    fake: Fake
    time: PassingTime

    @classmethod
    def make(cls, folder: Path, dialect: str) -> World:
        """Over a copy of what was `prepared`. CI of every commit is green at once, and #1 to #7 are issues."""
        kind = enterprise(DIALECTS[dialect]) if dialect == "github" else DIALECTS[dialect]
        fake = Fake(kind, folder / "origin.git")
        fake.settings.mergeable_after = 0
        fake.ci_always({"build": "green"})
        for number in range(7):
            fake.issue(f"issue {number + 1}")
        return cls(folder, fake, PassingTime())

    @property
    def dialect(self) -> str:
        return self.fake.dialect.name

    @asynccontextmanager
    async def daemon(
        self, of: Task | None = None, files: Mapping[str, str] | None = None, *, name: str = "gate.git"
    ) -> AsyncIterator[Daemon]:
        """A daemon with one task, whose attempt is accepted. `name`: of its clone."""
        if not (self.folder / name).exists():
            shutil.copytree(self.folder / "gate.git", self.folder / name)
        clone = await Clone.open(self.folder / "repo", self.folder / name, "main")
        daemon = Daemon(self, clone, of or task(issue="#7"))
        daemon.accept(files)
        yield daemon
        await daemon.forge.aclose()

    def landed(self) -> Counter[str]:
        """How many commits of the base branch's own line carry each gate's trailer."""
        text = "%(trailers:key=Mosaic-Gate,valueonly,separator=%x2C)"
        found = self.fake.core.origin.git("log", "--first-parent", f"--format={text}", "main")
        return Counter(name for line in found.splitlines() for name in line.split(",") if name)


class Daemon:
    """One daemon with one task: what the tick does with it, look by look.

    Attributes:
        head: the accepted commit. policy: may be replaced at any time. pause_sec: between two looks that move nothing.
    """

    def __init__(self, world: World, clone: Clone, of: Task) -> None:
        self.world = world
        self.fake = world.fake
        self.clone = clone
        self.task = of
        self.policy = POLICY
        self.journal = MemoryJournal()
        self.ledger = Ledger(self.journal)
        self.head = ""
        self.pause_sec = 40.0
        self.forge = self._forge()
        self._isolation = Isolation()
        self._has_just_intended = False
        self.append(ev.TaskAdded(of, 0, "test"))

    def _forge(self) -> RestForge:
        hosting, _ = MAKERS[self.world.dialect](self.fake, self.world.time, self.fake.token)
        return RestForge(hosting, self.clone, Polling(timing=self.world.time.timing()))

    def accept(self, files: Mapping[str, str] | None = None) -> None:
        """A worker's commit is accepted: the prepared one, or one with these files on top of today's base branch."""
        folder, fence = self.clone.git.directory, self.record.fence + 1
        if files is not None:
            git(folder, "fetch", "-q", str(self.fake.core.origin.path), "main")
        self.head = git(folder, "rev-parse", _WORK) if files is None else worked(folder, "FETCH_HEAD", files)
        self.append(ev.AttemptIntended(attempt(self.task.id, fence)), ev.ResultAccepted(fence, self.head, None, ""))

    def restart(self) -> None:
        """Everything but the ledger is gone."""
        self.ledger = Ledger(self.journal)
        self.forge = self._forge()
        self._isolation = Isolation()
        self._has_just_intended = False

    # --- what stands in the ledger ------------------------------------------------------------------------------------

    @property
    def record(self) -> Record:
        return self.ledger.records[self.task.id]

    @property
    def status(self) -> Status:
        return self.record.status

    @property
    def gate(self) -> Gate | None:
        state = self.record.state
        return state.gate if isinstance(state, Gating | Blocked) else None

    @property
    def step(self) -> Step | None:
        return self.gate.step if self.gate and isinstance(self.record.state, Gating) else None

    @property
    def failure(self) -> Failure:
        failure = self.record.last_failure
        assert failure is not None
        return failure

    def events(self, kind: type[_E]) -> list[_E]:
        return [entry.event for _, entry in self.journal.entries() if isinstance(entry.event, kind)]

    @property
    def held(self) -> list[str]:
        """What it waited for, in order."""
        return [event.hold.reason for event in self.events(ev.GateHeld)]

    def evidence(self, step: Step) -> Mapping[str, Any]:
        return [event.evidence for event in self.events(ev.GateStepped) if event.step == step][-1]

    def append(self, *events: ev.TaskEvent) -> None:
        self.ledger.append(self.task.id, *events, at=self.world.time.now())

    def ask(self, wanted: Status = Status.NOT_STARTED) -> None:
        """A person asks for a status; `retry` asks for not-started."""
        event = request(self.record, wanted, "asked", "person")
        assert event is not None
        self.append(event)

    # --- looking ------------------------------------------------------------------------------------------------------

    async def look(self) -> bool:
        """One look at the gate, as the tick takes it. True when it moved."""
        now, just = self.world.time.now(), self._has_just_intended
        self._has_just_intended = False
        try:
            event = await gate.advance(self.record, self.forge, self.policy, gate.Look(now, just))
        except Exception as error:
            trouble = self._isolation.trouble(self.task.id, self.record, error, now)
            if trouble.give_up is not None:
                self.append(ev.GateBlocked(trouble.give_up))
            return trouble.give_up is not None
        self._isolation.went_well(self.task.id)
        if event is not None:
            self.append(event)
        self._has_just_intended = isinstance(event, ev.GateIntended)
        return event is not None and not isinstance(event, ev.GateHeld)

    async def run(self, *, until: Step | None = None, each: Callable[[], object] | None = None) -> Status:
        """Look until nothing moves any more for minutes, or until it stands on a step. `each`: before every look."""
        waited = 0
        for _ in range(_MOST_LOOKS):
            if self.step is None or self.step is until:
                break
            if each is not None:
                each()
            waited = 0 if await self.look() else waited + 1
            self.world.time.seconds += self.pause_sec if waited else 0
            if waited > _PATIENCE:
                break
        else:
            raise AssertionError(f"the gate never comes to rest: {self.record.state}")
        self.check()
        return self.status

    # --- what holds ---------------------------------------------------------------------------------------------------

    def check(self) -> None:
        """What holds at every moment, whatever has happened."""
        assert set(self.world.landed().values()) <= {1}, "a gate has landed twice"
        told = "\n".join(repr(entry) for entry in self.journal.entries())
        assert self.fake.token not in told, "the token is in an event"
        if self.status is Status.DONE:
            self._check_done()
        if self.status is Status.BLOCKED:
            failure = self.failure
            assert failure.code, failure
            assert failure.step.startswith("gate:"), failure
            assert failure.command, failure
            assert failure.message
            assert "\n" not in failure.message

    def _check_done(self) -> None:
        """`done` is what can be read back: the commit, its tree, its CI or the proof of none, the closed issue."""
        evidence, origin = getattr(self.record.state, "evidence", {}), self.fake.core.origin
        merged = origin.commit(evidence["merge_sha"])
        assert merged.sha in origin.git("rev-list", "--first-parent", "main").split()
        assert merged.tree == evidence["tree"] == origin.merged_tree(merged.parents[0], evidence["head_sha"])
        seen = self.evidence(Step.MAIN_CI)
        assert evidence["ci"] == seen["verdict"]
        assert (evidence["ci"] == "green" and seen["checks"]) or (evidence["ci"] == "absent" and seen["detail"])
        if self.task.issue:
            assert self.issue.state == "closed"
            marker = f"<!-- mosaic-gate:{self.task.id}."
            assert sum(marker in comment.body for comment in self.fake.comments(self.issue)) == 1

    @property
    def issue(self) -> Issue:
        return next(issue for issue in self.fake.issues if f"#{issue.number}" == self.task.issue)


@contextmanager
def unwritten(secret: str) -> Iterator[None]:
    """Fails when the secret is written to the log meanwhile."""
    lines: list[str] = []
    sink = logger.add(lines.append, level="TRACE", format="{message} {extra} {exception}")
    try:
        yield
    finally:
        logger.remove(sink)
    assert not [line for line in lines if secret in line]
