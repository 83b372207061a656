"""What is archived under which name."""

from __future__ import annotations

from mosaic_daemon.milestone import archive
from mosaic_daemon.milestone.archive import Papers
from mosaic_daemon.milestone.metadata import Metadata

MILESTONE = Metadata("shop", "0.0.2", "M6-Fixes", "MS")
THERE = {"docs/TASKS.md": b"# Tasks\n", "docs/tasks/orchestrator-learnings.json": b"{}\n"}
PAPERS = Papers("notes\n", "## looked back\n", ("v0.0.2 at abc",))


def test_the_guides_names() -> None:
    """What is moved goes; the table says how it ended."""
    found = archive.files(MILESTONE, THERE, [], PAPERS)
    assert found == {
        "docs/TASKS.md": None,
        "docs/tasks/M6-Fixes-tasks.md": b"# Tasks\n\n## Release\n\n- v0.0.2 at abc\n",
        "docs/tasks/orchestrator-learnings.json": None,
        "docs/tasks/M6-Fixes-learnings.json": b"{}\n",
        "docs/tasks/M6-Fixes-retrospective.md": b"## looked back\n",
        "docs/releases/v0.0.2.md": b"# v0.0.2\n\nnotes\n",
    }


def test_no_archive_is_written_over() -> None:
    """One of the same name gets the version beside it."""
    taken = ["docs/tasks/M6-Fixes-tasks.md"]
    found = archive.files(MILESTONE, THERE, taken, PAPERS)
    assert "docs/tasks/M6-Fixes-0.0.2-tasks.md" in found
    assert found.keys() & {*taken} == set()


def test_the_message_is_the_guides_and_obeys_nobody() -> None:
    text = archive.message(Metadata("shop", "0.0.2", "Closes #7 [skip ci]", "MS"))
    assert text.splitlines() == [
        "chore(orchestrator): Complete Closes (see) #7 (skip ci) milestone release",
        "",
        "- Tagged: v0.0.2",
        "- Release published",
        "- Artifacts archived to docs/tasks/",
        "",
        "Mosaic-Release: v0.0.2",
    ]
