"""Findings that people write without a form: read where a severity is said, listed where it is not, never dropped."""

from __future__ import annotations

from pathlib import Path

import pytest

from mosaic_daemon.planning.finding import Report, Severity
from mosaic_daemon.planning.reports import read


def of(folder: Path, text: str) -> Report:
    (folder / "review.md").write_text(text)
    return read(folder, root=folder)


@pytest.mark.parametrize(
    ("item", "severity", "title"),
    [
        ("Passwords are logged (line 30). Critical!", Severity.CRITICAL, "Passwords are logged"),
        ("The admin page is open (`src/admin.py`). P0", Severity.CRITICAL, "The admin page is open"),
        ("Errors are swallowed in `src/pay.py`. **High**", Severity.HIGH, "Errors are swallowed in src/pay.py"),
        ("**SQL injection.** Built by hand. Severity: blocker. Bind it.", Severity.CRITICAL, "SQL injection"),
        ("The README is stale. Low priority.", Severity.LOW, "The README is stale"),
    ],
)
def test_a_severity_may_be_a_sentence_of_its_own(tmp_path: Path, item: str, severity: Severity, title: str) -> None:
    report = of(tmp_path, f"# Audit\n\n## Must fix\n\n1. {item}\n")
    assert [(each.severity, each.title) for each in report.findings] == [(severity, title)]


def test_an_item_beside_findings_is_listed(tmp_path: Path) -> None:
    report = of(tmp_path, "# Audit\n\n- XSS in search (high)\n- Passwords are kept in plain text\n- None\n")
    assert [each.title for each in report.findings] == ["XSS in search"]
    assert [each.text for each in report.leftovers] == ["Passwords are kept in plain text"]


@pytest.mark.parametrize(
    "text",
    [
        "- `src/a.py:12` is called twice\n- nothing else",
        "The total is computed in the browser (src/cart.ts:40) and trusted.",
        "Errors are swallowed when paying. Medium.",
    ],
)
def test_prose_that_names_a_line_or_a_severity_is_listed(tmp_path: Path, text: str) -> None:
    report = of(tmp_path, f"# Audit\n\n## Checkout\n\n{text}\n")
    assert (len(report.findings), len(report.leftovers)) == (0, 1)


def test_prose_about_something_with_an_id_is_no_leftover(tmp_path: Path) -> None:
    text = "# Audit\n\nThe worst is SEC-1 (a.py:3).\n\n### SEC-1: No check\n\nSeverity: High\nFile: a.py:3\n"
    report = of(tmp_path, text)
    assert ([each.id for each in report.findings], report.leftovers) == (["SEC-1"], ())


def test_a_record_may_call_its_severity_risk(tmp_path: Path) -> None:
    record = "**Finding:** {}\n**Risk:** {}\n**Where:** web/comments.js, line {}\n"
    records = (record.format("Stored XSS", "High (CVSS 7.4)", 45), record.format("Open redirect", "Low", 9))
    report = of(tmp_path, "# Pentest\n\n" + "\n---\n\n".join(records))
    assert [(each.title, each.severity.value, str(each.locations[0])) for each in report.findings] == [
        ("Stored XSS", "high", "web/comments.js:45"),
        ("Open redirect", "low", "web/comments.js:9"),
    ]
