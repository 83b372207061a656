"""Log lines: text for people, JSON for machines, on standard error. `task`, `attempt`, `gate`, `action` are fields.

No registered secret is in them: values are masked in the record, so that every sink gets them masked, and once more in
the finished line, as a traceback is made from live objects.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Literal

from loguru import logger

from mosaic_daemon.ground.secrets import redact

if TYPE_CHECKING:
    from loguru import Message, Record

_TEXT = "{time:HH:mm:ss} {level: <7} {message}"


def configure(level: str, style: Literal["text", "json"]) -> None:
    """Send log lines of at least `level` to standard error."""
    logger.remove()
    logger.configure(patcher=_mask)
    if style == "json":
        logger.add(_write_json, level=level.upper(), backtrace=False, diagnose=False)
    else:
        # diagnose=True would print the values of variables, and with them whatever secret they hold
        logger.add(_write_text, level=level.upper(), format=_TEXT, colorize=False, backtrace=False, diagnose=False)


def _write_text(message: Message) -> None:
    sys.stderr.write(redact(str(message)))


def _write_json(message: Message) -> None:
    record = message.record
    line: dict[str, Any] = {
        "time": record["time"].isoformat(),
        "level": record["level"].name.lower(),
        "message": record["message"],
        **{name: value for name, value in record["extra"].items() if value},
    }
    if record["exception"] is not None:
        line["exception"] = repr(record["exception"].value)
    sys.stderr.write(redact(json.dumps(line, ensure_ascii=False)) + "\n")


def _mask(record: Record) -> None:
    record["message"] = _on_one_line(redact(record["message"]))
    for name, value in record["extra"].items():
        record["extra"][name] = _masked(value)
    raised = record["exception"]
    if raised is not None and raised.value is not None and redact(_told(raised.value)) != _told(raised.value):
        record["exception"] = raised._replace(value=_stand_in(raised.value))


def _on_one_line(message: str) -> str:
    """Words of workers and forges are in it: they shall neither look like lines of ours nor steer a terminal."""
    return message if message.isprintable() else "".join(sign if sign.isprintable() else " " for sign in message)


def _masked(value: Any) -> Any:
    match value:
        case str():
            return redact(value)
        case dict():
            return {_masked(key): _masked(item) for key, item in value.items()}
        case list() | tuple():
            return [_masked(item) for item in value]
        case _:
            return value


def _told(error: BaseException) -> str:
    """What the error and those it came from say."""
    lines: list[str] = []
    seen: BaseException | None = error
    while seen is not None and len(lines) < 20:
        lines.append(f"{seen} {seen!r}")
        seen = seen.__cause__ or seen.__context__
    return "\n".join(lines)


def _stand_in(error: BaseException) -> BaseException:
    """An error of the same name whose text holds no secret; what it came from is left out."""
    name = type(error).__name__
    said = redact(str(error))
    methods = {"__str__": lambda _: said, "__repr__": lambda _: f"{name}({said!r})"}
    stand_in: BaseException = type(name, (Exception,), methods)()
    return stand_in.with_traceback(error.__traceback__)
