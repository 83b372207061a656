"""The forge port over any REST dialect: the API proposes, git decides.

Where the base branch is, what has landed and what a merge gives is read from git. The API is asked for what only it
knows: pull requests, CI, issues, rules.
"""

from __future__ import annotations

import asyncio
import math
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from loguru import logger

from mosaic_daemon.forges.base import (
    Answer,
    CiReport,
    Clean,
    Conflict,
    Forbidden,
    Guard,
    Landed,
    Mergeability,
    Moved,
    NothingToMerge,
    Proposal,
    Rejected,
    Sent,
    Undecided,
    issue_number,
)
from mosaic_daemon.forges.rest.hosting import Hosting, PullState, Readiness
from mosaic_daemon.forges.rest.pulls import Pulls
from mosaic_daemon.forges.rest.verdicts import Verdicts
from mosaic_daemon.forges.rest.watch import Listing, Polling
from mosaic_daemon.ground.errors import MosaicError, Unavailable
from mosaic_daemon.nouns.attempt import Failure, FailureClass
from mosaic_daemon.repository.clone import Clone
from mosaic_daemon.repository.reverts import Reverted, reverted

_UNDECIDED_SEC = 60.0
_REFUSED_PAUSE = timedelta(minutes=1)


@dataclass(slots=True)
class _Asked:
    """What the forge said of a pull request. `about`: gate and base; `since`, `next_at`: monotonic."""

    about: tuple[str, str]
    since: float
    next_at: float = 0.0
    answer: Mergeability = field(default_factory=lambda: Undecided(""))
    waits_for_ci: bool = False


class RestForge:
    """One repository on one forge."""

    guard = Guard.HEAD

    def __init__(self, hosting: Hosting, clone: Clone, polling: Polling) -> None:
        self._hosting = hosting
        self._clone = clone
        self._timing = polling.timing
        self._pulls = Pulls(hosting, clone, polling.timing)
        self._verdicts = Verdicts(hosting, clone, polling, self._wake_in)
        self._wakes: list[Callable[[], None]] = []
        self._asked: _Asked | None = None

    @property
    def name(self) -> str:
        return self._hosting.name

    def on_change(self, wake: Callable[[], None]) -> None:
        self._wakes.append(wake)

    def poke(self) -> None:
        self._verdicts.poke()
        self._pulls.forget()

    async def base(self) -> str:
        return await self._clone.base()

    # --- CI -----------------------------------------------------------------------------------------------------------

    async def queue(self, base_sha: str) -> CiReport:
        """A token that is refused blocks one gate; the others, and that one asked again, wait for a better one."""
        was_refused = self._hosting.is_refused
        try:
            return await self._verdicts.of_branch(base_sha)
        except Rejected as error:
            if not (was_refused and self._hosting.is_refused):
                raise
            again = self._timing.clock.now() + _REFUSED_PAUSE
            raise Unavailable(error.problem, where=error.where, remedy=error.remedy, until=again) from None

    async def reverted(self, proposal: Proposal, base_sha: str) -> tuple[Reverted, ...]:
        return await reverted(self._clone.git, base_sha, proposal.head_sha, proposal.task)

    async def change_ci(self, proposal: Proposal, base_sha: str) -> CiReport:
        return await self._verdicts.of_change(proposal.head_sha, self._results(proposal))

    async def commit_ci(self, sha: str) -> CiReport:
        return await self._verdicts.of_merge(sha)

    async def rerun(self, sha: str) -> Answer:
        return await self._verdicts.rerun(sha)

    # --- the pull request ---------------------------------------------------------------------------------------------

    async def find_change(self, proposal: Proposal) -> str | None:
        return await self._pulls.find(proposal)

    async def open_change(self, proposal: Proposal) -> Answer:
        return await self._pulls.open(proposal)

    async def mergeability(self, proposal: Proposal, base_sha: str) -> Mergeability:
        merged = await self._clone.merged_tree(base_sha, proposal.head_sha)
        if merged.tree is None:
            return Conflict(merged.conflicts)
        if merged.tree == await self._clone.git.tree(base_sha):
            return NothingToMerge()
        if self._asked is None or self._asked.about != (proposal.gate, base_sha):
            self._asked = _Asked((proposal.gate, base_sha), self._timing.monotonic())
        return await self._readiness(self._asked, proposal, merged.tree)

    async def _readiness(self, asked: _Asked, proposal: Proposal, tree: str) -> Mergeability:
        """What the forge says, asked seldom: what is ready stays so, as the merge looks again, and while CI runs most
        forges say no to everything. One that does not know is given a minute, after which git decides.
        """
        now = self._timing.monotonic()
        if asked.waits_for_ci and await self._verdicts.is_pending(proposal.head_sha, self._results(proposal)):
            return Clean(tree)
        if now < asked.next_at:
            return asked.answer
        pull = await self._pulls.of(proposal)
        if (problem := self._pulls.problem(pull, proposal)) is not None:
            return Forbidden(problem)
        if pull is None or pull.state is PullState.MERGED or pull.readiness is Readiness.READY:
            asked.answer, asked.next_at, asked.waits_for_ci = Clean(tree), math.inf, False
            return asked.answer
        if await self._verdicts.is_pending(proposal.head_sha, self._results(proposal)):
            asked.waits_for_ci, asked.since = True, now
            return Clean(tree)
        waits = f"the forge says of pull request {pull.number}: {pull.reason or pull.readiness}"
        asked.waits_for_ci, asked.answer = False, Undecided(waits)
        if now - asked.since < _UNDECIDED_SEC:
            pause = max(2.0, (now - asked.since) / 2)
            asked.next_at = now + pause
            self._wake_in(pause)
        elif pull.readiness is Readiness.FORBIDDEN:
            self._asked = None
            return Forbidden(self._failure(waits, pull.code or "protection", self._hosting.pull_command(pull.number)))
        else:
            asked.answer, asked.next_at = Clean(tree), math.inf
        return asked.answer

    async def merge(self, proposal: Proposal, base_sha: str) -> Answer:
        if any(landed.gate == proposal.gate for landed in await self._clone.commits.landed_tasks()):
            return await self._landed_before(proposal, base_sha)
        pull = await self._pulls.of(proposal)
        if pull is None:
            where = f"git ls-remote {shlex.quote(self._clone.url)} {shlex.quote(proposal.branch)}"
            return Forbidden(self._failure("its pull request is gone", "no_pull", where))
        if pull.state is PullState.MERGED:
            return Sent(f"pull request {pull.number} is merged")
        if (problem := self._pulls.problem(pull, proposal)) is not None:
            return Forbidden(problem)
        # No forge takes the base it was judged on: a short way from here to the merge is all that can be had.
        if (base := await self._clone.base()) != base_sha:
            return Moved(f"{self._clone.branch} is at {base}")
        return await self._pulls.merge(pull, proposal)

    async def _landed_before(self, proposal: Proposal, base_sha: str) -> Answer:
        """A commit of this gate that was there before the gate began is not ours: another daemon has the same tasks."""
        if await self._clone.commits.find_merge(proposal.gate, base_sha) is not None:
            return Sent("it is on the base branch")
        problem = f"`{self._clone.branch}` has a commit of gate {proposal.gate} already, and it is not this daemon's"
        command = f"git log --all --grep={shlex.quote(f'^Mosaic-Gate: {proposal.gate}$')}"
        return Forbidden(self._failure(problem, "landed_elsewhere", command))

    async def find_landed(self, proposal: Proposal, base_sha: str) -> Landed | None:
        await self._clone.base()
        merge = await self._clone.commits.find_merge(proposal.gate, base_sha)
        if merge is None and proposal.change:
            pull = await self._pulls.of(proposal)
            if (
                pull is not None and pull.state is PullState.MERGED and pull.merge_sha
            ):  # by somebody, in words of their own
                merge = await self._clone.commits.find_commit(pull.merge_sha, base_sha)
        return Landed(merge.sha, merge.parents[0], merge.tree) if merge else None

    async def expected_tree(self, proposal: Proposal, parent: str) -> str | None:
        return (await self._clone.merged_tree(parent, proposal.head_sha)).tree

    async def tidy(self, proposal: Proposal) -> None:
        """A forge may merge and leave the pull request open; one whose work went back to a worker is over as well."""
        try:
            await self._pulls.close(proposal)
        except MosaicError as error:
            logger.warning("{}: its pull request could not be closed: {}", proposal.task, error)

    def recorded(self) -> None:
        """The forge knows what it has done."""

    async def aclose(self) -> None:
        await self._hosting.aclose()

    # --- the issue ----------------------------------------------------------------------------------------------------

    async def issue_is_closed(self, proposal: Proposal) -> bool:
        number = issue_number(proposal.issue)
        if number is None:
            return True
        if proposal.siblings:
            return await self._is_told(number, proposal)
        return (await self._hosting.issue(number)).closed

    async def close_issue(self, proposal: Proposal, evidence: str) -> Answer:
        number = issue_number(proposal.issue)
        if number is None:
            return Sent()
        if not await self._is_told(number, proposal):
            answer = await self._hosting.comment(number, f"{evidence}\n\n{proposal.marker}\n")
            if not isinstance(answer, Sent) or proposal.siblings or not await self._is_told(number, proposal):
                return answer
        return Sent() if proposal.siblings else await self._hosting.close_issue(number)

    async def _is_told(self, number: int, proposal: Proposal) -> bool:
        return any(proposal.marker in text for text in await self._hosting.comments(number))

    # --- pieces -------------------------------------------------------------------------------------------------------

    def _results(self, proposal: Proposal) -> dict[str, Listing]:
        """The listing of CI that ran on what merging it gives, where the forge has such a thing."""
        return {"pull": partial(self._pulls.jobs, proposal)} if self._hosting.tests_results else {}

    def _wake_in(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        for wake in self._wakes:
            loop.call_later(seconds, wake)

    def _failure(self, message: str, code: str, command: str) -> Failure:
        return Failure(FailureClass.GATE, "gate", message, command=command, code=code)
