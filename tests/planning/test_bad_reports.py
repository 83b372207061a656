"""A report that cannot be read is refused with its path and a way out; one that contradicts itself is read anyway."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mosaic_daemon.ground.errors import InputError
from mosaic_daemon.planning.finding import Report, Severity
from mosaic_daemon.planning.reports import read

FINDING = "# Review\n\n### SEC-API-1: Routes lack a guard\n\n**Severity:** High\n**File:** `api/routes.py:4-9`\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The reviewed repository, with a neighbour that is none of its business."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/review.md").write_text(FINDING)
    (tmp_path / "project/docs/reports").mkdir(parents=True)
    return tmp_path / "project"


def refusal(path: Path, root: Path) -> InputError:
    """The error of reading it, which must name the path and say what to do."""
    with pytest.raises(InputError) as raised:
        read(path, root=root)
    assert path.name in raised.value.line
    assert raised.value.remedy
    return raised.value


def reading(root: Path, text: str) -> Report:
    path = root / "docs/reports/review.md"
    path.write_text(text)
    return read(path, root=root)


def _missing(root: Path) -> Path:
    return root / "docs/reports/absent"


def _empty_folder(root: Path) -> Path:
    path = root / "docs/reports/empty"
    path.mkdir()
    return path


def _folder_without_a_report(root: Path) -> Path:
    path = root / "docs/reports/pictures"
    path.mkdir()
    (path / "one.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(64))
    return path


def _binary(root: Path) -> Path:
    path = root / "docs/reports/review.md"
    path.write_bytes(b"\x7fELF\x02\x01\x01" + bytes(range(256)) * 8)
    return path


def _broken_scan(root: Path) -> Path:
    path = root / "docs/reports/scan.sarif"
    path.write_text('{"version": "2.1.0", "runs": [')
    return path


def _outside(root: Path) -> Path:
    return root.parent / "elsewhere/review.md"


def _outside_by_dots(root: Path) -> Path:
    return root / "docs/../../elsewhere/review.md"


def _link_to_a_file_outside(root: Path) -> Path:
    path = root / "docs/reports/linked.md"
    path.symlink_to(root.parent / "elsewhere/review.md")
    return path


def _link_to_a_folder_outside(root: Path) -> Path:
    path = root / "docs/reports/linked"
    path.symlink_to(root.parent / "elsewhere")
    return path


def _circle_of_links(root: Path) -> Path:
    path = root / "docs/reports/circle"
    path.symlink_to("circle")
    return path


@pytest.mark.parametrize(
    "place",
    [
        _missing,
        _empty_folder,
        _folder_without_a_report,
        _binary,
        _broken_scan,
        _outside,
        _outside_by_dots,
        _link_to_a_file_outside,
        _link_to_a_folder_outside,
        _circle_of_links,
    ],
    ids=lambda place: place.__name__.strip("_"),
)
def test_it_is_refused_with_its_path_and_a_way_out(root: Path, place: Callable[[Path], Path]) -> None:
    refusal(place(root), root)


def test_a_file_of_50_megabytes_is_refused_for_its_size(root: Path) -> None:
    path = root / "docs/reports/huge.md"
    with path.open("wb") as file:
        file.write(FINDING.encode() * 1000)
        file.truncate(50_000_000)
    assert "larger than" in refusal(path, root).problem


def test_one_huge_file_in_a_folder_is_named(root: Path) -> None:
    folder = root / "docs/reports/both"
    folder.mkdir()
    (folder / "review.md").write_text(FINDING)
    with (folder / "huge.md").open("wb") as file:
        file.truncate(50_000_000)
    with pytest.raises(InputError, match=r"huge\.md"):
        read(folder, root=root)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused(root: Path) -> None:
    path = root / "docs/reports/secret.md"
    path.write_text(FINDING)
    path.chmod(0)
    refusal(path, root)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_listed_is_refused(root: Path) -> None:
    path = root / "docs/reports/secret"
    path.mkdir()
    path.chmod(0)
    refusal(path, root)
    path.chmod(0o700)


def test_a_link_inside_a_report_leads_nobody_out_of_the_repository(root: Path) -> None:
    folder = root / "docs/reports/mixed"
    folder.mkdir()
    (folder / "quality.md").write_text("### CQ-API-1: Dead code\n\n**Severity:** Low\n")
    (folder / "security.md").symlink_to(root.parent / "elsewhere/review.md")
    with pytest.raises(InputError, match=r"security\.md"):
        read(folder, root=root)


def test_contradicting_severities_take_the_worse_and_say_so(root: Path) -> None:
    report = reading(root, FINDING.replace("# Review", "# Review\n\n## Critical"))
    assert [each.severity for each in report.findings] == [Severity.CRITICAL]
    [remark] = report.remarks
    assert "SEC-API-1" in remark.message
    assert remark.source is not None


def test_two_findings_with_one_id_are_both_kept_and_named(root: Path) -> None:
    second = FINDING.replace("Routes lack a guard", "Secrets are logged").replace("routes.py:4-9", "log.py:2")
    report = reading(root, FINDING + "\n" + second.removeprefix("# Review\n\n"))
    assert [each.title for each in report.findings] == ["Routes lack a guard", "Secrets are logged"]
    assert len({each.id for each in report.findings}) == 2
    assert len({each.fingerprint for each in report.findings}) == 2
    assert any("SEC-API-1" in each.message for each in report.remarks)


def test_an_unknown_severity_is_placed_and_named(root: Path) -> None:
    report = reading(root, FINDING.replace("High", "Spicy"))
    assert [(each.id, each.severity) for each in report.findings] == [("SEC-API-1", Severity.MEDIUM)]
    assert any("Spicy" in each.message and "SEC-API-1" in each.message for each in report.remarks)


def test_a_finding_without_any_severity_is_placed_or_listed_but_never_lost(root: Path) -> None:
    report = reading(root, FINDING.replace("**Severity:** High\n", ""))
    assert len(report.findings) + len(report.leftovers) == 1
    assert not report.findings or report.remarks


def test_reading_leaves_the_folder_as_it_was(root: Path) -> None:
    reading(root, FINDING)
    assert [path.name for path in (root / "docs/reports").rglob("*")] == ["review.md"]
