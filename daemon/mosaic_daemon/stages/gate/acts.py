"""How a gate acts on the outside: intent first, once, and never again before it was looked for; and how it says no."""

from __future__ import annotations

import shlex
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from mosaic_daemon.forges.base import Answer, CiReport, Delayed, Forbidden, Forge, Guard, Moved, Sent
from mosaic_daemon.ground.failpoints import failpoint
from mosaic_daemon.nouns.attempt import Failure, FailureClass
from mosaic_daemon.nouns.events import GateBlocked, GateHeld, GateIntended, GateRewound, TaskEvent
from mosaic_daemon.nouns.gate import Gate, Hold, Step
from mosaic_daemon.stages.gate.policy import GatePolicy, Look

_MAX_ROUNDS = 100
_MAX_TRIES = 3
_PROBES = tuple(timedelta(seconds=seconds) for seconds in (2, 6, 14, 29, 59, 119))
_PUT_OFF = timedelta(seconds=5)
_LONGEST_PUT_OFF = timedelta(minutes=1)
_RERUN_SHOWS = timedelta(minutes=1)


class Acts:
    """The acts of one gate in one look."""

    def __init__(self, gate: Gate, forge: Forge, policy: GatePolicy, look: Look) -> None:
        self._gate = gate
        self._forge = forge
        self._policy = policy
        self._look = look
        self.waited = look.now - (gate.since or gate.opened_at)

    async def once(
        self, request: Mapping[str, object], act: Callable[[], Awaitable[Answer]]
    ) -> Answer | TaskEvent | None:
        """Do what a probe has just shown not to be done, once: what the forge answered.

        Without an intent it is written down first. For an older intent nobody knows whether it was sent: it is looked
        for a while before it is sent again, and the task is blocked after three times.
        """
        gate, look = self._gate, self._look
        if gate.intent is None:
            is_put_off = gate.hold is not None and gate.hold.until is not None and look.now < gate.hold.until
            return None if is_put_off else self._intended(request, 1)
        if not (look.has_just_intended or self._may_act_again):
            again_at = self._next_probe()
            if again_at is not None:
                return GateHeld(Hold("it is not known whether it was done; looking for it", again_at))
            tries = int(gate.intent.get("try", 1))
            if tries >= _MAX_TRIES:
                problem = f"it was asked for {tries} times, and it does not show"
                return GateBlocked(self.failure(FailureClass.GATE, problem, "unclear"))
            return self._intended(request, tries + 1)
        failpoint(f"gate.{gate.step}.before-act")
        answer = await act()
        failpoint(f"gate.{gate.step}.after-act")
        return answer

    @property
    def _may_act_again(self) -> bool:
        """Whether an act that may have been sent can be sent again at once."""
        return self._gate.step is Step.MERGE and self._forge.guard is Guard.FULL

    def _next_probe(self) -> datetime | None:
        """When to look next for what may have been done; None when it was looked for long enough."""
        intended_at = self._gate.intended_at or self._look.now
        return next((intended_at + wait for wait in _PROBES if intended_at + wait > self._look.now), None)

    def not_done(self, answer: Answer, what: str) -> TaskEvent:
        """What follows when the probe after an act does not show it."""
        match answer:
            case Delayed(reason=reason, until=until) if self._may_act_again:
                return GateHeld(Hold(reason, until))
            case Delayed(reason=reason) if self.waited >= self._policy.ci_timeout:
                problem = f"{what} was put off for {self.waited.total_seconds() / 60:.3g} min: {reason}"
                return GateBlocked(self.failure(FailureClass.GATE, problem, "put_off"))
            case Delayed(reason=reason, until=until):
                soon = self._look.now + min(max(_PUT_OFF, self.waited / 4), _LONGEST_PUT_OFF)
                return GateHeld(Hold(reason, max(until or soon, soon)), nothing_happened=True)
            case Forbidden(failure=failure):
                return self.refused(failure)
            case Sent() if self._may_act_again:
                problem = f"{what} was accepted, and no commit of it is on the base branch"
                return GateBlocked(self.failure(FailureClass.GATE, problem, "merge_not_found"))
            case Sent(answer=said) | Moved(detail=said):
                reason = f"{what} was asked for and does not show yet" + (f": {said}" if said else "")
                return GateHeld(Hold(" ".join(reason.split()), self._next_probe()))

    def rewound(self) -> TaskEvent:
        if self._gate.rounds < _MAX_ROUNDS:
            return GateRewound("the base branch moved before the merge")
        problem = f"the base branch moved {_MAX_ROUNDS} times"
        return GateBlocked(self.failure(FailureClass.GATE, problem, "base_moves"))

    async def rerun(self, sha: str) -> TaskEvent | None:
        """Have the red jobs of a commit run once more where that is wanted; None: what is red stays red."""
        gate = self._gate
        if gate.intent is None:
            return self._intended({"rerun": sha}, 1) if self._policy.reruns else None
        if self._look.has_just_intended or gate.hold is None:  # without a hold nobody knows whether it was sent
            failpoint("gate.rerun.before-act")
            answer = await self._forge.rerun(sha)
            failpoint("gate.rerun.after-act")
            if isinstance(answer, Forbidden):
                return None
            if isinstance(answer, Delayed):
                return self.not_done(answer, "the re-run")
        elif self._look.now - (gate.intended_at or self._look.now) >= _RERUN_SHOWS:
            return None
        return GateHeld(Hold(f"CI of {sha[:12]} is red; its jobs run once more"))

    def _intended(self, request: Mapping[str, object], attempt: int) -> GateIntended:
        key = f"{self._gate.id}:{self._gate.step}:{self._gate.acts}"
        return GateIntended(self._gate.step, key, {**request, "try": attempt})

    def refused(self, failure: Failure) -> TaskEvent:
        return GateBlocked(replace(failure, step=f"gate:{self._gate.step}", at=self._look.now))

    def command(self, *words: str) -> str:
        """What shows it, in any clone of the repository."""
        return f"git fetch --all --quiet && {shlex.join(('git', *words))}"

    def failure(self, kind: FailureClass, message: str, code: str, report: CiReport | None = None) -> Failure:
        return Failure(
            kind=kind,
            step=f"gate:{self._gate.step}",
            message=message,
            command=report.command
            if report
            else self.command("log", "--all", f"--grep=^Mosaic-Gate: {self._gate.id}$"),
            tail=report.detail if report else "",
            at=self._look.now,
            code=code,
        )
