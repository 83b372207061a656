"""The guide's "Document deferrals": `docs/reports/deferred/deferred-errors.md`, which people write as well."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mosaic_daemon.ground.errors import InputError
from mosaic_daemon.nouns import events as ev
from mosaic_daemon.nouns.record import Record
from mosaic_daemon.nouns.task import Category
from mosaic_daemon.tracking import deferrals
from tests.samples import added, failure, folded, to_running

THEIRS = "# What we leave\n\n## OLD-1: mine\n- File: a.py:3\n\ntext\n"


def deferred(message: str = "TypeError: x", description: str = "SEC-1: It breaks", **said: object) -> Record:
    """Tried, failed, given up."""
    broken = replace(failure(message=message), **said)  # type: ignore[arg-type]
    tried = folded(
        added("MS-SEC-001", description=description, phase=1),
        *to_running("MS-SEC-001"),
        ev.AttemptFailed(1, broken, final=True),
    )
    return folded(ev.TaskDeferred("Hard: 1 attempt(s)", "daemon"), record=tried)


def test_a_section_is_in_the_guides_form() -> None:
    record = deferred(category=Category.ARCHITECTURAL, approach="Split the table")
    assert deferrals.section(record, "api/orders.py:123") == (
        "## MS-SEC-001: SEC-1: It breaks\n"
        "- File: api/orders.py:123\n"
        "- Error: TypeError: x\n"
        "- Category: Architectural\n"
        "- Reason: Hard: 1 attempt(s)\n"
        "- Suggested approach: Split the table\n"
        "- Risk: High\n"
    )


def test_what_nobody_has_tried_says_so() -> None:
    """Put off by people, with their word."""
    record = folded(added("T-1", phase=4), ev.TaskDeferred("asked for by ada", "ada"))
    text = deferrals.section(record, "")
    assert "- File: (not named)\n- Error: (not tried)\n- Category: Hard\n- Reason: asked for by ada\n" in text
    assert text.endswith("has it done after all\n- Risk: Low\n")


@pytest.mark.parametrize("message", ["a\n## MS-X: no\n```\nb", "a <!-- b", "x" * 5_000, "\x1b[31mred\r\n- Risk: None"])
def test_what_a_worker_says_stays_on_its_line(message: str) -> None:
    """Nor does it open a comment that hides the rest."""
    text = deferrals.section(deferred(message, approach=message, description=message), message)
    assert [line.partition(":")[0] for line in text.splitlines()] == [
        "## MS-SEC-001",
        *("- File", "- Error", "- Category", "- Reason", "- Suggested approach", "- Risk"),
    ]
    assert deferrals.parse(text.encode()).tasks == {"MS-SEC-001"}
    assert len(text) < 6_000


def test_the_first_one_makes_the_file() -> None:
    made = deferrals.parse(None).with_sections(["## A: x\n", "## B: y\n"])
    assert made == b"# Deferred errors\n\n## A: x\n\n## B: y\n"
    assert deferrals.parse(made).tasks == {"A", "B"}


@pytest.mark.parametrize("text", [THEIRS, THEIRS.rstrip("\n"), THEIRS.replace("\n", "\r\n"), "\ufeff" + THEIRS])
def test_what_people_wrote_stays_as_it_is(text: str) -> None:
    """With their line ends; ours comes last."""
    there = deferrals.parse(text.encode())
    assert there.tasks == {"OLD-1"}
    more = there.with_sections(["## A: x\n- y\n"]).decode()
    assert more.startswith(text)
    assert ("\r\n## A: x\r\n- y\r\n" if "\r" in text else "\n\n## A: x\n- y\n") in more
    assert deferrals.parse(more.encode()).tasks == {"OLD-1", "A"}


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"# a\n\n```\n## A: x\n", 3),
        (b"# a\n<!-- b\n", 2),
        (b"# a\n\nb\xff\n", 3),
        (b"# a\n<<<<<<< ours\n", 2),
        (b"a\n=======\n>>>>>>> theirs\n", 3),
    ],
)
def test_what_nothing_can_be_added_to_is_named_with_its_line(data: bytes, line: int) -> None:
    with pytest.raises(InputError) as refused:
        deferrals.parse(data)
    assert refused.value.line.startswith(f"docs/reports/deferred/deferred-errors.md:{line}")
