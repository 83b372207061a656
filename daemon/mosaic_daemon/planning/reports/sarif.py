"""SARIF 2.1.0, as scanners write it: https://docs.oasis-open.org/sarif/sarif/v2.1.0/."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mosaic_daemon.ground import strictjson
from mosaic_daemon.ground.errors import InputError
from mosaic_daemon.planning.finding import Location, Remark, Severity, Source
from mosaic_daemon.planning.reports import headline, ids, inline, severities, uris
from mosaic_daemon.planning.reports.entries import Entry
from mosaic_daemon.planning.reports.merging import fingerprint
from mosaic_daemon.planning.reports.severities import Claim, Weight

_LEVELS = {"error": Severity.HIGH, "warning": Severity.MEDIUM, "note": Severity.LOW, "none": Severity.LOW}
_PLACEHOLDER = re.compile(r"\{(\d{1,3})\}")
_REMEDY = "let the scanner write SARIF 2.1.0 once more"
_NO_PROBLEM = {"pass", "notApplicable"}


@dataclass(slots=True)
class Results:
    """Entries of a file, and what was left out."""

    entries: list[Entry] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)


def is_sarif(data: bytes) -> bool:
    """Whether a JSON file says that it is SARIF."""
    head = data[:4096].lower()
    return b"sarif" in head or (b'"runs"' in head and b'"version"' in head)


def read(file: str, path: Path, data: bytes, root: Path) -> Results:
    """Read a file.

    Args:
        file: its name, relative to the report's folder. path: where it is.
        data: its content, UTF-8 without a byte order mark.
        root: of the repository; absolute paths below it become relative.

    Raises:
        InputError: it is not JSON, or not of SARIF's shape; with the line where the parser knows it.
    """
    try:
        log = strictjson.loads(data, source=str(path), max_bytes=len(data))
    except InputError as error:
        raise InputError(error.problem, source=error.where, remedy=_REMEDY) from None
    if not isinstance(log, dict) or not isinstance(log.get("runs"), list):
        raise InputError("is not SARIF: it has no list `runs`", source=str(path), remedy=_REMEDY)
    results = Results()
    lines = iter(_lines(data.decode()))
    for run in log["runs"]:
        if isinstance(run, dict):
            _Run(run, file, root).read(lines, results)
    uses = Counter(entry.id for entry in results.entries)
    for entry in results.entries:
        if uses[entry.id] > 1:  # a rule's name, not a finding's
            entry.id = ""
    return results


class _Run:
    """One run of one tool."""

    def __init__(self, run: Mapping[str, Any], file: str, root: Path) -> None:
        self._run = run
        self._file = file
        self._bases = uris.Bases(_mapping(run.get("originalUriBaseIds")), root)
        self._rules = [rule for tool in _components(run) for rule in _mappings(tool.get("rules"))]
        self._by_id = {str(rule.get("id")): rule for rule in reversed(self._rules)}
        self._artifacts = _mappings(run.get("artifacts"))
        self._seen: Counter[str] = Counter()

    def read(self, lines: Iterator[int], results: Results) -> None:
        left = Counter[str]()
        for result in self._run.get("results") or [] if isinstance(self._run.get("results"), list) else []:
            line = next(lines, 1)
            if not isinstance(result, dict):
                left["not of SARIF's shape"] += 1
            elif str(result.get("kind")) in _NO_PROBLEM:
                left[f"of kind {result['kind']!r}"] += 1
            else:
                entry = self._entry(result, Source(self._file, line))
                entry.over = _over(result)
                results.entries.append(entry)
        for why, count in sorted(left.items()):
            results.remarks.append(
                Remark(f"{count} result{'s' if count > 1 else ''} left out: {why}", Source(self._file, 1))
            )

    def _entry(self, result: Mapping[str, Any], source: Source) -> Entry:
        rule = self._rule(result)
        rule_id = str(result.get("ruleId") or rule.get("id") or "")
        message = self._message(result, rule)
        short = _text(rule.get("shortDescription"))
        title = headline.titled(headline.entry(message).title if message else "") or inline.plain(
            short or str(rule.get("name") or rule_id)
        )
        entry = Entry(
            headline.titled(title) or "result without a message", source, rule_id if ids.is_id(rule_id) else ""
        )
        entry.claims = list(_claims(result, rule, source))
        entry.places = list(dict.fromkeys(self._places(result)))
        entry.body = inline.clean(
            "\n\n".join(dict.fromkeys(part for part in (message, *_about(rule, rule_id)) if part))
        )
        entry.is_full = True
        entry.mark = self._mark(result, rule_id, entry)
        return entry

    def _rule(self, result: Mapping[str, Any]) -> Mapping[str, Any]:
        reference = _mapping(result.get("rule"))
        index = result.get("ruleIndex", reference.get("index"))
        name = str(result.get("ruleId") or reference.get("id") or "")
        if isinstance(index, int) and 0 <= index < len(self._rules) and name in ("", str(self._rules[index].get("id"))):
            return self._rules[index]
        return self._by_id.get(name) or self._by_id.get(name.rpartition("/")[0]) or {}

    def _message(self, result: Mapping[str, Any], rule: Mapping[str, Any]) -> str:
        message = _mapping(result.get("message"))
        text = _text(message) or _text(_mapping(_mapping(rule.get("messageStrings")).get(str(message.get("id")))))
        arguments = message.get("arguments")
        if not isinstance(arguments, list):
            return text
        return _PLACEHOLDER.sub(lambda at: str(arguments[int(at[1])]) if int(at[1]) < len(arguments) else at[0], text)

    def _places(self, result: Mapping[str, Any]) -> Iterator[Location]:
        for each in _mappings(result.get("locations")):
            physical = _mapping(each.get("physicalLocation"))
            artifact = _mapping(physical.get("artifactLocation"))
            index = artifact.get("index")
            if "uri" not in artifact and isinstance(index, int) and 0 <= index < len(self._artifacts):
                artifact = _mapping(self._artifacts[index].get("location"))
            if path := self._bases.path(str(artifact.get("uri") or ""), str(artifact.get("uriBaseId") or "")):
                region = _mapping(physical.get("region"))
                first = _line(region.get("startLine"))
                last = _line(region.get("endLine"))
                yield Location(path, first, last if first and last and last > first else None)

    def _mark(self, result: Mapping[str, Any], rule_id: str, entry: Entry) -> str:
        """The scanner's own fingerprint, else rule and file; a further result of the same is counted."""
        for name in ("fingerprints", "partialFingerprints"):
            values = [f"{key}={value}" for key, value in sorted(_mapping(result.get(name)).items()) if value]
            if values:
                key = fingerprint("sarif", rule_id, *values)
                break
        else:
            key = fingerprint("sarif rule", rule_id or entry.title, entry.places[0].path if entry.places else "")
        self._seen[key] += 1
        return key if self._seen[key] == 1 else fingerprint("sarif again", key, str(self._seen[key]))


def _over(result: Mapping[str, Any]) -> str:
    """Why a result is not to be mended, or nothing."""
    states = [str(each.get("status") or "accepted") for each in _mappings(result.get("suppressions"))]
    if "accepted" in states and "rejected" not in states:
        return "it is suppressed"
    return "it is no longer there: baselineState is absent" if result.get("baselineState") == "absent" else ""


def _claims(result: Mapping[str, Any], rule: Mapping[str, Any], source: Source) -> Iterator[Claim]:
    """A CVSS figure is more exact than the three levels, so it is heard first."""
    for holder in (result, rule):
        properties = _mapping(holder.get("properties"))
        score = severities.of_cvss(str(properties.get("security-severity", "")))
        if score is not None:
            yield Claim(score, Weight.WORD, source)
            return
    for holder in (result, rule):
        properties = _mapping(holder.get("properties"))
        word = severities.of_value(str(properties.get("severity", "")))
        if word is not None:
            yield Claim(word, Weight.WORD, source)
            return
    level = result.get("level") or _mapping(rule.get("defaultConfiguration")).get("level") or "warning"
    yield Claim(_LEVELS.get(str(level), Severity.MEDIUM), Weight.FIGURE, source)


def _about(rule: Mapping[str, Any], rule_id: str) -> Iterator[str]:
    yield _text(rule.get("shortDescription"))
    yield _text(rule.get("fullDescription"))
    yield _text(rule.get("help"))
    yield f"Rule: {rule_id}" if rule_id else ""


def _components(run: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    tool = _mapping(run.get("tool"))
    return [_mapping(tool.get("driver")), *_mappings(tool.get("extensions"))]


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _mappings(value: object) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _text(value: object) -> str:
    message = _mapping(value)
    return str(message.get("text") or message.get("markdown") or "").strip()


def _line(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


_JSON = re.compile(r'"(?:[^"\\]++|\\.)*+"(?:\s*+:)?|[{}\[\]]|\n')


def _lines(text: str) -> Iterator[int]:
    """The line on which each result starts, in the order of the file."""
    path: list[str] = []
    key, line = "", 1
    for match in _JSON.finditer(text):
        word = match[0]
        if word == "\n":
            line += 1
        elif word[0] == '"':
            key = word[1:].partition('"')[0] if word[-1] == ":" else ""
            line += word.count("\n")
        elif word in "{[":
            if word == "{" and path == ["{", "runs[", "{", "results["]:
                yield line
            path.append(f"{key}{word}" if len(path) < 5 else word)
            key = ""
        elif path:
            path.pop()
            key = ""
