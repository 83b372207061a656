"""Every report of the corpus is read as a careful person reads it: nothing missing, nothing made up."""

from __future__ import annotations

import pytest

from mosaic_daemon.planning.finding import Finding, Report, Severity
from mosaic_daemon.planning.reports import read
from tests.planning.corpus import Case, Expected, ExpectedFinding, cases, score


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_report_is_read_exactly(case: Case) -> None:
    scored = score(read(case.report, root=case.root), case.expected)
    if scored.differences:
        pytest.fail("\n  ".join([f"{case.name}: {case.expected.why}", *scored.differences]), pytrace=False)
    assert scored[:3] == (len(case.expected.findings), 0, 0)


def test_corpus_is_broad() -> None:
    assert len(cases()) >= 25


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_expectation_says_why_it_exists_and_names_its_findings_once(case: Case) -> None:
    assert case.expected.why
    findings = case.expected.findings
    assert 3 <= len(findings) <= 15
    ids = [each.id for each in findings if each.id]
    assert len(set(ids)) == len(ids)


WANTED = ExpectedFinding("A-1", Severity.HIGH, ("Lock is lost",), "", ("a.py:1",))
READ = Finding(id="A-1", severity=Severity.HIGH, title="Lock is lost.", fingerprint="1")


def test_score_counts_a_wrong_field_as_surplus_and_missing() -> None:
    scored = score(Report("r", (READ,)), Expected((WANTED,)))
    assert scored == (0, 1, 1, ["A-1: locations [], expected ['a.py:1']"])


def test_score_names_what_is_missing_and_what_is_surplus() -> None:
    other = Finding(id="x1", severity=Severity.LOW, title="Other", fingerprint="2", has_own_id=False)
    scored = score(Report("r", (other,)), Expected((WANTED,), remarks=("A-1",)))
    assert scored[:3] == (0, 1, 1)
    assert scored.differences == ["missing: A-1", "surplus: - 'Other', nowhere", "no remark says 'A-1'; there is []"]
