"""Estimates by the guide's tables."""

from __future__ import annotations

import pytest
from hypothesis import given

from mosaic_daemon.nouns.task import Kind
from mosaic_daemon.planning.finding import Finding
from mosaic_daemon.planning.plan import Reason
from mosaic_daemon.planning.planner.estimates import (
    TASK_TYPES,
    Size,
    classified,
    estimated,
    of_documentation,
    of_verification,
)
from mosaic_daemon.planning.planner.phases import Topic, kind_of, topic_of
from mosaic_daemon.planning.planner.words import Wording
from tests.planning.findings import FINDINGS, finding

PLAIN = Size(Topic.QUALITY, Kind.CODE, 1)


def parts(title: str, body: str = "", size: Size = PLAIN) -> list[tuple[int, str]]:
    return [(part.tokens, part.why) for part in estimated(Wording.of(finding("F-1", title, body=body)), size)]


@pytest.mark.parametrize(
    ("row", "title", "low", "high"),
    [
        ("Single-line fix", "Typo in the header", 3, 5),
        ("Single-line fix", "Wrong operator in the comparison", 3, 5),
        ("Single-line fix", "Missing null check", 3, 5),
        ("Add guard/validation", "Add auth decorator", 5, 8),
        ("Add guard/validation", "Input validation of the form", 5, 8),
        ("Fix error handling", "Proper try/catch around the upload", 8, 12),
        ("Fix error handling", "Error propagation in the queue", 8, 12),
        ("Refactor pattern", "Replace KEYS with SCAN", 10, 15),
        ("Refactor pattern", "Fix memory leak", 10, 15),
        ("Add new functionality", "New service method for refunds", 15, 25),
        ("Add new functionality", "New component for the basket", 15, 25),
        ("Write tests", "Unit tests for untested service", 15, 25),
        ("Complex refactor", "Architectural change of the store", 25, 40),
        ("Complex refactor", "Multi-file refactor", 25, 40),
        ("STYLE_FIX", "Formatting differs from prettier", 3, 5),
        ("STYLE_FIX", "Lint errors", 3, 5),
        ("GUARD_ADD", "Add guard to the resolver", 5, 8),
        ("SECURITY_FIX", "Sanitize the comment field", 20, 30),
        ("SECURITY_FIX", "SQL injection", 20, 30),
        ("SECURITY_FIX", "Stored XSS", 20, 30),
        ("AUTH_ADD", "Authentication of the socket", 15, 25),
        ("AUTH_ADD", "Auth for the worker", 15, 25),
        ("REFACTOR", "Refactor the loop", 10, 15),
        ("REFACTOR", "Migrate to the new client", 10, 15),
        ("TEST_ADD", "Add tests for the parser", 15, 25),
        ("TEST_ADD", "Low coverage of billing", 15, 25),
        ("none of them", "Something else", 8, 12),
    ],
)
def test_each_row_of_the_guides_tables(row: str, title: str, low: int, high: int) -> None:
    """The base is the middle of the row's range."""
    (base, why), *_ = parts(title)
    assert base == (low + high) * 500, row
    assert why.startswith("base: ")


def test_types_have_the_names_of_the_learnings() -> None:
    names = {each.name for each in TASK_TYPES}
    assert names >= {"STYLE_FIX", "BULK_CLEANUP", "GUARD_ADD", "SECURITY_FIX", "AUTH_ADD", "REFACTOR", "TEST_ADD"}


def test_the_title_counts_before_the_body() -> None:
    assert parts("Rewrite the parser", body="There is a typo as well.")[0] == (32_500, "base: complex refactor")
    assert parts("Trouble", body="The handler has no try/catch.")[0] == (10_000, "base: fix error handling")


def test_authentication_in_the_body_is_there_already() -> None:
    assert parts("Trouble", body="After authentication the page is empty.")[0] == (10_000, "base: fix")


@pytest.mark.parametrize(
    ("title", "files", "tokens", "why"),
    [
        ("Unused imports in ~200 files", 1, 110_000, "base: bulk cleanup, 200 files"),
        ("Unused imports", 10, 5_500, "base: bulk cleanup, 10 files"),
        ("Compiler warnings", 0, 3_000, "base: bulk cleanup, 1 file"),
        ("Headers differ in 40 files", 1, 22_000, "base: bulk cleanup, 40 files"),
    ],
)
def test_a_bulk_cleanup_takes_550_a_file(title: str, files: int, tokens: int, why: str) -> None:
    """Files are counted once: there is no addition per file."""
    assert parts(title, size=Size(Topic.QUALITY, Kind.CODE, files)) == [(tokens, why)]


@pytest.mark.parametrize(("files", "added"), [(0, []), (1, []), (2, [(5_000, "+1 file")]), (4, [(15_000, "+3 files")])])
def test_each_additional_file_adds_5k(files: int, added: list[tuple[int, str]]) -> None:
    assert parts("Something", size=Size(Topic.QUALITY, Kind.CODE, files))[1:] == added


@pytest.mark.parametrize(
    ("body", "size", "added"),
    [
        ("Add a test for it.", PLAIN, [(7_500, "tests asked for")]),
        ("Write a regression test.", Size(Topic.SECURITY, Kind.CODE, 1), [(7_500, "tests asked for")]),
        ("", Size(Topic.SECURITY, Kind.CODE, 1), [(5_000, "regression test of a security fix")]),
        ("", Size(Topic.SECURITY, Kind.DOCS, 1), []),
        ("Add a test for it.", Size(Topic.DOCUMENTATION, Kind.DOCS, 1), []),
        ("Update the README.", PLAIN, [(2_500, "documentation")]),
        ("", PLAIN, []),
    ],
)
def test_tests_and_documents_add_what_the_guide_says(body: str, size: Size, added: list[tuple[int, str]]) -> None:
    """5-10K for tests, 2-3K for documents."""
    assert parts("Something", body=body, size=size)[1:] == added


def test_a_test_task_needs_no_further_tests() -> None:
    assert parts("No tests for billing", size=Size(Topic.TESTS, Kind.TEST, 1)) == [(20_000, "base: write tests")]


@pytest.mark.parametrize(
    ("tasks", "documents", "verifies"), [(1, 6_000, 10_500), (12, 17_000, 16_000), (1_000, 25_000, 40_000)]
)
def test_closing_tasks_grow_with_their_phase_up_to_a_bound(tasks: int, documents: int, verifies: int) -> None:
    def total(reasons: tuple[Reason, ...]) -> int:
        return sum(reason.tokens for reason in reasons)

    assert (total(of_documentation(tasks)), total(of_verification(tasks))) == (documents, verifies)


@given(FINDINGS)
def test_every_estimate_has_a_base_and_positive_parts(each: Finding) -> None:
    wording = Wording.of(each)
    topic = topic_of(each, wording)
    files = tuple(place.path for place in each.locations)
    reasons = estimated(wording, Size(topic, kind_of(topic, files), len(files)))
    assert reasons[0].why.startswith("base: ")
    assert all(reason.tokens > 0 for reason in reasons)
    assert classified(wording, topic).base <= sum(reason.tokens for reason in reasons)
