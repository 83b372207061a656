"""`docs/tasks/plan.json`: the plan as bootstrap committed it, so that the next one adds to it and never doubles.

It keeps what the table's 14 columns have no room for: where each finding stands in the report, why an estimate is what
it is, the phases' issues, the cap. Texts of findings are not in it; those are the report's.

Anybody who may change a file of the repository may change this one, and its tasks go into the daemon's queue: what a
plan never says, such as a command, is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from mosaic_daemon.ground import atomicfile, strictjson
from mosaic_daemon.ground.errors import InputError
from mosaic_daemon.nouns.budget import Cap
from mosaic_daemon.nouns.record import Record
from mosaic_daemon.planning import versions
from mosaic_daemon.planning.papers.capfile import MAX_PLAN_BYTES, PLAN_FILE
from mosaic_daemon.planning.plan import Plan
from mosaic_daemon.tracking.entry import validate
from mosaic_daemon.tracking.view import entry_of

_VERSION = 1
_LOOK = "see who changed it: `git log -p docs/tasks/plan.json`"
_REMEDY = "take the committed one back: `git checkout -- docs/tasks/plan.json`"


@dataclass(frozen=True, slots=True)
class PlanRecord:
    """What the file holds. `quality_gates`: the command workers must pass; empty when nobody named one."""

    plan: Plan
    cap: Cap
    quality_gates: str = ""


def rendered(record: PlanRecord) -> bytes:
    """The file's text: the same record gives the same bytes."""
    plan = replace(record.plan, findings=tuple(replace(each, body="") for each in record.plan.findings))
    shown = _adapter().dump_python(replace(record, plan=plan), mode="json", exclude_defaults=True)
    return strictjson.dumps({"version": _VERSION, **shown})


def read(root: Path) -> PlanRecord | None:
    """What stands in the repository's file; None when there is none.

    Raises:
        InputError: it cannot be read, or says what no plan says; the message names the place in it.
    """
    path = root / PLAN_FILE
    try:
        return parsed(atomicfile.read_untrusted(path, max_bytes=MAX_PLAN_BYTES), source=str(path))
    except FileNotFoundError:
        return None


def parsed(data: bytes, *, source: str) -> PlanRecord:
    """The file's text as a plan; raises InputError as `read` does."""
    document = strictjson.loads(data, source=source, max_bytes=MAX_PLAN_BYTES)
    version = document.pop("version", None) if isinstance(document, dict) else None
    if version != _VERSION:
        raise InputError(f"is no plan of version {_VERSION}", source=source, remedy=_REMEDY)
    try:
        record = _adapter().validate_python(document)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InputError(f"`{where}`: {first['msg']}", source=source, remedy=_REMEDY) from error
    _check(record.plan, source)
    return record


def _check(plan: Plan, source: str) -> None:
    if versions.version_of(plan.milestone.version) is None:
        raise InputError(f"milestone {plan.milestone.version!r} is no version", source=source, remedy=_LOOK)
    seen: set[str] = set()
    for position, each in enumerate(plan.tasks, 1):
        task = each.task
        none_of_these: dict[str, Any] = dict.fromkeys(("runtime", "command", "rail", "category"))
        planned = replace(task, priority=0, fixes_main=False, extra={}, **none_of_these)
        if planned != task:
            problem = f"task {position} says how it is run, which no plan does"
            raise InputError(problem, source=source, remedy=_LOOK)
        validate(entry_of(Record(task, position=0)), source=source, position=position)
        if task.id in seen:
            raise InputError(f"task {task.id!r} is there twice", source=source, remedy=_LOOK)
        seen.add(task.id)


@cache
def _adapter() -> TypeAdapter[PlanRecord]:
    """Built when the first file is there: it takes a hundredth of a start of the daemon."""
    return TypeAdapter(PlanRecord)
