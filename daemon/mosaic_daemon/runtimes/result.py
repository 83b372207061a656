"""The result a worker ends with: found in what it said, or read from its file, and checked.

A result is the last JSON object with a `task_id`; other braces are prose. However much of it there is, the search looks
at no more than the last few places that can be one.
"""

from __future__ import annotations

import json
import re
from collections import deque
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from mosaic_daemon.ground import strictjson
from mosaic_daemon.ground.errors import InputError
from mosaic_daemon.ground.secrets import redact
from mosaic_daemon.nouns.task import Category

_MAX_BLOCK_CHARACTERS = 1 << 18
_MAX_FILE_BYTES = 1 << 20
_MAX_DEPTH = 32
_MAX_NOTES_CHARACTERS = 10_000
_LAST_KEYS = 16
_STARTS_BEFORE_KEY = 32
_REACH_BEFORE_KEY = 1 << 16

_START = re.compile(r'\{\s*"')
_OPENS_A_LINE = re.compile(r"(?:^|\n)[ \t>`]*(?:json)?[ \t]*\Z")
_SHA = re.compile(r"[0-9a-fA-F]{4,64}")
_TOKENS = re.compile(r"~?\s*(\d{1,15}(?:\.\d{1,6})?)\s*([KMB]?)(?:\s*tokens)?", re.IGNORECASE)
_SCALE = {"": 1, "K": 10**3, "M": 10**6, "B": 10**9}

_DECODER = json.JSONDecoder()
_ASK = "end with exactly one JSON block of the form the task gives"


class ResultError(InputError):
    """A worker's result is missing or breaks the rules; the message tells the next attempt what to do."""


@dataclass(frozen=True, slots=True)
class WorkerResult:
    """What a worker says of its attempt. Nothing of it is believed before it was checked against git.

    Attributes:
        status: `success` or `failed`.
        used: tokens, by its own account; None when it gives none that can be read.
        commit_sha: 4 to 64 hexadecimal digits, maybe shortened; None when it names none.
        notes: for people, 10,000 characters at most; no secret of the daemon's is in it, whatever the worker has read.
        category, approach: of a failure, what effort it would be, and how it would be fixed; None and empty where it
            does not say, or says something else.
    """

    task_id: str
    status: str
    used: int | None
    commit_sha: str | None
    notes: str
    category: Category | None = None
    approach: str = ""


def parse_result(text: str, task_id: str) -> WorkerResult:
    """The result at the end of what a worker said.

    Raises:
        ResultError: there is none, it is broken, or it is another task's.
    """
    block = last_block(text, "task_id")
    if block is None:
        if last_block(text, "status") is not None:
            raise ResultError("the result JSON has no `task_id`", remedy=f'put `"task_id": "{task_id}"` into it')
        raise ResultError("there is no result JSON in the output", remedy=_ASK)
    try:
        data = block.encode()
    except UnicodeEncodeError:
        raise ResultError("the result JSON holds a lone surrogate", remedy="write it as plain UTF-8 text") from None
    return parse_result_file(data, task_id)


def parse_result_file(data: bytes, task_id: str) -> WorkerResult:
    """The result in a file, or in one JSON block.

    Raises:
        ResultError: it is broken, or it is another task's.
    """
    try:
        value = strictjson.loads(data, source="result JSON", max_bytes=_MAX_FILE_BYTES, max_depth=_MAX_DEPTH)
    except InputError as error:
        raise ResultError(error.line, remedy=error.remedy or _ASK) from error
    if not isinstance(value, dict):
        raise ResultError(f"the result is {_kind(value)}, not a JSON object", remedy=_ASK)
    return _checked(value, task_id)


def last_block(text: str, key: str) -> str | None:
    """The last object that has the key itself, not only in an object inside it.

    Raises:
        ResultError: the last place that is clearly meant to be one is no JSON.
    """
    places = (found.start() for found in re.finditer(rf'"{key}"\s*:', text))
    for place in reversed(deque(places, _LAST_KEYS)):
        starts = _starts_before(text, place)
        blocks = [block for start in starts if (block := _block(text, start, place, key))]
        if blocks:
            return max(blocks, key=len)
        if starts and _is_meant(text, starts[0], place):
            raise ResultError(f"the result JSON is broken: {_reason(text, starts[0])}", remedy=_ASK)
    return None


def _starts_before(text: str, place: int) -> list[int]:
    """Where an object around this place may start, nearest first."""
    found = (start.start() for start in _START.finditer(text, max(0, place - _REACH_BEFORE_KEY), place + 1))
    return list(reversed(deque(found, _STARTS_BEFORE_KEY)))


def _block(text: str, start: int, place: int, key: str) -> str | None:
    """The object that starts here, if it is JSON, spans the place and has the key."""
    window = text[start : start + _MAX_BLOCK_CHARACTERS]
    try:
        value, length = _DECODER.raw_decode(window)
    except (ValueError, RecursionError):
        return None
    return window[:length] if start + length > place and key in value else None


def _is_meant(text: str, start: int, place: int) -> bool:
    """Whether a place that is no JSON is a try at one rather than prose: a brace on a new line, still open."""
    opens_a_line = _OPENS_A_LINE.search(text, max(0, start - 100), start) is not None
    return opens_a_line and text.find("}", start, place) < 0


def _reason(text: str, start: int) -> str:
    try:
        _DECODER.raw_decode(text[start : start + _MAX_BLOCK_CHARACTERS])
    except json.JSONDecodeError as error:
        return f"{error.msg} (line {error.lineno} of it, column {error.colno})"
    except (ValueError, RecursionError) as error:
        return str(error)
    return "it ends too early"


def _checked(value: dict[str, Any], task_id: str) -> WorkerResult:
    named, status = value.get("task_id"), value.get("status")
    if named != task_id:
        told = "has no `task_id`" if named is None else f"is for task {_shown(named)}"
        raise ResultError(f"the result {told}, this is task {task_id}", remedy=f'give `"task_id": "{task_id}"`')
    if status not in ("success", "failed"):
        raise ResultError(f"`status` of the result is {_shown(status)}", remedy="give `success` or `failed`")
    notes = value.get("notes")
    if not isinstance(notes, str | None):
        raise ResultError(f"`notes` of the result is {_kind(notes)}", remedy="give a text")
    return WorkerResult(
        task_id=task_id,
        status=status,
        used=token_figure(value.get("used")),
        commit_sha=_sha(value.get("commit_sha"), needed=status == "success"),
        notes=redact(notes or "")[:_MAX_NOTES_CHARACTERS],
        category=_category(value.get("category")),
        approach=redact(approach)[:_MAX_NOTES_CHARACTERS]
        if isinstance(approach := value.get("suggested_approach"), str)
        else "",
    )


def _category(value: object) -> Category | None:
    """`Framework Limitation` is `framework-limitation`; a wrong word is no reason to refuse the rest."""
    word = "-".join(value.lower().split()) if isinstance(value, str) else ""
    return Category(word) if word in set(Category) else None


def _sha(value: object, *, needed: bool) -> str | None:
    """The commit's name; a failed attempt may put anything there, since it has none."""
    if value is None or value == "":
        return None
    if isinstance(value, str) and _SHA.fullmatch(value):
        return value
    if not needed:
        return None
    raise ResultError(
        f"`commit_sha` of the result is {_shown(value)}", remedy="give what `git rev-parse HEAD` prints, or null"
    )


def token_figure(value: object) -> int | None:
    """A token figure: `5.2K`, 5200. A figure that says nothing (`unknown`) is none: the runtime's own is better anyway.

    Raises:
        ResultError: it is not a text or a number.
    """
    if value is None or (isinstance(value, str) and not value):
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ResultError(f"`used` of the result is {_kind(value)}", remedy='give a figure such as `"5.2K"`')
    if not isinstance(value, str):
        return round(value) if value >= 0 else None
    figure = _TOKENS.fullmatch(value.strip().replace(",", ""))
    return round(Decimal(figure[1]) * _SCALE[figure[2].upper()]) if figure else None


def _kind(value: object) -> str:
    names = {
        dict: "an object",
        list: "a list",
        str: "a text",
        bool: "true or false",
        int: "a number",
        float: "a number",
    }
    return names.get(type(value), "null")


def _shown(value: object) -> str:
    return f"`{value[:80]}`" if isinstance(value, str) else _kind(value) if value is not None else "missing"
