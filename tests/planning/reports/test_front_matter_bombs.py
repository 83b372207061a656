"""Front matter that is small as written, and large as it is read."""

from __future__ import annotations

from pathlib import Path

from mosaic_daemon.planning.reports import read


def front_matter(aliases: int) -> str:
    listed = ", ".join(["*one"] * aliases)
    return f"---\none: &one {{title: A, severity: high, description: {'x' * 1000}}}\nfindings: [{listed}]\n---\n"


def test_a_text_that_is_said_over_and_over_is_refused(tmp_path: Path) -> None:
    """A megabyte of aliases would stand for gigabytes."""
    (tmp_path / "a.md").write_text(front_matter(5000))
    report = read(tmp_path, root=tmp_path)
    assert report.findings == ()
    assert ["aliases" in each.message for each in report.remarks] == [True]


def test_some_aliases_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(front_matter(2))
    assert [each.title for each in read(tmp_path, root=tmp_path).findings] == ["A"]
