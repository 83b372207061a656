"""What brackets and separators set off from a title: `[HIGH]`, `(CQ-WEB-3, CVSS 7.5)`, `(a.ts:3)`, `[FIXED]`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from mosaic_daemon.planning.finding import Location, Severity
from mosaic_daemon.planning.reports import ids, locations, severities
from mosaic_daemon.planning.reports.severities import Weight

_PIECES = re.compile(r"\s*[,;|·•]\s*|\s+[-–—/]\s+")
_LABELLED = re.compile(
    r"(severity|priority|prio|risk|level|rating|impact|status|cvss[\w. ]*?|id|file|location|path|lines?)\s*[:=]\s*(.+)",
    re.I,
)
_AFFIX = re.compile(r"\s*-?(?:severity|priority|risk|impact|level)\s*$|^(?:severity|priority|risk)\s+", re.I)
_REFERENCE = re.compile(r"(?:CWE|CVE|OWASP|CAPEC|GHSA)[-: ]?[\w:.-]+(?:\s+[\w ]+)?|A\d{1,2}:\d{4}.*", re.I)
_OVER = re.compile(
    r"(?:already |now )?(?:fixed|resolved|closed|done|mitigated|remediated|completed?|"
    r"false[- ]positive|won'?t[- ]fix|wontfix|"
    r"(?:risk )?accepted|accepted risk|not applicable|n/a|invalid|duplicate|suppressed|obsolete|rejected|"
    r"behoben|erledigt)\b",
    re.I,
)
_WORDS_OF_PLACES = {"line", "lines", "in", "at", "of", "and", "file"}


@dataclass(slots=True)
class Tags:
    """What was set off.

    Attributes:
        claims: severities with their weights.
        lines: of the file that the surroundings name.
        is_over: `[FIXED]`, `(false positive)`.
    """

    id: str = ""
    claims: list[tuple[Severity, Weight]] = field(default_factory=list)
    locations: list[Location] = field(default_factory=list)
    lines: str = ""
    is_over: bool = False


def of_group(text: str) -> Tags | None:
    """The tags of a group; None if it holds anything else, or nothing but references to catalogues."""
    found = _of_pieces(_PIECES.split(text)) or _of_pieces([text])
    return found if found and (found.id or found.claims or found.locations or found.lines or found.is_over) else None


def is_over(status: str) -> bool:
    """Whether something of this status is not to be mended."""
    return bool(_OVER.match(severities.unsigned(status).lstrip("[(*_ ")))


def weight(text: str) -> Weight:
    """How much a word for severity weighs: `P1` and `high priority` tell when to mend it."""
    low = text.lower()
    return Weight.PRIORITY if "prio" in low or re.match(r"p\s?-?\d", low) else Weight.WORD


def _of_pieces(pieces: list[str]) -> Tags | None:
    tags = Tags()
    return tags if all(_take(piece.strip(), tags) for piece in pieces if piece.strip()) else None


def _take(piece: str, tags: Tags) -> bool:
    """Whether a piece is a tag; it is noted then."""
    labelled = _LABELLED.fullmatch(piece)
    label, value = (labelled[1].lower(), labelled[2]) if labelled else ("", piece)
    if ids.is_id(value) and not tags.id:
        tags.id = value
        return True
    if label.startswith("cvss") or value.upper().startswith("CVSS"):
        score = severities.of_cvss(value)
        tags.claims += [(score, Weight.FIGURE)] if score else []
        return True
    if label == "status" or is_over(value):
        tags.is_over = is_over(value)
        return bool(label) or len(value.split()) <= 4
    word = _AFFIX.sub("", value)
    severity = severities.of_tag(word) or (severities.of_value(word) if len(word.split()) == 1 or label else None)
    if severity is not None and (label or len(word.split()) <= 2):
        tags.claims.append((severity, weight(label or value)))
        return True
    return _take_place(value, label, tags) or (bool(_REFERENCE.fullmatch(value)) and not label)


def _take_place(value: str, label: str, tags: Tags) -> bool:
    if label.startswith("line") or re.fullmatch(r"(?:lines?|L)\s?\d[\d\s,–-]*", value, re.I):
        tags.lines = value
        return True
    tags.locations += locations.found(value, is_field=label in {"file", "location", "path"})
    return bool(tags.locations) and not any(
        word.isalpha() and word.lower() not in _WORDS_OF_PLACES for word in value.split()
    )
