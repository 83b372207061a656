"""JSON that every other reader understands in the same way, and nothing else.

The standard readers are lenient in ways that lose data or crash later: the last of two equal keys wins in silence,
large integers turn into floats, `NaN` and lone surrogates come in and cannot be written again. orjson refuses most
of that at C speed. The rest is found by writing the value again: text and rewritten text must have the same
skeleton, that is the same brackets, colons and decimal points outside of strings. Only when they differ does a slow
scan look for the reason and its place.
"""

from __future__ import annotations

import gc
import json
import math
import re
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Any

import orjson

from mosaic_daemon.ground.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BYTES = 8 * 1024 * 1024
MAX_DEPTH = 64

_BOM = b"\xef\xbb\xbf"
_OUTSIDE_SKELETON = bytes(set(range(256)) - set(b'[]{}:."'))
_AS_ARRAYS = bytes.maketrans(b"{}", b"[]")
_INTEGERS = range(-(2**63), 2**64)
_INTEGER = re.compile(r"-?\d+")
_CONTAINERS = frozenset({dict, list, tuple})
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[{}\[\]:,]|[-+.\w]+', re.DOTALL)


def loads(data: bytes, *, source: str, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH) -> Any:
    """Parse one JSON document.

    Args:
        data: the whole file, UTF-8 without a byte order mark.
        source: what to call it in messages, usually its path.
        max_bytes: longer documents are refused unread.
        max_depth: how many arrays and objects may be open at once.

    Raises:
        InputError: with line and column, for anything that is not JSON, has a key twice in one object, or holds a
            value that could not be written again as it was (integers beyond 64 bits, NaN, lone surrogates).
    """
    if len(data) > max_bytes:
        raise InputError(f"{len(data):,} bytes are more than the {max_bytes:,} allowed", source=source)
    with _collector_paused():
        try:
            value = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise _syntax_error(data, error, source, max_depth) from None
        skeleton = _skeleton(data)
        if _is_deeper(skeleton, max_depth) or skeleton != _skeleton(orjson.dumps(value)):
            _refuse_first_offence(data.decode(), source, max_depth)
    return value


def dumps(value: object) -> bytes:
    """Render a value as UTF-8 with two spaces of indent and a final newline.

    Raises:
        ValueError: for NaN and infinities, which orjson alone would turn into null.
        TypeError: for what is not JSON at all.
    """
    if not _is_finite(value):
        raise ValueError("NaN and infinities are not JSON")
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Parsing makes many objects and no garbage: the collector would walk them all several times (3.5 x the cost)."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _skeleton(data: bytes) -> bytes:
    """Brackets, colons and decimal points outside of strings, from a valid document."""
    if b"\\" in data:
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    # Two neighbouring quotes are an end and a start, or an emptied string: without them the rest reads the same.
    quoted = data.translate(None, _OUTSIDE_SKELETON).replace(b'""', b"")
    return b"".join(quoted.split(b'"')[::2])


def _is_deeper(skeleton: bytes, max_depth: int) -> bool:
    brackets = skeleton.translate(_AS_ARRAYS, b":.")
    for _ in range(max_depth):
        if not brackets:
            return False
        brackets = brackets.replace(b"[]", b"")
    return bool(brackets)


def _is_finite(value: object) -> bool:
    level: list[Any] = [value]
    while level:
        if float in set(map(type, level)) and not all(math.isfinite(item) for item in level if type(item) is float):
            return False
        nodes = [item for item in level if type(item) in _CONTAINERS]
        level = list(chain.from_iterable(node.values() if type(node) is dict else node for node in nodes))
    return True


def _syntax_error(data: bytes, error: orjson.JSONDecodeError, source: str, max_depth: int) -> InputError:
    if data.startswith(_BOM):
        return InputError(
            "starts with a byte order mark", source=source, line_number=1, remedy="save it as UTF-8 without BOM"
        )
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in data[:4]:
        return InputError("is UTF-16 or UTF-32, not UTF-8", source=source, remedy="save it as UTF-8")
    try:
        text = data.decode()
    except UnicodeDecodeError as wrong:
        before = data[: wrong.start].decode()
        return _error_at(before, len(before), f"byte 0x{data[wrong.start]:02x} is not UTF-8", source)
    if not text.strip():
        return InputError("is empty", source=source)
    try:
        _refuse_first_offence(text, source, max_depth, stop=error.pos)
    except InputError as better:
        return better
    return _error_at(text, error.pos, f"not JSON: {error.msg}", source)


def _error_at(text: str, offset: int, problem: str, source: str) -> InputError:
    line = text.count("\n", 0, offset) + 1
    return InputError(problem, source=source, line_number=line, column=offset - text.rfind("\n", 0, offset))


def _refuse_first_offence(text: str, source: str, max_depth: int, stop: float = math.inf) -> None:
    """Raise for the first thing that is syntax but not acceptable. Silent if there is none up to `stop`.

    The text is valid JSON before `stop`. Different skeletons alone prove nothing: 1e5 is written again as 100000.0.
    """
    for offset, problem in _offences(text, max_depth):
        if offset > stop:
            return
        if problem:
            raise _error_at(text, offset, problem, source)


def _offences(text: str, max_depth: int) -> Iterator[tuple[int, str]]:
    """Each token's offset, and what is wrong with it or nothing."""
    open_keys: list[set[str] | None] = []  # of the objects that are open; None stands for an array
    previous = ""
    for token in _TOKEN.finditer(text):
        word, problem = token.group(), ""
        if word in "{[":
            open_keys.append(set() if word == "{" else None)
            if len(open_keys) > max_depth:
                problem = f"nested deeper than {max_depth} levels"
        elif word in "}]":
            del open_keys[-1:]
        elif word.startswith('"'):
            keys = open_keys[-1] if open_keys and previous in {"{", ","} else None
            problem = _string_offence(word, keys)
        elif word not in ",:":
            problem = _number_offence(word)
        yield token.start(), problem
        previous = word


def _string_offence(word: str, keys: set[str] | None) -> str:
    try:
        string = json.loads(word)
        string.encode()
    except UnicodeEncodeError:
        return "lone surrogate in a string"
    except ValueError:
        return ""  # a syntax error: the parser words it better
    if keys is None:
        return ""
    if string in keys:
        return f"key {string[:80]!r} appears twice in one object"
    keys.add(string)
    return ""


def _number_offence(word: str) -> str:
    if word.lstrip("-") in {"NaN", "Infinity"}:
        return f"{word} is not JSON"
    if _INTEGER.fullmatch(word):
        if len(word) > 20 or int(word) not in _INTEGERS:
            return f"integer {word[:24]}{'…' if len(word) > 24 else ''} is beyond 64 bits"
        return ""
    try:
        return f"number {word[:24]} is beyond what a double can hold" if math.isinf(float(word)) else ""
    except ValueError:
        return ""
