"""Claude Code: `claude -p --output-format stream-json --verbose`.

What was seen (2.1.330): a run may have several `result` events, one a turn that background work started. `usage`
counts the main thread of its turn; `modelUsage` counts the whole session with its subagents, so the last one is the
truth. A provider's error ends the run with `is_error` and, oddly, `subtype` `success`; the agent's words are then
replaced by a message of the CLI's own, marked with the model `<synthetic>`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from mosaic_daemon.runtimes import limits
from mosaic_daemon.runtimes.base import Limit, Reading
from mosaic_daemon.runtimes.events import Event, events, number, one_line, string, table

_BILLING = "billing_error"
_CONNECTION = "connection_failed"
_COUNTED = ("input_tokens", "cache_creation_input_tokens", "output_tokens")
_COUNTED_BY_MODEL = ("inputTokens", "cacheCreationInputTokens", "outputTokens")


@dataclass(slots=True)
class _Run:
    """What was gathered so far.

    Attributes:
        texts, said: the last words of each turn that ended well; the last words of the turn since.
        rejected: what the provider said of the quota that is used up.
        refusal: the message that the CLI put in place of the agent's words.
        retry: the CLI's announcement that it waits and tries again.
        foreign: the last line that is no event.
    """

    session: str | None = None
    texts: list[str] = field(default_factory=list)
    said: str = ""
    results: list[Event] = field(default_factory=list)
    usage_of_messages: dict[str, int] = field(default_factory=dict)
    rejected: Event = field(default_factory=dict)
    refusal: Event = field(default_factory=dict)
    retry: Event = field(default_factory=dict)
    foreign: str = ""


def read(log: bytes, ended_at: datetime) -> Reading:
    run = _Run()
    for event in events(log):
        if isinstance(event, str):
            run.foreign = event
        else:
            _take(run, event)
    error = _error(run)
    texts = [*run.texts, run.said] if run.said else run.texts
    return Reading("\n\n".join(texts), _used(run), _limit(run, error, ended_at), error, run.session)


def _take(run: _Run, event: Event) -> None:
    run.session = string(event, "session_id") or run.session
    match event.get("type"), event.get("subtype"):
        case "result", _:
            run.results.append(event)
            if _failure(event) is None:
                run.texts.append(string(event, "result"))
                run.said = ""
                run.rejected = run.refusal = {}
            run.retry = {}
        case "assistant", _:
            _take_message(run, event)
        case "rate_limit_event", _:
            info = table(event, "rate_limit_info")
            run.rejected = info if info.get("status") == "rejected" and not info.get("isUsingOverage") else {}
        case "system", "api_retry":
            run.retry = event


def _take_message(run: _Run, event: Event) -> None:
    message = table(event, "message")
    if event.get("is_api_error_message") or message.get("model") == "<synthetic>":
        run.refusal = event
        return
    run.retry = run.rejected = {}  # the provider answers again
    run.usage_of_messages[string(message, "id")] = number(table(message, "usage"), *_COUNTED)
    content = message.get("content")
    if event.get("parent_tool_use_id") is None and isinstance(content, list):
        said = [string(part, "text") for part in content if isinstance(part, dict) and part.get("type") == "text"]
        run.said = "\n".join(filter(None, said)) or run.said


def _failure(result: Event) -> str | None:
    if not result.get("is_error") and result.get("subtype") == "success":
        return None
    errors = result.get("errors")
    said = "; ".join(str(error) for error in errors) if isinstance(errors, list) else ""
    return one_line(string(result, "result") or said or string(result, "subtype") or "an error without a message")


def _error(run: _Run) -> str | None:
    if run.results:
        return _failure(run.results[-1])
    if run.retry:
        return one_line(f"still waiting for the provider ({_words(run.retry)}) when the run ended")
    return one_line(run.foreign or "the output ends without a result event")


def _words(retry: Event) -> str:
    return " ".join(str(value) for value in (retry.get("error_status"), retry.get("error")) if value)


def _used(run: _Run) -> int | None:
    """Tokens of the whole session; of what was reported until then when the run was cut off."""
    if run.results:
        by_model: Iterable[object] = table(run.results[-1], "modelUsage").values()
        counted = [number(usage, *_COUNTED_BY_MODEL) for usage in by_model if isinstance(usage, dict)]
        if not counted:
            counted = [number(table(result, "usage"), *_COUNTED) for result in run.results]
        return sum(counted)
    return sum(run.usage_of_messages.values()) if run.usage_of_messages else None


def _limit(run: _Run, error: str | None, ended_at: datetime) -> Limit | None:
    if error is None:
        return None
    if not run.results:
        waiting_for = run.retry.get("error_status")
        passes = run.retry and (waiting_for is None or limits.passes_by_status(waiting_for))
        return Limit(_reset(run), error) if passes or run.rejected else None
    last = run.results[-1]
    status = last.get("api_error_status")
    passes = (
        limits.passes_by_status(status)
        or last.get("api_error") == _CONNECTION
        or run.refusal.get("error") == _BILLING
        or (status is None and limits.passes_by_words(error))
    )
    return Limit(_reset(run) or limits.told(error, ended_at), error) if passes else None


def _reset(run: _Run) -> datetime | None:
    refused = table(table(run.refusal, "api_error_params"), "rate_limit_info")
    return limits.instant((run.rejected or refused).get("resetsAt"))
