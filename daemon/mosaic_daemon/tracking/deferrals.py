"""`docs/reports/deferred/deferred-errors.md`: a section for each error that a phase has left, in the guide's form.

The file is people's as much as the daemon's: sections are added at its end, each task's once, and what is there stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from mosaic_daemon.ground.errors import InputError
from mosaic_daemon.nouns.completion import category, reason, risk
from mosaic_daemon.nouns.phase import DEFERRED_ERRORS
from mosaic_daemon.nouns.record import Deferred, Record
from mosaic_daemon.tracking import table

_TITLE = "# Deferred errors\n"
_HEADING = re.compile(r"##[ \t]+([A-Za-z0-9][A-Za-z0-9._-]*)[ \t]*(?::|$)")
_CONFLICT = re.compile(r"(<{7}|>{7})( |$)")
_LONGEST = 1_000


@dataclass(frozen=True, slots=True)
class Deferrals:
    """The file as it is. `tasks`: whose sections it has."""

    text: str
    tasks: frozenset[str]

    def with_sections(self, sections: Iterable[str]) -> bytes:
        """The text with these at its end, and everything else in it byte for byte as it was."""
        newline = "\r\n" if "\r\n" in self.text else "\n"
        start = self.text or _TITLE
        ended = start if start.endswith("\n") else f"{start}{newline}"
        added = "".join(f"\n{section}" for section in sections).replace("\n", newline)
        return (ended + added).encode()


def parse(data: bytes | None) -> Deferrals:
    """What stands in the file; None: there is none yet.

    Raises:
        InputError: nothing can be added to it; the message names the line.
    """
    if data is None:
        return Deferrals("", frozenset())
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError("is not UTF-8", source=DEFERRED_ERRORS, line_number=line, remedy="save it as UTF-8") from None
    lines = text.split("\n")
    if conflict := next((number for number, line in enumerate(lines, 1) if _CONFLICT.match(line)), None):
        raise InputError("has a merge conflict", source=DEFERRED_ERRORS, line_number=conflict, remedy="resolve it")
    if unclosed := table.parse(text, source=DEFERRED_ERRORS).unclosed:
        problem = "opens a code block or comment that never ends, so nothing can follow"
        raise InputError(problem, source=DEFERRED_ERRORS, line_number=unclosed, remedy="close it")
    found = (_HEADING.match(line.rstrip()) for line in lines)
    return Deferrals(text, frozenset(match[1] for match in found if match))


def section(record: Record, place: str) -> str:
    """What is known of a deferred task, in the guide's form. `place`: `path:line`, as far as anybody named one."""
    failure = record.last_failure
    why = record.state.reason if isinstance(record.state, Deferred) else reason(record)
    again = f"`mosaic-orchestrator retry {record.id}` has it done after all"
    approach = failure.approach if failure is not None else ""
    return "\n".join(
        (
            f"## {record.id}: {_line(record.task.description)}",
            f"- File: {_line(place) or '(not named)'}",
            f"- Error: {_line(failure.message) if failure is not None else '(not tried)'}",
            f"- Category: {category(record).documented_as.label}",
            f"- Reason: {_line(why)}",
            f"- Suggested approach: {_line(approach) or again}",
            f"- Risk: {risk(record)}",
            "",
        )
    )


def _line(text: str) -> str:
    """On one line, and nothing that would hide what follows: it may come from a worker."""
    shown = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split()).replace("<!--", "&lt;!--")
    return f"{shown[: _LONGEST - 1]}…" if len(shown) > _LONGEST else shown
