"""What a dialect tells of one repository on its forge, in words that are the same for all of them.

A probe raises Unavailable when the forge cannot be asked now, and Rejected when it says no. An act never raises for
what the forge answered: the answer is its value, and an answer that got lost is `Sent`, as only a probe can tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from mosaic_daemon.forges.base import Answer, IssueText


class Outcome(StrEnum):
    """What a job of CI has come to."""

    PASSED = "passed"
    FAILED = "failed"
    PENDING = "pending"
    CANCELLED = "cancelled"  #: perhaps superseded by a newer commit, so not simply red
    SKIPPED = "skipped"  #: the forge counts it as no obstacle: skipped, neutral


@dataclass(frozen=True, slots=True)
class Job:
    """One job of CI of one commit.

    Attributes:
        source: the listing it stands in: `status`, `check-run`, `run`, `pipeline`. Source and name tell jobs apart.
        state: the forge's own word.
        number: rises with every run of the same job; the highest one counts.
        run: what `rerun` is asked for; empty where the forge cannot run it again.
    """

    source: str
    name: str
    outcome: Outcome
    state: str
    number: int
    url: str = ""
    sha: str = ""
    run: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None


class PullState(StrEnum):
    OPEN = "open"
    CLOSED = "closed"
    MERGED = "merged"


class Readiness(StrEnum):
    """What the forge says of merging a pull request. Its `no` of a conflict is only a hint: git decides."""

    READY = "ready"
    UNKNOWN = "unknown"  #: being computed, or waiting for something that comes by itself
    CONFLICT = "conflict"
    FORBIDDEN = "forbidden"  #: a rule says no, and waiting will not change it


@dataclass(frozen=True, slots=True)
class Pull:
    """A pull request, or merge request.

    Attributes:
        number: what people call it: number, iid or index.
        branch, target: its two branches. own: the branch is in this repository, not in a fork.
        merge_sha: what the forge names as its merge, once it is merged; a hint.
        readiness, reason: the latter in the forge's own words.
        code: names the rule where it is FORBIDDEN, for programs.
        jobs: CI that ran on what merging it gives: no commit of the branch has it.
    """

    number: int
    state: PullState
    head_sha: str
    branch: str
    target: str
    url: str = ""
    title: str = ""
    body: str = ""
    own: bool = True
    draft: bool = False
    merge_sha: str | None = None
    readiness: Readiness = Readiness.UNKNOWN
    reason: str = ""
    code: str = ""
    jobs: tuple[Job, ...] = ()


@dataclass(frozen=True, slots=True)
class PullText:
    """A pull request to be made."""

    branch: str
    target: str
    title: str
    body: str


@dataclass(frozen=True, slots=True)
class SquashOrder:
    """A squash merge, pinned: the forge refuses it when the head is another one. `message`: without the title."""

    head_sha: str
    title: str
    message: str


@dataclass(frozen=True, slots=True)
class Issue:
    number: int
    closed: bool
    title: str
    body: str
    labels: tuple[str, ...] = ()
    milestone: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Milestone:
    """`id`: what the forge's calls want."""

    id: int
    title: str
    closed: bool
    open_issues: int = 0


@dataclass(frozen=True, slots=True)
class ReleaseText:
    tag: str
    sha: str
    title: str
    body: str
    milestone: str = ""


@dataclass(frozen=True, slots=True)
class Release:
    """`sha`: what the tag was asked to point at, where the forge tells."""

    tag: str
    url: str = ""
    sha: str = ""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the repository demands of a merge.

    Attributes:
        squash: squash merges are allowed. queue: only its own merge queue may merge.
        required: names of checks without which it does not merge; `(any)` where it wants some and names none.
        two_commits: a squash merge also makes a merge commit (GitLab's `merge` method).
        guards_pushes: nobody may push to the base branch directly.
    """

    squash: bool = True
    queue: bool = False
    required: tuple[str, ...] = ()
    two_commits: bool = False
    guards_pushes: bool = False


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One probe of `doctor`. `remedy`: what to do when it is not ok."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class About:
    """The forge itself, for evidence: `gitea 1.22.3`, whose token it is, what the token may."""

    version: str
    user: str = ""
    scopes: tuple[str, ...] = field(default=())


class Hosting(Protocol):
    """One repository on one forge."""

    @property
    def name(self) -> str:
        """The dialect: `gitea`, `github`, `gitlab`."""

    @property
    def ci_files(self) -> tuple[str, ...]:
        """Paths, a trailing `/` for folders, whose existence in a commit says that CI is configured."""

    @property
    def sources(self) -> tuple[str, ...]:
        """The listings of `jobs`, in the order in which they are worth asking."""

    @property
    def is_refused(self) -> bool:
        """Whether the token is not good for what was asked last."""

    @property
    def tests_results(self) -> bool:
        """Whether CI may run on what merging a pull request gives, and is then told of by the pull request alone."""

    async def aclose(self) -> None:
        """Give connections back."""

    def pull_command(self, number: int) -> str:
        """What shows a pull request, as a line to paste."""

    def ci_command(self, sha: str) -> str:
        """What shows CI of a commit, as a line to paste."""

    async def about(self) -> About: ...

    async def rules(self, branch: str) -> Rules: ...

    async def doctor(self, branch: str) -> list[Diagnosis]:
        """Whether this token can do all that a gate does, without doing any of it."""

    # pull requests

    async def pulls(self, branches: Sequence[str], target: str) -> list[Pull]:
        """All of them from one of these branches, whatever their state, newest first; readiness may be left unknown."""

    async def pull(self, number: int) -> Pull:
        """One of them with its readiness; asking may start its computation."""

    async def create_pull(self, text: PullText) -> Answer: ...

    async def update_pull(self, number: int, *, title: str, body: str) -> Answer: ...

    async def close_pull(self, number: int, landed: str = "") -> Answer:
        """Without a merge. `landed`: the commit on the base branch that the forge has not noticed to be its merge."""

    async def merge(self, number: int, order: SquashOrder) -> Answer:
        """Squash it. Never deletes the branch, never waits for checks. Moved: head or base were not as asked."""

    # CI

    async def jobs(self, source: str, sha: str) -> list[Job]:
        """The jobs of a commit in one of `sources`; several runs of the same job may be among them."""

    async def running(self, branch: str) -> list[Job]:
        """Jobs of any commit of the branch that have not ended, as far as the forge lists them."""

    async def rerun(self, job: Job) -> Answer: ...

    # issues, milestones, releases

    async def issue(self, number: int) -> Issue: ...

    async def find_issue(self, marker: str) -> Issue | None:
        """The newest issue whose body holds the marker."""

    async def create_issue(self, text: IssueText) -> Answer: ...

    async def close_issue(self, number: int) -> Answer: ...

    async def comments(self, number: int) -> list[str]:
        """The texts, oldest first."""

    async def comment(self, number: int, body: str) -> Answer: ...

    async def find_milestone(self, title: str) -> Milestone | None: ...

    async def create_milestone(self, title: str, description: str) -> Answer: ...

    async def close_milestone(self, milestone: Milestone) -> Answer: ...

    async def find_release(self, tag: str) -> Release | None: ...

    async def create_release(self, text: ReleaseText) -> Answer: ...
