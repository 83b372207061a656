"""Text that came from workers, people and forges, made fit for a terminal; times and counts as people say them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

# An escape sequence can do anything to a terminal: move, recolour, retitle, even type. CSI, then the string kinds (OSC,
# DCS, SOS, PM, APC) with what they carry, then the two- and three-character ones.
_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]*[0-~]"
)
_UNFINISHED = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*\Z"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*\x1b?\Z"
    r"|\x1b[ -/]*\Z"
    r"|\r+\Z"
)
_RETURN = re.compile(r"\r+\n|\r")
# What is left of controls, and what reorders or hides text: bidirectional marks, embeddings and isolates, tags.
_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u206f\ufeff\U000e0000-\U000e007f]"
)
_LONGEST_SEQUENCE = 4096


class Cleaner:
    """Cleans a stream piece by piece: what may be the start of an escape sequence waits for the rest of it."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> str:
        text = self._held + text
        unfinished = _UNFINISHED.search(text)
        cut = unfinished.start() if unfinished and len(text) - unfinished.start() <= _LONGEST_SEQUENCE else len(text)
        self._held = text[cut:]
        return cleaned(text[:cut])

    def end(self) -> str:
        text, self._held = self._held, ""
        return cleaned(text)


def cleaned(text: str) -> str:
    """Without escape sequences, control characters and marks that reorder text; line breaks and tabs stay."""
    return _CONTROL.sub("", _SEQUENCE.sub("", _RETURN.sub("\n", text)))


def one_line(text: object, most: int = 0) -> str:
    """Cleaned, on one line, and at most `most` characters long where that is given."""
    line = " ".join(cleaned(str(text)).split())
    return f"{line[: most - 1].rstrip()}…" if most and len(line) > most else line


def when(at: str | datetime | None, now: datetime) -> str:
    """A time in the reader's own zone: the hour if it is today, else with its day."""
    if at is None:
        return ""
    time = moment(at).astimezone()
    return f"{time:%H:%M:%S}" if time.date() == now.astimezone().date() else f"{time:%Y-%m-%d %H:%M:%S}"


def span(since: str | datetime | None, until: datetime) -> str:
    """How long that is: `42s`, `3m`, `2h 5m`, `4d 3h`."""
    if since is None:
        return ""
    seconds = max(0, int((until - moment(since)).total_seconds()))
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if days:
        return f"{days}d {hours % 24}h"
    if hours:
        return f"{hours}h {minutes % 60}m"
    return f"{minutes}m" if minutes else f"{seconds}s"


def ahead(until: str | None, now: datetime) -> bool:
    return until is None or moment(until) > now


def count(number: int, one: str, many: str = "") -> str:
    """`1 task`, `3 tasks`."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def bar(done: float, begun: float, whole: float, width: int) -> str:
    """`done`, then what is `begun`, then the rest of the `whole`."""
    full = min(width, int(width * done / whole)) if whole else 0
    half = min(width, round(width * (done + begun) / whole)) if whole else 0
    return "█" * full + "▒" * (half - full) + "·" * (width - max(full, half))


def listed(names: Sequence[str], most: int = 5) -> str:
    """The first few, and how many more there are."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def utc_now() -> datetime:
    return datetime.now(UTC)


def moment(at: str | datetime) -> datetime:
    """A time as the ledger writes it."""
    return at if isinstance(at, datetime) else datetime.fromisoformat(at)
