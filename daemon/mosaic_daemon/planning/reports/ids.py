"""Ids of findings, told apart from everything else that is spelt like one: `SEC-API-1`, but not `CVE-2024-1234`."""

from __future__ import annotations

import re

from mosaic_daemon.planning.reports import vocabulary

#: Standards, sizes and trackers whose names look like ids.
_OTHERS = vocabulary.words(
    """
    CVE CWE CAPEC GHSA OWASP ISO IEC IEEE RFC SHA UTF AES RSA DES TLS SSL HTTP HTTPS ES ECMA PEP WCAG NIST PCI
    ASVS CVSS UTC GMT GPT COVID IPV MD EC KB SOC BASE LATIN PR MR GH STEP PHASE DAY WEEK LEVEL TIER FIG FIGURE
    TABLE SECTION PART CHAPTER SEV SEVERITY PRIORITY PRIO VERSION SPRINT WINDOWS X OAUTH HMAC
    """
)
ID = re.compile(r"(?<![\w./-])[A-Z][A-Z0-9]*(?:-[A-Z0-9]+)*-\d{1,5}[a-z]?(?:\.\d+)*(?![\w-])")
_BEFORE_ID = re.compile(r"[\W_]{0,8}(?:\d{1,3}[.)]\s[\W_]{0,8})?(?:(?:finding|issue)\b[\s:*]{0,4})?(?=[A-Z])", re.I)
_ADVISORY = re.compile(r"CVE-\d{4}-\d{3,}|GHSA(?:-\w{4}){3}|(?:RUSTSEC|PYSEC|GO)-\d{4}-\d+|SNYK-[A-Z]+-\w+-\d+")
_LOOSE = re.compile(r"[A-Za-z][\w.-]{0,39}")
_SHORT = re.compile(
    r"[A-Z]{1,5}\d{1,4}(?![\w-])|[a-z]+(?:-[a-z0-9]+)*-\d{1,4}(?![\w-])|[A-Z]+(?:_[A-Z0-9]+)*_\d{1,4}(?![\w-])"
)
_NO_PREFIX = re.compile(
    r"(?:step|phase|part|level|tier|section|week|day|sprint|version|table|figure|fig|utf|sha|cve|cwe)-", re.I
)


def is_id(word: str) -> bool:
    """Whether it can only be an id."""
    return bool(ID.fullmatch(word)) and _is_ours(word)


def is_advisory(word: str) -> bool:
    """Whether it is the number of a public advisory, which is an id where a report of dependencies has no other."""
    return bool(_ADVISORY.fullmatch(word))


def found(text: str) -> list[str]:
    """All ids in a text, in their order."""
    return [match[0] for match in ID.finditer(text) if _is_ours(match[0])]


def leading(text: str) -> str:
    """The id that a text starts with, or nothing."""
    match = ID.match(text)
    return match[0] if match and _is_ours(match[0]) else ""


def opens(text: str) -> bool:
    """Whether a line of Markdown starts with an id, markup and numbers aside. Cheap: it is asked of every line."""
    match = _BEFORE_ID.match(text)
    return bool(match and leading(text[match.end() : match.end() + 80]))


def leading_short(text: str) -> str:
    """A sign that a text starts with and that is an id if the rest looks like a finding: `F1`, `sec-api-1`, `BUG_2`."""
    match = _SHORT.match(text)
    if not match or _NO_PREFIX.match(match[0]) or re.fullmatch(r"[PS]\d|SEV\d", match[0]):
        return ""
    return match[0]


def stated(text: str) -> str:
    """The id in a place that is meant for one, a cell or a label; nothing if it holds a number or prose."""
    word = text.strip().strip("[]()#:.").strip()
    if (
        _LOOSE.fullmatch(word)
        and not word.upper().startswith(("CWE-", "OWASP"))
        and any(sign.isdigit() for sign in word)
    ):
        return word
    return next(iter(found(text[:80])), "")


def component(name: str) -> str:
    """What the middle of an id tells of the workspace: `api` of `SEC-API-1`; nothing of `TEST-001`."""
    if is_advisory(name):
        return ""
    middle = [part for part in re.split(r"[-_]", name)[1:-1] if part and not part.isdigit()]
    return "-".join(middle).lower()


def _is_ours(word: str) -> bool:
    return word.partition("-")[0] not in _OTHERS
