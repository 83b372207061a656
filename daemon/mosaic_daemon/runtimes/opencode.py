"""opencode: `opencode run --format json --print-logs --log-level ERROR`.

What was seen (1.18.33): every step ends with its own token figures. A refusal that may pass is tried again up to five
times, each time after as long as the provider says, in silence but for a line in the printed log; a run that is stopped
meanwhile has no `error` event. The final `error` event carries the status and the headers of the answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mosaic_daemon.runtimes import limits
from mosaic_daemon.runtimes.base import Limit, Reading
from mosaic_daemon.runtimes.events import Event, events, number, one_line, string, table

_REFUSED = re.compile(r'level=ERROR .*\bmessage="stream error" .*\bsmall=false\b.*\berror\.error="((?:[^"\\]|\\.)*)')


@dataclass(slots=True)
class _Run:
    """What was gathered so far.

    Attributes:
        texts: the parts of the last message that has any.
        finished: whether the last step ended, and not for a tool's sake.
        error: the last `error` event that no later step made void.
        refused: the provider's last refusal that is being tried again.
        foreign: the last line that is no event.
    """

    session: str | None = None
    message: str = ""
    texts: list[str] = field(default_factory=list)
    used: int | None = None
    finished: bool = False
    error: Event = field(default_factory=dict)
    refused: str = ""
    foreign: str = ""


def read(log: bytes, ended_at: datetime) -> Reading:
    run = _Run()
    for event in events(log):
        if isinstance(event, str):
            run.foreign = event
            if found := _REFUSED.search(event):
                run.refused = found[1]
        else:
            _take(run, event)
    return Reading("\n".join(run.texts), run.used, _limit(run, ended_at), _error(run), run.session)


def _take(run: _Run, event: Event) -> None:
    run.session = string(event, "sessionID") or run.session
    part = table(event, "part")
    match event.get("type"):
        case "error":
            run.error, run.finished = event, False
            return
        case "text":
            if string(part, "messageID") != run.message:
                run.message, run.texts = string(part, "messageID"), []
            run.texts.append(string(part, "text"))
        case "step_finish":
            tokens = table(part, "tokens")
            step = number(tokens, "input", "output", "reasoning") + number(table(tokens, "cache"), "write")
            run.used = (run.used or 0) + step
            run.finished = part.get("reason") != "tool-calls"
        case "step_start":
            run.finished = False
    run.error, run.refused = {}, ""


def _error(run: _Run) -> str | None:
    if run.finished:
        return None
    if run.error:
        failure = table(run.error, "error")
        return one_line(
            string(table(failure, "data"), "message") or string(failure, "name") or "an error without words"
        )
    if run.refused:
        return one_line(f"still waiting for the provider ({run.refused}) when the run ended")
    return one_line(run.foreign or "the output ends before the last step does")


def _limit(run: _Run, ended_at: datetime) -> Limit | None:
    error = _error(run)
    if error is None:
        return None
    if not run.error:
        return Limit(None, error) if run.refused else None
    data = table(table(run.error, "error"), "data")
    status = data.get("statusCode")
    passes = limits.passes_by_status(status) or (status is None and bool(data.get("isRetryable")))
    if not passes:
        return None
    at = limits.instant(run.error.get("timestamp")) or ended_at
    return Limit(_retry_after(table(data, "responseHeaders"), at) or limits.told(error, at), error)


def _retry_after(headers: Event, at: datetime) -> datetime | None:
    for header, unit in (("retry-after-ms", timedelta(milliseconds=1)), ("retry-after", timedelta(seconds=1))):
        value = string(headers, header)
        if value.isascii() and value.isdigit() and len(value) < 12:
            return at + int(value) * unit
    return None
