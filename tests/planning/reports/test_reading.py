"""What becomes of whole reports, beyond the corpus: what is left over, what is remarked, what keeps its name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mosaic_daemon.ground.errors import InputError
from mosaic_daemon.planning.finding import Report, Severity
from mosaic_daemon.planning.reports import read

HIGH = "**Severity:** High\n"


def reading(root: Path, **files: str) -> Report:
    """A report of these Markdown files."""
    folder = root / "report"
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.md").write_text(text)
    return read(folder, root=root)


def test_summary_and_own_file_are_one_finding_with_both_places(tmp_path: Path) -> None:
    report = reading(
        tmp_path,
        **{"00-summary": "- SEC-API-1 (High): Guard\n", "01-security": f"### SEC-API-1: Missing guard\n{HIGH}\nWhy.\n"},
    )
    (finding,) = report.findings
    assert finding.title == "Missing guard"
    assert [str(each) for each in finding.sources] == ["01-security.md:1", "00-summary.md:1"]
    assert finding.body.endswith("Why.")
    assert finding.component == "api"


def test_contradicting_severities_are_named_with_both_places(tmp_path: Path) -> None:
    report = reading(tmp_path, a="- SEC-1 (Low): Guard\n", b=f"### SEC-1: Guard\n{HIGH}")
    assert [each.severity for each in report.findings] == [Severity.HIGH]
    (remark,) = report.remarks
    assert "b.md:2" in remark.message
    assert "a.md:1" in remark.message


def test_the_second_of_an_id_keeps_its_fingerprint_whatever_its_letter(tmp_path: Path) -> None:
    one, two, three = (f"### SEC-1: {title}\n{HIGH}\n" for title in ("Guard missing", "Slow query", "Dead code"))
    before = {each.title: each.fingerprint for each in reading(tmp_path, a=one + two).findings}
    report = reading(tmp_path, a=one + three + two)
    assert [each.id for each in report.findings] == ["SEC-1", "SEC-1-b", "SEC-1-c"]
    assert before.items() <= {each.title: each.fingerprint for each in report.findings}.items()


@pytest.mark.parametrize("section", ["Resolved findings", "False positives", "Positive observations"])
def test_what_needs_no_mending_is_left_over(tmp_path: Path, section: str) -> None:
    report = reading(tmp_path, a=f"## {section}\n\n- **SEC-9** (High): Guard\n")
    assert not report.findings
    assert [each.text for each in report.leftovers] == ["SEC-9: Guard"]


def test_a_full_description_is_left_over_as_well_when_it_is_resolved(tmp_path: Path) -> None:
    resolved = reading(tmp_path, a=f"## Resolved findings\n\n### SEC-9: Guard\n{HIGH}")
    assert (resolved.findings, len(resolved.leftovers)) == ((), 1)
    appendix = reading(tmp_path, a=f"## Appendix\n\n### SEC-9: Guard\n{HIGH}")
    assert [each.id for each in appendix.findings] == ["SEC-9"]


@pytest.mark.parametrize(
    "text",
    [
        "## Recommendations\n\n- **High priority:** rotate keys\n",
        "## Methodology\n\nCritical means: now.\n",
        "## Severity levels\n\n| Severity | Meaning |\n|---|---|\n| High | bad |\n| Low | not bad |\n",
        "## Critical Findings\n\nNone.\n\n## High\n\n- No issues found\n",
        "## Summary\n\n- Critical: 3\n- High: none\n",
    ],
)
def test_prose_about_findings_is_none(tmp_path: Path, text: str) -> None:
    assert not reading(tmp_path, a=text).findings


def test_counts_of_the_summary_are_checked(tmp_path: Path) -> None:
    counts = "| Severity | Count |\n|---|---|\n| High | 2 |\n| Low | 0 |\n| **Total** | **2** |\n"
    report = reading(tmp_path, **{"00-summary": f"# Summary\n\n{counts}", "01": f"### SEC-1: Guard\n{HIGH}"})
    assert [each.message for each in report.remarks] == [
        "the report says 2 high findings, 1 were found",
        "the report says 2 findings in total, 1 were found",
    ]


def test_a_row_with_neither_id_nor_known_severity_is_left_over(tmp_path: Path) -> None:
    report = reading(tmp_path, a="| Severity | Issue |\n|---|---|\n| Spicy | Guard is missing |\n| High | Slow |\n")
    assert [each.title for each in report.findings] == ["Slow"]
    assert [each.text for each in report.leftovers] == ["Guard is missing"]


def test_other_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "report").mkdir()
    (tmp_path / "report/data.json").write_text("{}")
    (tmp_path / "report/raw.csv").write_text("a,b")
    report = reading(tmp_path, a="# R\n")
    assert [str(each.source) for each in report.remarks] == ["raw.csv:1", "data.json:1"]


def test_front_matter_that_is_no_yaml_is_remarked_and_the_rest_is_read(tmp_path: Path) -> None:
    report = reading(tmp_path, a=f"---\na: [b\n---\n\n### SEC-1: Guard\n{HIGH}")
    assert [each.id for each in report.findings] == ["SEC-1"]
    assert "front matter" in report.remarks[0].message


def test_deep_front_matter_does_not_end_the_process(tmp_path: Path) -> None:
    assert "deeper" in reading(tmp_path, a=f"---\na: {'[' * 100_000}{']' * 100_000}\n---\n").remarks[0].message


def test_the_name_of_a_file_gives_the_id_of_its_only_finding(tmp_path: Path) -> None:
    (finding,) = reading(tmp_path, **{"SEC-API-7-guard": f"# Missing guard\n{HIGH}"}).findings
    assert (finding.id, finding.has_own_id) == ("SEC-API-7", True)


@pytest.mark.parametrize(
    "data", [b"\xef\xbb\xbf### SEC-1: A\r\n\r\nSeverity: High\r\n", b"### SEC-1: A\rSeverity: High"]
)
def test_line_ends_and_byte_order_marks_do_not_matter(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.md"
    path.write_bytes(data)
    (finding,) = read(path, root=tmp_path).findings
    assert (finding.id, finding.severity) == ("SEC-1", Severity.HIGH)


def test_a_wrong_byte_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_bytes(b"# A\n\xff\n")
    with pytest.raises(InputError, match=r"a\.md:2: byte 0xff is not UTF-8"):
        read(path, root=tmp_path)


def scan(root: Path, results: list[dict[str, Any]], **run: Any) -> Report:
    path = root / "scan.sarif"
    document = {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "t", **run}}, "results": results}]}
    path.write_text(json.dumps(document, indent=1))
    return read(path, root=root)


def at(uri: str, line: int) -> dict[str, Any]:
    physical = {"artifactLocation": {"uri": uri}, "region": {"startLine": line}}
    return {"ruleId": "r", "message": {"text": "Bad."}, "locations": [{"physicalLocation": physical}]}


def test_a_result_keeps_its_fingerprint_when_its_line_moves(tmp_path: Path) -> None:
    before, after = (scan(tmp_path, [at("a%20b.ts", line)]).findings for line in (3, 30))
    assert str(before[0].locations[0]) == "a b.ts:3"
    assert [each.fingerprint for each in before] == [each.fingerprint for each in after]


def test_the_scanners_own_fingerprint_goes_before_the_place(tmp_path: Path) -> None:
    own = {"partialFingerprints": {"primaryLocationLineHash": "abc"}}
    before, after = (scan(tmp_path, [{**at(uri, 3), **own}]).findings for uri in ("a.ts", "moved.ts"))
    assert before[0].fingerprint == after[0].fingerprint


def test_results_of_one_rule_in_one_file_stay_apart(tmp_path: Path) -> None:
    findings = scan(tmp_path, [at("a.ts", 3), at("a.ts", 9)]).findings
    assert [str(each.locations[0]) for each in findings] == ["a.ts:3", "a.ts:9"]
    assert len({each.id for each in findings}) == 2


def test_a_rules_cvss_figure_goes_before_its_level(tmp_path: Path) -> None:
    rules = [{"id": "r", "properties": {"security-severity": "9.3"}, "defaultConfiguration": {"level": "note"}}]
    assert [each.severity for each in scan(tmp_path, [at("a.ts", 3)], rules=rules).findings] == [Severity.CRITICAL]


def test_a_result_is_found_on_its_line_of_the_file(tmp_path: Path) -> None:
    findings = scan(tmp_path, [at("a.ts", 3), at("b.ts", 3)]).findings
    lines = (tmp_path / "scan.sarif").read_text().splitlines()
    assert [lines[each.sources[0].line - 1].strip() for each in findings] == ["{", "{"]
    assert findings[0].sources[0].line < findings[1].sources[0].line
