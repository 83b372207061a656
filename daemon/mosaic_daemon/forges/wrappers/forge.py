"""The forge port over scripts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from mosaic_daemon.forges.base import (
    Answer,
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
from mosaic_daemon.forges.wrappers import landing
from mosaic_daemon.forges.wrappers.acts import Acts
from mosaic_daemon.forges.wrappers.checkout import Checkouts
from mosaic_daemon.forges.wrappers.commands import Commands, Template, filled, number_in, values_of, variables_of
from mosaic_daemon.forges.wrappers.issues import Issues
from mosaic_daemon.forges.wrappers.notes import Notes
from mosaic_daemon.forges.wrappers.runs import Runs, Script
from mosaic_daemon.forges.wrappers.waits import Waits
from mosaic_daemon.ground.errors import ConfigError, Unavailable
from mosaic_daemon.nouns.attempt import Failure, FailureClass
from mosaic_daemon.repository.clone import Clone, PushRefused
from mosaic_daemon.repository.reverts import Reverted, reverted
from mosaic_rails.base import Rail


@dataclass(frozen=True, slots=True)
class Conduct:
    """How scripts are run.

    Attributes:
        rail: where; its runs survive the daemon.
        folder: what is kept of each gate (`<gate>.json`), and under `trees` the checkouts for `pr_create`.
        env: what every script gets, see `commands.environment`.
        ci_timeout_sec, queue_timeout_sec: what `pr_ci_wait`, and `ci_queue_wait` before a merge, may take.
        act_timeout_sec: what any other script may take; patience_sec: how long an act waits for one to end.
        pause_sec: before a waiting script that gave no verdict is started again.
    """

    rail: Rail
    folder: Path
    env: Mapping[str, str] = field(repr=False)
    ci_timeout_sec: float = 3600.0
    queue_timeout_sec: float = 3600.0
    act_timeout_sec: float = 300.0
    patience_sec: float = 20.0
    pause_sec: float = 10.0


class WrappersForge:
    """One repository, worked on by its owner's scripts.

    Args:
        clone: must have an origin.

    Raises:
        ConfigError: the repository has no origin, or a step that must be taken has no command.
    """

    name = "wrappers"

    def __init__(self, clone: Clone, commands: Commands, conduct: Conduct) -> None:
        if not clone.has_origin:
            raise ConfigError("the `wrappers` forge needs an origin", source=str(clone.root), remedy="add a remote")
        for needed in ("pr_create", "pr_merge", "issue_close"):
            if not getattr(commands, needed):
                raise ConfigError(f"`forge.commands.{needed}` names no command", remedy="leave it out for the default")
        self._clone = clone
        self._commands = commands
        self._conduct = conduct
        self._notes = Notes(conduct.folder)
        self._checkouts = Checkouts(conduct.folder / "trees", clone)
        self._runs = Runs(conduct.rail, conduct.env, conduct.patience_sec)
        self._acts = Acts(self._runs, self._notes)
        self._waits = Waits(self._runs, conduct.pause_sec)
        blank = Script("", "", (), {}, clone.root, conduct.act_timeout_sec)
        self._issues = Issues(commands, self._runs, self._acts, blank)

    @property
    def guard(self) -> Guard:
        """A script that is given the accepted commit is trusted to merge no other."""
        return Guard.HEAD if any("{head_sha}" in word for word in self._commands.pr_merge) else Guard.WEAK

    def on_change(self, wake: Callable[[], None]) -> None:
        self._conduct.rail.on_change(wake)

    def poke(self) -> None:
        """Its scripts tell by themselves."""

    async def base(self) -> str:
        return await self._clone.base()

    # --- the pull request ---------------------------------------------------------------------------------------------

    async def find_change(self, proposal: Proposal) -> str | None:
        """The number that `pr_create` printed.

        Raises:
            Unavailable: it is still running.
        """
        if known := self._notes.change(proposal.gate):
            return known
        run = await self._acts.last(self._create(proposal))
        if run is not None and not run.is_over:
            raise run.script.still_running
        number = number_in(run.output, f"{proposal.title}\n{proposal.body}") if run and run.went_well else None
        if number is not None:
            self._notes.keep(proposal.gate, change=number)
        return number

    async def open_change(self, proposal: Proposal) -> Answer:
        self._notes.settle()
        try:
            if await self._acts.is_due(self._create(proposal)):
                branch = await self._push(proposal)
                self._notes.keep(proposal.gate, branch=branch)
                if await self._acts.last(self._create(proposal)) is not None:  # it may have left anything there
                    await self._checkouts.remove(proposal.gate)
                await self._checkouts.ensure(proposal.gate, branch, proposal.head_sha)
            run = await self._acts.perform(self._create(proposal))
        except PushRefused as refused:
            return Forbidden(_failure(refused.problem, "push_refused", refused.where))
        except Unavailable as error:
            return Delayed(error.line, error.until)
        if run.went_well and await self.find_change(proposal) is None:
            file = self._notes.file(proposal.gate)
            problem = f'it names no number; if there is a pull request, add `"change": "NUMBER"` to {file}'
            return self._acts.refusal(run, problem, code="no_number")
        if run.went_well:
            return Sent(run.last_words)
        return self._acts.answer(run, missing="no pull request is known", code="no_number")

    async def mergeability(self, proposal: Proposal, base_sha: str) -> Mergeability:
        self._notes.settle()
        merged = await self._clone.merged_tree(base_sha, proposal.head_sha)
        if merged.tree is None:
            return Conflict(merged.conflicts)
        if merged.tree == await self._clone.git.tree(base_sha):
            return NothingToMerge()
        return Clean(merged.tree)

    async def reverted(self, proposal: Proposal, base_sha: str) -> tuple[Reverted, ...]:
        return await reverted(self._clone.git, base_sha, proposal.head_sha, proposal.task)

    async def merge(self, proposal: Proposal, base_sha: str) -> Answer:
        """The script may know no head to pin: where the branch is, is looked at just before."""
        self._notes.settle()
        number = self._number(proposal)
        script = self._script("merge", proposal, self._commands.pr_merge, base_sha)
        try:
            tip = await self._clone.base()
            asked_on = self._notes.of(proposal.gate).get("asked_on")
            if asked_on and (landed := await landing.find_landed(self._clone, proposal, asked_on)):
                return Sent(f"it has landed as {landed.sha}")
            if await self._acts.is_due(script):
                if tip != base_sha:
                    return Moved(f"`{self._clone.branch}` is at {tip}")
                branch = self._branch(proposal)
                head = await landing.head_of(self._clone, branch)
                if head != proposal.head_sha:
                    problem = f"`{branch}` is at {head or 'no commit'}, {proposal.head_sha} was accepted"
                    return Forbidden(_failure(problem, "head_moved", script.line))
                if not number:
                    return Forbidden(_failure("the number of its pull request is not known", "no_pull", script.line))
                self._notes.keep(proposal.gate, head_seen=head, asked_on=asked_on or base_sha)
            run = await self._acts.perform(script)
        except Unavailable as error:
            return Delayed(error.line, error.until)
        missing = f"no commit of it is on `{self._clone.branch}`"
        return self._acts.answer(run, missing=missing, code="merge_not_found")

    async def find_landed(self, proposal: Proposal, base_sha: str) -> Landed | None:
        """Raises Unavailable also while `pr_merge` runs and has not landed it."""
        run = await self._acts.last(self._script("merge", proposal, self._commands.pr_merge, base_sha))
        await self._clone.base()
        landed = await landing.find_landed(self._clone, proposal, base_sha)
        if landed is None and run is not None and not run.is_over:
            raise run.script.still_running
        return landed

    async def expected_tree(self, proposal: Proposal, parent: str) -> str | None:
        return (await self._clone.merged_tree(parent, proposal.head_sha)).tree

    async def tidy(self, proposal: Proposal) -> None:
        await self._waits.stop(self._change_ci(proposal))
        await self._checkouts.remove(proposal.gate)

    def recorded(self) -> None:
        self._notes.settle()

    async def aclose(self) -> None:
        """Scripts go on by themselves."""

    # --- CI -----------------------------------------------------------------------------------------------------------

    async def queue(self, base_sha: str) -> CiReport:
        self._notes.settle()
        judged = await self._clone.commits.below_tracking(base_sha)
        if not self._commands.ci_queue_wait:
            return _not_configured("ci_queue_wait")
        return await self._waits.of_branch(self._branch_ci("queue", judged, self._conduct.queue_timeout_sec))

    async def change_ci(self, proposal: Proposal, base_sha: str) -> CiReport:
        self._notes.settle()
        if not self._commands.pr_ci_wait:
            return _not_configured("pr_ci_wait")
        if not self._number(proposal):
            return CiReport(Verdict.SILENT, detail="the number of its pull request is not known")
        return await self._waits.of_commit(self._change_ci(proposal))

    async def commit_ci(self, sha: str) -> CiReport:
        """The script that waits for the branch, once more: started when `sha` is on it, its verdict is taken for it."""
        self._notes.settle()
        if not self._commands.ci_queue_wait:
            return _not_configured("ci_queue_wait")
        report = await self._waits.of_commit(self._branch_ci("main", sha, self._conduct.ci_timeout_sec))
        if report.verdict is not Verdict.GREEN:
            return report
        says = f"{report.detail}; it judges `{self._clone.branch}` and was started with {sha} on it"
        return replace(report, detail=says)

    async def rerun(self, sha: str) -> Answer:
        return Forbidden(_failure("no script runs red jobs again", "no_rerun", f"CI of {sha}"))

    # --- issues -------------------------------------------------------------------------------------------------------

    async def issue_is_closed(self, proposal: Proposal) -> bool:
        return await self._issues.is_closed(proposal)

    async def close_issue(self, proposal: Proposal, evidence: str) -> Answer:
        self._notes.settle()
        try:
            return await self._issues.close(proposal, evidence)
        except Unavailable as error:
            return Delayed(error.line, error.until)

    # --- pieces -------------------------------------------------------------------------------------------------------

    def _create(self, proposal: Proposal) -> Script:
        script = self._script("create", proposal, self._commands.pr_create)
        return replace(script, cwd=self._checkouts.path(proposal.gate))

    def _change_ci(self, proposal: Proposal) -> Script:
        script = self._script(f"ci-{proposal.head_sha[:12]}", proposal, self._commands.pr_ci_wait)
        return replace(script, timeout_sec=self._conduct.ci_timeout_sec)

    def _script(self, name: str, proposal: Proposal, template: Template, base_sha: str = "") -> Script:
        branch = self._branch(proposal)
        values = values_of(proposal, branch=branch, base_sha=base_sha, number=self._number(proposal))
        env = variables_of(proposal, branch, base_sha)
        argv = filled(template, values) if template else ()
        return Script(proposal.gate, name, argv, env, self._clone.root, self._conduct.act_timeout_sec)

    def _branch_ci(self, name: str, sha: str, timeout_sec: float) -> Script:
        """Named by the commit, as every gate that asks for it asks for the same."""
        target = self._clone.branch
        env = {"MOSAIC_TARGET": target, "MOSAIC_HEAD_SHA": sha}
        argv = filled(self._commands.ci_queue_wait, {"target": target, "head_sha": sha})
        return Script(name, sha[:12], argv, env, self._clone.root, timeout_sec)

    def _number(self, proposal: Proposal) -> str:
        return proposal.change or self._notes.change(proposal.gate)

    def _branch(self, proposal: Proposal) -> str:
        """The branch on the origin that holds the accepted commit."""
        return str(self._notes.of(proposal.gate).get("branch") or proposal.branch)

    async def _push(self, proposal: Proposal) -> str:
        """Never forced: a branch that is taken stays as it is, and another name is used."""
        other = f"{proposal.branch}-{proposal.gate}"
        for branch in (proposal.branch, other):
            if await self._clone.push_branch(proposal.head_sha, branch):
                return branch
        raise PushRefused(f"the branches `{proposal.branch}` and `{other}` hold other work", where=self._clone.url)


def _not_configured(command: str) -> CiReport:
    return CiReport(Verdict.ABSENT, detail=f"`forge.commands.{command}` is empty")


def _failure(problem: str, code: str, command: str) -> Failure:
    return Failure(FailureClass.GATE, "gate", problem, command=command, code=code)
