"""The forge for repositories that have none: git plumbing, the configured CI command, internal refs.

The candidate commit is built before anything moves, CI runs on a clean checkout of exactly that commit, and it lands by
compare-and-swap. Building it again gives the same commit, so every step may be repeated after a crash.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mosaic_daemon.forges.base import (
    Answer,
    Check,
    CiReport,
    Clean,
    Conflict,
    Delayed,
    Forbidden,
    Guard,
    Landed,
    Mergeability,
    Moved,
    NothingToMerge,
    Proposal,
    Sent,
    Verdict,
)
from mosaic_daemon.ground.errors import Refused
from mosaic_daemon.nouns.attempt import Failure, FailureClass
from mosaic_daemon.repository.clone import BaseMoved, Clone
from mosaic_daemon.repository.reverts import Reverted, reverted
from mosaic_daemon.repository.worktrees import Worktrees
from mosaic_rails.base import Absent, Cause, Ended, Limits, Lost, Offered, Order, Rail

_TAIL_BYTES = 2000
_RUNS = 3


@dataclass(frozen=True, slots=True)
class Checks:
    """How the internal forge runs CI.

    Attributes:
        command: argv, or None when the repository has no CI.
        env: its whole environment, `CI=true` and the commit's name come on top.
        rail: where it runs; survives the daemon.
        trees: clean checkouts for it.
    """

    command: tuple[str, ...] | None
    env: Mapping[str, str]
    timeout_sec: float
    rail: Rail
    trees: Worktrees


class InternalForge:
    """No pull requests and no issues: the ledger's own gate is the record of both."""

    name = "internal"
    guard = Guard.FULL

    def __init__(self, clone: Clone, checks: Checks) -> None:
        self._clone = clone
        self._checks = checks
        self._built: tuple[tuple[Proposal, str], str] | None = None

    def on_change(self, wake: Callable[[], None]) -> None:
        self._checks.rail.on_change(wake)

    def poke(self) -> None:
        """Its CI tells by itself."""

    async def base(self) -> str:
        return await self._clone.base()

    async def queue(self, base_sha: str) -> CiReport:
        return CiReport(
            Verdict.ABSENT, detail="the internal forge runs CI before it lands: the base branch has no queue"
        )

    async def find_change(self, proposal: Proposal) -> str | None:
        return f"internal:{proposal.gate}"

    async def open_change(self, proposal: Proposal) -> Answer:
        """The gate's row in the ledger is the change."""
        return Sent()

    async def mergeability(self, proposal: Proposal, base_sha: str) -> Mergeability:
        merged = await self._clone.merged_tree(base_sha, proposal.head_sha)
        if merged.tree is None:
            return Conflict(merged.conflicts)
        if merged.tree == await self._clone.git.tree(base_sha):
            return NothingToMerge()
        return Clean(merged.tree, await self._candidate(proposal, base_sha, merged.tree))

    async def reverted(self, proposal: Proposal, base_sha: str) -> tuple[Reverted, ...]:
        return await reverted(self._clone.git, base_sha, proposal.head_sha, proposal.task)

    async def change_ci(self, proposal: Proposal, base_sha: str) -> CiReport:
        return await self._ci(proposal, await self._candidate(proposal, base_sha))

    async def merge(self, proposal: Proposal, base_sha: str) -> Answer:
        candidate = await self._candidate(proposal, base_sha)
        if await self._clone.git.tree(candidate) == await self._clone.git.tree(base_sha):
            return Forbidden(Failure(FailureClass.NO_CHANGES, "merge", f"{base_sha} has all of it already"))
        # The task's text may have changed since CI was asked: then this is another commit, and has no verdict yet.
        if (await self._ci(proposal, candidate)).verdict not in (Verdict.GREEN, Verdict.ABSENT):
            return Moved(f"CI of {candidate} is not green")
        try:
            await self._clone.land(candidate, base_sha)
        except BaseMoved as moved:
            return Moved(str(moved))
        except Refused as refused:
            if refused.where == str(self._clone.root):
                return Delayed(refused.line)
            return Forbidden(Failure(FailureClass.GATE, "merge", refused.problem, refused.where))
        return Sent()

    async def find_landed(self, proposal: Proposal, base_sha: str) -> Landed | None:
        await self._clone.base()
        merge = await self._clone.commits.find_merge(proposal.gate, base_sha)
        return Landed(merge.sha, merge.parents[0], merge.tree) if merge else None

    async def expected_tree(self, proposal: Proposal, parent: str) -> str | None:
        return (await self._clone.merged_tree(parent, proposal.head_sha)).tree

    async def commit_ci(self, sha: str) -> CiReport:
        """CI of exactly this commit has run before it landed; its record is in the evidence of `mergeable`."""
        if self._checks.command is None:
            return _NO_CI
        return CiReport(Verdict.GREEN, (Check(self._title, "exit 0"),), f"ran on {sha} before it landed")

    async def rerun(self, sha: str) -> Answer:
        return Forbidden(Failure(FailureClass.CI, "ci", "the internal forge runs CI once", code="no_rerun"))

    async def issue_is_closed(self, proposal: Proposal) -> bool:
        return True

    async def close_issue(self, proposal: Proposal, evidence: str) -> Answer:
        """The gate's last step in the ledger closes the internal ref."""
        return Sent()

    async def tidy(self, proposal: Proposal) -> None:
        mine = re.compile(rf"{re.escape(proposal.gate)}-ci-[0-9a-f]{{12}}\.\d+")
        for tree in filter(mine.fullmatch, self._checks.trees.names()):
            await self._checks.rail.settle(tree)
            await self._checks.trees.remove(tree)

    def recorded(self) -> None:
        """The ledger is all that it has."""

    async def aclose(self) -> None:
        """There is nothing to give back."""

    @property
    def _title(self) -> str:
        return shlex.join(self._checks.command or ())

    async def _candidate(self, proposal: Proposal, base_sha: str, tree: str | None = None) -> str:
        key = (proposal, base_sha)
        if self._built is not None and self._built[0] == key:
            return self._built[1]
        if tree is None:
            tree = (await self._clone.merged_tree(base_sha, proposal.head_sha)).tree
            assert tree is not None  # noqa: S101  # mergeability said Clean for exactly these two commits
        author = await self._clone.commits.author(proposal.head_sha)
        commit = await self._clone.squash(tree, base_sha, proposal.message, proposal.opened_at, author)
        self._built = (key, commit)
        return commit

    async def _ci(self, proposal: Proposal, commit: str) -> CiReport:
        if self._checks.command is None:
            return _NO_CI
        name = f"{proposal.gate}-ci-{commit[:12]}"
        for run in range(1, _RUNS + 1):
            report = await self._run(f"{name}.{run}", commit)
            if report is not None:
                return report
        return CiReport(Verdict.RED, (Check(self._title, "lost"),), f"the CI run was lost {_RUNS} times", self._title)

    async def _run(self, name: str, commit: str) -> CiReport | None:
        """One run of CI, started if need be; None when it was lost: that says nothing of the commit."""
        match await self._checks.rail.observe(name):
            case Lost() | Ended(cause=Cause.REVOKED):  # by a shutdown: nobody here asks for it
                return None
            case Ended(cause=Cause.EXIT, exit_code=0, log=log):
                return CiReport(Verdict.GREEN, (Check(self._title, "exit 0", str(log)),))
            case Ended(log=log, detail=detail):
                return CiReport(Verdict.RED, (Check(self._title, detail, str(log)),), _tail(log), self._title)
            case Absent() | Offered():
                await self._start(name, commit)
        return CiReport(Verdict.PENDING, (Check(self._title, "running"),))

    async def _start(self, name: str, commit: str) -> None:
        tree = await self._checks.trees.ensure(name, "candidate", commit)
        order = Order(
            attempt=name,
            argv=self._checks.command or (),
            env={**self._checks.env, "CI": "true", "MOSAIC_ATTEMPT": name, "MOSAIC_COMMIT": commit},
            cwd=tree,
            limits=Limits(timeout_sec=self._checks.timeout_sec, stall_sec=0),
        )
        await self._checks.rail.offer(order)


_NO_CI = CiReport(Verdict.ABSENT, detail="no `gate.ci_command` is configured")


def _tail(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
        return file.read().decode("utf-8", "replace").strip()
