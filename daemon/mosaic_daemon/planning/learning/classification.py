"""The type of a task's work, by the same rules as the planner's when it made the estimate."""

from __future__ import annotations

import re
from typing import NamedTuple

from mosaic_daemon.nouns.task import Kind, Task
from mosaic_daemon.planning.finding import Finding, Location, Severity, Source
from mosaic_daemon.planning.planner import estimates
from mosaic_daemon.planning.planner.matching import told
from mosaic_daemon.planning.planner.phases import topic_of
from mosaic_daemon.planning.planner.words import Wording

_QUOTED = re.compile(r"The report says \((.{1,400}):(\d+)\):\n\n", re.ASCII)
_FINDING = re.compile(r"(?=.*\d)[A-Za-z][A-Za-z0-9]*(?:[-_.][A-Za-z0-9]+)*", re.ASCII)
_SHORTEST = 3
_KEYWORDS = 8


class Characteristics(NamedTuple):
    """What kind of work a task is.

    Attributes:
        task_type: the guide's name, or one of the planner's own where the guide has none.
        files: how many files it is about. keywords: the words that tell its type, at most eight.
    """

    task_type: str
    files: int
    keywords: tuple[str, ...]


def characteristics(task: Task) -> Characteristics:
    """Of any task, planned from a report or not."""
    finding = _finding(task)
    wording = Wording.of(finding)
    files = max(len(task.files), estimates.files_named(wording) or 0)
    return Characteristics(_type(task, finding, wording), files, _keywords(wording))


def finding_of(task: Task) -> str:
    """The id of the finding that a task mends, by its description `{FindingID}: Brief summary`; empty without one."""
    name, title = told(task.description)
    return name if title and len(name) >= _SHORTEST and _FINDING.fullmatch(name) else ""


def _type(task: Task, finding: Finding, wording: Wording) -> str:
    if task.kind is Kind.VERIFICATION:
        return estimates.VERIFICATION
    if task.kind is Kind.DOCS and not finding.has_own_id:
        return estimates.DOCUMENTATION.name
    return estimates.classified(wording, topic_of(finding, wording)).name


def _finding(task: Task) -> Finding:
    """The task's finding as far as the task tells."""
    name, title = told(task.description)
    has_finding = bool(title)
    parts = _QUOTED.split(task.prompt or "", maxsplit=1)
    is_quoted = len(parts) == 4
    return Finding(
        name if has_finding else task.id,
        Severity.LOW,
        title if has_finding else task.description,
        fingerprint="",
        locations=tuple(map(Location, task.files)),
        body=parts[3] if is_quoted else "",
        sources=(Source(parts[1], int(parts[2])),) if is_quoted else (),
        has_own_id=has_finding,
    )


def _keywords(wording: Wording) -> tuple[str, ...]:
    words = (word for each in estimates.TASK_TYPES for phrase in each.words for word in _found(phrase, wording.text))
    return tuple(dict.fromkeys(words))[:_KEYWORDS]


def _found(phrase: str, text: str) -> list[str]:
    """The phrase as it stands in the text, to the end of its last word."""
    at = text.find(phrase)
    return [] if at < 0 else [text[at + 1 : text.find(" ", at + len(phrase) - 1)].strip()]
