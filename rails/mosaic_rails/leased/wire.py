"""How messages are written: JSON of texts and whole numbers, as every carrier allows it, read strictly.

What comes in may be from anybody: a body is refused unless every reader would understand it in the same way.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any, NoReturn

from mosaic_rails.base import Errand, Limits
from mosaic_rails.leased.messages import (
    Accepted,
    Claim,
    Grant,
    Message,
    Offer,
    Rejected,
    Renew,
    Renewed,
    Result,
    Stop,
)

VERSION = 1
MAX_BYTES = 60_000  #: of one message; Matrix takes 65,536 with its own part around it
MAX_NUMBER = 2**53 - 1  #: what JSON readers agree on

_ATTEMPT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\.[1-9][0-9]{0,8}")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:=@/+-]{0,127}")
_SHA = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})?")
_MOST_WORDS = 64
_LONG = {"prompt": 40_000, "log": 48_000, "result": 16_000, "url": 2_000, "command": 16_000, "worktree": 4_000}
_LONGEST = 500


class Malformed(ValueError):
    """It is no message of this contract; says why."""


class TooLarge(ValueError):
    """The message does not fit into what every carrier takes; says what to shorten."""


_TYPES: Mapping[str, type[Message]] = {
    each.type: each for each in (Offer, Claim, Grant, Renew, Renewed, Stop, Result, Accepted, Rejected)
}


def encode(message: Message) -> bytes:
    """The message as UTF-8 JSON.

    Raises:
        TooLarge: no carrier could be trusted to take it.
    """
    body = {"v": VERSION, "type": message.type, **_flat(message)}
    data = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    if len(data) > MAX_BYTES:
        raise TooLarge(f"{message.type} of {message.attempt} has {len(data):,} bytes, {MAX_BYTES:,} are allowed")
    return data


def decode(data: bytes) -> Message:
    """The message in a body that came from anybody.

    Raises:
        Malformed: another version, an unknown type, a field missing, unknown, too long or of the wrong form.
    """
    body = _object(data)
    version, name = body.pop("v", None), body.pop("type", None)
    if type(version) is not int or version != VERSION:
        raise Malformed(f"version {_shown(version)} is not known, only {VERSION} is")
    kind = _TYPES.get(name) if isinstance(name, str) else None
    if kind is None:
        raise Malformed(f"there is no message of type {_shown(name)}")
    message = kind(**_read(kind, body))
    if isinstance(message, Grant) and message.errand.attempt != message.attempt:
        raise Malformed(f"the errand is of attempt {message.errand.attempt}, the grant of {message.attempt}")
    return message


def digest_of(errand: Errand) -> str:
    """By which a worker sees that a grant is about what was offered."""
    text = json.dumps(flat_errand(errand), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def flat_errand(errand: Errand) -> dict[str, Any]:
    """An errand as it stands in a grant and in a book."""
    body: dict[str, Any] = {}
    for field in fields(errand):
        value = getattr(errand, field.name)
        if isinstance(value, Limits):
            body["limits"] = {
                "timeout_ms": round(value.timeout_sec * 1000),
                "stall_ms": round(value.stall_sec * 1000),
                "grace_ms": round(value.grace_sec * 1000),
                "log_head_bytes": value.log_head_bytes,
                "log_tail_bytes": value.log_tail_bytes,
            }
        else:
            body[field.name] = list(value) if isinstance(value, tuple) else value
    return body


def read_errand(body: object) -> Errand:
    """The reverse of `flat_errand`.

    Raises:
        Malformed: it is not one.
    """
    if not isinstance(body, dict):
        raise Malformed("the errand is no object")
    return Errand(**_read(Errand, body))


def fitted(result: Result) -> Result:
    """The result with as much of the end of its log as fits into a message."""
    result = replace(result, log=result.log[-_LONG["log"] :], detail=result.detail[:_LONGEST])
    while True:
        try:
            encode(result)
        except TooLarge:
            if not result.log:
                raise
            result = replace(result, log=result.log[len(result.log) // 4 + 1 :])
        else:
            return result


def is_attempt(name: str) -> bool:
    """Whether this can be `<task>.<fence>`."""
    return _ATTEMPT.fullmatch(name) is not None


def _flat(message: Message) -> dict[str, Any]:
    body = {field.name: getattr(message, field.name) for field in fields(message)}
    return {name: flat_errand(value) if isinstance(value, Errand) else value for name, value in body.items()}


def _object(data: bytes) -> dict[str, Any]:
    if len(data) > MAX_BYTES:
        raise Malformed(f"it has {len(data):,} bytes, {MAX_BYTES:,} are allowed")
    try:
        body = json.loads(
            data.decode("utf-8"), object_pairs_hook=_no_twins, parse_float=_no_float, parse_constant=_no_float
        )
    except Malformed:
        raise
    except (ValueError, RecursionError) as error:
        raise Malformed(f"it is no JSON: {str(error)[:200]}") from None
    if not isinstance(body, dict):
        raise Malformed("it is no JSON object")
    return body


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    body = dict(pairs)
    if len(body) != len(pairs):
        raise Malformed("it has a key twice")
    return body


def _no_float(text: str) -> NoReturn:
    raise Malformed(f"{text[:40]} is no whole number")


def _read(kind: type, body: Mapping[str, Any]) -> dict[str, Any]:
    """Every field of `kind` by its annotation, and none besides."""
    known = {field.name: str(field.type) for field in fields(kind)}
    if unknown := sorted(body.keys() - known.keys()):
        raise Malformed(f"it has the unknown field {_shown(unknown[0])}")
    if missing := [name for name in known if name not in body]:
        raise Malformed(f"its field `{missing[0]}` is missing")
    return {name: _READERS[annotation](name, body[name]) for name, annotation in known.items()}


def _text(name: str, value: object) -> str:
    most = _LONG.get(name, _LONGEST)
    if not isinstance(value, str):
        raise Malformed(f"`{name}` is no text")
    if len(value) > most:
        raise Malformed(f"`{name}` has {len(value):,} characters, {most:,} are allowed")
    form = _FORMS.get(name)
    if form is not None and form.fullmatch(value) is None:
        raise Malformed(f"`{name}` is {_shown(value)}, which cannot be one")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Malformed(f"`{name}` holds a lone surrogate") from None
    return value


def _number(name: str, value: object) -> int:
    if type(value) is not int or not 0 <= value <= MAX_NUMBER:
        raise Malformed(f"`{name}` is {_shown(value)}, not a whole number from 0 on")
    return value


def _number_or_none(name: str, value: object) -> int | None:
    return None if value is None else _number(name, value)


def _words(name: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > _MOST_WORDS:
        raise Malformed(f"`{name}` is no list of at most {_MOST_WORDS} texts")
    words = tuple(_text(name, each) for each in value)
    if name == "labels" and (bad := [each for each in words if not _WORD.fullmatch(each)]):
        raise Malformed(f"{_shown(bad[0])} cannot be a label")
    return words


def _limits(name: str, value: object) -> Limits:
    wanted = ("timeout_ms", "stall_ms", "grace_ms", "log_head_bytes", "log_tail_bytes")
    if not isinstance(value, dict) or value.keys() != set(wanted):
        raise Malformed(f"`{name}` is not made of {', '.join(wanted)}")
    timeout, stall, grace, head, tail = (_number(each, value[each]) for each in wanted)
    return Limits(timeout / 1000, stall / 1000, grace / 1000, head, tail)


def _errand(_: str, value: object) -> Errand:
    return read_errand(value)


_READERS: Mapping[str, Callable[[str, Any], Any]] = {
    "str": _text,
    "int": _number,
    "int | None": _number_or_none,
    "tuple[str, ...]": _words,
    "Limits": _limits,
    "Errand": _errand,
}
_FORMS = {"attempt": _ATTEMPT, "daemon": _WORD, "claim": _WORD, "head": _SHA, "base_sha": _SHA}


def _shown(value: object) -> str:
    return f"`{str(value)[:80]}`" if isinstance(value, str | int) else type(value).__name__
