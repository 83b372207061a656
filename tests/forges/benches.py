"""Test benches: one way to make commits and proposals, for every forge."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

from mosaic_daemon.forges.base import Forge, Proposal
from mosaic_daemon.forges.internal import Checks, InternalForge
from mosaic_daemon.forges.memory import MemoryForge
from mosaic_daemon.forges.rest import connect
from mosaic_daemon.ground.settings import ForgeSettings
from mosaic_daemon.repository.clone import Clone
from mosaic_daemon.repository.worktrees import Worktrees
from mosaic_rails.memory import MemoryRail
from tests.forges.fakes.fake import Fake, enterprise
from tests.forges.fakes.fixtures import DIALECTS
from tests.repository.repos import Repository, commit, git
from tests.samples import NOON

Changes = dict[str, str | None]


def proposal(gate: str, head: str, *, issue: str = "") -> Proposal:
    task = gate.rpartition(".")[0]
    return Proposal(
        gate=gate,
        task=task,
        branch=f"task/{task.lower()}",
        target="main",
        head_sha=head,
        title=f"{task}: work",
        body=f"work\n\n<!-- mosaic-gate:{gate} -->\n",
        message=f"{task}: work\n\nMosaic-Task: {task}\nMosaic-Gate: {gate}\n",
        issue=issue,
        opened_at=NOON,
    )


class Bench(Protocol):
    """What the contract suite needs of a forge beside the port. The base branch starts with a.txt and b.txt."""

    forge: Forge

    def head(self) -> str:
        """The base branch, seen past the forge."""

    def push(self, changes: Changes) -> str:
        """Somebody else commits to the base branch."""

    async def work(self, changes: Changes, *, on: str | None = None) -> str:
        """A worker's commit on top of `on`, by default the base branch as it was at first; the forge knows it."""

    def content(self, path: str) -> str | None:
        """A file on the base branch."""


class MemoryBench:
    def __init__(self) -> None:
        self.memory = MemoryForge()
        self.first = self.memory.push({"a.txt": "one\n", "b.txt": "two\n"})
        self.forge: Forge = self.memory

    def head(self) -> str:
        return self.memory.head

    def push(self, changes: Changes) -> str:
        return self.memory.push(changes)

    async def work(self, changes: Changes, *, on: str | None = None) -> str:
        return self.memory.history.commit(on or self.first, changes, f"work {changes}")

    def content(self, path: str) -> str | None:
        return self.memory.history[self.memory.head].files.get(path)


class GitBench:
    """The half of a bench that is the same wherever changes land in a git repository."""

    forge: Forge

    def __init__(self, clone: Clone, repository: Repository) -> None:
        self.repository = repository
        self.clone = clone
        self.first = repository.head()
        self._workers = itertools.count()

    def head(self) -> str:
        return self.repository.head()

    def push(self, changes: Changes) -> str:
        return self.repository.push(dict(changes))

    async def work(self, changes: Changes, *, on: str | None = None) -> str:
        name = f"worker-{next(self._workers)}"
        tree = self.repository.folder / name
        git(self.repository.folder, "clone", "-q", str(self.repository.base), str(tree))
        git(tree, "config", "remote.gate.url", str(self.clone.git.directory))
        git(tree, "fetch", "-q", "gate", "+refs/mosaic/*:refs/mosaic/*")
        git(tree, "checkout", "-q", "-b", "work", on or self.first)
        sha = commit(tree, dict(changes))
        assert await self.clone.take(tree, "work", f"attempts/{name}") == sha
        return sha

    def content(self, path: str) -> str | None:
        listed = git(self.repository.base, "ls-tree", "-r", "--name-only", "main").splitlines()
        return git(self.repository.base, "show", f"main:{path}") + "\n" if path in listed else None


class InternalBench(GitBench):
    def __init__(self, folder: Path, clone: Clone, repository: Repository, command: tuple[str, ...] | None) -> None:
        super().__init__(clone, repository)
        (folder / "logs").mkdir()
        self.rail = MemoryRail(folder / "logs")
        self.trees = Worktrees(folder / "checks", clone)
        checks = Checks(command=command, env={"PATH": "/bin"}, timeout_sec=60, rail=self.rail, trees=self.trees)
        self.forge: Forge = InternalForge(clone, checks)

    @classmethod
    async def make(cls, folder: Path, command: tuple[str, ...] | None = None, *, origin: bool = True) -> InternalBench:
        repository = Repository(folder, origin=origin)
        return cls(folder, await repository.open(), repository, command)


class RestBench(GitBench):
    """A dialect in front of a forge that speaks it."""

    def __init__(self, clone: Clone, repository: Repository, fake: Fake, token_file: Path) -> None:
        super().__init__(clone, repository)
        self.fake = fake
        fake.settings.mergeable_after = 0
        for number in range(7):
            fake.issue(f"issue {number + 1}")
        provider = {"forgejo": "gitea"}.get(fake.dialect.name, fake.dialect.name)
        settings = ForgeSettings.model_validate(
            {"provider": provider, "url": fake.url, "repo": fake.repo, "token_file": token_file, "poll_sec": 0.01}
        )
        self.forge = connect.forge(settings, clone, 0)

    @classmethod
    @asynccontextmanager
    async def make(cls, folder: Path, dialect: str) -> AsyncIterator[RestBench]:
        repository = Repository(folder)
        assert repository.origin is not None
        kind = enterprise(DIALECTS[dialect]) if dialect == "github" else DIALECTS[dialect]
        token = folder / "token"
        token.touch(mode=0o600)
        with Fake(kind, repository.origin) as fake:
            token.write_text(fake.token)
            bench = cls(await repository.open(), repository, fake, token)
            yield bench
            await bench.forge.aclose()
