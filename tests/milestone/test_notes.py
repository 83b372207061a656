"""Release notes: what was merged, grouped, and nothing in them that a forge would obey."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mosaic_daemon.milestone import notes
from mosaic_daemon.milestone.metadata import Metadata
from mosaic_daemon.milestone.notes import Facts
from mosaic_daemon.nouns import events as ev
from mosaic_daemon.nouns.gate import Step
from mosaic_daemon.nouns.record import Record
from mosaic_daemon.nouns.task import Kind
from mosaic_daemon.planning.learning.retrospect import Retrospective
from tests.samples import MERGE, added, folded, to_gate

MILESTONE = Metadata("shop", "0.0.1", "First review", "MS", {1: "Critical Security Fixes", 4: "Tests"})
FACTS = Facts("b" * 40, "green", date(2026, 3, 1), "#")
NOTHING = Retrospective(None, (), (), (), ())
EVIDENCE = {"summary": "done", "merge_sha": MERGE, "change": "12", "issue": "#3", "ci": "green"}


def done(name: str, evidence: Mapping[str, object] | None = None, **fields: Any) -> Record:
    through = [each for each in to_gate(Step.CLOSE, name) if not isinstance(each, ev.TaskAdded)]
    return folded(added(name, **fields), *through, ev.TaskDone({**EVIDENCE, **(evidence or {})}))


def rendered(*records: Record) -> str:
    return notes.rendered(MILESTONE, records, FACTS, NOTHING)


def test_they_read_as_people_write_them() -> None:
    """Phase by phase; what verified it at the end; what was put off with its reason."""
    text = rendered(
        done("MS-TEST-001", description="TEST-001: the cart", phase=4, evidence={"change": "internal:MS-TEST-001.1"}),
        done("MS-SEC-001", description="SEC-API-1: empty password", phase=1),
        done("MS-SEC-002", description="Verify phase 1", phase=1, kind=Kind.VERIFICATION, evidence={"merge_sha": None}),
        done("MS-X", description="by the way"),
        folded(added("MS-CQ-001", description="CQ-1: big"), ev.TaskDeferred("needs a design", "ada")),
    )
    assert text == (
        "Milestone First review completed.\n\n"
        "2026-03-01: 4 tasks done, 1 deferred. Commit `bbbbbbbbbbbb`, CI: green.\n\n"
        "## Critical Security Fixes\n\n"
        "- SEC-API-1: empty password (`MS-SEC-001`, pull request #12, issue #3, `dddddddddddd`, CI: green)\n\n"
        "## Tests\n\n"
        "- TEST-001: the cart (`MS-TEST-001`, issue #3, `dddddddddddd`, CI: green)\n\n"
        "## Other changes\n\n"
        "- by the way (`MS-X`, pull request #12, issue #3, `dddddddddddd`, CI: green)\n\n"
        "## Verification\n\n"
        "- Verify phase 1 (`MS-SEC-002`, pull request #12, issue #3, nothing had to be changed)\n\n"
        "## Deferred\n\n"
        "- CQ-1: big (`MS-CQ-001`): needs a design\n\n"
        "<!-- mosaic-release:v0.0.1 -->\n"
    )


def test_other_peoples_words_are_text_and_nothing_else() -> None:
    text = rendered(
        done("T-1", description="closes #7 for @ada <img src=x> [a](http://b)\n## Deferred\n/close"),
        folded(added("T-2"), ev.TaskDeferred("fixes o/r#9 <!-- x", "ada")),
    )
    assert "closes #7" not in text
    assert "@ada" not in text
    assert "<img" not in text
    assert "[a](" not in text
    assert "o/r#9" not in text
    assert text.count("<!--") == 1
    assert text.count("\n## Deferred") == 1
    assert "\n/close" not in text


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1500), st.integers(1, 400))
def test_however_many_there_are_they_fit_and_the_rest_is_counted(count: int, length: int) -> None:
    record = done("T-1", description="x" * length)
    text = rendered(*([record] * count))
    assert len(text) < 65_000
    assert text.startswith("Milestone First review completed.\n")
    assert text.endswith("<!-- mosaic-release:v0.0.1 -->\n")
    assert text.count("\n- ") == count or "more lines: the archived table has them." in text
