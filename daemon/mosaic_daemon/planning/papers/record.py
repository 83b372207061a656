"""`docs/tasks/plan.json`: the plan as bootstrap committed it, so that the next one adds to it and never doubles.

It keeps what the table's 14 columns have no room for: where each finding stands in the report, why an estimate is what
it is, the phases' issues, the cap. Texts of findings are not in it; those are the report's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from mosaic_daemon.ground import atomicfile, strictjson
from mosaic_daemon.ground.errors import InputError
from mosaic_daemon.nouns.budget import Cap
from mosaic_daemon.planning.papers.capfile import PLAN_FILE
from mosaic_daemon.planning.plan import Plan

_MAX_BYTES = 64 << 20
_VERSION = 1
_REMEDY = "take the committed one back: `git checkout -- docs/tasks/plan.json`"


@dataclass(frozen=True, slots=True)
class PlanRecord:
    """What the file holds. `quality_gates`: the command workers must pass; empty when nobody named one."""

    plan: Plan
    cap: Cap
    quality_gates: str = ""


_ADAPTER: TypeAdapter[PlanRecord] = TypeAdapter(PlanRecord)


def rendered(record: PlanRecord) -> bytes:
    """The file's text: the same record gives the same bytes."""
    plan = replace(record.plan, findings=tuple(replace(each, body="") for each in record.plan.findings))
    shown = _ADAPTER.dump_python(replace(record, plan=plan), mode="json", exclude_defaults=True)
    return strictjson.dumps({"version": _VERSION, **shown})


def read(root: Path) -> PlanRecord | None:
    """What stands in the repository's file; None when there is none.

    Raises:
        InputError: it cannot be read; the message names the place in it.
    """
    path = root / PLAN_FILE
    try:
        data = atomicfile.read_untrusted(path, max_bytes=_MAX_BYTES)
    except FileNotFoundError:
        return None
    document = strictjson.loads(data, source=str(path), max_bytes=_MAX_BYTES)
    version = document.pop("version", None) if isinstance(document, dict) else None
    if version != _VERSION:
        raise InputError(f"is no plan of version {_VERSION}", source=str(path), remedy=_REMEDY)
    try:
        return _ADAPTER.validate_python(document)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InputError(f"`{where}`: {first['msg']}", source=str(path), remedy=_REMEDY) from error
