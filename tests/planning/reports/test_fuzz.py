"""Whatever is in a file: it is read or refused, in the same way each time, and every value is well-formed."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mosaic_daemon.ground.errors import InputError
from mosaic_daemon.planning.finding import Report, Severity
from mosaic_daemon.planning.reports import read

PIECES = [
    *("# Review\n", "## Critical Findings (2)\n", "## High\n\n", "### SEC-1: Title\n", "### [HIGH] Title (CQ-2)\n"),
    *(
        "### 1. Title\n",
        "#### Location\n",
        "## Recommendations\n",
        "## Resolved\n",
        "Title\n=====\n",
        "### SEC-1: Other words\n",
    ),
    *(
        "**Severity:** High\n",
        "**Severity**: spicy\n",
        "Severity: 9.1\n",
        "**ID:** SEC-3\n",
        "**Title:** It\n",
        "CVSS: CVSS:3.1/AV:N 7\n",
    ),
    *(
        "**File:** `apps/api/a.ts:3-9`\n",
        "Lines: 4, 6-2\n",
        "line 45 of `b.py`\n",
        "[x](../../c.go#L4)\n",
        "`My Game/a b.cs:1`\n",
    ),
    *(
        "- **SEC-1** (High): text\n",
        "- [ ] item\n",
        "- [x] **CQ-4**: done\n",
        "  - Severity: low\n",
        "1. High: x\n",
        "   1. y\n",
    ),
    *(
        "| ID | Severity | Title | File |\n|---|---|---|---|\n",
        "| SEC-5 | Low | t | a.ts |\n",
        "| | | | |\n",
        "| 🔴 | x\n",
    ),
    *("| Critical | 3 |\n", "Total: 12 findings\n", "3 critical, five high\n", "|a|\n|-|\n"),
    *("```\n", "~~~\n", "<!--\n", "-->\n", "<details>\n<summary>SEC-6: x</summary>\n\n", "</details>\n", "> ", "    "),
    *("---\n", "id: SEC-7\n", "severity: high\n", "findings:\n", "- {id: A-1, severity: low, title: t}\n", "a: [*b\n"),
    *(
        "\n",
        "\n\n",
        " ",
        "\t",
        "\x1b[31m",
        "\u202e",
        "\r\n",
        "**",
        "`",
        "[",
        "](",
        "|",
        "\\",
        "&#27;",
        "é",
        "🟠",
        "~~",
        "…",
    ),
]
markdown = st.lists(st.sampled_from(PIECES) | st.text(max_size=12), max_size=40).map("".join)
scalars = st.none() | st.booleans() | st.integers(-5, 10**6) | st.text(max_size=8)
KEYS = "runs tool driver extensions rules id results ruleId ruleIndex message text arguments locations physicalLocation"
KEYS += " artifactLocation uri uriBaseId index region startLine endLine level kind suppressions status properties"
KEYS += " security-severity partialFingerprints originalUriBaseIds artifacts location baselineState messageStrings name"
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS.split()), inner, max_size=6),
    max_leaves=30,
)


def reading(data: bytes, name: str) -> Report | None:
    """The report in a file of this content; None if it is refused."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(data)
        first, second = (_read_or_refused(path) for _ in range(2))
    assert first == second
    if isinstance(first, str):
        assert name in first
        return None
    return first


def _read_or_refused(path: Path) -> Report | str:
    try:
        return read(path, root=path.parent)
    except InputError as error:
        return error.line


def assert_well_formed(report: Report, lines: int) -> None:
    ids = [each.id for each in report.findings]
    marks = [each.fingerprint for each in report.findings]
    assert len(set(ids)) == len(ids)
    assert len(set(marks)) == len(marks)
    for finding in report.findings:
        assert finding.title
        assert finding.title.isprintable()
        assert finding.title == " ".join(finding.title.split())
        assert finding.id.isprintable()
        assert isinstance(finding.severity, Severity)
        assert len(set(finding.locations)) == len(finding.locations)
        for place in finding.locations:
            assert place.path.isprintable()
            assert not place.path.startswith(("/", "../"))
            assert place.first is not None or place.last is None
            assert place.last is None or place.first is None or place.last >= place.first
        assert finding.sources
        assert all(1 <= source.line <= lines for source in finding.sources)
        assert "\x1b" not in finding.body
    assert all(each.reason and each.text.isprintable() for each in report.leftovers)
    assert all(each.message.isprintable() for each in report.remarks)


@settings(max_examples=300, deadline=None)
@given(markdown)
def test_any_markdown_is_read(text: str) -> None:
    report = reading(text.encode(errors="replace"), "report.md")
    if report is None:
        assert "\0" in text
    else:
        assert_well_formed(report, len(text.splitlines()) + 1)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    report = reading(data, "report.md")
    if report is not None:
        assert_well_formed(report, len(data) + 1)


@settings(max_examples=200, deadline=None)
@given(st.lists(documents, max_size=3), documents)
def test_any_json_is_read_or_refused_as_sarif(runs: list[Any], bases: Any) -> None:
    data = json.dumps({"version": "2.1.0", "runs": [{"results": runs, "originalUriBaseIds": bases}, *runs]})
    report = reading(data.encode(), "scan.sarif")
    if report is not None:
        assert_well_formed(report, 1)


@settings(max_examples=150, deadline=None)
@given(markdown, markdown)
def test_a_finding_keeps_its_fingerprint_when_text_around_it_changes(before: str, after: str) -> None:
    """What is added may hide it in a comment or in code, tick it off, or use its id: then it is another matter."""
    text = "# Review\n\n### ZZ-API-99: Session is never closed\n\n**Severity:** Low\n**File:** `a.ts:4`\n"
    (known,) = _findings(text)
    edited = text.replace("Low", "High").replace(":4", ":40")
    moved = f"# R\n\n{_harmless(before)}\n\n{edited}\n\n## Else\n\n{_harmless(after)}"
    found = [each for each in _findings(moved) if each.id == known.id]
    assert [each.fingerprint for each in found] == [known.fingerprint]


@given(st.integers(1, 900), st.sampled_from(Severity))
def test_without_an_id_title_and_file_are_the_fingerprint(line: int, severity: Severity) -> None:
    first, second = (
        _findings(f"# R\n\n{filler}## {severity}\n\n### Cache is never emptied\n\nSee `src/cache.py:{line + at}`.\n")
        for at, filler in enumerate(("", "A new introduction.\n\n"))
    )
    assert [each.fingerprint for each in first] == [each.fingerprint for each in second]
    assert [each.id for each in first] == [each.id for each in second]


def _findings(text: str) -> tuple[Any, ...]:
    report = reading(text.encode(errors="replace"), "report.md")
    return () if report is None else report.findings


def _harmless(text: str) -> str:
    """Each line as a paragraph of its own that opens nothing."""
    return "\n\n".join(
        f"Word {line.strip(chr(96) + '~<')}" for line in text.replace("\0", "").splitlines() if "<" not in line
    )
