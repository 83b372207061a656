"""What a task says of itself on the base branch: title, body, squash message. Its own words never become commands."""

from __future__ import annotations

from mosaic_daemon.forges.base import Proposal
from mosaic_daemon.forges.texts import harmless
from mosaic_daemon.nouns.gate import Gate
from mosaic_daemon.nouns.record import Record

_TITLE_LENGTH = 72


def proposal_of(record: Record, gate: Gate, target: str) -> Proposal:
    """The proposal of a task's gate: the same record gives the same text, so a commit built twice is one commit."""
    task = record.task
    branch = record.attempt.branch if record.attempt else task.work_branch
    text = harmless(task.description)
    title = f"{task.id}: {' '.join(text.split())}"
    short = title if len(title) <= _TITLE_LENGTH else title[: _TITLE_LENGTH - 1].rstrip() + "…"
    refs = f"Refs {harmless(' '.join(task.issue.split()))}\n\n" if task.issue else ""
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
