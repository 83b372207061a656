"""The committed plan: written and read back, and what somebody else wrote into it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mosaic_daemon.ground.errors import InputError
from mosaic_daemon.nouns.budget import Cap
from mosaic_daemon.planning.finding import Finding, Report, Severity
from mosaic_daemon.planning.papers import record
from mosaic_daemon.planning.papers.capfile import PLAN_FILE
from mosaic_daemon.planning.papers.record import PlanRecord
from mosaic_daemon.planning.plan import Milestone
from mosaic_daemon.planning.planner.planner import planned

FINDINGS = (Finding("SEC-1", Severity.HIGH, "No check", "f1"), Finding("CQ-1", Severity.LOW, "Long", "f2"))
PLAN = planned(Report("review", FINDINGS), Milestone("widget", "WI", "0.0.1"))
RECORD = PlanRecord(PLAN, Cap(500_000), "make check")


def written(root: Path, **task: Any) -> None:
    """The plan's file, with these fields of its first task in place of its own."""
    document = json.loads(record.rendered(RECORD))
    document["plan"]["tasks"][0]["task"] |= task
    (root / PLAN_FILE).parent.mkdir(parents=True)
    (root / PLAN_FILE).write_text(json.dumps(document))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    written(tmp_path)
    assert record.read(tmp_path) == RECORD


@pytest.mark.parametrize(
    "field",
    [
        {"command": "touch x", "runtime": "shell"},
        {"command": ["touch", "x"]},
        {"runtime": "shell"},
        {"rail": "other"},
        {"fixes_main": True},
        {"category": "architectural"},
        {"extra": {"command": "x"}},
        {"id": "../../x"},
        {"id": PLAN.tasks[1].task.id},
        {"branch": "--force"},
        {"branch": "x:refs/heads/main"},
        {"branch": "../x"},
        {"files": ["../../etc/passwd"]},
        {"depends_on": ["../x"]},
    ],
    ids=str,
)
def test_what_no_plan_says_is_refused(tmp_path: Path, field: dict[str, Any]) -> None:
    """Its tasks go into the queue: nobody who may edit a file of the repository starts a command by that."""
    written(tmp_path, **field)
    with pytest.raises(InputError) as refused:
        record.read(tmp_path)
    assert PLAN_FILE in refused.value.where


def test_a_milestone_without_a_version_is_refused(tmp_path: Path) -> None:
    written(tmp_path)
    text = (tmp_path / PLAN_FILE).read_text()
    (tmp_path / PLAN_FILE).write_text(text.replace('"0.0.1"', '"../../x"'))
    with pytest.raises(InputError, match="is no version"):
        record.read(tmp_path)
