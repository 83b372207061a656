"""The guide's "Context Threshold Protocol" and "Enhanced Compaction Summary": the texts, word by word."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mosaic_daemon.planning import handoff
from mosaic_daemon.planning.handoff import Handoff, Line

GIVEN = Handoff(
    project=Path("/src/shop"),
    lines=(
        Line("MS-SEC-001", "done", 1, "15K", 300),
        Line("MS-SEC-002", "done", 1, "8K", 12_000),
        Line("MS-SEC-003", "deferred", 1, "8K"),
        Line("MS-SEC-004", "not-started", 2, "8K"),
        *(Line(f"MS-SEC-{number:03}", "not-started", 2) for number in range(5, 11)),
    ),
    next_task="MS-SEC-004",
    mission="remediating the findings of review for milestone 0.0.1",
    phases={1: "Critical Security Fixes", 2: "Security Hardening"},
    quality_gates="make test",
    learnings=(
        {"task_id": "MS-SEC-001", "variance_pct": -98, "analysis": "AUTH_ADD may need SKIP_IF_EXISTS category"},
        {"task_id": "MS-SEC-002", "variance_pct": 50.2, "analysis": "XSS sanitization\nmore complex than expected"},
    ),
    context=57,
)

MESSAGE = """---
⚠️ ORCHESTRATOR HANDOFF REQUIRED

Context: 57% — Replacement recommended to prevent drift
Progress: 2/10 tasks (20%)
Current phase: Phase 2 (Security Hardening)

State persisted:
- docs/TASKS.md ✓
- docs/tasks/orchestrator-learnings.json ✓

## Takeover Kickstart

Copy and paste this to spawn a fresh orchestrator:

---
## Continuation Mission

Continue remediating the findings of review for milestone 0.0.1 from existing state.

## Setup
- Project: /src/shop
- State: docs/TASKS.md (already populated)
- Protocol: ~/.config/mosaic/guides/ORCHESTRATOR.md
- Quality gates: make test

## Resume Point
- Next task: MS-SEC-004
- Phase: Phase 2 (Security Hardening)
- Progress: 2/10 tasks (20%)

## Instructions
1. Read ~/.config/mosaic/guides/ORCHESTRATOR.md for protocol
2. Read docs/TASKS.md to understand current state
3. Continue execution from task MS-SEC-004
4. Follow Two-Phase Completion Protocol
5. You are the SOLE writer of docs/TASKS.md
---

STOP: Terminate this session and spawn fresh orchestrator with the kickstart above.
---
"""

SUMMARY = """Session Summary (Compacting at 57%):

Completed: MS-SEC-001 (15K→300, -98%), MS-SEC-002 (8K→12K, +50%)
Quality: All gates passing

Learnings Captured:
- MS-SEC-001: -98% variance — AUTH_ADD may need SKIP_IF_EXISTS category
- MS-SEC-002: +50% variance — XSS sanitization more complex than expected

Remaining: MS-SEC-004 (ready), MS-SEC-005 through MS-SEC-010
Next: MS-SEC-004
"""


@pytest.fixture(autouse=True)
def _nobodys_templates(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))


def test_the_handoff_message() -> None:
    assert handoff.message(GIVEN) == MESSAGE


def test_the_compaction_summary() -> None:
    assert handoff.summary(GIVEN) == SUMMARY


def test_with_nothing_known() -> None:
    """No task, no plan, no command, nobody who measures: each is said, none is made up."""
    said = handoff.message(Handoff(Path("/src"), (), "", "the tasks of docs/TASKS.md", {}, table="not published yet"))
    assert "Context: not measured" in said
    assert "Progress: 0/0 tasks (0%)" in said
    assert "Current phase: none left" in said
    assert "- docs/TASKS.md ✗ (not published yet)" in said
    assert f"Quality gates: {handoff.OWN_GATES}" in said
    assert "Next task: none can start" in said
    assert "Completed: nothing yet" in handoff.summary(replace(GIVEN, lines=()))


def test_what_stopped_is_no_passing_gate() -> None:
    """Named in the summary, with what it is."""
    lines = (Line("A-1", "failed", 1), Line("A-2", "blocked", 1), Line("A-3", "in-progress"), Line("A-4", "done"))
    said = handoff.summary(replace(GIVEN, lines=lines, next_task="A-3", learnings=({},)))
    assert "Quality: attention needed: A-1 failed, A-2 blocked" in said
    assert "Remaining: A-1 (failed), A-2 (blocked), A-3 (ready)" in said
    assert "Completed: A-4\n" in said
    assert "- ?: variance not noted — not analysed" in said


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["A-1", "A-2"], "A-1, A-2"),
        (["A-1", "A-2", "A-3", "A-5", "B-6"], "A-1 through A-3, A-5, B-6"),
        (["A-9", "A-10", "A-11"], "A-9 through A-11"),
        (["one", "two", "three"], "one, two, three"),
        (["A-3", "A-2", "A-1"], "A-3, A-2, A-1"),
    ],
)
def test_ids_in_a_row_are_told_as_a_range(names: list[str], told: str) -> None:
    lines = [Line(name, "not-started") for name in names]
    assert handoff.summary(replace(GIVEN, lines=lines)).endswith(f"Remaining: {told}\nNext: MS-SEC-004\n")


def test_almost_done_is_not_done() -> None:
    lines = [Line(f"A-{number}", "done", 1) for number in range(199)] + [Line("B", "blocked", 1)]
    assert replace(GIVEN, lines=lines).progress == "199/200 tasks (99%)"
