"""The two APIs on the wire: a request as a `Conversation`, a reply as the events of its stream."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

from tests.agents.behaviours import Call, Conversation, Json, Say, Use

#: What every reply claims to have cost. Distinct figures, so that a sum shows which of them were counted.
INPUT, CACHE_READ, CACHE_CREATION, OUTPUT = 1000, 200, 30, 4


def from_messages(body: Json) -> Conversation:
    """A request of the Messages API."""
    texts, results = [], []
    for message in body["messages"]:
        content = message["content"]
        for part in [{"type": "text", "text": content}] if isinstance(content, str) else content:
            if part["type"] == "text" and message["role"] == "user":
                texts.append(part["text"])
            elif part["type"] == "tool_result":
                results.append(_flatten(part.get("content", "")))
    return Conversation("\n".join(texts), tuple(results), tuple(tool["name"] for tool in body.get("tools", [])))


def from_responses(body: Json) -> Conversation:
    """A request of the Responses API."""
    texts, results = [], []
    for item in body["input"]:
        if item.get("type") == "message" and item.get("role") == "user":
            texts.append(_flatten(item["content"]))
        elif item.get("type") == "function_call_output":
            results.append(_flatten(item["output"]))
    names = tuple(tool.get("name", tool["type"]) for tool in body.get("tools", []))
    return Conversation("\n".join(texts), tuple(results), names)


def _flatten(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(_flatten(part.get("text", "")) for part in content)


def messages_events(reply: Call | Use | Say, body: Json) -> Iterator[Json]:
    """The stream of the Messages API."""
    if isinstance(reply, Call):
        name = next(tool["name"] for tool in body["tools"] if tool["name"].lower() == "bash")
        block: Json = {"type": "tool_use", "id": _identity("toolu"), "name": name, "input": {}}
        arguments = {"command": reply.command, "description": "Do the task"}
        delta: Json = {"type": "input_json_delta", "partial_json": json.dumps(arguments)}
    elif isinstance(reply, Use):
        block = {"type": "tool_use", "id": _identity("toolu"), "name": reply.tool, "input": {}}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(reply.arguments)}
    else:
        block, delta = {"type": "text", "text": ""}, {"type": "text_delta", "text": reply.text}
    usage = {
        "input_tokens": INPUT,
        "cache_read_input_tokens": CACHE_READ,
        "cache_creation_input_tokens": CACHE_CREATION,
        "output_tokens": OUTPUT,
    }
    message = {"id": _identity("msg"), "type": "message", "role": "assistant", "model": body["model"], "content": []}
    yield {"type": "message_start", "message": {**message, "stop_reason": None, "stop_sequence": None, "usage": usage}}
    yield {"type": "content_block_start", "index": 0, "content_block": block}
    yield {"type": "content_block_delta", "index": 0, "delta": delta}
    yield {"type": "content_block_stop", "index": 0}
    stop = {"stop_reason": "tool_use" if isinstance(reply, Call | Use) else "end_turn", "stop_sequence": None}
    yield {"type": "message_delta", "delta": stop, "usage": {"output_tokens": OUTPUT}}
    yield {"type": "message_stop"}


def responses_events(reply: Call | Use | Say, body: Json) -> Iterator[Json]:
    """The stream of the Responses API."""
    assert not isinstance(reply, Use)
    if isinstance(reply, Call):
        item = _shell_call(reply.command, {tool.get("name") for tool in body["tools"]})
    else:
        said = [{"type": "output_text", "text": reply.text, "annotations": []}]
        item = {"type": "message", "id": _identity("msg"), "role": "assistant", "status": "completed", "content": said}
    response = {"id": _identity("resp"), "object": "response", "status": "in_progress", "output": []}
    whole_input = INPUT + CACHE_READ + CACHE_CREATION
    usage = {
        "input_tokens": whole_input,
        "input_tokens_details": {"cached_tokens": CACHE_READ},
        "output_tokens": OUTPUT,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": whole_input + OUTPUT,
    }
    yield {"type": "response.created", "response": response}
    yield {"type": "response.output_item.added", "output_index": 0, "item": item}
    yield {"type": "response.output_item.done", "output_index": 0, "item": item}
    done = {**response, "status": "completed", "output": [item], "usage": usage}
    yield {"type": "response.completed", "response": done}


def _shell_call(command: str, tools: set[str | None]) -> Json:
    """A call of whichever of its shell tools this version of Codex offers."""
    arguments: dict[str, Json] = {
        "exec_command": {"cmd": command},
        "shell_command": {"command": command},
        "shell": {"command": ["bash", "-c", command]},
    }
    name = next(name for name in arguments if name in tools)
    call = {"type": "function_call", "call_id": _identity("call"), "status": "completed"}
    return {**call, "name": name, "arguments": json.dumps(arguments[name])}


def _identity(prefix: str) -> str:
    """A new one each time: agents take two calls with one id for the same call."""
    return f"{prefix}_{uuid.uuid4().hex}"
