"""Codex: `codex exec --json`.

What was seen (0.169.0): the usage of `turn.completed` counts the whole thread so far, also a resumed one's earlier
turns, so the last one is the truth; its input includes the cached part. A turn that failed reports no
usage. Errors come as words only, and an `error` event may be no more than the announcement of another try.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from mosaic_daemon.runtimes import limits
from mosaic_daemon.runtimes.base import Limit, Reading
from mosaic_daemon.runtimes.events import Event, events, number, one_line, string, table


@dataclass(slots=True)
class _Run:
    """What was gathered so far.

    Attributes:
        texts, said: the last words of each turn that ended; the last words of the turn since.
        ended: whether the last turn ended well.
        trouble: the last error that no later success made void.
        foreign: the last line that is no event.
    """

    session: str | None = None
    texts: list[str] = field(default_factory=list)
    said: str = ""
    used: int | None = None
    ended: bool = False
    trouble: str = ""
    foreign: str = ""


def read(log: bytes, ended_at: datetime) -> Reading:
    run = _Run()
    for event in events(log):
        if isinstance(event, str):
            run.foreign = event
        else:
            _take(run, event)
    texts = [*run.texts, run.said] if run.said else run.texts
    error = None if run.ended else one_line(run.trouble or run.foreign or "the output ends before the turn does")
    limit = Limit(limits.told(run.trouble, ended_at), one_line(run.trouble)) if _passes(run) else None
    return Reading("\n\n".join(texts), run.used, limit, error, run.session)


def _take(run: _Run, event: Event) -> None:
    item = table(event, "item")
    match event.get("type"):
        case "thread.started":
            run.session = string(event, "thread_id") or run.session
        case "turn.started":
            run.ended = False
        case "item.started" | "item.updated" | "item.completed" if item.get("type") != "error":
            run.trouble = ""
            if item.get("type") == "agent_message":
                run.said = string(item, "text")
        case "turn.completed":
            run.ended, run.trouble = True, ""
            run.used = tokens(table(event, "usage"))
            run.texts.append(run.said)
            run.said = ""
        case "turn.failed":
            run.ended = False
            run.trouble = string(table(event, "error"), "message") or run.trouble or "the turn failed"
        case "error":
            run.ended = False
            run.trouble = string(event, "message") or run.trouble


def tokens(usage: Event) -> int:
    """What a `usage` object counts, without what was in the provider's cache."""
    cached = min(number(usage, "cached_input_tokens"), number(usage, "input_tokens"))
    return number(usage, "input_tokens", "output_tokens") - cached


def _passes(run: _Run) -> bool:
    return not run.ended and limits.passes_by_words(run.trouble)
