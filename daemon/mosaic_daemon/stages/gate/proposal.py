"""What a task says of itself on the base branch: title, body, squash message. Its own words never become commands."""

from __future__ import annotations

import re

from mosaic_daemon.forges.base import Proposal
from mosaic_daemon.nouns.gate import Gate
from mosaic_daemon.nouns.record import Record

_CLOSING = re.compile(r"\b(close[sd]?|fix(?:e[sd])?|resolve[sd]?)(\s*:?\s+)(?=(?:[\w./-]+)?#\d)", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_TRAILER = re.compile(r"^([ \t]*(?:mosaic-[\w-]+|skip-checks))[ \t]*:", re.IGNORECASE | re.MULTILINE)
_SKIPS = re.compile(r"\[(skip|no)[ -](ci|actions|checks)\]|\[(ci|actions|checks)[ -]skip\]", re.IGNORECASE)
_TITLE_LENGTH = 72


def proposal_of(record: Record, gate: Gate, target: str) -> Proposal:
    """The proposal of a task's gate: the same record gives the same text, so a commit built twice is one commit."""
    task = record.task
    branch = record.attempt.branch if record.attempt else task.work_branch
    text = _harmless(task.description)
    title = f"{task.id}: {' '.join(text.split())}"
    short = title if len(title) <= _TITLE_LENGTH else title[: _TITLE_LENGTH - 1].rstrip() + "…"
    refs = f"Refs {_harmless(' '.join(task.issue.split()))}\n\n" if task.issue else ""
    trailers = f"Mosaic-Task: {task.id}\nMosaic-Gate: {gate.id}\n"
    body = text if short != title or "\n" in text.strip() else ""
    message = f"{short}\n\n" + (f"{body.strip()}\n\n" if body else "") + refs + trailers
    return Proposal(
        gate=gate.id,
        task=task.id,
        branch=branch,
        target=target,
        head_sha=gate.head_sha,
        title=short,
        body=f"{text}\n\n{refs}".replace("<!--", "<! --") + f"<!-- mosaic-gate:{gate.id} -->\n",
        message=message,
        issue=task.issue,
        opened_at=gate.opened_at,
        change=gate.change or "",
    )


def _harmless(text: str) -> str:
    """Without words that forges obey: closing keywords (they close at the merge, before CI), `[skip ci]`, trailers."""
    text = _CONTROL.sub("", text.replace("\r", ""))
    text = _CLOSING.sub(r"\1 (see)\2", text)
    text = _SKIPS.sub(lambda found: f"({found[0][1:-1]})", text)
    return _TRAILER.sub(r"\1 -", text)
