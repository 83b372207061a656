"""Labels and milestones of an issue to be made: found by name, made where they are missing, compared afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from loguru import logger

from mosaic_daemon.forges.base import Answer, Delayed, Forbidden, IssueText, Moved, Rejected, Sent
from mosaic_daemon.forges.rest.hosting import Issue, Milestone
from mosaic_daemon.ground.errors import Unavailable


class Filing(Protocol):
    """What a dialect has to offer for it."""

    async def issue(self, number: int) -> Issue: ...

    async def find_milestone(self, title: str) -> Milestone | None: ...

    async def create_milestone(self, title: str, description: str) -> Answer: ...

    async def label_ids(self) -> Mapping[str, int]:
        """All labels by name."""

    async def create_label(self, name: str) -> Answer: ...


@dataclass(frozen=True, slots=True)
class Filed:
    """What the forge calls the labels and the milestone of an issue."""

    labels: Mapping[str, int]
    milestone: Milestone | None


async def filed(forge: Filing, text: IssueText) -> Filed | Answer:
    """The ids, or why one of them cannot be had now. Raises Unavailable and Rejected."""
    known = await _labels(forge, text)
    if not isinstance(known, Mapping):
        return known
    milestone = await forge.find_milestone(text.milestone) if text.milestone else None
    if text.milestone and milestone is None:
        answer = await forge.create_milestone(text.milestone, "")
        milestone = await forge.find_milestone(text.milestone)
        if milestone is None:
            return _not_made(answer, f"the milestone {text.milestone!r}")
    return Filed(known, milestone)


async def _labels(forge: Filing, text: IssueText) -> Mapping[str, int] | Answer:
    if not text.labels:
        return {}
    known = await forge.label_ids()
    answers = {name: await forge.create_label(name) for name in text.labels if _same(name, known) is None}
    if answers:
        known = await forge.label_ids()
    for name, answer in answers.items():
        if _same(name, known) is None:
            return _not_made(answer, f"the label {name!r}")
    return {spelled: known[spelled] for name in text.labels if (spelled := _same(name, known)) is not None}


def _same(name: str, known: Mapping[str, int]) -> str | None:
    """The label as the forge spells it: GitHub's names differ by more than case."""
    if name in known:
        return name
    return next((other for other in known if other.casefold() == name.casefold()), None)


def _not_made(answer: Answer, what: str) -> Answer:
    match answer:
        case Delayed() | Forbidden():
            return answer
        case Sent(answer=said) | Moved(detail=said):
            return Delayed(f"{what} is not there yet: {said}")


async def compared(forge: Filing, number: int | None, text: IssueText, answer: Sent) -> Sent:
    """The answer, with a warning when the issue is not as it was asked for."""
    if number is None:
        return answer
    try:
        issue = await forge.issue(number)
    except (Unavailable, Rejected) as error:
        return Sent(f"{answer.answer}; warning: it could not be read back: {error.line}")
    has = {name.casefold() for name in issue.labels}
    missing = [f"label {name!r}" for name in text.labels if name.casefold() not in has]
    if issue.milestone != text.milestone:
        missing.append(f"milestone {text.milestone!r}")
    if not missing:
        return answer
    warning = f"issue {number} was made without {', '.join(missing)}; the token may lack the right to set them"
    logger.bind(action="forge-issue").warning(warning)
    return Sent(f"{answer.answer}; warning: {warning}")
