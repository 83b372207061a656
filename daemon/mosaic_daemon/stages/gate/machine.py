"""The gate's state machine. One call looks at one gate and answers with the one event that moves it, or with none.

Order: lease, queue guard, pull request, mergeable (with the change's own CI), merge, verify, CI of the merge commit,
issue closed. Nothing is concluded from an exit code or from emptiness: after every act the probe decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from mosaic_daemon.forges.base import (
    CiReport,
    Clean,
    Conflict,
    Delayed,
    Forbidden,
    Forge,
    Moved,
    NothingToMerge,
    Proposal,
    Undecided,
    Verdict,
)
from mosaic_daemon.ground.failpoints import failpoint
from mosaic_daemon.nouns.attempt import Failure, FailureClass
from mosaic_daemon.nouns.events import (
    GateBlocked,
    GateFailed,
    GateHeld,
    GateIntended,
    GateReturned,
    GateRewound,
    GateStepped,
    TaskDone,
    TaskEvent,
)
from mosaic_daemon.nouns.gate import STEPS, Gate, Hold, Step
from mosaic_daemon.nouns.record import Gating, Record
from mosaic_daemon.stages.gate.proposal import proposal_of

_MAX_ROUNDS = 100


@dataclass(frozen=True, slots=True)
class GatePolicy:
    """Attributes:
    target: the base branch.
    ci_required: a commit without a verdict is blocked instead of passing as "no CI".
    returns: how often a conflict, or red CI, sends the task back to a worker before it is blocked.
    """

    target: str
    ci_required: bool = False
    returns: int = 1


def lease_holder(records: Iterable[Record]) -> str | None:
    """The task whose gate may move: the one between queue guard and CI verdict, else the one that waits longest."""
    gates = [(record.id, record.state.gate) for record in records if isinstance(record.state, Gating)]
    holders = [task for task, gate in gates if Step.LEASE != gate.step != Step.CLOSE]
    if holders:
        return holders[0]
    waiting = [(gate.opened_at, task) for task, gate in gates if gate.step == Step.LEASE]
    return min(waiting)[1] if waiting else None


async def advance(record: Record, forge: Forge, policy: GatePolicy, now: datetime) -> TaskEvent | None:
    """The event that moves this gate on, or None when it has to wait for the outside.

    The caller makes the event durable before it calls again; an act is only done for an intent that is durable.

    Raises:
        Unavailable: the forge cannot be asked now.
    """
    assert isinstance(record.state, Gating)  # noqa: S101
    step = _Advance(record, record.state.gate, forge, policy, now)
    event = await step.run()
    if isinstance(event, GateHeld) and event.hold == record.state.gate.hold:
        return None
    return event


class _Advance:
    """One look at one gate."""

    def __init__(self, record: Record, gate: Gate, forge: Forge, policy: GatePolicy, now: datetime) -> None:
        self._record = record
        self._gate = gate
        self._forge = forge
        self._policy = policy
        self._now = now
        self._proposal: Proposal = proposal_of(record, gate, policy.target)

    async def run(self) -> TaskEvent | None:
        match self._gate.step:
            case Step.LEASE:
                return self._stepped({"at": self._now.isoformat()})
            case Step.MAIN_CLEAR:
                return await self._main_clear()
            case Step.PR:
                return await self._pr()
            case Step.MERGEABLE:
                return await self._mergeable()
            case Step.MERGE:
                return await self._merge()
            case Step.VERIFY:
                return await self._verify()
            case Step.MAIN_CI:
                return await self._main_ci()
            case Step.CLOSE:
                return await self._close()

    async def _main_clear(self) -> TaskEvent | None:
        base = await self._forge.base()
        # What a round that is over had sent may still have landed: below the new base nobody would look for it.
        first = self._gate.evidence.get(Step.MAIN_CLEAR, {}).get("first_base", base)
        landed = await self._forge.find_landed(self._proposal, first) if self._gate.rounds else None
        if landed is not None:
            stepped = self._stepped({"base_sha": first, "landed": landed.sha})
            return replace(stepped, next=Step.VERIFY, base_sha=first, merge_sha=landed.sha)
        report = await self._forge.queue(base)
        match report.verdict:
            case Verdict.PENDING:
                return GateHeld(Hold("CI of the base branch is still running"))
            case Verdict.RED:
                return GateHeld(Hold(f"the base branch is red at {base[:12]}: {_names(report)}"))
            case _:
                seen = {"base_sha": base, "first_base": first, **_ci_evidence(report)}
                return replace(self._stepped(seen), base_sha=base)

    async def _pr(self) -> TaskEvent | None:
        change = await self._forge.find_change(self._proposal)
        if change is None and self._gate.intent is None:
            return self._intended({"open": self._proposal.branch})
        if change is None:
            failpoint("gate.pr.before-act")
            await self._forge.open_change(self._proposal)
            failpoint("gate.pr.after-act")
            change = await self._forge.find_change(self._proposal)
        return replace(self._stepped({"change": change}), change=change) if change else None

    async def _mergeable(self) -> TaskEvent | None:
        base = self._base
        match await self._forge.mergeability(self._proposal, base):
            case Conflict(files=files):
                return self._returned(
                    FailureClass.CONFLICT, f"conflicts with {self._policy.target} in {', '.join(files) or 'its files'}"
                )
            case NothingToMerge() if self._record.task.kind.may_change_nothing:
                return replace(self._stepped({"nothing_to_merge": base}), next=Step.CLOSE)
            case NothingToMerge():
                return GateFailed(
                    self._failure(FailureClass.NO_CHANGES, f"merging it would not change {self._policy.target}")
                )
            case Undecided(reason=reason):
                return GateHeld(Hold(reason))
            case Forbidden(failure=failure):
                return GateBlocked(failure)
            case Clean() as clean:
                pass
        report = await self._forge.change_ci(self._proposal, base)
        failed = self._ci_problem(report, "its CI")
        if failed is not None or report.verdict == Verdict.PENDING:
            return failed
        evidence = {"tree": clean.tree, "candidate": clean.candidate, **_ci_evidence(report)}
        return self._stepped(evidence)

    async def _merge(self) -> TaskEvent | None:
        landed = await self._forge.find_landed(self._proposal, self._base)
        if landed is None and self._gate.intent is None:
            return self._intended({"merge": self._gate.head_sha, "onto": self._base})
        if landed is None:
            failpoint("gate.merge.before-act")
            answer = await self._forge.merge(self._proposal, self._base)
            failpoint("gate.merge.after-act")
            landed = await self._forge.find_landed(self._proposal, self._base)
            if landed is None:
                return self._not_landed(answer)
        return replace(self._stepped({"merge_sha": landed.sha, "parent": landed.parent}), merge_sha=landed.sha)

    def _not_landed(self, answer: object) -> TaskEvent:
        match answer:
            case Moved() if self._gate.rounds < _MAX_ROUNDS:
                return GateRewound("the base branch moved before the merge")
            case Moved():
                return GateBlocked(self._failure(FailureClass.GATE, f"the base branch moved {_MAX_ROUNDS} times"))
            case Delayed(reason=reason, until=until):
                return GateHeld(Hold(reason, until))
            case Forbidden(failure=failure):
                return GateBlocked(failure)
            case _:
                problem = "the merge was accepted, and no commit of it is on the base branch"
                return GateBlocked(self._failure(FailureClass.GATE, problem))

    async def _verify(self) -> TaskEvent | None:
        landed = await self._forge.find_landed(self._proposal, self._base)
        if landed is None:
            return GateBlocked(
                self._failure(FailureClass.GATE, f"{self._gate.merge_sha} is not on {self._policy.target} any more")
            )
        expected = await self._forge.expected_tree(self._proposal, landed.parent)
        if landed.tree != expected:
            problem = f"{landed.sha} has tree {landed.tree}, merging the accepted commit gives {expected}"
            return GateBlocked(self._failure(FailureClass.GATE, problem))
        return self._stepped({"merge_sha": landed.sha, "parent": landed.parent, "tree": landed.tree})

    async def _main_ci(self) -> TaskEvent | None:
        assert self._gate.merge_sha is not None  # noqa: S101
        report = await self._forge.commit_ci(self._gate.merge_sha)
        if report.verdict == Verdict.PENDING:
            return GateHeld(Hold(f"CI of {self._gate.merge_sha[:12]} is still running"))
        if report.verdict == Verdict.RED:
            return GateBlocked(
                self._failure(FailureClass.CI, f"CI of {self._gate.merge_sha} is red: {_names(report)}", report)
            )
        if report.verdict == Verdict.ABSENT and self._policy.ci_required:
            return GateBlocked(self._failure(FailureClass.CI, "CI never started, and `gate.ci` is `required`"))
        return self._stepped(_ci_evidence(report))

    async def _close(self) -> TaskEvent | None:
        if not await self._forge.issue_is_closed(self._proposal):
            if self._gate.intent is None:
                return self._intended({"close": self._proposal.issue})
            failpoint("gate.close.before-act")
            merged = f"Merged as {self._gate.merge_sha}." if self._gate.merge_sha else "Nothing had to be changed."
            await self._forge.close_issue(self._proposal, merged)
            failpoint("gate.close.after-act")
            if not await self._forge.issue_is_closed(self._proposal):
                return None
        await self._forge.tidy(self._proposal)
        return TaskDone(self._done_evidence())

    # --- pieces -------------------------------------------------------------------------------------------------------

    @property
    def _base(self) -> str:
        assert self._gate.base_sha is not None  # noqa: S101
        return self._gate.base_sha

    def _stepped(self, evidence: dict[str, object]) -> GateStepped:
        following = STEPS[STEPS.index(self._gate.step) + 1]
        return GateStepped(self._gate.step, evidence, following)

    def _intended(self, request: dict[str, object]) -> GateIntended:
        key = f"{self._gate.id}:{self._gate.step}:{self._gate.rounds}"
        return GateIntended(self._gate.step, key, request)

    def _ci_problem(self, report: CiReport, what: str) -> TaskEvent | None:
        if report.verdict == Verdict.RED:
            return self._returned(FailureClass.CI, f"{what} is red: {_names(report)}", report)
        if report.verdict == Verdict.ABSENT and self._policy.ci_required:
            problem = f"{what} never started, and `gate.ci` is `required`"
            return GateBlocked(self._failure(FailureClass.CI, problem))
        return None

    def _returned(self, kind: FailureClass, message: str, report: CiReport | None = None) -> TaskEvent:
        failure = self._failure(kind, message, report)
        if self._record.tries.get(kind.value, 0) < self._policy.returns:
            return GateReturned(failure)
        return GateBlocked(failure)

    def _failure(self, kind: FailureClass, message: str, report: CiReport | None = None) -> Failure:
        return Failure(
            kind=kind,
            step=f"gate:{self._gate.step}",
            message=message,
            command=report.command if report else "",
            tail=report.detail if report else "",
            at=self._now,
        )

    def _done_evidence(self) -> dict[str, object]:
        gate = self._gate
        ci = gate.evidence.get(Step.MAIN_CI, {}).get("verdict")
        issue = self._proposal.issue or f"internal:{self._proposal.task}"
        merged = f"{gate.merge_sha[:12]} on {self._policy.target} | CI: {ci}" if gate.merge_sha else ""
        return {
            "summary": f"done: {merged or f'nothing to change at {self._base[:12]}'} | closed: {issue}",
            "merge_sha": gate.merge_sha,
            "head_sha": gate.head_sha,
            "base_sha": gate.base_sha,
            "tree": gate.evidence.get(Step.VERIFY, {}).get("tree"),
            "change": gate.change,
            "ci": ci,
            "checks": gate.evidence.get(Step.MERGEABLE, {}).get("checks", []),
            "issue": issue,
            "closed_at": self._now.isoformat(),
        }


def _ci_evidence(report: CiReport) -> dict[str, object]:
    checks = [{"name": check.name, "state": check.state, "url": check.url} for check in report.checks]
    return {"verdict": report.verdict.value, "checks": checks, "detail": report.detail}


def _names(report: CiReport) -> str:
    return ", ".join(f"{check.name} ({check.state})" for check in report.checks) or "no check named"
