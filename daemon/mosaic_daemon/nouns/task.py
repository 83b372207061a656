"""A task as people describe it: one row of `docs/TASKS.md`, one entry of `tasks.json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """The seven statuses of the tracking table."""

    NOT_STARTED = "not-started"
    IN_PROGRESS = "in-progress"
    DONE = "done"
    FAILED = "failed"
    BLOCKED = "blocked"
    NEEDS_QA = "needs-qa"
    DEFERRED = "deferred"


OVER = (Status.DONE, Status.DEFERRED)
"""Nothing is left to do."""


class Kind(StrEnum):
    """What a task changes; decides whether it must produce a commit."""

    CODE = "code"
    DOCS = "docs"
    CONFIG = "config"
    TEST = "test"
    VERIFICATION = "verification"
    QA = "qa"
    TRACKING = "tracking"

    @property
    def may_change_nothing(self) -> bool:
        """A verification or a tracking task succeeds without a commit."""
        return self in (Kind.VERIFICATION, Kind.TRACKING)


class Category(StrEnum):
    """How much of an effort what is left of a phase is: the guide's four, and the one its file names besides."""

    QUICK_WIN = "quick-win"
    MEDIUM = "medium"
    HARD = "hard"
    ARCHITECTURAL = "architectural"
    FRAMEWORK = "framework-limitation"

    @property
    def label(self) -> str:
        """As the guide writes it."""
        return "Framework Limitation" if self is Category.FRAMEWORK else self.value.capitalize()

    @property
    def criteria(self) -> str:
        return _CRITERIA[self]

    @property
    def may_be_documented(self) -> bool:
        """Quick-wins and what is medium are fixed."""
        return self not in (Category.QUICK_WIN, Category.MEDIUM)

    @property
    def documented_as(self) -> Category:
        """In the file there are three: whatever else somebody puts off is uncertain, and so hard."""
        return self if self.may_be_documented else Category.HARD

    @property
    def rank(self) -> int:
        """Work priority: Quick-win → Medium → Hard."""
        return list(Category).index(self)


_CRITERIA: Mapping[Category, str] = {
    Category.QUICK_WIN: "<5 min, straightforward",
    Category.MEDIUM: "5-30 min, clear path",
    Category.HARD: ">30 min or uncertain",
    Category.ARCHITECTURAL: "requires design change",
    Category.FRAMEWORK: "the framework does not allow it",
}


@dataclass(frozen=True, slots=True)
class Task:
    """The people's block of a task (the daemon's block is `record.Record`).

    Attributes:
        depends_on, blocks: ids that come first, and ids that wait for this one; both say the same kind of edge.
        estimate: tokens as written, `8K`; None when nobody estimated.
        priority: higher starts earlier.
        phase: phases run in rising order; None comes after all numbered ones.
        files: paths this task changes; two tasks that name the same one never run at once.
        runtime, rail: names from the configuration; None takes the configured default.
        command: for the `shell` runtime: an argv tuple, or text for `sh -c`.
        prompt: replaces the template's description for the worker.
        category: what effort it is if it is left over from its phase; None: the daemon finds out.
        extra: fields of the entry that are not ours, kept as they were.
    """

    id: str
    description: str
    issue: str = ""
    repo: str = ""
    branch: str = ""
    depends_on: tuple[str, ...] = ()
    blocks: tuple[str, ...] = ()
    estimate: str | None = None
    priority: int = 0
    kind: Kind = Kind.CODE
    phase: int | None = None
    files: tuple[str, ...] = ()
    runtime: str | None = None
    command: tuple[str, ...] | str | None = None
    prompt: str | None = None
    rail: str | None = None
    fixes_main: bool = False
    category: Category | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def work_branch(self) -> str:
        """The branch its worker commits to."""
        return self.branch or f"task/{self.id.lower()}"
