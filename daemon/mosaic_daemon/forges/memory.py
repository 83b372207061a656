"""The forge's in-memory twin, with the faults that forges show. For tests, models and simulations.

It outlives the daemon of a test, as a forge does: a daemon that is started again gets the same object. Nobody but its
owner moves it, so every run of the same script is the same run.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, TypeVar

from mosaic_daemon.forges.base import (
    Answer,
    Check,
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
    Sent,
    Verdict,
)
from mosaic_daemon.forges.history import Files, History, tree_of
from mosaic_daemon.nouns.attempt import Failure, FailureClass
from mosaic_daemon.repository.reverts import Reverted

T = TypeVar("T")
Question = Literal["queue", "change", "commit"]
CiRule = Callable[[Question, str], Verdict]
#: Called with the name of an operation, before and after it. What it raises is what the forge answers.
Hook = Callable[[str, Literal["before", "after"]], None]


class Effect(Enum):
    """When an act that was sent shows."""

    NOW = "now"
    NEVER = "never"
    LATER = "later"  #: with the next `catch_up`


@dataclass(frozen=True, slots=True)
class Fault:
    """What becomes of one act, and what the forge says of it.

    Attributes:
        answer: None: what it would say by itself; an exception is raised after the effect.
        spoils: content that slips into the squash commit.
    """

    effect: Effect = Effect.NOW
    answer: Answer | Exception | None = None
    spoils: Files = field(default_factory=dict)


def in_turn(*verdicts: Verdict) -> CiRule:
    """CI that answers with these, one a look; the last one stays."""
    left = deque(verdicts)
    return lambda _question, _sha: left.popleft() if len(left) > 1 else left[0]


def _green(_question: Question, _sha: str) -> Verdict:
    return Verdict.GREEN


class MemoryForge:
    """Implements `forges.base.Forge`.

    Attributes:
        history: the commits; workers add theirs.
        head: the newest commit of the base branch.
        ci: what CI says, asked anew at every look.
        hooks: called around every operation; they may move anything, or raise.
        guards_base: False: a merge takes the base branch as it is, as some forges do.
        guard: less than full: a merge is not sent again before it was looked for long enough.
        mergeabilities: answers of `mergeability` that come before the true one.
        reverts: what every change would take back.
        calls: how often each operation was asked for.
        merges, comments: effects that happened, per gate and per issue.
    """

    name = "memory"
    guard = Guard.FULL

    def __init__(self, history: History | None = None) -> None:
        self.history = history or History()
        self.head = self.history.first
        self.ci: CiRule = _green
        self.hooks: list[Hook] = []
        self.guards_base = True
        self.mergeabilities: deque[Mergeability] = deque()
        self.reverts: tuple[Reverted, ...] = ()
        self.calls: Counter[str] = Counter()
        self.merges: defaultdict[str, list[str]] = defaultdict(list)
        self.comments: defaultdict[str, list[str]] = defaultdict(list)
        self._faults: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self._late: list[Callable[[], object]] = []
        self._open: dict[str, str] = {}
        self._closed: set[str] = set()
        self._told: set[str] = set()
        self._wakes: list[Callable[[], None]] = []

    def script(self, act: Literal["open_change", "merge", "rerun", "close_issue"], *faults: Fault) -> None:
        """What becomes of the next acts of this kind; after them all goes well again."""
        self._faults[act].extend(faults)

    def push(self, changes: Mapping[str, str | None], message: str = "by somebody") -> str:
        """Somebody else commits to the base branch."""
        self.head = self.history.commit(self.head, changes, message)
        return self.head

    def catch_up(self) -> None:
        """What was sent and has not shown yet happens now."""
        late, self._late = self._late, []
        for happen in late:
            happen()
        for wake in self._wakes:
            wake()

    def close_by_hand(self, proposal: Proposal) -> None:
        self._closed.add(_issue(proposal))

    # --- the port -----------------------------------------------------------------------------------------------------

    def on_change(self, wake: Callable[[], None]) -> None:
        self._wakes.append(wake)

    def poke(self) -> None:
        """Nothing is remembered."""

    async def base(self) -> str:
        return self._probe("base", lambda: self.head)

    async def queue(self, base_sha: str) -> CiReport:
        return self._probe("queue", lambda: self._report("queue", base_sha))

    async def find_change(self, proposal: Proposal) -> str | None:
        return self._probe("find_change", lambda: self._open.get(proposal.gate))

    async def open_change(self, proposal: Proposal) -> Answer:
        opened = self._act("open_change", lambda _: self._open.setdefault(proposal.gate, f"!{len(self._open) + 1}"))
        return opened or Sent()

    async def mergeability(self, proposal: Proposal, base_sha: str) -> Mergeability:
        return self._probe("mergeability", lambda: self._mergeability(proposal, base_sha))

    async def reverted(self, proposal: Proposal, base_sha: str) -> tuple[Reverted, ...]:
        return self._probe("reverted", lambda: self.reverts)

    async def change_ci(self, proposal: Proposal, base_sha: str) -> CiReport:
        return self._probe("change_ci", lambda: self._report("change", proposal.head_sha))

    async def merge(self, proposal: Proposal, base_sha: str) -> Answer:
        said: list[Answer] = []
        answer = self._act("merge", lambda fault: said.append(self._squash(proposal, base_sha, fault.spoils)))
        return answer or (said[0] if said else Sent())

    async def find_landed(self, proposal: Proposal, base_sha: str) -> Landed | None:
        return self._probe("find_landed", lambda: self._landed(proposal, base_sha))

    async def expected_tree(self, proposal: Proposal, parent: str) -> str | None:
        return self._probe("expected_tree", lambda: self._tree(parent, proposal.head_sha))

    async def commit_ci(self, sha: str) -> CiReport:
        return self._probe("commit_ci", lambda: self._report("commit", sha))

    async def rerun(self, sha: str) -> Answer:
        return self._act("rerun", lambda _: None) or Sent()

    async def issue_is_closed(self, proposal: Proposal) -> bool:
        done = self._told if proposal.siblings else self._closed
        return self._probe(
            "issue_is_closed", lambda: (proposal.gate if proposal.siblings else _issue(proposal)) in done
        )

    async def close_issue(self, proposal: Proposal, evidence: str) -> Answer:
        def close(_: Fault) -> None:
            if proposal.gate not in self._told:
                self.comments[_issue(proposal)].append(evidence)
            self._told.add(proposal.gate)
            if not proposal.siblings:
                self._closed.add(_issue(proposal))

        return self._act("close_issue", close) or Sent()

    async def tidy(self, proposal: Proposal) -> None:
        self._probe("tidy", lambda: None)

    def recorded(self) -> None:
        """It does not matter to it."""

    async def aclose(self) -> None:
        """There is nothing to give back."""

    # --- pieces -------------------------------------------------------------------------------------------------------

    def _probe(self, name: str, look: Callable[[], T]) -> T:
        self._around(name, "before")
        found = look()
        self._around(name, "after")
        return found

    def _act(self, name: str, happen: Callable[[Fault], object]) -> Answer | None:
        self._around(name, "before")
        fault = self._faults[name].popleft() if self._faults[name] else Fault()
        if fault.effect is Effect.NOW:
            happen(fault)
        elif fault.effect is Effect.LATER:
            self._late.append(lambda: happen(fault))
        self._around(name, "after")
        if isinstance(fault.answer, Exception):
            raise fault.answer
        return fault.answer

    def _around(self, name: str, when: Literal["before", "after"]) -> None:
        if when == "before":
            self.calls[name] += 1
        for hook in self.hooks:
            hook(name, when)

    def _report(self, question: Question, sha: str) -> CiReport:
        verdict = self.ci(question, sha)
        if verdict is Verdict.ABSENT:
            return CiReport(verdict, detail="the repository has no CI")
        return CiReport(verdict, (Check("ci", verdict.value),), command=f"ci {sha}")

    def _mergeability(self, proposal: Proposal, base_sha: str) -> Mergeability:
        if self.mergeabilities:
            return self.mergeabilities.popleft()
        merged = self.history.merged(base_sha, proposal.head_sha)
        if isinstance(merged, tuple):
            return Conflict(merged)
        if merged == self.history[base_sha].files:
            return NothingToMerge()
        return Clean(tree_of(merged))

    def _squash(self, proposal: Proposal, base_sha: str, spoils: Files) -> Answer:
        if proposal.gate in self.merges:
            return Sent("it is merged already")
        if proposal.gate not in self._open:
            return _forbidden("there is no such pull request")
        if self.guards_base and self.head != base_sha:
            return Moved(f"{self.head} is not {base_sha}")
        merged = self.history.merged(self.head, proposal.head_sha)
        if isinstance(merged, tuple):
            return _forbidden(f"conflicts in {', '.join(merged)}")
        changes = {path: None for path in self.history[self.head].files if path not in merged}
        self.push({**changes, **merged, **spoils}, proposal.message)
        self.merges[proposal.gate].append(self.head)
        return Sent()

    def _landed(self, proposal: Proposal, base_sha: str) -> Landed | None:
        trailer = f"Mosaic-Gate: {proposal.gate}"
        found = [each for each in self.history.above(base_sha, self.head) if trailer in each.message.splitlines()]
        return Landed(found[-1].sha, str(found[-1].parent), found[-1].tree) if found else None

    def _tree(self, parent: str, head: str) -> str | None:
        merged = self.history.merged(parent, head)
        return None if isinstance(merged, tuple) else tree_of(merged)


def _issue(proposal: Proposal) -> str:
    return proposal.issue or f"internal:{proposal.task}"


def _forbidden(problem: str) -> Forbidden:
    return Forbidden(Failure(FailureClass.GATE, "merge", problem, command="merge"))
