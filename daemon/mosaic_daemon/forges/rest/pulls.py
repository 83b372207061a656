"""The pull request of a gate: found, opened or adopted, looked at, and closed where the forge leaves it open.

What was seen less than a second ago is not asked again, unless something was sent since.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from mosaic_daemon.forges.base import Answer, Delayed, Forbidden, Proposal, Rejected, Sent
from mosaic_daemon.forges.rest.hosting import Hosting, Job, Pull, PullState, PullText, SquashOrder
from mosaic_daemon.forges.rest.pace import Timing
from mosaic_daemon.forges.texts import without_closing
from mosaic_daemon.ground.errors import Unavailable
from mosaic_daemon.nouns.attempt import Failure, FailureClass
from mosaic_daemon.repository.clone import Clone, PushRefused

_FRESH_SEC = 1.0


@dataclass(frozen=True, slots=True)
class _Seen:
    """Pull requests as they were a moment ago. `about`: a gate's, or the one with this number; `at`: monotonic."""

    about: str | int
    pulls: tuple[Pull, ...]
    at: float


class Pulls:
    """Those of one repository."""

    def __init__(self, hosting: Hosting, clone: Clone, timing: Timing) -> None:
        self._hosting = hosting
        self._clone = clone
        self._timing = timing
        self._seen: _Seen | None = None

    def forget(self) -> None:
        """Ask anew next time."""
        self._seen = None

    async def find(self, proposal: Proposal) -> str | None:
        """The number of the gate's own.

        Raises:
            Rejected: it must not be merged, or another daemon has one for a gate of the same name.
        """
        if proposal.change:
            mine, rivals = [await self._one(int(proposal.change))], []
        else:
            marked = [pull for pull in await self._listed(proposal) if proposal.marker in pull.body]
            mine = [pull for pull in marked if is_exact(pull, proposal)]
            rivals = [pull for pull in marked if pull.state is PullState.OPEN and not is_exact(pull, proposal)]
        good = next((pull for pull in mine if self.problem(pull, proposal) is None), None)
        # Of two that were opened at once both daemons see the first.
        bad = [pull for pull in rivals if good is None or pull.number < good.number] or (mine if good is None else [])
        if bad and (problem := self.problem(bad[0], proposal)) is not None:
            raise Rejected(problem, bad[0].url)
        return str(good.number) if good else None

    async def open(self, proposal: Proposal) -> Answer:
        """Act: adopt one that somebody has opened for exactly this commit, or push the branch and create one."""
        for pull in await self._listed(proposal):
            if pull.state is PullState.OPEN and is_exact(pull, proposal):
                title, body = without_closing(pull.title or proposal.title), without_closing(pull.body)
                body = f"{body}\n\n{proposal.marker}\n" if body else proposal.body
                return self._sent(await self._hosting.update_pull(pull.number, title=title, body=body))
        try:
            branch = await self._push(proposal)
        except PushRefused as refused:
            return Forbidden(_failure(refused.line, "push_refused", refused.where))
        except Unavailable as error:
            return Delayed(error.line, error.until)
        text = PullText(branch, proposal.target, proposal.title, proposal.body)
        return self._sent(await self._hosting.create_pull(text))

    async def of(self, proposal: Proposal) -> Pull | None:
        if proposal.change:
            return await self._one(int(proposal.change))
        found = next((pull for pull in await self._listed(proposal) if is_exact(pull, proposal)), None)
        return await self._one(found.number) if found else None

    async def jobs(self, proposal: Proposal) -> list[Job]:
        """CI of what merging it gives."""
        pull = await self.of(proposal)
        return list(pull.jobs) if pull else []

    async def merge(self, pull: Pull, proposal: Proposal) -> Answer:
        """Act: squash it. What somebody wrote into it meanwhile must not close an issue: that is taken out first."""
        title, body = without_closing(pull.title), without_closing(pull.body)
        if (title, body) != (pull.title, pull.body):
            answer = self._sent(await self._hosting.update_pull(pull.number, title=title, body=body))
            return Delayed("closing words were taken out of the pull request") if isinstance(answer, Sent) else answer
        first, _, message = proposal.message.partition("\n")
        order = SquashOrder(proposal.head_sha, first, message.strip() + "\n")
        return self._sent(await self._hosting.merge(pull.number, order))

    async def close(self, proposal: Proposal) -> None:
        """Close what a gate that is over has left open: a forge may merge and not notice."""
        self.forget()
        for pull in [await self._one(int(proposal.change))] if proposal.change else await self._listed(proposal):
            if pull.state is PullState.OPEN and is_exact(pull, proposal) and proposal.marker in pull.body:
                landed = [each.sha for each in await self._clone.commits.landed_tasks() if each.gate == proposal.gate]
                self._sent(await self._hosting.close_pull(pull.number, "".join(landed[-1:])))

    def problem(self, pull: Pull | None, proposal: Proposal) -> Failure | None:
        """Why this pull request must not be merged, whatever the forge would do."""
        if pull is None or pull.state is PullState.MERGED:
            return None
        command = self._hosting.pull_command(pull.number)
        if pull.state is PullState.CLOSED:
            problem = f"pull request {pull.number} was closed by somebody without a merge: open it again"
            return _failure(problem, "closed_by_person", command)
        if not is_exact(pull, proposal):
            problem = f"pull request {pull.number} is at {pull.head_sha}, {proposal.head_sha} was accepted"
            return _failure(problem, "head_moved", command)
        return None

    # --- pieces -------------------------------------------------------------------------------------------------------

    async def _listed(self, proposal: Proposal) -> tuple[Pull, ...]:
        """Those of the gate's branches, newest first."""
        if (known := self._fresh(proposal.gate)) is None:
            listed = await self._hosting.pulls(_branches(proposal), proposal.target)
            known = self._keep(proposal.gate, tuple(pull for pull in listed if pull.own))
        return known

    async def _one(self, number: int) -> Pull:
        known = self._fresh(number)
        [pull] = self._keep(number, (await self._hosting.pull(number),)) if known is None else known
        return pull

    def _fresh(self, about: str | int) -> tuple[Pull, ...] | None:
        seen = self._seen
        if seen is None or seen.about != about or self._timing.monotonic() - seen.at >= _FRESH_SEC:
            return None
        return seen.pulls

    def _keep(self, about: str | int, pulls: tuple[Pull, ...]) -> tuple[Pull, ...]:
        self._seen = _Seen(about, pulls, self._timing.monotonic())
        return pulls

    def _sent(self, answer: Answer) -> Answer:
        self.forget()
        return answer

    async def _push(self, proposal: Proposal) -> str:
        """The branch on the forge that holds the accepted commit. Never forced: one that is taken stays as it is."""
        branches = _branches(proposal)
        for branch in branches:
            if await self._clone.push_branch(proposal.head_sha, branch):
                return branch
        where = shlex.join(("git", "ls-remote", self._clone.url, *branches))
        raise PushRefused("the branches `{}` and `{}` hold other work".format(*branches), where=where)


def is_exact(pull: Pull, proposal: Proposal) -> bool:
    """Whether it is of the accepted commit."""
    return pull.head_sha == proposal.head_sha


def _branches(proposal: Proposal) -> tuple[str, str]:
    """Its own branch, and one that nobody else can have taken."""
    return proposal.branch, f"{proposal.branch}-{proposal.gate}"


def _failure(message: str, code: str, command: str) -> Failure:
    return Failure(FailureClass.GATE, "gate", message, command=command, code=code)
