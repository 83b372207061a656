"""A record as people see it: one entry of `tasks.json`. And the way back for what people own."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from mosaic_daemon.nouns.figures import tokens_text
from mosaic_daemon.nouns.record import Blocked, Done, Record
from mosaic_daemon.nouns.task import Kind, Status, Task
from mosaic_daemon.tracking.entry import Entry


def entry_of(record: Record) -> dict[str, Any]:
    """The entry that shows this record, every field in the documented order, foreign fields last."""
    task = record.task
    return {
        "id": task.id,
        "status": record.status.value,
        "description": task.description,
        "issue": task.issue or None,
        "repo": task.repo or None,
        "branch": task.branch or None,
        "depends_on": list(task.depends_on),
        "blocks": list(task.blocks),
        "estimate": task.estimate,
        "priority": task.priority,
        "kind": task.kind.value,
        "phase": task.phase,
        "files": list(task.files),
        "runtime": task.runtime,
        "command": list(task.command) if isinstance(task.command, tuple) else task.command,
        "prompt": task.prompt,
        "rail": task.rail,
        "fixes_main": task.fixes_main,
        "category": task.category.value if task.category else None,
        "stage": record.stage,
        "agent": record.agent or None,
        "attempt": record.fence,
        "started_at": _time(record.started_at),
        "completed_at": _time(record.completed_at),
        "used": tokens_text(record.used) if record.used is not None else None,
        "notes": "; ".join(record.notes),
        "evidence": _evidence(record),
        **task.extra,
    }


def task_of(entry: Entry) -> Task:
    """The people's block of an entry that was read and checked."""
    command = entry.command
    return Task(
        id=entry.id,
        description=entry.description,
        issue=entry.issue or "",
        repo=entry.repo or "",
        branch=entry.branch or "",
        depends_on=tuple(entry.depends_on),
        blocks=tuple(entry.blocks),
        estimate=None if entry.estimate is None else str(entry.estimate),
        priority=entry.priority,
        kind=Kind(entry.kind),
        phase=entry.phase,
        files=tuple(entry.files),
        runtime=entry.runtime,
        command=command if isinstance(command, str | None) else tuple(command),
        prompt=entry.prompt,
        rail=entry.rail,
        fixes_main=entry.fixes_main,
        category=entry.category,
        extra=dict(entry.model_extra or {}),
    )


def _evidence(record: Record) -> Any:
    match record.state:
        case Done(evidence=evidence):
            return dict(evidence)
        case Blocked(failure=failure) if record.status is Status.BLOCKED:
            where = {"class": failure.code or failure.kind.value, "step": failure.step}
            return {"failed": failure.message, **where, "command": failure.command or None}
        case _:
            return None


def _time(at: datetime | None) -> str | None:
    return at.isoformat(timespec="seconds") if at else None
