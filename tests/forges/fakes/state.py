"""What a forge remembers of one repository, apart from git: plain values that one file holds."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path


def now() -> str:
    """RFC 3339, whole seconds, UTC: how all three forges write a time."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(slots=True)
class Settings:
    """How the repository and its server are set up. Change a field at any time.

    Attributes:
        version: of the server, in its own words.
        allow_squash: squash merges are allowed (GitLab: squash_option is not `never`).
        merge_queue: GitHub demands its merge queue on the base branch.
        required_contexts: checks the branch protection demands.
        merge_method: GitLab's `merge`, `rebase_merge` or `ff`.
        pipeline_must_succeed: GitLab's only_allow_merge_if_pipeline_succeeds.
        issues_enabled, archived: of the repository.
        can_push: the token's user may push to (and label things in) the repository.
        page_max: the server's cap on items per page; page_default: when none is asked for.
        mergeable_after: how often a change's mergeability is unknown after its head or base moved.
        actions_listed: the server has /actions/runs (Gitea: newer ones only).
        merge_async: GitHub has /merge-async.
        rate_headers: answers carry the forge's rate limit headers.
        rate_limit: requests per window those headers speak of; 304 answers are free on GitHub.
        autodetect: Gitea accepts `manually-merged`.
        runs_lag: GitHub's filtered run listings show nothing.
    """

    version: str = ""
    allow_squash: bool = True
    merge_queue: bool = False
    required_contexts: list[str] = field(default_factory=list)
    merge_method: str = "merge"
    pipeline_must_succeed: bool = False
    issues_enabled: bool = True
    archived: bool = False
    can_push: bool = True
    page_max: int = 100
    page_default: int = 30
    mergeable_after: int = 1
    actions_listed: bool = True
    merge_async: bool = False
    rate_headers: bool = True
    rate_limit: int = 5000
    autodetect: bool = True
    runs_lag: bool = False


@dataclass(slots=True)
class Issue:
    number: int
    id: int
    title: str
    body: str
    state: str = "open"
    labels: list[str] = field(default_factory=list)
    milestone: int | None = None  #: a Milestone.id
    created_at: str = field(default_factory=now)
    updated_at: str = field(default_factory=now)
    closed_at: str | None = None
    blocked: bool = False  #: depends on an open issue


@dataclass(slots=True)
class Pull(Issue):
    """A pull or merge request. While it is open `head_sha` follows the branch.

    Attributes:
        head, base: branches.
        merge_sha: the newest commit the merge made; squash_sha: the squash commit.
        judged: (head, base) commits whose mergeability is known or being found out.
        unknown: how many more askers hear that it is not known; below 0: all of them.
    """

    head: str = ""
    base: str = ""
    head_sha: str = ""
    base_sha: str = ""
    draft: bool = False
    merged_at: str | None = None
    merge_sha: str | None = None
    squash_sha: str | None = None
    merge_error: str | None = None
    locked: bool = False
    judged: tuple[str, str] = ("", "")
    unknown: int = 0


@dataclass(slots=True)
class Comment:
    id: int
    on: str  #: "issue" or "pull"
    number: int
    body: str
    created_at: str = field(default_factory=now)


@dataclass(slots=True)
class Milestone:
    id: int
    number: int
    title: str
    description: str = ""
    state: str = "open"
    created_at: str = field(default_factory=now)
    closed_at: str | None = None


@dataclass(slots=True)
class Label:
    id: int
    name: str
    color: str = "ededed"
    description: str = ""


@dataclass(slots=True)
class Release:
    id: int
    tag: str
    target: str
    sha: str
    name: str
    body: str
    draft: bool = False
    created_at: str = field(default_factory=now)


@dataclass(slots=True)
class Check:
    """One line of CI of one commit.

    Attributes:
        state: one of the words of `ci.STATES`, or a forge's own.
        kind: "status" (a commit status) or "job" (a check run, an Actions job, a job of a pipeline).
        suite: the id of the check suite and workflow run, or of the pipeline, that it belongs to.
        attempt: 1, or more after re-runs.
    """

    id: int
    sha: str
    name: str
    state: str
    kind: str
    branch: str
    suite: int
    attempt: int = 1
    event: str = "push"
    allow_failure: bool = False
    started_at: str = field(default_factory=now)
    updated_at: str = field(default_factory=now)


@dataclass(slots=True)
class Plan:
    """CI that appears by itself.

    Attributes:
        checks: name to final state.
        hidden: how many polls of the commit see nothing; running: how many more see it running.
        kind: see Check.
        seconds: it also stays running until so long after the first poll.
    """

    checks: dict[str, str]
    hidden: int = 0
    running: int = 0
    kind: str = "job"
    seconds: float = 0.0
    polls: dict[str, int] = field(default_factory=dict)
    first_poll: float | None = None

    def fresh(self) -> Plan:
        return replace(self, checks=dict(self.checks), polls={}, first_poll=None)


@dataclass(slots=True)
class State:
    repo: str
    settings: Settings
    separate_numbers: bool
    tokens: dict[str, frozenset[str]] = field(default_factory=dict)
    next_id: int = 5001
    numbers: dict[str, int] = field(default_factory=dict)
    issues: list[Issue] = field(default_factory=list)
    pulls: list[Pull] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    milestones: list[Milestone] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)
    releases: list[Release] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    plans: dict[str, Plan] = field(default_factory=dict)
    every_commit: Plan | None = None
    every_rerun: Plan | None = None
    requests: int = 0

    def new_id(self) -> int:
        self.next_id += 1
        return self.next_id

    def new_number(self, kind: str) -> int:
        """Issues and pull requests share their numbers, but on GitLab."""
        series = kind if self.separate_numbers or kind == "milestone" else "issue"
        self.numbers[series] = self.numbers.get(series, 0) + 1
        return self.numbers[series]


class StateFile:
    """Keeps a State in a file, written when it changed, so that a server may die at any time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written = b""

    def load(self) -> State | None:
        if not self._path.exists():
            return None
        self._written = self._path.read_bytes()
        state: State = pickle.loads(self._written)  # noqa: S301  written by `save` below
        return state

    def save(self, state: State) -> None:
        data = pickle.dumps(state)
        if data != self._written:
            fresh = self._path.with_name(self._path.name + ".new")
            fresh.write_bytes(data)
            fresh.replace(self._path)
            self._written = data
