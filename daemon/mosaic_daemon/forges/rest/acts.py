"""Acts on a forge: each is sent once, and its answer is judged by a table of the dialect's own words."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from typing import Any, ParamSpec, Protocol

from mosaic_daemon.forges.base import Answer, Delayed, Forbidden, IssueText, Moved, Rejected, Sent
from mosaic_daemon.forges.rest.answers import Reply, failure_of
from mosaic_daemon.forges.rest.filing import Filing, compared
from mosaic_daemon.forges.rest.hosting import Pull, PullState, Readiness, SquashOrder
from mosaic_daemon.forges.rest.transport import Transport
from mosaic_daemon.ground.errors import Unavailable
from mosaic_daemon.nouns.attempt import Failure, FailureClass

PR, MERGE, RERUN, CLOSE = "gate:pr", "gate:merge", "gate:main-ci", "gate:close"
ISSUE, MILESTONE, RELEASE = "issue", "milestone", "release"

_SOON_SEC = 5.0
_P = ParamSpec("_P")


class Means(Enum):
    """What a refusal comes to."""

    REFUSED = auto()  #: a rule says no
    MOVED = auto()  #: head or base are not as asked
    LATER = auto()  #: nothing happened, the same may work soon
    UNCLEAR = auto()  #: done already, or being done: the probe decides
    LOOK = auto()  #: the words say too little: look at the pull request
    REFUSED_UNLESS_DONE = auto()  #: a rule says no, but it is also said after a merge, or of one that is closed


@dataclass(frozen=True, slots=True)
class Rule:
    """Answers of this status whose text holds these words, in lower case, mean this. No words: all of them."""

    status: int
    words: str
    means: Means
    code: str = ""
    kind: FailureClass = FailureClass.GATE


class LooksAtPulls(Protocol):
    async def pull(self, number: int) -> Pull: ...


def act(method: Callable[_P, Awaitable[Answer]]) -> Callable[_P, Coroutine[Any, Any, Answer]]:
    """What an act has to read first may fail: then nothing has happened yet, and that is its answer."""

    @functools.wraps(method)
    async def answered(*args: _P.args, **kwargs: _P.kwargs) -> Answer:
        try:
            return await method(*args, **kwargs)
        except Unavailable as error:
            return Delayed(error.line, error.until)
        except Rejected as error:
            return Forbidden(error.failure)

    return answered


class Acts:
    """Sends acts over one transport."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def do(
        self, step: str, request: tuple[str, str], body: Mapping[str, Any] | None = None, rules: Sequence[Rule] = ()
    ) -> Answer:
        """Send `request`, a method and a path; what the rules do not name is a refusal."""
        reply = await self._transport.send(*request, body)
        if not isinstance(reply, Reply):
            return reply
        return Sent(done(reply)) if reply.ok else self.judged(reply, step, rule_of(reply, rules))

    def judged(self, reply: Reply, step: str, rule: Rule) -> Answer:
        match rule.means:
            case Means.MOVED:
                return Moved(reply.summary)
            case Means.LATER:
                return self.later(reply.summary)
            case Means.UNCLEAR:
                return Sent(reply.summary)
            case _:
                return Forbidden(failure_of(reply, step, code=rule.code, kind=rule.kind))

    def unsupported(self, step: str, message: str) -> Forbidden:
        return Forbidden(Failure(FailureClass.GATE, step, message, code="unsupported"))

    async def create_issue(self, forge: Filing, path: str, body: Mapping[str, Any], text: IssueText) -> Answer:
        """Make it, read it back, and say what it lacks."""
        reply = await self._transport.send("POST", path, body)
        if not isinstance(reply, Reply):
            return reply
        if not reply.ok:
            return self.judged(reply, ISSUE, rule_of(reply, ()))
        number = made(reply, "iid") or made(reply, "number")
        return await compared(forge, number, text, Sent(done(reply)))

    def later(self, reason: str) -> Delayed:
        return Delayed(reason, self._transport.timing.clock.now() + timedelta(seconds=_SOON_SEC))

    async def merge(
        self, forge: LooksAtPulls, number: int, order: SquashOrder, reply: Reply, rules: Sequence[Rule]
    ) -> Answer:
        """What the answer to a merge means; where its words are not enough, the pull request is asked."""
        if reply.ok:
            return Sent(reply.summary)
        rule = rule_of(reply, rules)
        if rule.means in (Means.LOOK, Means.REFUSED_UNLESS_DONE):
            return await self._looked(forge, number, order, (reply, rule))
        return self.judged(reply, MERGE, rule)

    async def _looked(
        self, forge: LooksAtPulls, number: int, order: SquashOrder, refusal: tuple[Reply, Rule]
    ) -> Answer:
        """The merge was refused in words that may mean several things: the pull request tells which."""
        reply, rule = refusal
        try:
            pull = await forge.pull(number)
        except Unavailable as error:
            return Delayed(f"{reply.summary}; then {error.line}", error.until)
        except Rejected:
            return Forbidden(failure_of(reply, MERGE, code=rule.code, kind=rule.kind))
        if pull.state == PullState.MERGED:
            return Sent(f"{reply.summary}; it is merged")
        if pull.head_sha != order.head_sha:
            return Moved(f"{reply.summary}; its head is {pull.head_sha}")
        if pull.state == PullState.CLOSED:
            return Forbidden(failure_of(reply, MERGE, "the pull request is closed and not merged", code="closed"))
        return self._as_it_stands(pull, reply, rule)

    def _as_it_stands(self, pull: Pull, reply: Reply, rule: Rule) -> Answer:
        message = "; ".join(filter(None, (reply.said, pull.reason)))
        if rule.means == Means.REFUSED_UNLESS_DONE:
            return Forbidden(failure_of(reply, MERGE, code=rule.code, kind=rule.kind))
        match pull.readiness:
            case Readiness.CONFLICT:
                failure = failure_of(reply, MERGE, message, code="conflict", kind=FailureClass.CONFLICT)
                return Forbidden(failure)
            case Readiness.FORBIDDEN:
                return Forbidden(failure_of(reply, MERGE, message, code=pull.code or rule.code))
            case Readiness.READY if rule.code:
                return Forbidden(failure_of(reply, MERGE, message, code=rule.code, kind=rule.kind))
            case _:
                return self.later(f"{reply.status} {message}".strip())


def rule_of(reply: Reply, rules: Sequence[Rule]) -> Rule:
    said = reply.said.lower()
    for rule in rules:
        if rule.status == reply.status and rule.words in said:
            return rule
    return Rule(reply.status, "", Means.REFUSED)


def done(reply: Reply) -> str:
    """What was made, in short: `201 https://…`. The act is done, so nothing here may fail."""
    try:
        value = reply.value
        url = value["html_url"].text or value["web_url"].text
    except Unavailable:
        url = ""
    return f"{reply.status} {url}".strip()


def made(reply: Reply, name: str) -> int | None:
    """The number of what was made, if the answer tells it."""
    try:
        return reply.value[name].number
    except Unavailable:
        return None
