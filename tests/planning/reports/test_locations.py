"""Places in source code are found in prose, and nothing else is taken for one."""

from __future__ import annotations

import pytest

from mosaic_daemon.planning.reports import locations


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("`apps/api/a.ts:45-67`", ["apps/api/a.ts:45-67"]),
        ("a.ts#L45-L67 and b.py#L3", ["a.ts:45-67", "b.py:3"]),
        ("line 45 of `a.ts`, lines 3–9 in b.py", ["a.ts:45", "b.py:3-9"]),
        ("`a.ts` (line 45); b.go, lines 4 to 9; c.rs at line 7.", ["a.ts:45", "b.go:4-9", "c.rs:7"]),
        ("`a.ts:3, 9-12`", ["a.ts:3", "a.ts:9-12"]),
        ("a.ts:17:5", ["a.ts:17"]),
        ("a.ts:9-3", ["a.ts:3-9"]),
        ("see a.ts and a.ts:4", ["a.ts:4"]),
        (r"`src\Web\A.cs:5`", ["src/Web/A.cs:5"]),
        ("./a/b.ts, /c/d.ts, ../e/f.ts", ["a/b.ts", "c/d.ts", "e/f.ts"]),
        ("`bin/import` at line 12", ["bin/import:12"]),
        ("Dockerfile:1 and .env", ["Dockerfile:1", ".env"]),
        ("[a.ts](../../src/a.ts#L4)", ["src/a.ts:4"]),
        ("[a.ts, lines 4 to 6](https://example.org/x/b.ts#L9)", ["a.ts:4-6"]),
        ("https://example.org/a/b.ts:4 and me@example.org", []),
        ("Node.js, v1.2.3, e.g. `req.body`, `res.json()`, localhost:8080, nginx:1.25, and/or", []),
    ],
)
def test_prose(text: str, places: list[str]) -> None:
    assert [str(each) for each in locations.found(text)] == places


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("`My Game/Loader one.cs:18-40`, `b.cs`", ["My Game/Loader one.cs:18-40", "b.cs"]),
        ("src/api", ["src/api"]),
        ("`src/api/`", ["src/api"]),
        ("`@acme/api`", []),
    ],
)
def test_fields_may_hold_folders_and_spaces(text: str, places: list[str]) -> None:
    assert [str(each) for each in locations.found(text, is_field=True)] == places


def test_a_code_span_that_never_ends_costs_no_more_than_its_length() -> None:
    """Reports are written by anybody; a few kilobytes of this once took minutes."""
    text = "`" + "src/a lib/b " * 5_000
    assert [str(each) for each in locations.found(text, is_field=True)] == ["src/a", "lib/b"]
