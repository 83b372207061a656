"""Fake forges, daemons in front of them, and what must hold of every gate whatever happens."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from loguru import logger

from mosaic_daemon.nouns import events as ev
from mosaic_daemon.nouns.attempt import Failure
from mosaic_daemon.nouns.gate import Step
from mosaic_daemon.nouns.task import Status, Task
from mosaic_daemon.repository.clone import Clone
from mosaic_daemon.store.base import Journal
from mosaic_daemon.store.memory import MemoryJournal
from tests.forges.fakes.fake import Fake, enterprise
from tests.forges.fakes.fixtures import DIALECTS
from tests.forges.fakes.origin import Origin
from tests.forges.fakes.state import Issue
from tests.forges.gate_driver import Driver, PassingTime, Place
from tests.repository.repos import commit, git
from tests.samples import attempt, task

distinct = pytest.mark.parametrize("world", [name for name in DIALECTS if name != "forgejo"], indirect=True)
"""Forgejo is Gitea's dialect: what goes through many faults does not go through them twice."""

REQUESTS = {"github": 21, "gitea": 17, "forgejo": 17, "gitlab": 21}
"""Of a delivery in which nothing is waited for."""

WORK = {"a.txt": "mine\n"}
_WORK = "refs/mosaic/work"


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
    time: PassingTime = field(default_factory=PassingTime)

    @classmethod
    def make(cls, folder: Path, dialect: str) -> World:
        """Over a copy of what was `prepared`. CI of every commit is green at once, and #1 to #7 are issues."""
        kind = enterprise(DIALECTS[dialect]) if dialect == "github" else DIALECTS[dialect]
        fake = Fake(kind, folder / "origin.git")
        fake.settings.mergeable_after = 0
        fake.ci_always({"build": "green"})
        for number in range(7):
            fake.issue(f"issue {number + 1}")
        return cls(folder, fake)

    @property
    def dialect(self) -> str:
        return self.fake.dialect.name

    @property
    def place(self) -> Place:
        return Place(self.dialect, self.fake.api, self.fake.repo, self.fake.token)

    async def clone(self, name: str = "gate.git") -> Clone:
        """A daemon's own clone, made the first time."""
        if not (self.folder / name).exists():
            shutil.copytree(self.folder / "gate.git", self.folder / name)
        return await Clone.open(self.folder / "repo", self.folder / name, "main")

    @asynccontextmanager
    async def daemon(
        self, of: Task | None = None, files: Mapping[str, str] | None = None, *, name: str = "gate.git"
    ) -> AsyncIterator[Daemon]:
        """A daemon with one task, whose attempt is accepted. `name`: of its clone."""
        daemon = Daemon(self, await self.clone(name), of or task(issue="#7"))
        daemon.append(ev.TaskAdded(daemon.task, 0, "test"))
        daemon.accept(files)
        yield daemon
        await daemon.forge.aclose()

    def landed(self) -> Counter[str]:
        """How many commits of the base branch's own line carry each gate's trailer."""
        text = "%(trailers:key=Mosaic-Gate,valueonly,separator=%x2C)"
        found = self.fake.core.origin.git("log", "--first-parent", f"--format={text}", "main")
        return Counter(name for line in found.splitlines() for name in line.split(",") if name)


class Daemon(Driver):
    """A daemon whose forge can be asked what it really did. `head`: the accepted commit."""

    def __init__(self, world: World, clone: Clone, of: Task, journal: Journal | None = None) -> None:
        super().__init__(of, journal or MemoryJournal(), world.place.forge(clone, world.time), world.time)
        self.world = world
        self.fake = world.fake
        self.clone = clone
        self.head = ""

    def accept(self, files: Mapping[str, str] | None = None) -> None:
        """A worker's commit is accepted: the prepared one, or one with these files on top of today's base branch."""
        folder, fence = self.clone.git.directory, self.record.fence + 1
        if files is not None:
            git(folder, "fetch", "-q", str(self.fake.core.origin.path), "main")
        self.head = git(folder, "rev-parse", _WORK) if files is None else worked(folder, "FETCH_HEAD", files)
        self.append(ev.AttemptIntended(attempt(self.task.id, fence)), ev.ResultAccepted(fence, self.head, None, ""))

    async def run(self, *, until: Step | None = None) -> Status:
        """Look until nothing moves any more, or until it stands on a step; everything that must hold holds then."""
        await self.drive(until=until)
        self.check()
        return self.status

    @property
    def failure(self) -> Failure:
        failure = self.record.last_failure
        assert failure is not None
        return failure

    @property
    def held(self) -> list[str]:
        """What it waited for, in order."""
        return [event.hold.reason for event in self.events(ev.GateHeld)]

    def evidence(self, step: Step) -> Mapping[str, Any]:
        return [event.evidence for event in self.events(ev.GateStepped) if event.step == step][-1]

    @property
    def issue(self) -> Issue:
        return next(issue for issue in self.fake.issues if f"#{issue.number}" == self.task.issue)

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

    def check_once(self) -> None:
        """Done, and everything was made once."""
        assert self.status is Status.DONE, self.record.state
        assert self.world.landed() == {f"{self.task.id}.1": 1}
        assert len(self.fake.pulls) == 1
        assert len(self.fake.comments(self.issue)) == 1


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
