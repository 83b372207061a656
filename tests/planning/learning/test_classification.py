"""The guide's "Task Type Classification"."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings

from mosaic_daemon.nouns.task import Kind, Task
from mosaic_daemon.planning.finding import Report, Source
from mosaic_daemon.planning.learning.classification import characteristics, finding_of
from mosaic_daemon.planning.plan import Milestone
from mosaic_daemon.planning.planner.estimates import TASK_TYPES, VERIFICATION
from mosaic_daemon.planning.planner.planner import planned
from tests.planning.findings import REPORTS

MILESTONE = Milestone("shop", "MS", "0.0.1")


@pytest.mark.parametrize(
    ("description", "wanted"),
    [
        ("CQ-1: Inconsistent formatting in the cart", "STYLE_FIX"),
        ("CQ-1: Run prettier over the pages", "STYLE_FIX"),
        ("CQ-1: Lint errors in utils", "STYLE_FIX"),
        ("CQ-1: Remove unused exports", "BULK_CLEANUP"),
        ("CQ-1: Compiler warnings", "BULK_CLEANUP"),
        ("CQ-1: Rename in ~200 files", "BULK_CLEANUP"),
        ("SEC-1: Add guard to the admin page", "GUARD_ADD"),
        ("SEC-1: Missing decorator on route", "GUARD_ADD"),
        ("SEC-1: No validation of input", "GUARD_ADD"),
        ("SEC-1: Sanitize the comment field", "SECURITY_FIX"),
        ("SEC-1: SQL injection in search", "SECURITY_FIX"),
        ("SEC-1: Stored XSS in names", "SECURITY_FIX"),
        ("SEC-1: Require authentication for exports", "AUTH_ADD"),
        ("SEC-1: Missing auth on /admin", "AUTH_ADD"),
        ("CQ-1: Refactor the price module", "REFACTOR"),
        ("CQ-1: Replace KEYS", "REFACTOR"),
        ("CQ-1: Migrate to the new client", "REFACTOR"),
        ("Q-1: Add tests for the cart", "TEST_ADD"),
        ("Q-1: Coverage of the parser is low", "TEST_ADD"),
        ("Escape names on receipts", "OTHER_FIX"),
    ],
)
def test_task_type_classification(description: str, wanted: str) -> None:
    """By the guide's keywords, of planned tasks and of those people enqueue."""
    assert characteristics(Task("T-1", description)).task_type == wanted


def test_characteristics_count_files_and_name_keywords() -> None:
    task = Task("T-1", "CQ-9: Unused type guards in ~200 files against object injection", files=("a", "b"))
    assert characteristics(task) == ("BULK_CLEANUP", 200, ("unused", "injection", "guards"))
    assert characteristics(Task("T-1", "do it", files=("a", "b"))) == ("OTHER_FIX", 2, ())


def test_the_finding_s_id_is_no_keyword() -> None:
    """`SEC-AUTH-1` says which part it is about, not what has to be done."""
    assert characteristics(Task("T-1", "SEC-AUTH-1: Escape the name")).task_type == "OTHER_FIX"


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(REPORTS)
def test_a_planned_task_has_the_type_it_was_estimated_by(report: Report) -> None:
    """Or what is learnt of it would correct the estimates of something else."""
    placed = (replace(each, has_own_id=True, sources=(Source("01-security-review.md", 3),)) for each in report.findings)
    report = replace(report, findings=tuple(placed))
    whats = {each.name: each.what for each in TASK_TYPES}
    for each in planned(report, MILESTONE).tasks:
        found = characteristics(each.task).task_type
        if each.task.kind is Kind.VERIFICATION:
            assert found == VERIFICATION
        elif not each.fingerprint:
            assert found == "DOCUMENTATION"
        else:
            assert each.reasons[0].why.startswith(f"base: {whats.get(found, 'fix')}")


@pytest.mark.parametrize(
    ("description", "wanted"),
    [
        ("SEC-API-1: Key in the source", "SEC-API-1"),
        ("F1: Key in the source", ""),
        ("BUG_2: Key in the source", "BUG_2"),
        ("TEST-001: No tests", "TEST-001"),
        ("CVE-2024-1234: upgrade", "CVE-2024-1234"),
        ("fix: typo", ""),
        ("Escape names", ""),
        ("../../etc-1: x", ""),
        ("*-1: x", ""),
        ("A B-1: x", ""),
        ("", ""),
    ],
)
def test_which_reports_are_a_task_s_own(description: str, wanted: str) -> None:
    """Those of the finding its description begins with; a word that is no id clears nothing."""
    assert finding_of(Task("T-1", description)) == wanted
