"""CI of commits: what checks there are, and checks that appear, run and end by themselves."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

from tests.forges.fakes.state import Check, Plan, State, now

#: The words a test uses. Any other word reaches the client as it is.
STATES = ("queued", "pending", "running", "manual", "green", "red", "error", "warning", "cancelled", "skipped",
          "neutral", "timed_out", "action_required", "stale")  # fmt: skip
PASSING = ("green", "skipped", "neutral")
ENDED = STATES[4:]
FAILED = ("red", "error", "cancelled", "timed_out")

Rule = Callable[[str], Plan | Mapping[str, str] | None]


class Ci:
    """The checks of all commits.

    Attributes:
        rule: what CI a commit gets that has none and no plan; asked at the first poll.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self.rule: Rule | None = None

    def plan(self, sha: str, plan: Plan) -> None:
        self._state.plans[sha] = plan

    def poll(self, sha: str, operation: str, branch: str) -> None:
        """A client asks for CI of a commit: planned checks may appear or end.

        Asking in several ways counts as one poll: the most frequent of them counts.
        """
        plan = self._plan(sha)
        if plan is None:
            return
        plan.polls[operation] = plan.polls.get(operation, 0) + 1
        plan.first_poll = plan.first_poll or time.monotonic()
        seen = max(plan.polls.values())
        if seen <= plan.hidden:
            return
        waiting = time.monotonic() - plan.first_poll < plan.seconds
        if seen <= plan.hidden + plan.running or waiting:
            if {c.name: c.state for c in self.latest(sha)} != dict.fromkeys(plan.checks, "running"):
                self.set(sha, dict.fromkeys(plan.checks, "running"), kind=plan.kind, branch=branch)
            return
        del self._state.plans[sha]
        self.set(sha, plan.checks, kind=plan.kind, branch=branch)

    def _plan(self, sha: str) -> Plan | None:
        if sha in self._state.plans:
            return self._state.plans[sha]
        if self.of(sha):
            return None
        plan = self._state.every_commit
        if self.rule is not None:
            ruled = self.rule(sha)
            plan = ruled if isinstance(ruled, Plan) or ruled is None else Plan(dict(ruled))
        if plan is None or not plan.checks:
            return None
        self._state.plans[sha] = plan.fresh()
        return self._state.plans[sha]

    def set(
        self, sha: str, checks: Mapping[str, str], *, kind: str, branch: str, again: bool = False, event: str = "push"
    ) -> None:
        """Set checks of a commit. A status is always one more entry, as on the real ones; a job's entry changes.

        Attributes:
            again: a new suite, run or pipeline beside the old one, whatever its names.
        """
        suite = None if again else next((c.suite for c in reversed(self.of(sha)) if c.kind == kind), None)
        suite = suite or self._state.new_id()
        for name, state in checks.items():
            old = next((c for c in self.of(sha) if (c.name, c.kind, c.suite) == (name, kind, suite)), None)
            if old is not None and kind == "job":
                old.state, old.updated_at = state, now()
                continue
            entry = Check(self._state.new_id(), sha, name, state, kind, branch, suite, event=event)
            self._state.checks.append(entry)

    def of(self, sha: str, kind: str | None = None) -> list[Check]:
        """All entries, oldest first."""
        return [c for c in self._state.checks if c.sha == sha and kind in (None, c.kind)]

    def latest(self, sha: str, kind: str | None = None) -> list[Check]:
        """The newest entry of each name."""
        return list({c.name: c for c in self.of(sha, kind)}.values())

    def suites(self, kind: str | None = "job") -> list[list[Check]]:
        """The checks of each workflow run or pipeline, newest first; of a status only its newest entry."""
        found: dict[int, dict[str, Check]] = {}
        for check in self._state.checks:
            if kind in (None, check.kind):
                found.setdefault(check.suite, {})[check.name] = check
        return [list(found[suite].values()) for suite in sorted(found, reverse=True)]

    def rerun(self, suite: int) -> bool:
        """Run the failed jobs of a run or pipeline once more; what comes of it is `every_rerun`'s to say."""
        jobs = [c for c in self._state.checks if c.suite == suite]
        again = [c for c in jobs if c.state in FAILED]
        if not jobs:
            return False
        plan = self._state.every_rerun
        results = {c.name: (plan.checks if plan else {}).get(c.name, c.state) for c in again}
        for check in again:
            check.state, check.attempt, check.updated_at = "running", check.attempt + 1, now()
        if results:
            self.plan(jobs[0].sha, Plan(results, 0, max(1, plan.running if plan else 1), jobs[0].kind))
        return True

    def missing(self, sha: str, required: Iterable[str]) -> list[str]:
        """Required contexts that are not green."""
        states = {c.name: c.state for c in self.latest(sha)}
        return [name for name in required if states.get(name) not in PASSING]


def overall(states: Iterable[str]) -> str:
    """One word for a run: it runs while anything in it does, then the worst counts."""
    words = list(states)
    for word in ("running", "pending", "queued", "red", "error", "timed_out", "cancelled", "action_required", "manual"):
        if word in words:
            return word
    return next((w for w in words if w not in PASSING), "skipped" if words and set(words) == {"skipped"} else "green")
