"""Headings and first lines are taken apart into id, severity, place and title."""

from __future__ import annotations

import pytest

from mosaic_daemon.planning.finding import Severity
from mosaic_daemon.planning.reports import headline
from mosaic_daemon.planning.reports.severities import Weight

CRITICAL, HIGH, MEDIUM, LOW = Severity


@pytest.mark.parametrize(
    ("text", "id_", "severity", "title"),
    [
        ("SEC-API-1: Title", "SEC-API-1", None, "Title"),
        ("TEST-001 No tests", "TEST-001", None, "No tests"),
        ("`API-9` · SQL injection (CWE-89)", "API-9", None, "SQL injection (CWE-89)"),
        ("[HIGH] Title (CQ-WEB-3)", "CQ-WEB-3", HIGH, "Title"),
        ("SEC-1 - High - Title", "SEC-1", HIGH, "Title"),
        ("1. [P0] Title", "", CRITICAL, "Title"),
        ("4.2 Title — Low", "", LOW, "Title"),
        ("✗ [Medium] Path traversal", "", MEDIUM, "Path traversal"),
        ("🟠 CQ-2: Title", "CQ-2", HIGH, "Title"),
        ("Finding 3: Title", "", None, "Title"),
        ("SEC-1: Title [CVSS 9.1]", "SEC-1", CRITICAL, "Title"),
        ("BOT-1 <kbd>High</kbd> Title", "BOT-1", HIGH, "Title"),
        ("SEC-1: \x1b[31mRed\x1b[0m <!-- hidden --> **bold** `code`", "SEC-1", None, "Red bold code"),
        ("High memory usage in the worker", "", None, "High memory usage in the worker"),
        ("Critical section is not locked", "", None, "Critical section is not locked"),
        ("Low-level interface is racy", "", None, "Low-level interface is racy"),
        ("3 endpoints lack a guard", "", None, "3 endpoints lack a guard"),
        ("CVE-2024-1234 in lodash", "", None, "CVE-2024-1234 in lodash"),
        ("Why SEC-API-1 matters", "", None, "Why SEC-API-1 matters"),
    ],
)
def test_heading(text: str, id_: str, severity: Severity | None, title: str) -> None:
    line = headline.heading(text)
    assert (line.id, line.title) == (id_, title)
    assert next((each for each, _ in line.claims), None) is severity


@pytest.mark.parametrize(
    ("text", "id_", "severity", "title", "rest"),
    [
        ("**SEC-1** (High): Guard is missing. Anyone gets in.", "SEC-1", HIGH, "Guard is missing", "Anyone gets in"),
        ("**Guard is missing** – anyone gets in.", "", None, "Guard is missing", "anyone gets in"),
        ("[ ] **SEC-2: Title** [Low]", "SEC-2", LOW, "Title", ""),
        ("**High:** Title", "", HIGH, "Title", ""),
        ("[SEC-1](01.md#sec-1): Title", "SEC-1", None, "Title", ""),
        ("SEC-1 is the worst of all", "", None, "SEC-1 is the worst of all", ""),
    ],
)
def test_first_line_of_an_item(text: str, id_: str, severity: Severity | None, title: str, rest: str) -> None:
    line = headline.entry(text)
    assert (line.id, line.title, line.rest) == (id_, title, rest)
    assert next((each for each, _ in line.claims), None) is severity


def test_place_in_brackets_is_no_part_of_the_title() -> None:
    line = headline.heading("Secret is printed (High, `apps/api/log.ts:3-5`)")
    assert line.title == "Secret is printed"
    assert [str(each) for each in line.locations] == ["apps/api/log.ts:3-5"]
    assert line.claims == [(HIGH, Weight.WORD)]


def test_several_ids_before_one_title() -> None:
    line = headline.heading("SEC-1, SEC-2 and SEC-3: Title")
    assert (line.id, line.others, line.title) == ("SEC-1", ["SEC-2", "SEC-3"], "Title")


@pytest.mark.parametrize("text", ["[x] SEC-1: Title", "~~SEC-1: Title~~", "✅ SEC-1: Title", "SEC-1: Title [FIXED]"])
def test_done_is_seen(text: str) -> None:
    assert headline.heading(text).is_done


def test_a_long_title_is_cut() -> None:
    title = headline.heading("SEC-1: " + "word " * 500).title
    assert len(title) == headline.MAX_TITLE
    assert title.endswith("…")
