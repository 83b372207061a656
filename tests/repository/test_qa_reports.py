"""The guide's "Report Cleanup": QA automation's reports in the person's checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

from mosaic_daemon.repository.qa_reports import FOLDER, QaReports
from tests.support.repo import git

IDS = ["SEC-API-1"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout with the guide's `.gitignore` and pending reports."""
    made = tmp_path / "app"
    made.mkdir()
    git(made, "init", "-q")
    (made / ".gitignore").write_text(f"{FOLDER}/\n")
    for name in ("qa-SEC-API-1.md", "SEC-API-1_2026.json", "SEC-API-10.md", "XSEC-API-1.md", "CQ-2.md"):
        report(made, name)
    return made


def report(root: Path, name: str, text: str = "report") -> Path:
    file = root / FOLDER / "pending" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def shown(root: Path, folder: str) -> list[str]:
    place = root / FOLDER / folder
    return sorted(str(each.relative_to(place)) for each in place.rglob("*") if not each.is_dir() or each.is_symlink())


OTHERS = ["CQ-2.md", "SEC-API-10.md", "XSEC-API-1.md"]


async def test_task_success_deletes_matching_reports(root: Path) -> None:
    """Those that name the finding, in folders as well; SEC-API-10 is another one."""
    report(root, "run-7/SEC-API-1.md")
    report(root, "SEC-API-1/log.txt")
    cleaned = await QaReports(root).delete(IDS)
    assert (cleaned.count, cleaned.problems) == (4, ())
    assert shown(root, "pending") == OTHERS
    assert shown(root, "escalated") == []


async def test_milestone_complete_archives_what_was_escalated(root: Path) -> None:
    """Under the milestone's name, whatever that is; pending reports stay, and nothing there is overwritten."""
    reports = QaReports(root)
    assert (await reports.archive("0.0.1")).count == 0
    for text, names in (("first", ["qa-SEC-API-1.md"]), ("second", ["qa-SEC-API-1.2.md", "qa-SEC-API-1.md"])):
        report(root, "qa-SEC-API-1.md", text)
        await reports.escalate(["SEC-API-1"])
        assert (await reports.archive("../M6 Fixes/")).problems == ()
        assert [each for each in shown(root, "archive/M6-Fixes") if each.startswith("qa-")] == names
    assert shown(root, "escalated") == []
    assert shown(root, "pending") == OTHERS


async def test_task_failed_moves_reports_to_escalated(root: Path) -> None:
    """And overwrites nothing there."""
    reports = QaReports(root)
    assert (await reports.escalate(IDS)).count == 2
    assert shown(root, "pending") == OTHERS
    report(root, "qa-SEC-API-1.md", "second")
    assert (await reports.escalate(IDS)).problems == ()
    assert shown(root, "escalated") == ["SEC-API-1_2026.json", "qa-SEC-API-1.2.md", "qa-SEC-API-1.md"]
    assert (root / FOLDER / "escalated" / "qa-SEC-API-1.2.md").read_text() == "second"


async def test_phase_verification_cleans_up_the_phase_s_reports(root: Path) -> None:
    """All its findings at once, and no other phase's."""
    assert (await QaReports(root).delete(["SEC-API-1", "CQ-2"])).count == 3
    assert shown(root, "pending") == ["SEC-API-10.md", "XSEC-API-1.md"]


async def test_nothing_to_clean_is_no_problem(tmp_path: Path) -> None:
    """No folder, no finding, done twice: nothing is made, nothing is said."""
    for findings in ([], IDS):
        assert (await QaReports(tmp_path).delete(findings)).problems == ()
        assert (await QaReports(tmp_path).escalate(findings)).problems == ()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("pattern", ["*", ".*", "[S]EC-API-1", "..", "../pending/CQ-2.md", "", "/"])
async def test_a_finding_is_a_name_and_no_pattern(root: Path, pattern: str) -> None:
    before = shown(root, "pending")
    assert (await QaReports(root).delete([each for each in [pattern] if each])).count == 0
    assert shown(root, "pending") == before


@pytest.mark.parametrize("link", ["docs", "docs/reports", FOLDER, f"{FOLDER}/pending"])
async def test_it_never_leaves_the_folder(root: Path, tmp_path: Path, link: str) -> None:
    """A symbolic link in the way is refused and named."""
    outside = tmp_path / "outside"
    (root / link).rename(outside)
    (root / link).symlink_to(outside)
    before = sorted(outside.rglob("*"))
    for act in (QaReports(root).delete, QaReports(root).escalate):
        cleaned = await act(IDS)
        assert cleaned.count == 0
        assert "symbolic link" in cleaned.problems[0]
    assert sorted(outside.rglob("*")) == before


async def test_a_link_among_the_reports_is_left_alone(root: Path, tmp_path: Path) -> None:
    """And so is what it leads to, a file or a folder."""
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "SEC-API-1.md").write_text("mine")
    (root / FOLDER / "pending" / "SEC-API-1.link").symlink_to(secret / "SEC-API-1.md")
    (root / FOLDER / "pending" / "SEC-API-1.folder").symlink_to(secret)
    cleaned = await QaReports(root).delete(IDS)
    assert cleaned.count == 2
    assert [each.split(": ")[0] for each in cleaned.problems] == [
        f"{FOLDER}/pending/SEC-API-1.folder is a symbolic link",
        f"{FOLDER}/pending/SEC-API-1.link is a symbolic link",
    ]
    assert (secret / "SEC-API-1.md").read_text() == "mine"


async def test_escalated_may_be_no_link_either(root: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (root / FOLDER / "escalated").symlink_to(tmp_path / "elsewhere")
    cleaned = await QaReports(root).escalate(IDS)
    assert (cleaned.count, len(cleaned.problems)) == (0, 2)
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert len(shown(root, "pending")) == 5


async def test_what_git_does_not_ignore_is_somebody_s_work(root: Path) -> None:
    """A report that is tracked, or a project without the guide's `.gitignore` lines."""
    tracked = report(root, "SEC-API-1.kept.md")
    git(root, "add", "-f", str(tracked))
    cleaned = await QaReports(root).delete(IDS)
    assert cleaned.count == 2
    assert cleaned.problems == (f"{FOLDER}/pending/SEC-API-1.kept.md is not git-ignored: it was left alone",)
    (root / ".gitignore").unlink()
    report(root, "SEC-API-1.md")
    assert (await QaReports(root).delete(IDS)).count == 0
    assert tracked.exists()


async def test_an_error_is_told_and_raised_to_nobody(root: Path) -> None:
    """A file where the folder of escalated reports has to be."""
    (root / FOLDER / "escalated").write_text("")
    cleaned = await QaReports(root).escalate(IDS)
    assert (cleaned.count, len(cleaned.problems)) == (0, 2)
    assert "stands in the way" in cleaned.problems[0]
    assert len(shown(root, "pending")) == 5
