"""Words, figures and signs for severity, as reports and scanners write them, to the guide's four."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum

from mosaic_daemon.planning.finding import Severity, Source
from mosaic_daemon.planning.reports import vocabulary

_CRITICAL, _HIGH, _MEDIUM, _LOW = Severity


class Weight(IntEnum):
    """What a statement of severity is made of. The most severe counts, whatever it is made of, hints aside."""

    HINT = 0  # the name of a file: heard where nothing else is said
    DOT = 1  # a coloured sign
    PRIORITY = 2  # when to mend it
    FIGURE = 3  # CVSS
    WORD = 4


@dataclass(frozen=True, slots=True)
class Claim:
    """Somebody says how severe a finding is."""

    severity: Severity
    weight: Weight
    source: Source


#: Words that say a severity wherever they stand as a tag.
TAGS: dict[str, Severity] = {
    "critical": _CRITICAL,
    "crit": _CRITICAL,
    "blocker": _CRITICAL,
    "blocking": _CRITICAL,
    "showstopper": _CRITICAL,
    "urgent": _CRITICAL,
    "very high": _CRITICAL,
    "high": _HIGH,
    "major": _HIGH,
    "severe": _HIGH,
    "medium": _MEDIUM,
    "med": _MEDIUM,
    "moderate": _MEDIUM,
    "low": _LOW,
    "very low": _LOW,
    "minor": _LOW,
    "trivial": _LOW,
    "info": _LOW,
    "informational": _LOW,
    "nit": _LOW,
    "cosmetic": _LOW,
    "kritisch": _CRITICAL,
    "hoch": _HIGH,
    "mittel": _MEDIUM,
    "niedrig": _LOW,
    "gering": _LOW,
    **dict(zip(("p0", "p1", "p2", "p3", "p4", "p5"), (_CRITICAL, _HIGH, _MEDIUM, _LOW, _LOW, _LOW), strict=True)),
    **dict(zip(("sev0", "sev1", "sev2", "sev3", "sev4", "sev5"), (_CRITICAL, *Severity, _LOW), strict=True)),
}
#: Words that say one only where a severity is expected: in a cell, after a label, in brackets.
VALUES: dict[str, Severity] = {
    **TAGS,
    "fatal": _CRITICAL,
    "catastrophic": _CRITICAL,
    "emergency": _CRITICAL,
    "must-fix": _CRITICAL,
    "important": _HIGH,
    "serious": _HIGH,
    "significant": _HIGH,
    "error": _HIGH,
    "should-fix": _HIGH,
    "warning": _MEDIUM,
    "warn": _MEDIUM,
    "normal": _MEDIUM,
    "average": _MEDIUM,
    "information": _LOW,
    "note": _LOW,
    "notice": _LOW,
    "hint": _LOW,
    "style": _LOW,
    "nitpick": _LOW,
    "suggestion": _LOW,
    "optional": _LOW,
    "negligible": _LOW,
    "recommendation": _LOW,
    **dict(zip(("s0", "s1", "s2", "s3", "s4"), (_CRITICAL, *Severity), strict=True)),
}
_DOTS = {"🔴": _CRITICAL, "🟥": _CRITICAL, "🟠": _HIGH, "🟧": _HIGH, "🟡": _MEDIUM, "🟨": _MEDIUM}
_DOTS |= {"🟢": _LOW, "🟩": _LOW, "🔵": _LOW, "🟦": _LOW, "⚪": _LOW, "⬜": _LOW}
SIGNS = "".join(_DOTS) + "🚨⚠️❗‼️🔥⛔❌🛑💥✅☑✔🐛🔒🔐ℹ️💡⭐🔎📌🧪📝•●■▪\ufe0f"
_UNSIGNED = {ord(sign): " " for sign in SIGNS}

_WORDS = "|".join(sorted(map(re.escape, VALUES), key=len, reverse=True))
_NUMBERED = re.compile(r"\b(sev(?:erity)?|prio(?:rity)?|p|s)[ -]?(?=[0-5]\b)", re.I)
_KINDS = {"severity": "sev", "sev": "sev", "priority": "p", "prio": "p", "p": "p", "s": "s"}
_WORD = re.compile(rf"(?<![\w-])({_WORDS})(?![\w-])", re.I)
_RANGE = re.compile(rf"({_WORDS})\s*(?:-|–|/|to)\s*({_WORDS})(?!\w)", re.I)
_VECTOR = re.compile(r"\(?CVSS:\d\.\d(?:/[A-Za-z]{1,3}:[A-Za-z])+\)?", re.I)
_VERSION = re.compile(r"\bCVSS[ :]?(?:v?[234](?:\.\d)?(?!\d))(?=\D*\d)", re.I)
_FIGURE = re.compile(r"(?<![\d./:])(10(?:\.0+)?|\d(?:\.\d{1,2})?)(?![\d.]*\d)(?:\s*/\s*10)?")
_NOISE = vocabulary.words(
    """
    severity severities priority priorities prio risk risks level levels impact finding findings issue issues
    item items problem problems vulnerability vulnerabilities bug bugs defect defects concern concerns
    observation observations rated very the all and must fix now first immediately count
    """
)
_WORDS_OF_HEADING = re.compile(r"[^\W_]+")


def of_figure(score: float) -> Severity:
    """The severity of a CVSS score, by the bands of CVSS 3; 0.0 is called low as well."""
    return _CRITICAL if score >= 9 else _HIGH if score >= 7 else _MEDIUM if score >= 4 else _LOW


def of_cvss(text: str) -> Severity | None:
    """The severity of the score in `9.8`, `CVSS v3.1: 7.5/10`, `9.8 (CVSS:3.1/AV:N/…)`; None without a score."""
    match = _FIGURE.search(_VERSION.sub("CVSS", _VECTOR.sub(" ", text)))
    return of_figure(float(match[1])) if match else None


def of_value(text: str) -> Severity | None:
    """The severity in what stands where a severity is expected: `🔴 Critical (9.8)`, `Sev-1`, `Medium/High`, `P2`."""
    text = unsigned(_joined(text[:200])).strip("-–—:*[(| ")
    if both := _RANGE.match(text):
        return min(VALUES[both[1].lower()], VALUES[both[2].lower()], key=lambda each: each.rank)
    if word := _WORD.match(text):
        return VALUES[word[1].lower()]
    return None


def of_tag(text: str) -> Severity | None:
    """The severity of a word that says one wherever it stands."""
    return TAGS.get(_joined(text.strip()).lower())


def of_group(text: str) -> tuple[Severity, Weight] | None:
    """What a heading gives to all below it: `Critical Findings (3)`, `P1: High priority`, `🔴 Blockers`."""
    text = _joined(text[:120]).lower()
    words = [word for word in _WORDS_OF_HEADING.findall(text) if not word.isdigit()]
    telling = [word for word in words if word not in _NOISE]
    found = [TAGS.get(word) or TAGS.get(word.removesuffix("s")) for word in telling]
    known = [each for each in found if each]
    if not known or len(known) < len(found) or words == ["info"]:
        return None
    if len(set(known)) > 2:  # a legend
        return None
    is_priority = "prio" in text or all(word[0] == "p" for word in telling)
    return min(known, key=lambda each: each.rank), Weight.PRIORITY if is_priority else Weight.WORD


def of_dot(text: str) -> Severity | None:
    """The severity of a coloured dot."""
    return next((_DOTS[sign] for sign in text if sign in _DOTS), None)


def unsigned(text: str) -> str:
    """Without the signs that reports put beside severities."""
    return text.translate(_UNSIGNED).strip()


def _joined(text: str) -> str:
    """`Sev-1`, `Priority 1` and `P 1` in one spelling."""
    return _NUMBERED.sub(lambda match: _KINDS[match[1].lower()], text)
