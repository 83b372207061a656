"""What a model says: one function from a `Conversation` to a `Reply`, whichever API the agent speaks.

`diligent` does the task. Tests compose the others, or write their own.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Json = dict[str, Any]

_MOST_TOOL_CALLS = 3


@dataclass(frozen=True, slots=True)
class Conversation:
    """One request of an agent.

    Attributes:
        prompt: all the user's text, oldest first.
        results: what the tools printed so far, oldest first.
        tools: names of the tools on offer; empty for side requests (titles, summaries, quota probes).
    """

    prompt: str
    results: tuple[str, ...]
    tools: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """Run a command in the agent's shell tool."""

    command: str


@dataclass(frozen=True, slots=True)
class Use:
    """Call one of the agent's tools by its name. Only the Messages API has it."""

    tool: str
    arguments: Json


@dataclass(frozen=True, slots=True)
class Say:
    """End the turn with a text."""

    text: str


@dataclass(frozen=True, slots=True)
class Slow:
    """Answer, with a pause in seconds before every event of the stream."""

    reply: Call | Use | Say
    pause: float


@dataclass(frozen=True, slots=True)
class Refusal:
    """Answer with an HTTP error."""

    status: int
    body: Json
    headers: Mapping[str, str] = field(default_factory=dict)


Reply = Call | Use | Say | Slow | Refusal
Behaviour = Callable[[Conversation], Reply]


def diligent(conversation: Conversation) -> Reply:
    """Do what the prompt's `write FILE: CONTENT` lines say, commit, and report as the worker template asks.

    A prompt without such a line that names a file is a pointer to the real prompt: the file is read first.
    """
    told = "\n".join((conversation.prompt, *conversation.results))
    writes = dict(re.findall(r"\bwrite ([\w./-]+): (.+?)\s*$", told, re.MULTILINE))
    head = re.search(r"^head=([0-9a-f]{40})\s*$", told, re.MULTILINE)
    pointer = re.search(r"/\S+\.md\b", conversation.prompt)
    if not conversation.tools:
        return Say("A title")
    if head:
        return Say(f"All done.\n\n{report(task_of(told), head[1])}")
    if len(conversation.results) >= _MOST_TOOL_CALLS or not (writes or pointer):
        return Say(report(task_of(told), None))
    if writes:
        return Call(_commit(writes))
    assert pointer is not None
    return Call(f"head -c 2000 {shlex.quote(pointer[0])}")


def chatty(conversation: Conversation) -> Reply:
    """Do the task and then forget the result JSON."""
    reply = diligent(conversation)
    return Say("I am done, everything works.") if isinstance(reply, Say) else reply


def always(reply: Reply) -> Behaviour:
    """The same answer to everything."""
    return lambda _: reply


def out_of_quota(reset: datetime) -> Refusal:
    """The answer of a subscription that is used up until `reset`, as both APIs word it.

    `retry-after-ms` lets an agent that always tries again come to its end at once.
    """
    epoch = str(int(reset.timestamp()))
    headers = {
        "retry-after-ms": "1",
        "anthropic-ratelimit-unified-status": "rejected",
        "anthropic-ratelimit-unified-reset": epoch,
        "anthropic-ratelimit-unified-representative-claim": "five_hour",
    }
    error = {"type": "usage_limit_reached", "message": "The usage limit has been reached", "resets_at": int(epoch)}
    return Refusal(429, {"type": "error", "error": error}, headers)


def wrong_key() -> Refusal:
    """The answer to a key that the provider does not know: no waiting helps."""
    error = {"type": "authentication_error", "message": "invalid key"}
    return Refusal(401, {"type": "error", "error": error})


def task_of(prompt: str) -> str:
    """The task id of a worker prompt."""
    found = re.search(r"Task Assignment: (\S+)", prompt)
    return found[1] if found else "UNKNOWN"


def report(task_id: str, sha: str | None) -> str:
    """The guide's result, in its block; `failed` without a commit. The notes hold braces, as notes do."""
    status, notes = ("success", "Wrote {it}") if sha else ("failed", "could not commit")
    value = {"task_id": task_id, "status": status, "used": "5.2K", "commit_sha": sha, "notes": notes}
    return f"```json\n{json.dumps(value, indent=2)}\n```"


def _commit(files: Mapping[str, str]) -> str:
    writes = [f"printf '%s\\n' {shlex.quote(text)} > {shlex.quote(name)}" for name, text in files.items()]
    names = " ".join(map(shlex.quote, files))
    commit = "git -c user.name=Agent -c user.email=agent@example.invalid commit -q -m 'Do the task'"
    return " && ".join([*writes, f"git add -- {names}", commit, 'echo "head=$(git rev-parse HEAD)"'])
