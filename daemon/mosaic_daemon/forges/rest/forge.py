"""The forge port over any REST dialect: the API proposes, git decides.

Where the base branch is, what has landed and what a merge gives is read from git. The API is asked for what only it
knows: pull requests, CI, issues, rules.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import replace

from loguru import logger

from mosaic_daemon.forges.base import (
    Answer,
    CiReport,
    Clean,
    Conflict,
    Delayed,
    Forbidden,
    Landed,
    Mergeability,
    Moved,
    NothingToMerge,
    Proposal,
    Sent,
    Undecided,
    Verdict,
)
from mosaic_daemon.forges.rest.answers import Rejected
from mosaic_daemon.forges.rest.hosting import (
    Hosting,
    Job,
    Outcome,
    Pull,
    PullState,
    PullText,
    Readiness,
    Rules,
    SquashOrder,
)
from mosaic_daemon.forges.rest.watch import Polling, Watch, is_superseded, report_of
from mosaic_daemon.ground.errors import MosaicError, Unavailable
from mosaic_daemon.nouns.attempt import Failure, FailureClass
from mosaic_daemon.repository.clone import Clone, PushRefused

_UNDECIDED_SEC = 60.0
_RULES_SEC = 300.0
_DESCENDANTS = 5
_ISSUE = re.compile(r"(?:.*[#!/])?(\d{1,9})")


class RestForge:
    """One repository on one forge."""

    merges_atomically = False

    def __init__(self, hosting: Hosting, clone: Clone, polling: Polling) -> None:
        self._hosting = hosting
        self._clone = clone
        self._first_run_sec = polling.first_run_sec
        self._watch = Watch(hosting, polling, self._wake_in)
        self._wakes: list[Callable[[], None]] = []
        self._undecided: dict[str, float] = {}
        self._rules: tuple[float, Rules] | None = None

    @property
    def name(self) -> str:
        return self._hosting.name

    def on_change(self, wake: Callable[[], None]) -> None:
        self._wakes.append(wake)

    def poke(self) -> None:
        self._watch.poke()

    async def base(self) -> str:
        return await self._clone.base()

    async def queue(self, base_sha: str) -> CiReport:
        judged = await self._clone.below_tracking(base_sha)
        report = await self._report(judged)
        if report.verdict is Verdict.SILENT:
            if time.time() - await self._clone.committed_at(judged) < self._first_run_sec:
                return report
            report = replace(report, verdict=Verdict.ABSENT, detail=f"no check of {judged} in {self._first_run_sec} s")
        if report.verdict in (Verdict.GREEN, Verdict.ABSENT):
            running = [job for job in await self._hosting.running(self._clone.branch) if job.sha != judged]
            if running:
                return report_of(running, judged)
        return report

    # --- the pull request ---------------------------------------------------------------------------------------------

    async def find_change(self, proposal: Proposal) -> str | None:
        pulls = await self._pulls(proposal)
        mine = [pull for pull in pulls if proposal.marker in pull.body]
        for pull in mine:
            if pull.state is not PullState.CLOSED:
                return str(pull.number)
        if mine:
            problem = f"pull request {mine[0].number} was closed by somebody without a merge"
            raise Rejected(self._failure(problem, "closed_by_person", mine[0].url), mine[0].url, "open it again")
        return None

    async def open_change(self, proposal: Proposal) -> Answer:
        for pull in await self._pulls(proposal):
            if pull.state is PullState.OPEN:
                body = f"{pull.body}\n\n{proposal.marker}\n" if pull.body else proposal.body
                return await self._hosting.update_pull(pull.number, title=pull.title or proposal.title, body=body)
        try:
            branch = await self._push(proposal)
        except PushRefused as refused:
            return Forbidden(self._failure(refused.line, "push_refused", refused.where))
        except Unavailable as error:
            return Delayed(error.line, error.until)
        return await self._hosting.create_pull(PullText(branch, proposal.target, proposal.title, proposal.body))

    async def mergeability(self, proposal: Proposal, base_sha: str) -> Mergeability:
        pull = await self._pull(proposal)
        if (problem := self._problem(pull, proposal)) is not None:
            return Forbidden(problem)
        merged = await self._clone.merged_tree(base_sha, proposal.head_sha)
        if merged.tree is None:
            return Conflict(merged.conflicts)
        if merged.tree == await self._clone.git.tree(base_sha):
            return NothingToMerge()
        if pull is None or pull.readiness is Readiness.READY:
            self._undecided.pop(proposal.gate, None)
            return Clean(merged.tree)
        return await self._settled(proposal, pull, merged.tree)

    async def change_ci(self, proposal: Proposal, base_sha: str) -> CiReport:
        return await self._expecting(await self._report(proposal.head_sha), proposal.head_sha)

    async def merge(self, proposal: Proposal, base_sha: str) -> Answer:
        pull = await self._pull(proposal)
        if pull is None:
            return Forbidden(self._failure("its pull request is gone", "no_pull", proposal.branch))
        if pull.state is PullState.OPEN and (problem := self._problem(pull, proposal)) is not None:
            return Forbidden(problem)
        # No forge takes the base it was judged on: a short way from here to the merge is all that can be had.
        if (base := await self._clone.base()) != base_sha and pull.state is PullState.OPEN:
            return Moved(f"{self._clone.branch} is at {base}")
        title, _, message = proposal.message.partition("\n")
        return await self._hosting.merge(pull.number, SquashOrder(proposal.head_sha, title, message.strip() + "\n"))

    async def find_landed(self, proposal: Proposal, base_sha: str) -> Landed | None:
        await self._clone.base()
        merge = await self._clone.find_merge(proposal.gate, base_sha)
        if merge is None and proposal.change:
            pull = await self._hosting.pull(int(proposal.change))
            if pull.state is PullState.MERGED and pull.merge_sha:  # by somebody, in words of their own
                merge = await self._clone.find_commit(pull.merge_sha, base_sha)
        return Landed(merge.sha, merge.parents[0], merge.tree) if merge else None

    async def expected_tree(self, proposal: Proposal, parent: str) -> str | None:
        return (await self._clone.merged_tree(parent, proposal.head_sha)).tree

    async def tidy(self, proposal: Proposal) -> None:
        """A forge may merge and leave the pull request open; one whose work went back to a worker is over as well."""
        try:
            for pull in await self._pulls(proposal):
                if pull.state is PullState.OPEN and proposal.marker in pull.body:
                    await self._hosting.close_pull(pull.number)
        except MosaicError as error:
            logger.warning("{}: its pull request could not be closed: {}", proposal.task, error)

    async def aclose(self) -> None:
        await self._hosting.aclose()

    # --- CI -----------------------------------------------------------------------------------------------------------

    async def commit_ci(self, sha: str) -> CiReport:
        jobs = await self._watch.jobs(sha)
        if is_superseded(jobs):
            for later in await self._clone.descendants(sha, _DESCENDANTS):
                if newer := await self._watch.jobs(later):
                    return report_of(newer, later)
        return await self._expecting(report_of(jobs, ""), sha)

    async def rerun(self, sha: str) -> Answer:
        red = [job for job in await self._watch.jobs(sha) if job.outcome in (Outcome.FAILED, Outcome.CANCELLED)]
        runs: dict[str, Job] = {job.run: job for job in red if job.run}
        answer: Answer = Forbidden(self._failure("its red jobs cannot be run again from here", "no_rerun", sha))
        for job in runs.values():
            answer = await self._hosting.rerun(job)
        self._watch.forget(sha)
        return answer

    # --- the issue ----------------------------------------------------------------------------------------------------

    async def issue_is_closed(self, proposal: Proposal) -> bool:
        number = _number(proposal.issue)
        if number is None:
            return True
        if proposal.siblings:
            return await self._is_told(number, proposal)
        return (await self._hosting.issue(number)).closed

    async def close_issue(self, proposal: Proposal, evidence: str) -> Answer:
        number = _number(proposal.issue)
        if number is None:
            return Sent()
        if not await self._is_told(number, proposal):
            answer = await self._hosting.comment(number, f"{evidence}\n\n{proposal.marker}\n")
            if not isinstance(answer, Sent) or proposal.siblings:
                return answer
        return Sent() if proposal.siblings else await self._hosting.close_issue(number)

    async def _is_told(self, number: int, proposal: Proposal) -> bool:
        return any(proposal.marker in text for text in await self._hosting.comments(number))

    # --- pieces -------------------------------------------------------------------------------------------------------

    async def _pulls(self, proposal: Proposal) -> list[Pull]:
        """Pull requests of exactly the accepted commit, newest first."""
        for branch in _branches(proposal):
            pulls = await self._hosting.pulls(branch, proposal.target)
            if found := [pull for pull in pulls if pull.own and pull.head_sha == proposal.head_sha]:
                return found
        return []

    async def _pull(self, proposal: Proposal) -> Pull | None:
        if proposal.change:
            return await self._hosting.pull(int(proposal.change))
        found = await self._pulls(proposal)
        return await self._hosting.pull(found[0].number) if found else None

    async def _push(self, proposal: Proposal) -> str:
        """The branch on the forge that holds the accepted commit. Never forced: one that is taken stays as it is."""
        first, second = _branches(proposal)
        if await self._clone.push_branch(proposal.head_sha, first):
            return first
        if await self._clone.push_branch(proposal.head_sha, second):
            return second
        raise PushRefused(f"the branches `{first}` and `{second}` hold other work", where=self._clone.url)

    def _problem(self, pull: Pull | None, proposal: Proposal) -> Failure | None:
        """Why this pull request must not be merged, whatever the forge would do."""
        if pull is None or (pull.state is PullState.OPEN and pull.head_sha == proposal.head_sha):
            return None
        if pull.state is not PullState.OPEN:
            problem = f"pull request {pull.number} was {pull.state} by somebody: {pull.merge_sha or 'no commit'}"
            return self._failure(problem, f"{pull.state}_by_person", pull.url)
        problem = f"pull request {pull.number} is at {pull.head_sha}, {proposal.head_sha} was accepted"
        return self._failure(problem, "head_moved", pull.url)

    async def _settled(self, proposal: Proposal, pull: Pull, tree: str) -> Mergeability:
        """A forge that does not know, or says no while CI runs, is given a minute after which git decides."""
        since = self._undecided.setdefault(proposal.gate, time.monotonic())
        waits = f"the forge says of pull request {pull.number}: {pull.reason or pull.readiness}"
        is_over = time.monotonic() - since >= _UNDECIDED_SEC
        if pull.readiness is Readiness.FORBIDDEN:
            report = await self.change_ci(proposal, "")
            if report.verdict is Verdict.PENDING or not is_over:
                return Undecided(waits)
            return Forbidden(self._failure(waits, pull.code or "protection", pull.url))
        if is_over:
            self._undecided.pop(proposal.gate, None)
            return Clean(tree)
        self._wake_in(2.0)
        return Undecided(waits)

    async def _report(self, sha: str) -> CiReport:
        return report_of(await self._watch.jobs(sha), "")

    async def _expecting(self, report: CiReport, sha: str) -> CiReport:
        """A silent report with what speaks against there being no CI at all."""
        if report.verdict is not Verdict.SILENT:
            return report
        required = (await self._known_rules()).required
        files = await self._clone.existing(sha, self._hosting.ci_files)
        why = [f"`{file}`" for file in files] + [f"the required check `{name}`" for name in required]
        detail = "" if why else "no check appeared, no CI file is in the commit, and none is required"
        return replace(report, expected=" and ".join(why), detail=detail)

    async def _known_rules(self) -> Rules:
        if self._rules is None or time.monotonic() - self._rules[0] > _RULES_SEC:
            self._rules = (time.monotonic(), await self._hosting.rules(self._clone.branch))
        return self._rules[1]

    def _wake_in(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        for wake in self._wakes:
            loop.call_later(seconds, wake)

    def _failure(self, message: str, code: str, where: str) -> Failure:
        return Failure(FailureClass.GATE, "gate", message, command=f"# {where}", code=code)


def _branches(proposal: Proposal) -> tuple[str, str]:
    """Its own branch, and one that nobody else can have taken."""
    return proposal.branch, f"{proposal.branch}-{proposal.gate}"


def _number(issue: str) -> int | None:
    """`#12`, `12`, an address that ends in it; None: it is no issue of this forge, so nothing is to be closed."""
    found = _ISSUE.fullmatch(issue.strip())
    return int(found[1]) if found else None
