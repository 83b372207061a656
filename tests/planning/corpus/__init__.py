"""Review reports as people and tools write them, each beside what a careful reader takes from it.

A set is a folder: `report/` (what is read) and `expected.json`. The expectations follow from these rules alone:

- The most severe of contradicting severities wins. Words, priorities, CVSS figures, SARIF levels and coloured dots
  count alike; a word that nobody knows is medium.
- The component is what a label or a column says; else the middle of the id (`SEC-API-1`); else `<x>` when the first
  location is in `apps/<x>/` or `packages/<x>/`; else empty.
- A location is what a label, column or link of the finding names, and every path with a line in its text.
- The title is one line without markup, number, id, severity and location. For SARIF both the first sentence of the
  message and the rule's short description will do: a list says so.
- What is done already (fixed, ticked, struck out, suppressed, a false positive) is a leftover, no finding.

Nothing else may live here; the parser is not imported, so that the sets stay a statement of their own.
"""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from mosaic_daemon.planning.finding import Finding, Report, Severity

HOME = Path(__file__).parent


@dataclass(frozen=True)
class ExpectedFinding:
    """One finding as a careful reader notes it down.

    Attributes:
        id: as the report spells it; None when it gives none (or gave it to another finding before).
        titles: any of them is right.
        locations: as `str(Location)`, in order.
    """

    id: str | None
    severity: Severity
    titles: tuple[str, ...]
    component: str
    locations: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.id or self.titles[0]

    def is_titled(self, title: str) -> bool:
        return _normal(title) in {_normal(each) for each in self.titles}


@dataclass(frozen=True)
class Expected:
    """What a careful reader takes from a whole report.

    Attributes:
        why: what the set is about.
        leftovers: how many; None when readers may differ.
        remarks: each is part of some remark, in any case; an empty tuple: there is none; None: readers may differ.
    """

    findings: tuple[ExpectedFinding, ...]
    why: str = ""
    leftovers: int | None = None
    remarks: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Case:
    """One set of the corpus."""

    root: Path

    @property
    def name(self) -> str:
        return self.root.name

    @property
    def report(self) -> Path:
        """What to read: the folder `report`, or the file in it when that is all it holds."""
        folder = self.root / "report"
        match list(folder.iterdir()):
            case [only] if only.is_file():
                return only
        return folder

    @cached_property
    def expected(self) -> Expected:
        said: dict[str, Any] = json.loads((self.root / "expected.json").read_text(encoding="utf-8"))
        remarks = said.get("remarks")
        return Expected(
            findings=tuple(_expected_finding(each) for each in said["findings"]),
            why=said["why"],
            leftovers=said.get("leftovers"),
            remarks=None if remarks is None else tuple(remarks),
        )


class Score(NamedTuple):
    """How far a reading agrees with the expectation; a finding with one wrong field is both surplus and missing."""

    true_positives: int
    false_positives: int
    false_negatives: int
    differences: list[str]


def cases() -> list[Case]:
    """All sets, by name."""
    return [Case(path.parent) for path in sorted(HOME.glob("*/expected.json"))]


def score(report: Report, expected: Expected) -> Score:
    """Compare what was read with what is expected: findings by id, those without one by title."""
    surplus = list(report.findings)
    differences: list[str] = []
    right = missing = 0
    for wanted in sorted(expected.findings, key=lambda each: each.id is None):
        found = _partner(wanted, surplus)
        if found is None:
            missing += 1
            differences.append(f"missing: {wanted.name}")
            continue
        surplus.remove(found)
        wrong = _wrong_fields(wanted, found)
        right += not wrong
        differences += [f"{wanted.name}: {each}" for each in wrong]
    differences += [
        f"surplus: {each.id if each.has_own_id else '-'} {each.title!r}, {_where(each)}" for each in surplus
    ]
    differences += _other_differences(report, expected)
    return Score(right, len(report.findings) - right, len(expected.findings) - right, differences)


def _expected_finding(said: dict[str, Any]) -> ExpectedFinding:
    title = said["title"]
    return ExpectedFinding(
        id=said["id"],
        severity=Severity(said["severity"]),
        titles=(title,) if isinstance(title, str) else tuple(title),
        component=said["component"],
        locations=tuple(said["locations"]),
    )


def _partner(wanted: ExpectedFinding, findings: list[Finding]) -> Finding | None:
    if wanted.id is not None:
        return next((each for each in findings if each.has_own_id and each.id == wanted.id), None)
    same_title = [each for each in findings if wanted.is_titled(each.title)]
    # One rule of a scanner hits several places under one title.
    return min(same_title, key=lambda each: _locations(each) != wanted.locations, default=None)


def _wrong_fields(wanted: ExpectedFinding, found: Finding) -> list[str]:
    wrong = []
    if wanted.id is None and found.has_own_id:
        wrong.append(f"has the id {found.id}, expected none")
    if not wanted.is_titled(found.title):
        wrong.append(f"title {found.title!r}, expected {' or '.join(map(repr, wanted.titles))}")
    if found.severity is not wanted.severity:
        wrong.append(f"severity {found.severity}, expected {wanted.severity}")
    if found.component != wanted.component:
        wrong.append(f"component {found.component!r}, expected {wanted.component!r}")
    if _locations(found) != wanted.locations:
        wrong.append(f"locations {list(_locations(found))}, expected {list(wanted.locations)}")
    return wrong


def _other_differences(report: Report, expected: Expected) -> list[str]:
    said = [each.message for each in report.remarks]
    wanted = expected.remarks or ()
    unsaid = [each for each in wanted if not any(each.casefold() in message.casefold() for message in said)]
    differences = [f"no remark says {each!r}; there is {said}" for each in unsaid]
    if expected.remarks == () and said:
        differences.append(f"remarks {said}, expected none")
    if expected.leftovers not in (None, len(report.leftovers)):
        listed = [f"{each.source} {each.text!r} ({each.reason})" for each in report.leftovers]
        differences.append(f"{len(listed)} leftovers, expected {expected.leftovers}: {listed}")
    return differences


def _locations(finding: Finding) -> tuple[str, ...]:
    return tuple(map(str, finding.locations))


def _where(finding: Finding) -> str:
    return ", ".join(map(str, finding.sources)) or "nowhere"


def _normal(title: str) -> str:
    return " ".join(unicodedata.normalize("NFC", title).casefold().split()).rstrip(".")
