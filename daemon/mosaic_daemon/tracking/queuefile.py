"""`tasks.json` version 1: the queue as text.

The file is read strictly as a whole and leniently entry by entry: what is not JSON or not a queue fails it, a single
bad entry is reported and stays where it is. Nothing that was read is lost by writing it again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from mosaic_daemon.ground import strictjson
from mosaic_daemon.ground.errors import InputError
from mosaic_daemon.tracking.entry import FIELDS, Entry, Problem, is_task_id

VERSION = 1
MAX_BYTES = 64 * 1024 * 1024
"""Room for 50,000 tasks and their notes."""

_EXAMPLE = 'the smallest queue is {"version": 1, "tasks": []}'
_SPACE = re.compile(r"[ \t\r\n]*")


@dataclass(frozen=True, slots=True)
class QueueFile:
    """What a `tasks.json` holds.

    Attributes:
        version: of the format; always 1.
        entries: all of them in order, just as they were read, the bad ones included.
        by_id: the usable entries. Their fields are not checked beyond `id`: see `entry.validate`.
        extra: top-level fields that are not ours.
        problems: why the others are not among them.
    """

    version: int
    entries: tuple[Any, ...]
    by_id: Mapping[str, dict[str, Any]]
    extra: Mapping[str, Any]
    problems: tuple[Problem, ...]

    @classmethod
    def empty(cls) -> Self:
        """A queue without tasks."""
        return cls(version=VERSION, entries=(), by_id={}, extra={}, problems=())

    def is_problem(self, entry: Any) -> bool:
        """Whether this one of `entries` is not usable."""
        return not isinstance(entry, dict) or self.by_id.get(_id_of(entry)) is not entry


def parse(data: bytes, *, source: str, max_bytes: int = MAX_BYTES) -> QueueFile:
    """Read a queue.

    Raises:
        InputError: it is no strict JSON, or no version 1 queue.
    """
    document = strictjson.loads(data, source=source, max_bytes=max_bytes)
    entries = _entries(document, source)
    by_id: dict[str, dict[str, Any]] = {}
    faults: dict[int, str] = {}
    for position, entry in enumerate(entries, start=1):
        if (fault := _fault(entry, by_id)) is None:
            by_id[entry["id"]] = entry
        else:
            faults[position] = fault
    return QueueFile(
        version=VERSION,
        entries=tuple(entries),
        by_id=by_id,
        extra={name: value for name, value in document.items() if name not in {"version", "tasks"}},
        problems=_problems(faults, entries, data),
    )


def render(entries: Sequence[Any], extra: Mapping[str, Any] | None = None) -> bytes:
    """Write a queue: documented fields first and in their order, unknown ones after them in theirs.

    Args:
        entries: tasks as mappings; anything else is a bad entry that somebody wrote, and is put back as it was.
        extra: further top-level fields.
    """
    tasks = [_ordered(entry) if isinstance(entry, dict) else entry for entry in entries]
    return strictjson.dumps({"version": VERSION, "tasks": tasks, **(extra or {})})


def schema() -> dict[str, Any]:
    """The JSON Schema of the whole file."""
    entry = Entry.model_json_schema(ref_template="#/$defs/{model}")
    definitions = entry.pop("$defs")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "tasks.json",
        "description": "The queue of mosaic-orchestrator. Fields that are not listed are kept.",
        "type": "object",
        "required": ["version", "tasks"],
        "properties": {
            "version": {"const": VERSION},
            "tasks": {"type": "array", "items": {"$ref": "#/$defs/Entry"}},
        },
        "$defs": {**definitions, "Entry": entry},
    }


def _entries(document: Any, source: str) -> list[Any]:
    if not isinstance(document, dict):
        raise InputError("is not a JSON object", source=source, remedy=_EXAMPLE)
    version = document.get("version")
    if type(version) is not int:
        raise InputError("has no integer field 'version'", source=source, remedy=_EXAMPLE)
    if version != VERSION:
        remedy = "write it as version 1, or use a newer mosaic-orchestrator"
        raise InputError(f"is a version {version} queue, this program reads {VERSION}", source=source, remedy=remedy)
    entries = document.get("tasks")
    if not isinstance(entries, list):
        raise InputError("has no list 'tasks'", source=source, remedy=_EXAMPLE)
    return entries


def _fault(entry: Any, earlier: Mapping[str, Any]) -> str | None:
    """Why this entry cannot be a task beside those already read."""
    if not isinstance(entry, dict):
        return "is not a JSON object"
    if "id" not in entry:
        return "has no 'id'"
    if not is_task_id(entry["id"]):
        return f"has an 'id' that is none: {str(entry['id'])[:80]!r}"
    if entry["id"] in earlier:
        return f"has the id {entry['id']!r} of an earlier entry"
    return None


def _problems(faults: Mapping[int, str], entries: Sequence[Any], data: bytes) -> tuple[Problem, ...]:
    if not faults:
        return ()
    lines = list(_element_lines(data.decode(), "tasks"))
    return tuple(
        Problem(message, position, task=_id_of(entries[position - 1]), line=lines[position - 1])
        for position, message in faults.items()
    )


def _id_of(entry: Any) -> str:
    name = entry.get("id") if isinstance(entry, dict) else None
    return str(name) if is_task_id(name) else ""


def _ordered(entry: dict[str, Any]) -> dict[str, Any]:
    if tuple(entry)[: len(FIELDS)] == FIELDS:
        return entry
    return {name: entry[name] for name in FIELDS if name in entry} | entry


def _element_lines(text: str, field: str) -> Iterator[int]:
    """The line of each element of a top-level list, in a document known to be valid."""
    decoder = json.JSONDecoder()

    def after_space(offset: int) -> int:
        found = _SPACE.match(text, offset)
        return found.end() if found else offset

    name, offset = "", after_space(0)
    while name != field:  # the offset is at "{" or ",", before a name
        name, offset = decoder.raw_decode(text, after_space(offset + 1))
        offset = after_space(after_space(offset) + 1)
        if name != field:
            offset = after_space(decoder.raw_decode(text, offset)[1])
    line, counted = 1, 0
    while text[offset] != "]":  # the offset is at "[" or ",", before an element
        offset = after_space(offset + 1)
        line, counted = line + text.count("\n", counted, offset), offset
        yield line
        offset = after_space(decoder.raw_decode(text, offset)[1])
