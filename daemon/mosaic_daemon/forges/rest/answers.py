"""What a forge's HTTP answer means before anybody knows which forge it is: limits, refusals, and the failure record."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from mosaic_daemon.forges.base import Rejected
from mosaic_daemon.forges.rest.parsing import Value, parsed
from mosaic_daemon.ground.secrets import redact
from mosaic_daemon.nouns.attempt import Failure, FailureClass

_TAIL_BYTES = 8192
_LONGEST_TEXT = 4000
_DAY_SEC = 86400.0
_EPOCH_FROM = 1e9  #: a reset above it is a date, below it a number of seconds
_REQUEST_IDS = ("x-github-request-id", "x-request-id", "x-gitlab-meta-request-id")
_LIMIT_TEXTS = ("secondary rate limit", "rate limit exceeded", "abuse detection")


@dataclass(frozen=True, slots=True)
class Request:
    """`headers` are those worth repeating, with `$TOKEN` where the token stood."""

    method: str
    url: str
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    ca_file: str = ""

    @property
    def line(self) -> str:
        return redact(f"{self.method} {self.url}")

    @property
    def curl(self) -> str:
        """A line that can be pasted once `TOKEN` is set. Texts longer than any reader wants are cut."""
        words = ["curl", "-sS", "-i"]
        if self.method != "GET":
            words += ["-X", self.method]
        if self.ca_file:
            words += ["--cacert", shlex.quote(self.ca_file)]
        for name, value in self.headers.items():
            line = f"{name}: {value}"
            words += ["-H", f'"{line}"' if "$TOKEN" in value else shlex.quote(line)]
        if self.body is not None:
            body = {name: _cut(value) for name, value in self.body.items()}
            words += ["-H", "'Content-Type: application/json'"]
            words += ["--data-raw", shlex.quote(json.dumps(body, ensure_ascii=False))]
        return redact(" ".join([*words, shlex.quote(self.url)]))


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. `headers` by their names in lower case; no registered secret is in `text`."""

    request: Request
    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def value(self) -> Value:
        """The body as JSON. Raises Unavailable when it is none, as it is no answer of this API then."""
        return parsed(self.text, self.request.line)

    @property
    def said(self) -> str:
        """The forge's own words on one line; empty when it said nothing, or a web page."""
        try:
            told = json.loads(self.text)
        except ValueError:
            return "" if "<html" in self.text[:500].lower() else " ".join(self.text.split())[:500]
        return "; ".join(dict.fromkeys(_words(told)))[:1000]

    @property
    def request_id(self) -> str:
        return next((self.headers[name] for name in _REQUEST_IDS if name in self.headers), "")

    @property
    def summary(self) -> str:
        return f"{self.status} {self.said}".strip()


@dataclass(frozen=True, slots=True)
class Limit:
    """The host wants to be left alone. `wait_sec` None: it does not say how long, `least_sec` is known to be needed."""

    reason: str
    wait_sec: float | None
    least_sec: float = 1.0


def failure_of(
    reply: Reply, step: str, message: str = "", *, code: str = "", kind: FailureClass = FailureClass.GATE
) -> Failure:
    """The record of a refusal: what was asked, as a line to paste, and what was answered."""
    return Failure(
        kind=kind,
        step=step,
        message=redact(message or reply.said or f"HTTP {reply.status}"),
        command=reply.request.curl,
        status=str(reply.status),
        tail=redact(reply.text.encode()[-_TAIL_BYTES:].decode("utf-8", "ignore")),
        code=code or _CODES.get(reply.status, "refused"),
        request_id=redact(reply.request_id),
    )


def rejected(reply: Reply) -> Rejected:
    words = reply.said or "it says nothing"
    message = f"the forge answers {reply.status}: {words}"
    return Rejected(failure_of(reply, "forge", message), reply.request.line, _REMEDIES.get(reply.status, ""))


def limit_of(reply: Reply, now: datetime) -> Limit | None:
    """Whether the answer is a rate limit. The marks decide: without them a 403 is a refusal."""
    wait = _retry_after(reply, now)
    text = reply.text[:2000].lower()
    marked = any(mark in text for mark in _LIMIT_TEXTS)
    exhausted = _remaining(reply) == 0
    if reply.status == 429 or (reply.status == 403 and (wait is not None or exhausted or marked)):
        if wait is None and exhausted:
            wait = _reset_sec(reply, now)
        least = 60.0 if marked and reply.status in (403, 429) else 1.0
        return Limit(f"rate limit: {reply.summary}", wait, least)
    if reply.status == 503 and wait is not None:
        return Limit(f"closed for a time: {reply.summary}", wait)
    return None


def exhausted_sec(reply: Reply, now: datetime) -> float | None:
    """How long the budget that this answer used up will stay empty; None while some of it is left."""
    return _reset_sec(reply, now) if _remaining(reply) == 0 else None


_CODES = {
    401: "unauthorized",
    403: "permission",
    404: "not_found",
    409: "conflicting_state",
    410: "gone",
    422: "validation",
    423: "archived",
}
_REMEDIES = {
    401: "give the forge a token that is valid",
    403: "the token may not do this; `doctor` names the scopes",
    404: "either it is not there, or the token may not see it",
}


def _cut(value: Any) -> Any:
    return f"{value[:_LONGEST_TEXT]}…" if isinstance(value, str) and len(value) > _LONGEST_TEXT else value


def _words(told: Any) -> list[str]:
    """The texts of an error body: GitHub's message and errors, GitLab's nested message, Gitea's message."""
    match told:
        case str():
            return [" ".join(told.split())] if told.strip() else []
        case list():
            return [word for item in told[:10] for word in _words(item)]
        case {"message": message, **others} if message:
            return _words(message) + _words(others.get("errors", []))
        case {"error": error, **others} if error:
            return _words(error) + _words(others.get("error_description", ""))
        case {"resource": resource, "code": code, **others}:
            return [f"{resource}.{others.get('field', '')} {code}"]
        case dict():
            known = {name: item for name, item in told.items() if name not in ("url", "documentation_url", "status")}
            return [f"{name}: {word}" for name, item in known.items() if item for word in _words(item)]
        case _:
            return []


def _retry_after(reply: Reply, now: datetime) -> float | None:
    text = reply.headers.get("retry-after", "").strip()
    if not text:
        return None
    try:
        return _bounded(float(text))
    except ValueError:
        pass
    try:
        return _bounded((parsedate_to_datetime(text) - _server_time(reply, now)).total_seconds())
    except (ValueError, TypeError):
        return None


def _remaining(reply: Reply) -> float | None:
    if reply.headers.get("x-ratelimit-resource", "core") != "core":
        return None
    return _number(reply.headers.get("x-ratelimit-remaining", reply.headers.get("ratelimit-remaining", "")))


def _reset_sec(reply: Reply, now: datetime) -> float | None:
    reset = _number(reply.headers.get("x-ratelimit-reset", reply.headers.get("ratelimit-reset", "")))
    if reset is None:
        return None
    return _bounded(reset - _server_time(reply, now).timestamp() if reset > _EPOCH_FROM else reset)


def _server_time(reply: Reply, now: datetime) -> datetime:
    """The host's clock where it tells, as dates in its headers are meant by it."""
    try:
        return parsedate_to_datetime(reply.headers["date"])
    except (KeyError, ValueError, TypeError):
        return now


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _bounded(seconds: float) -> float:
    return min(max(seconds, 0.0), _DAY_SEC) if seconds == seconds else 0.0  # noqa: PLR0124  # NaN
