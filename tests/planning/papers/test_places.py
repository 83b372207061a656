"""Where a task's error is, by the committed plan: the guide's "Inventory: List all remaining errors with file:line"."""

from __future__ import annotations

from pathlib import Path

import pytest

from mosaic_daemon.nouns.budget import Cap
from mosaic_daemon.nouns.record import Record
from mosaic_daemon.planning.finding import Finding, Location, Report, Severity
from mosaic_daemon.planning.papers import record as paper
from mosaic_daemon.planning.papers.capfile import PLAN_FILE
from mosaic_daemon.planning.papers.places import Places
from mosaic_daemon.planning.papers.record import PlanRecord
from mosaic_daemon.planning.plan import Milestone
from mosaic_daemon.planning.planner.planner import planned

PLACED = Finding("SEC-1", Severity.HIGH, "No check", "f1", locations=(Location("a.py", 45, 67), Location("b.py")))
PLAN = planned(Report("review", (PLACED, Finding("CQ-1", Severity.LOW, "Long", "f2"))), Milestone("w", "WI", "0.0.1"))


def write(root: Path, text: bytes) -> None:
    (root / PLAN_FILE).parent.mkdir(parents=True, exist_ok=True)
    (root / PLAN_FILE).write_bytes(text)


def places(root: Path) -> dict[str, str]:
    found = Places(root)
    return {each.task.id: found.of(Record(each.task, 0)) for each in PLAN.tasks if each.fingerprint}


def test_the_plan_knows_the_lines(tmp_path: Path) -> None:
    write(tmp_path, paper.rendered(PlanRecord(PLAN, Cap(1), "")))
    assert sorted(places(tmp_path).values()) == ["", "a.py:45-67, b.py"]


@pytest.mark.parametrize("text", [None, b"{", b"{}", b'{"version": 9}'])
def test_without_a_plan_that_can_be_read_the_tasks_own_files_have_to_do(tmp_path: Path, text: bytes | None) -> None:
    if text is not None:
        write(tmp_path, text)
    assert sorted(places(tmp_path).values()) == ["", "a.py, b.py"]


def test_a_plan_that_is_made_later_is_read(tmp_path: Path) -> None:
    """The daemon runs on while people bootstrap again."""
    found, task = Places(tmp_path), Record(PLAN.tasks[0].task, 0)
    assert found.of(task) == "a.py, b.py"
    write(tmp_path, paper.rendered(PlanRecord(PLAN, Cap(1), "")))
    assert found.of(task) == "a.py:45-67, b.py"
