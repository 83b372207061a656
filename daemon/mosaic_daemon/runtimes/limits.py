"""Whether a provider's refusal passes by itself, and when.

Only what a runtime itself reports as its error is looked at, never what an agent wrote: a task about rate limits is
no limit. Requests that are wrong (400), unknown keys (401, 403) and missing models (404) do not pass by waiting.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta, tzinfo

_PASSING_WORDS = re.compile(
    r"usage limit|rate.?limit|hit your .{0,40}\blimit|too many requests|overloaded|at capacity|high demand"
    r"|quota exceeded|exceeded your current quota|insufficient.quota|credit balance is too low"
    r"|\bstatus:? 5\d\d\b|service unavailable|bad gateway|gateway time.?out|internal server error"
    r"|stream disconnected|connection (?:refused|failed|reset|error)|error sending request|unable to connect",
    re.IGNORECASE,
)
_SPAN = re.compile(
    r"(\d+(?:\.\d+)?)\s*"
    r"(ms|milliseconds?|d(?:ays?)?|h(?:ours?)?|m(?:in(?:ute)?s?)?|s(?:ec(?:ond)?s?)?)(?![a-z])"
)
_IN = re.compile(r"try again in ((?:\d[\d.]*\s*[a-z]+[,\s]*)+)", re.IGNORECASE)
_AT = re.compile(
    r"try again at (?:([A-Z][a-z]{2}) (\d{1,2})(?:st|nd|rd|th)?, (\d{4}) )?(\d{1,2}):(\d{2}) ?([AP]M)", re.IGNORECASE
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
_MILLISECONDS_FROM = 1e11
_ROUNDED_DOWN = timedelta(minutes=1)  # a clock time without seconds may be this much too early


def passes_by_status(status: object) -> bool:
    """Whether waiting helps against this HTTP status: too many requests, and every server's own trouble."""
    return isinstance(status, int) and (status == 429 or 500 <= status <= 599)


def passes_by_words(error: str) -> bool:
    """Whether waiting helps against an error that comes without its status."""
    return _PASSING_WORDS.search(error) is not None


def instant(epoch: object) -> datetime | None:
    """A time given as seconds or milliseconds since 1970; None when it is nothing of the kind."""
    if isinstance(epoch, bool) or not isinstance(epoch, int | float):
        return None
    try:
        return datetime.fromtimestamp(epoch / 1000 if epoch > _MILLISECONDS_FROM else epoch, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def told(error: str, now: datetime, zone: tzinfo | None = None) -> datetime | None:
    """The time in `try again in 3 days 6 hours`, `in 11.05s`, `at 5:26 PM` or `at Nov 25th, 2026 4:26 PM`.

    Args:
        now: when it was said. A clock time is the next one after it.
        zone: of the clock that the runtime read; None: this machine's.
    """
    try:
        if span := _IN.search(error):
            return now + sum((_span(*found.groups()) for found in _SPAN.finditer(span[1].lower())), timedelta())
        if clock := _AT.search(error):
            return _clock(clock, now, zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return None


def _span(amount: str, unit: str) -> timedelta:
    return timedelta(seconds=float(amount) * (0.001 if unit.startswith(("ms", "milli")) else _UNITS[unit[0]]))


def _clock(found: re.Match[str], now: datetime, zone: tzinfo | None) -> datetime:
    month, day, year, hour, minute, half = found.groups()
    clock = time(int(hour) % 12 + 12 * (half.upper() == "PM"), int(minute))
    local = now.astimezone(zone).replace(tzinfo=zone)
    if month:
        date = local.replace(year=int(year), month=_MONTHS.index(month.lower()) + 1, day=int(day))
        return datetime.combine(date, clock, zone) + _ROUNDED_DOWN
    today = datetime.combine(local, clock, zone) + _ROUNDED_DOWN
    return today if today >= local else today + timedelta(days=1)
