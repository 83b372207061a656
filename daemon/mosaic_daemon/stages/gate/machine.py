"""The gate's state machine. One call looks at one gate and answers with the one event that moves it, or with none.

Order: lease, queue guard, pull request, mergeable (with the change's own CI), merge, verify, CI of the merge commit,
issue closed. Nothing is concluded from an exit code or from emptiness: after every act the probe decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from mosaic_daemon.forges.base import (
    Answer,
    Clean,
    Conflict,
    Forbidden,
    Forge,
    Guard,
    Moved,
    NothingToMerge,
    Proposal,
    Undecided,
)
from mosaic_daemon.nouns.attempt import Failure, FailureClass
from mosaic_daemon.nouns.events import (
    GateBlocked,
    GateFailed,
    GateHeld,
    GateReturned,
    GateStepped,
    TaskDone,
    TaskEvent,
)
from mosaic_daemon.nouns.gate import STEPS, Gate, Hold, Step, is_past_guard
from mosaic_daemon.nouns.record import Gating, Record
from mosaic_daemon.stages.gate import ci, evidence
from mosaic_daemon.stages.gate.acts import Acts
from mosaic_daemon.stages.gate.policy import GatePolicy, Look
from mosaic_daemon.stages.gate.proposal import proposal_of


def lease_holder(records: Iterable[Record]) -> str | None:
    """The task whose gate may move: the furthest that is past the queue guard, else the one whose turn it is there.

    Several can be past it when a person has blocked ones resumed: one after the other all the same. One that mends the
    base branch goes before those that wait for it to be mended.
    """
    passed, waiting = [], []
    for record in records:
        if isinstance(record.state, Gating):
            gate = record.state.gate
            place = -STEPS.index(gate.step)
            if is_past_guard(gate):
                passed.append((place, gate.opened_at, record.id))
            elif gate.step is not Step.CLOSE:
                waiting.append((not record.task.fixes_main, place, gate.opened_at, record.id))
    return min(passed)[-1] if passed else min(waiting)[-1] if waiting else None


async def advance(record: Record, forge: Forge, policy: GatePolicy, look: Look) -> TaskEvent | None:
    """The event that moves this gate on, or None when it has to wait for the outside.

    The caller makes the event durable before it calls again; an act is only done for an intent that is durable.

    Raises:
        Unavailable: the forge cannot be asked now.
    """
    assert isinstance(record.state, Gating)  # noqa: S101
    gate = record.state.gate
    event = await _Advance(record, gate, forge, policy, look).run()
    if isinstance(event, GateHeld) and event.hold == gate.hold and not event.nothing_happened:
        return None
    return event


async def tidy(record: Record, forge: Forge, policy: GatePolicy) -> None:
    """This gate is over without a merge: its pull request and whatever else it made may go."""
    assert isinstance(record.state, Gating)  # noqa: S101
    await forge.tidy(proposal_of(record, record.state.gate, policy.target))


class _Advance:
    """One look at one gate."""

    def __init__(self, record: Record, gate: Gate, forge: Forge, policy: GatePolicy, look: Look) -> None:
        self._record = record
        self._gate = gate
        self._forge = forge
        self._policy = policy
        self._look = look
        self._acts = Acts(gate, forge, policy, look)
        self._proposal: Proposal = replace(proposal_of(record, gate, policy.target), siblings=look.siblings)

    async def run(self) -> TaskEvent | None:
        match self._gate.step:
            case Step.LEASE:
                return self._stepped({"at": self._look.now.isoformat()})
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
            stepped = self._stepped({"base_sha": first, "landed": landed.sha, "guard": self._forge.guard.value})
            return replace(stepped, next=Step.VERIFY, base_sha=first, merge_sha=landed.sha)
        seen = {"base_sha": base, "first_base": first}
        if self._policy.ci == "none":
            return replace(self._stepped({**seen, **ci.DECLARED_NONE}), base_sha=base)
        report = await self._forge.queue(base)
        match ci.of_base(report, self._acts.waited, self._policy):
            case ci.Waiting(hold=hold):
                return GateHeld(hold)
            case ci.Red(message=message) if not self._record.task.fixes_main:
                return GateHeld(Hold(f"{message}, at {(report.judged or base)[:12]}"))
            case ci.Stuck(code=code, message=message):
                return GateBlocked(self._acts.failure(FailureClass.GATE, message, code, report))
            case _:
                return replace(self._stepped({**seen, **ci.evidence(report)}), base_sha=base)

    async def _pr(self) -> TaskEvent | None:
        change = None if self._look.has_just_intended else await self._forge.find_change(self._proposal)
        if change is None:
            request = {"open": self._proposal.branch}
            answer = await self._acts.once(request, lambda: self._forge.open_change(self._proposal))
            if not isinstance(answer, Answer):
                return answer
            change = await self._forge.find_change(self._proposal)
            if change is None:
                return self._acts.not_done(answer, "the pull request")
        return replace(self._stepped({"change": change}), change=change)

    async def _mergeable(self) -> TaskEvent | None:
        base = self._base
        match await self._forge.mergeability(self._proposal, base):
            case Conflict(files=files):
                problem = f"conflicts with {self._policy.target} in {', '.join(files) or 'its files'}"
                shown = self._acts.command("merge-tree", "--write-tree", "--name-only", base, self._proposal.head_sha)
                return self._returned(
                    replace(self._acts.failure(FailureClass.CONFLICT, problem, "conflict"), command=shown)
                )
            case NothingToMerge() if self._record.task.kind.may_change_nothing:
                return replace(self._stepped({"nothing_to_merge": base}), next=Step.CLOSE)
            case NothingToMerge():
                problem = f"merging it would not change {self._policy.target}"
                return GateFailed(self._acts.failure(FailureClass.NO_CHANGES, problem, "no_changes"))
            case Undecided(reason=reason):
                return GateHeld(Hold(reason))
            case Forbidden(failure=failure):
                return self._acts.refused(failure)
            case Clean() as clean:
                pass
        if (suspect := await self._takes_back(base)) is not None:
            return GateBlocked(suspect)
        merged: dict[str, object] = {"tree": clean.tree, "candidate": clean.candidate}
        if self._policy.ci == "none" or self._policy.change_ci == "skip":
            return self._stepped({**merged, "verdict": "not asked", "checks": []})
        report = await self._forge.change_ci(self._proposal, base)
        match ci.of_change(report, self._acts.waited, self._policy):
            case ci.Waiting(hold=hold):
                return GateHeld(hold)
            case ci.Red(message=message):
                failure = self._acts.failure(FailureClass.CI, message, "ci_failed", report)
                return await self._acts.rerun(self._proposal.head_sha) or self._returned(failure)
            case ci.Stuck(code=code, message=message):
                return GateBlocked(self._acts.failure(FailureClass.GATE, message, code, report))
            case _:
                return self._stepped({**merged, **ci.evidence(report)})

    async def _merge(self) -> TaskEvent | None:
        landed = None
        if not self._look.has_just_intended:
            landed = await self._forge.find_landed(self._proposal, self._base)
            if landed is None and self._forge.guard is not Guard.FULL and await self._forge.base() != self._base:
                return self._acts.rewound()
        if landed is None:
            request = {"merge": self._gate.head_sha, "onto": self._base}
            answer = await self._acts.once(request, lambda: self._forge.merge(self._proposal, self._base))
            if not isinstance(answer, Answer):
                return answer
            landed = await self._forge.find_landed(self._proposal, self._base)
            if landed is None:
                return self._acts.rewound() if isinstance(answer, Moved) else self._acts.not_done(answer, "the merge")
        seen: dict[str, object] = {"merge_sha": landed.sha, "parent": landed.parent, "guard": self._forge.guard.value}
        return replace(self._stepped(seen), merge_sha=landed.sha)

    async def _verify(self) -> TaskEvent | None:
        landed = await self._forge.find_landed(self._proposal, self._base)
        if landed is None:
            problem = f"{self._gate.merge_sha} is not on {self._policy.target} any more"
            return GateBlocked(self._acts.failure(FailureClass.GATE, problem, "merge_not_found"))
        expected = await self._forge.expected_tree(self._proposal, landed.parent)
        problem = f"{landed.sha} has tree {landed.tree}, merging the accepted commit gives {expected}"
        if landed.tree != expected and self._policy.tree_check == "enforce":
            failure = self._acts.failure(FailureClass.GATE, problem, "tree_mismatch")
            return GateBlocked(replace(failure, command=self._acts.command("show", "--stat", landed.sha)))
        seen: dict[str, object] = {"merge_sha": landed.sha, "parent": landed.parent, "tree": landed.tree}
        seen["expected_tree"] = expected
        return self._stepped(seen if landed.tree == expected else {**seen, "warning": problem})

    async def _main_ci(self) -> TaskEvent | None:
        assert self._gate.merge_sha is not None  # noqa: S101
        if self._policy.ci == "none":
            return self._stepped(dict(ci.DECLARED_NONE))
        report = await self._forge.commit_ci(self._gate.merge_sha)
        match ci.of_commit(report, self._acts.waited, self._policy):
            case ci.Waiting(hold=hold):
                return GateHeld(hold)
            case ci.Red(message=message):
                sha = report.judged or self._gate.merge_sha
                failure = self._acts.failure(FailureClass.CI, f"{message}, at {sha}", "main_ci_failed", report)
                return await self._acts.rerun(sha) or GateBlocked(failure)
            case ci.Stuck(code=code, message=message):
                return GateBlocked(self._acts.failure(FailureClass.GATE, message, code, report))
            case _:
                return self._stepped(ci.evidence(report))

    async def _close(self) -> TaskEvent | None:
        done = evidence.done(self._gate, self._proposal, self._look.now)
        if self._look.has_just_intended or not await self._forge.issue_is_closed(self._proposal):
            merged = f"Merged as {self._gate.merge_sha}." if self._gate.merge_sha else "Nothing had to be changed."
            request = {"close": self._proposal.issue}
            answer = await self._acts.once(request, lambda: self._forge.close_issue(self._proposal, merged))
            if not isinstance(answer, Answer):
                return answer
            if isinstance(answer, Forbidden) and self._policy.close_failure == "warn":
                warning = f"{self._proposal.issue} could not be closed: {answer.failure.message}"
                done |= {"summary": f"{done['summary']} | {warning}", "warning": warning}
            elif not await self._forge.issue_is_closed(self._proposal):
                return self._acts.not_done(answer, "closing the issue")
        await self._forge.tidy(self._proposal)
        return TaskDone(done)

    async def _takes_back(self, base: str) -> Failure | None:
        """Other tasks' work that this change would undo without having named the file."""
        reverted = await self._forge.reverted(self._proposal, base)
        found = [each for each in reverted if each.path not in self._record.task.files]
        if not found:
            return None
        named = ", ".join(f"{each.path} ({each.by[:12]})" for each in found[:5])
        problem = f"it takes back what other tasks have landed: {named}; if that is meant, name them in its `files`"
        failure = self._acts.failure(FailureClass.GATE, problem, "suspect_revert")
        return replace(failure, command=f"git diff {base}...{self._gate.head_sha} -- {found[0].path}")

    # --- pieces -------------------------------------------------------------------------------------------------------

    @property
    def _base(self) -> str:
        assert self._gate.base_sha is not None  # noqa: S101
        return self._gate.base_sha

    def _stepped(self, evidence: dict[str, object]) -> GateStepped:
        following = STEPS[STEPS.index(self._gate.step) + 1]
        return GateStepped(self._gate.step, evidence, following)

    def _returned(self, failure: Failure) -> TaskEvent:
        if self._record.tries.get(failure.kind.value, 0) < self._policy.returns:
            return GateReturned(failure)
        return GateBlocked(failure)
