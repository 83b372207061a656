"""What a reviewer printed, read strictly: a verdict, or the reason why it is none. Nothing doubtful is an approval."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mosaic_daemon.ground import strictjson
from mosaic_daemon.ground.errors import InputError
from mosaic_daemon.ground.secrets import redact
from mosaic_daemon.nouns.review import MUST_BE_MENDED, Aspect, Finding, Verdict
from mosaic_daemon.runtimes import codex
from mosaic_daemon.runtimes.result import ResultError, last_block, token_figure

MAX_BYTES = 1 << 20
_MAX_DEPTH = 32
_LONGEST = {"title": 200, "file": 200, "description": 1000}
_SCRIPT_VERDICTS = ("approve", "request-changes", "comment")
_AGENT_VERDICTS = ("approve", "request-changes")
_HEADS = ("head_sha", "commit_sha", "commit", "head")
_SHA = re.compile(r"[0-9a-f]{7,64}")
_LAST_LINE = 999_999_999


class NoVerdict(Exception):
    """What was printed is no verdict; the message says why."""


def of_script(aspect: Aspect, data: bytes, head_sha: str, by: str) -> Verdict:
    """The verdict in the file that one of the two scripts wrote.

    Raises:
        NoVerdict: it is none, or not one of this head.
    """
    told = _object(data, head_sha)
    stats = told.get("stats")
    if not isinstance(stats, dict):
        raise NoVerdict("its JSON has no `stats`")
    if aspect is Aspect.CODE:
        found = Verdict(
            by, _verdict(told, _SCRIPT_VERDICTS), blockers=_count(stats, "blockers", "stats."), findings=_findings(told)
        )
    else:
        critical, high = (_count(stats, name, "stats.") for name in ("critical", "high"))
        verdict = _verdict(told, _SCRIPT_VERDICTS) if "verdict" in told else None
        found = Verdict(by, verdict, critical=critical, high=high, findings=_findings(told))
    return _consistent(found)


def of_agent(text: str, head_sha: str, by: str) -> Verdict:
    """The verdict at the end of what a reviewing agent said.

    Raises:
        NoVerdict: it is none, or not one of this head.
    """
    try:
        block = last_block(text, "verdict")
    except ResultError as error:
        raise NoVerdict(error.problem) from error
    if block is None:
        raise NoVerdict("there is no JSON with a `verdict` in its answer")
    told = _object(block.encode("utf-8", "replace"), head_sha)
    found = Verdict(
        by,
        _verdict(told, _AGENT_VERDICTS),
        blockers=_count(told, "blockers"),
        critical=_count(told, "critical_security"),
        findings=_findings(told),
    )
    return _consistent(found)


def used(data: bytes) -> int | None:
    """Tokens, where the JSON of a review says how many: `used` as in a worker's result, or Codex's `usage`."""
    try:
        told = strictjson.loads(data, source="its JSON", max_bytes=MAX_BYTES, max_depth=_MAX_DEPTH)
        figure = token_figure(told.get("used")) if isinstance(told, dict) else None
    except InputError:
        return None
    if figure is None and isinstance(told, dict) and isinstance(usage := told.get("usage"), dict):
        return codex.tokens(usage)
    return figure


def _object(data: bytes, head_sha: str) -> dict[str, Any]:
    try:
        told = strictjson.loads(data, source="its JSON", max_bytes=MAX_BYTES, max_depth=_MAX_DEPTH)
    except InputError as error:
        raise NoVerdict(error.line) from error
    if not isinstance(told, dict):
        raise NoVerdict("its JSON is no object")
    for name in _HEADS:
        if (named := told.get(name)) is None:
            continue
        if not isinstance(named, str) or not _SHA.fullmatch(named.lower()) or not head_sha.startswith(named.lower()):
            raise NoVerdict(f"its verdict is for another commit: `{name}` is {str(named)[:80]!r}, not {head_sha[:12]}")
    return told


def _verdict(told: Mapping[str, Any], known: tuple[str, ...]) -> str:
    verdict = told.get("verdict")
    if verdict not in known:
        raise NoVerdict(f"its `verdict` is {str(verdict)[:80]!r}, not one of {', '.join(known)}")
    return str(verdict)


def _count(told: Mapping[str, Any], name: str, where: str = "") -> int:
    count = told.get(name)
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise NoVerdict(f"its `{where}{name}` is {str(count)[:80]!r}, not a number of findings")
    return count


def _findings(told: Mapping[str, Any]) -> tuple[Finding, ...]:
    listed = told.get("findings", [])
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise NoVerdict("its `findings` is no list of objects")
    return tuple(_finding(each) for each in listed)


def _finding(told: Mapping[str, Any]) -> Finding:
    title, file, description = (_text(told, name) for name in _LONGEST)
    lines = (told[name] for name in ("line", "line_start") if type(told.get(name)) is int)
    line = next((each for each in lines if 0 < each <= _LAST_LINE), None)
    place = f"{file}:{line}" if file and line else file
    return Finding(_text(told, "severity", 40).lower(), title or "(without a title)", place, description)


def _text(told: Mapping[str, Any], name: str, most: int | None = None) -> str:
    """One line of harmless text: it goes into notes, prompts and tables."""
    value = told.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise NoVerdict(f"the `{name}` of a finding is no text")
    plain = "".join(sign if sign.isprintable() else " " for sign in value)
    return redact(" ".join(plain.split()))[: most or _LONGEST[name]]


def _consistent(found: Verdict) -> Verdict:
    """Raises NoVerdict when it contradicts itself to the better, whatever it calls what has to be mended."""
    counted = found.blockers + found.critical + found.high
    if found.verdict == "approve" and counted:
        raise NoVerdict(f"it contradicts itself: `approve` with {counted} finding(s) that must be mended")
    listed = sum(finding.severity in MUST_BE_MENDED for finding in found.findings)
    if listed > counted:
        raise NoVerdict(f"it contradicts itself: it lists {listed} finding(s) that must be mended and counts {counted}")
    return found
