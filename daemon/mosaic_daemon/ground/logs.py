"""Log lines: text for people, JSON for machines, on standard error. `task`, `attempt` and `action` are bound fields."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Literal

from loguru import logger

if TYPE_CHECKING:
    from loguru import Message

_TEXT = "{time:HH:mm:ss} {level: <7} {message}"


def configure(level: str, style: Literal["text", "json"]) -> None:
    """Send log lines of at least `level` to standard error."""
    logger.remove()
    if style == "json":
        logger.add(_write_json, level=level.upper(), backtrace=False, diagnose=False)
    else:
        # diagnose=True would print the values of variables, and with them whatever secret they hold
        logger.add(sys.stderr, level=level.upper(), format=_TEXT, backtrace=False, diagnose=False)


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
    sys.stderr.write(json.dumps(line, ensure_ascii=False) + "\n")
