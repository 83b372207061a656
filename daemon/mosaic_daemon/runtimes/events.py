"""From a log to the events in it. The log may be cut anywhere, and standard error runs through it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

Event = dict[str, Any]

_MAX_LINE_CHARACTERS = 400
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+")
_COLOURS = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


def events(log: bytes) -> Iterator[Event | str]:
    """The JSON objects of a log in their order, and every other line that is not empty, as text."""
    for line in log.split(b"\n"):
        stripped = line.strip()
        if stripped.startswith(b"{"):
            try:
                event = json.loads(stripped.decode("utf-8", "replace"))
            except (ValueError, RecursionError):
                continue
            if isinstance(event, dict):
                yield event
        elif stripped:
            yield stripped.decode("utf-8", "replace")


def plain(text: str) -> str:
    """The text without the colour codes of terminals."""
    return _COLOURS.sub("", text)


def one_line(text: str) -> str:
    """The text as one printable line of at most 400 characters."""
    line = " ".join(_UNPRINTABLE.sub(" ", plain(text[: 4 * _MAX_LINE_CHARACTERS])).split())
    return line if len(line) <= _MAX_LINE_CHARACTERS else line[: _MAX_LINE_CHARACTERS - 1] + "…"


def table(event: Event, key: str) -> Event:
    """The object under a key; empty when there is none or it is something else."""
    value = event.get(key)
    return value if isinstance(value, dict) else {}


def string(event: Event, key: str) -> str:
    """The string under a key; empty when there is none or it is something else."""
    value = event.get(key)
    return value if isinstance(value, str) else ""


def number(event: Event, *keys: str) -> int:
    """The sum of the non-negative integers under some keys."""
    values = (event.get(key) for key in keys)
    return sum(value for value in values if isinstance(value, int) and not isinstance(value, bool) and value > 0)
