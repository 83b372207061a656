"""Findings and reports that planning tests start from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hypothesis import strategies as st

from mosaic_daemon.planning.finding import Finding, Location, Report, Severity, Source
from mosaic_daemon.planning.plan import Milestone, Plan
from mosaic_daemon.planning.planner.learned import NOTHING_LEARNED, Heuristics
from mosaic_daemon.planning.planner.planner import planned

MILESTONE = Milestone("shop", "MS", "0.0.1")


def finding(id: str = "SEC-API-1", title: str = "A fault", *files: str, **fields: Any) -> Finding:  # noqa: A002
    known = {"severity": Severity.CRITICAL, "fingerprint": f"fp-{id}-{title}", "component": "api", **fields}
    return Finding(id=id, title=title, locations=tuple(map(Location, files)), **known)


def report(*findings: Finding) -> Report:
    return Report("review", findings)


def plan(
    *findings: Finding,
    known: Plan | None = None,
    milestone: Milestone = MILESTONE,
    heuristics: Heuristics = NOTHING_LEARNED,
) -> Plan:
    return planned(report(*findings), milestone, known, heuristics=heuristics)


def ids(plan: Plan) -> dict[str, str]:
    """The task of each finding, by the finding's id."""
    return {each.task.description.partition(": ")[0]: each.task.id for each in plan.tasks if each.fingerprint}


def duplicates(values: Iterable[object]) -> list[object]:
    seen: set[object] = set()
    return [value for value in values if value in seen or seen.add(value)]  # type: ignore[func-returns-value]


_WORDS = (
    *("missing", "authentication", "session", "token", "validation", "replace", "injection", "coverage", "docs"),
    *("slow", "encryption", "add", "tests", "for", "the", "login", "endpoint", "error", "handling", "README", "unused"),
)
_TITLES = st.lists(st.sampled_from(_WORDS), min_size=1, max_size=5).map(" ".join) | st.text(max_size=30)
_FILES = st.sampled_from(("src/a.ts", "src/b.ts", "src/c.ts", "web/d.ts", "deploy.yml", "docs/x.md", "tests/test_a.py"))
_PATHS = _FILES | st.sampled_from(("/etc/passwd", "../up.ts", "./src/a.ts", "src//b.ts", "", "a\x00b"))

FINDINGS = st.builds(
    Finding,
    id=st.sampled_from([f"{area}-{number}" for area in ("SEC-API", "CQ-WEB", "TEST", "F") for number in range(1, 6)]),
    severity=st.sampled_from(Severity),
    title=_TITLES,
    fingerprint=st.sampled_from([f"fp{number}" for number in range(12)]),
    component=st.sampled_from(("api", "web", "")),
    locations=st.lists(st.builds(Location, _PATHS), max_size=3).map(tuple),
    body=_TITLES,
    sources=st.just((Source("01-security-review.md", 3),)) | st.just(()),
    has_own_id=st.booleans(),
)
"""Findings that share ids, fingerprints, files and words more often than real ones do."""

REPORTS = st.lists(FINDINGS, max_size=14).map(lambda findings: Report("review", tuple(findings)))
MILESTONES = st.builds(
    Milestone,
    st.just("shop"),
    st.sampled_from(("MS", "PR-SEC")),
    st.just("0.0.1"),
    st.just(""),
    improves_prd=st.booleans(),
)
