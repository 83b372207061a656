"""The forge port: what the gate needs of the place where changes are merged, CI runs and issues live.

Every operation is a probe (reads, may be repeated at will) or an act (changes the outside, done once per intent; what
it answers is a hint, the probe after it decides). Five implementations and an in-memory twin pass one contract suite.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from mosaic_daemon.ground.errors import MosaicError
from mosaic_daemon.nouns.attempt import Failure
from mosaic_daemon.repository.reverts import Reverted

_ISSUE = re.compile(r"(?:.*[#!/])?(\d{1,9})")


class Rejected(MosaicError):
    """A read that the forge refuses: asking again gives the same."""

    def __init__(self, failure: Failure, where: str, remedy: str = "") -> None:
        self.failure = failure
        super().__init__(failure.message, where=where, remedy=remedy)


def issue_number(issue: str) -> int | None:
    """Of `#12`, `12`, or an address that ends in it; None: it is no issue of a forge, so nothing is to be closed."""
    found = _ISSUE.fullmatch(issue.strip())
    return int(found[1]) if found else None


class Verdict(StrEnum):
    """What CI says of a commit. Nothing heard is never green."""

    GREEN = "green"
    RED = "red"
    PENDING = "pending"
    SILENT = "silent"  #: no check was heard of yet
    ABSENT = "absent"  #: no check exists, and there is proof that none will


@dataclass(frozen=True, slots=True)
class Check:
    """One job of CI: its name, its state in the forge's own word, where to read more."""

    name: str
    state: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class CiReport:
    """CI of one commit.

    Attributes:
        detail: the proof, or the end of the log when it is red.
        command: how to ask for it again by hand.
        expected: why a silent commit should have CI (a workflow file, a required check); empty when nothing says so.
        judged: the commit it is about, where that is not the one that was asked for.
    """

    verdict: Verdict
    checks: tuple[Check, ...] = ()
    detail: str = ""
    command: str = ""
    expected: str = ""
    judged: str = ""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change that wants to be on the base branch.

    Attributes:
        gate, task: ids; both stand as trailers in `message`.
        branch: where the change comes from; target: the base branch.
        head_sha: the accepted commit, pinned.
        title, body: of the pull request; message: of the squash commit, trailers included.
        issue: what is closed at the end; empty when there is none.
        change: the pull request's name, once it is known.
        siblings: tasks that are not over and have the same issue: it stays open for them.
        opened_at: when the gate opened; commits built for it carry this time, so building twice gives the same.
    """

    gate: str
    task: str
    branch: str
    target: str
    head_sha: str
    title: str
    body: str
    message: str
    issue: str
    opened_at: datetime
    change: str = ""
    siblings: tuple[str, ...] = ()

    @property
    def marker(self) -> str:
        """Stands in everything that is written for this gate, so that it is found again."""
        return f"<!-- mosaic-gate:{self.gate} -->"


@dataclass(frozen=True, slots=True)
class Clean:
    """It merges. `tree`: what the base branch's tree will be; `candidate`: the commit, where it exists beforehand."""

    tree: str
    candidate: str | None = None


@dataclass(frozen=True, slots=True)
class Conflict:
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NothingToMerge:
    """Merging would not change the base branch."""


@dataclass(frozen=True, slots=True)
class Undecided:
    """Not known yet: look again."""

    reason: str


@dataclass(frozen=True, slots=True)
class Forbidden:
    """A rule says no, and waiting will not change it."""

    failure: Failure


Mergeability = Clean | Conflict | NothingToMerge | Undecided | Forbidden


@dataclass(frozen=True, slots=True)
class Sent:
    """The act was sent and answered well, or its answer is unclear: the probe decides."""

    answer: str = ""


@dataclass(frozen=True, slots=True)
class Moved:
    """The base branch, or the change, is not what was asked for: nothing happened, start again from the queue guard."""

    detail: str = ""


@dataclass(frozen=True, slots=True)
class Delayed:
    """Not now, for a reason outside the gate (a dirty checkout, a rate limit): nothing happened, no try is used."""

    reason: str
    until: datetime | None = None


Answer = Sent | Moved | Delayed | Forbidden
"""What came of an act. Only `Sent` may have had an effect."""


@dataclass(frozen=True, slots=True)
class Landed:
    """The squash commit as git shows it on the base branch."""

    sha: str
    parent: str
    tree: str


@dataclass(frozen=True, slots=True)
class IssueText:
    """An issue to be made. Labels and milestone by name: they are found, or made.

    Attributes:
        marker: a line of `body` that stands in no other issue: it is found again by it.
    """

    title: str
    body: str
    labels: tuple[str, ...] = ()
    milestone: str = ""
    marker: str = ""


class Guard(StrEnum):
    """What the forge itself holds a merge to. The rest is looked at just before the merge and compared after it."""

    FULL = "full"  #: it lands on the base and with the head that were asked for, or not at all
    HEAD = "head"  #: another head is refused
    WEAK = "weak"  #: nothing is refused


class Forge(Protocol):
    """A place where changes are merged. A probe raises Unavailable when it cannot be asked now, and Rejected when it
    may not be asked at all.
    """

    @property
    def name(self) -> str: ...

    @property
    def guard(self) -> Guard:
        """What a merge is held to. Under a full guard one whose answer was lost may be sent again at once."""

    def on_change(self, wake: Callable[[], None]) -> None:
        """Call `wake` from the event loop when something may have changed. A hint, nothing more."""

    def poke(self) -> None:
        """Somebody says that something has changed: what was seen a moment ago is to be asked again."""

    async def base(self) -> str:
        """Probe: the newest commit of the base branch."""

    async def queue(self, base_sha: str) -> CiReport:
        """Probe: CI of the base branch: `base_sha`, or the newest commit below that is no tracking commit, and older
        runs that have not ended.
        """

    async def find_change(self, proposal: Proposal) -> str | None:
        """Probe: the open pull request of exactly this head, or None."""

    async def open_change(self, proposal: Proposal) -> Answer:
        """Act: create the pull request, or adopt one that somebody has opened for exactly this head."""

    async def mergeability(self, proposal: Proposal, base_sha: str) -> Mergeability:
        """Probe: whether it would merge into `base_sha`."""

    async def reverted(self, proposal: Proposal, base_sha: str) -> tuple[Reverted, ...]:
        """Probe: what other tasks have landed lately and this change would take back."""

    async def change_ci(self, proposal: Proposal, base_sha: str) -> CiReport:
        """Probe: the change's own CI before it is merged. May start it where nobody else does."""

    async def merge(self, proposal: Proposal, base_sha: str) -> Answer:
        """Act: squash-merge the pinned head onto `base_sha`."""

    async def find_landed(self, proposal: Proposal, base_sha: str) -> Landed | None:
        """Probe: this gate's squash commit on the base branch above `base_sha`, judged by git."""

    async def expected_tree(self, proposal: Proposal, parent: str) -> str | None:
        """Probe: the tree that merging the pinned head into `parent` gives; None when it conflicts."""

    async def commit_ci(self, sha: str) -> CiReport:
        """Probe: CI of a commit that is on the base branch."""

    async def rerun(self, sha: str) -> Answer:
        """Act: run the red jobs of a commit once more."""

    async def issue_is_closed(self, proposal: Proposal) -> bool:
        """Probe: the issue, or internal ref, is closed for this task; one with siblings: it has the comment."""

    async def close_issue(self, proposal: Proposal, evidence: str) -> Answer:
        """Act: comment with the evidence, then close unless there are siblings. Comments once, however often asked."""

    async def tidy(self, proposal: Proposal) -> None:
        """The gate is over: temporary resources of it may go. Failing to remove them is no failure."""

    def recorded(self) -> None:
        """Everything that it has answered so far is in the ledger."""

    async def aclose(self) -> None:
        """Give connections back."""
