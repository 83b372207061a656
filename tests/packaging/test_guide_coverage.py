"""`docs/guide-coverage.md`: what it names exists, so that a reader can go down the guide and find each rule."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIST = ROOT / "docs" / "guide-coverage.md"


def rows() -> list[list[str]]:
    lines = [line for line in LIST.read_text().splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


ROWS = rows()


def test_it_is_a_list() -> None:
    """Four filled cells each, no rule twice."""
    assert len(ROWS) > 30
    assert all(len(row) == 4 and all(row) for row in ROWS)
    assert len({(heading, rule) for heading, rule, *_ in ROWS}) == len(ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_module_and_test_exist(row: list[str]) -> None:
    _, _, module, test = row
    assert (ROOT / "daemon" / "mosaic_daemon" / module.strip("`")).is_file(), module
    file, _, name = test.strip("`").partition("::")
    text = (ROOT / "tests" / file).read_text()
    assert re.search(rf"^ *(async )?def {re.escape(name)}\(", text, re.MULTILINE), test
