"""The course that the project has to take: which attempts, which reviews, how many tokens, and how each task ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mosaic_daemon.nouns.figures import tokens
from tests.support.project.findings import ACCEPTED, BY_NAME, PLAIN, Act, Fate, Opinion

TRIES = 2
"""After so many attempts that come to nothing a task has failed."""
FRUITLESS = 1_100
"""Tokens of an attempt that comes to nothing."""
OF_A_REVIEW = 700
"""Tokens of a reviewing agent; the two scripts tell none."""
AUTHOR, SCRIBE, CRITIC = "author", "scribe", "critic"
"""Runtimes: who works, who documents, who reviews where the scripts do not."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt. `opinion`: of its review; None where there is nothing to review."""

    name: str
    act: Act
    used: int
    opinion: Opinion | None

    @property
    def by_agent(self) -> bool:
        """Whether an agent reviewed it in place of the code script."""
        return self.opinion is not None and self.opinion.endswith("by-an-agent")

    @property
    def review_used(self) -> int:
        return OF_A_REVIEW if self.by_agent else 0


@dataclass(frozen=True, slots=True)
class Course:
    """What becomes of one task.

    Attributes:
        entry: its entry in the queue's file, as it was planned; of the task it mends for one that was added.
        delivered_by: the task whose squash commit holds its work; empty: it changes nothing, or is deferred.
    """

    task: str
    entry: Mapping[str, Any]
    fate: Fate
    status: str
    attempts: tuple[Attempt, ...]
    delivered_by: str

    @property
    def finding(self) -> str:
        return finding_of(self.entry)

    @property
    def file(self) -> str:
        return file_of(self.entry)

    @property
    def phase(self) -> int:
        return int(self.entry["phase"])

    @property
    def needs(self) -> tuple[str, ...]:
        """What the plan has it wait for; what mends something waits for nothing."""
        return () if self.task != self.entry["id"] else tuple(self.entry.get("depends_on") or ())

    @property
    def delivers(self) -> str:
        """The task whose evidence it has: its own, or that of the one it was delivered with."""
        return self.delivered_by or self.task

    @property
    def runtime(self) -> str:
        return self.entry.get("runtime") or AUTHOR

    @property
    def estimate(self) -> int:
        return tokens(self.entry["estimate"])

    @property
    def used(self) -> int | None:
        """Of all attempts and their reviews; None when there was none."""
        spent = [each.used + each.review_used for each in self.attempts]
        return sum(spent) if spent else None

    @property
    def landed(self) -> tuple[str, ...]:
        """The attempts whose lines are on the base branch: the last one, and those it went on from."""
        return tuple(each.name for each in self.attempts if each.act == "works")

    @property
    def ends(self) -> tuple[int, ...]:
        """What it had used at each of its ends: where it failed for good, and where it was done."""
        spent = [each.used + each.review_used for each in self.attempts]
        failed = (sum(spent[:TRIES]),) if self.fate.has_failed else ()
        return (*failed, sum(spent)) if self.status == "done" else failed


def courses(planned: Sequence[Mapping[str, Any]]) -> dict[str, Course]:
    """Of each task that was planned, and of each that reviews will add."""
    found = [course for entry in planned for course in _courses(entry)]
    return {each.task: each for each in found}


def finding_of(entry: Mapping[str, Any]) -> str:
    """The id of the finding that an entry is about; empty for a phase's documentation and verification."""
    name = str(entry["description"]).partition(":")[0]
    return name if name in BY_NAME else ""


def file_of(entry: Mapping[str, Any]) -> str:
    """What its attempts append a line to; empty where they change nothing."""
    if entry.get("kind") == "verification":
        return ""
    return BY_NAME[name].file if (name := finding_of(entry)) else f"docs/phases/{entry['phase']}.md"


def _courses(entry: Mapping[str, Any]) -> Iterator[Course]:
    task = str(entry["id"])
    fate = BY_NAME[name].fate if (name := finding_of(entry)) else PLAIN
    has_qa = fate.qa is not None
    qa = f"{task}-QA"
    delivers = bool(file_of(entry)) and not fate.is_deferred
    delivered_by = (qa if has_qa else task) if delivers else ""
    status = "deferred" if fate.is_deferred else "done"
    yield Course(task, entry, fate, status, tuple(_attempts(task, entry, fate)), delivered_by)
    if fate.qa is not None:
        yield Course(qa, entry, fate.qa, "done", tuple(_attempts(qa, entry, fate.qa)), qa)


def _attempts(task: str, entry: Mapping[str, Any], fate: Fate) -> Iterator[Attempt]:
    opinions = iter(fate.opinions)
    is_reviewed = not file_of(entry).endswith(".md") and bool(file_of(entry))
    for number, act in enumerate(fate.acts, 1):
        is_accepted = act in ACCEPTED
        used = round(tokens(entry["estimate"]) * fate.share) if is_accepted else FRUITLESS
        opinion: Opinion | None = next(opinions, "approves") if is_accepted and is_reviewed else None
        yield Attempt(f"{task}.{number}", act, used, opinion)
