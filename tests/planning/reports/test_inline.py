"""Inline Markdown becomes what a reader sees."""

from __future__ import annotations

import pytest

from mosaic_daemon.planning.reports import inline


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a<!-- b -->c", "ac"),
        ("<!-- a --><!-- b -->c<!-- d", "c<!-- d"),
        ("a --> b <!-- c -->", "a --> b "),
        ("<!-->a-->b", "b"),
        ("<!---->" * 400_000 + "end", "end"),
    ],
    ids=["one", "unended", "stray end", "short", "many, in time that grows with their number alone"],
)
def test_comments_are_not_shown(text: str, shown: str) -> None:
    assert inline.uncommented(text) == shown
