"""What the stopping criteria are judged by: tasks as they stand, and what a project's papers say. Light to import."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mosaic_daemon.nouns.stopping import Requirements, Standing
from mosaic_daemon.store.reader import Proof

if TYPE_CHECKING:
    from mosaic_daemon.nouns.record import Record

PAPERS = ("docs/PRD.md", "docs/PRD.json")
_FINDING = re.compile(r"[A-Z][A-Z0-9]*(?:-[A-Z0-9]+)+(?=:)")
_ID_LIKE = re.compile(r"(?<![A-Za-z0-9])[A-Za-z0-9]++(?:-[A-Za-z0-9]++)+")
_OPEN_ITEM = re.compile(r"^[ \t]*[-*+] \[ \](.*)$", re.MULTILINE)
_COUNTED = ("status", "kind", "phase", "reason", "merged", "ci", "closed", "warning")


def standing(proof: Proof) -> Standing:
    given = {name: value for name in _COUNTED if (value := getattr(proof, name)) is not None}
    return Standing(task=proof.task, **given)


def proof_of(record: Record) -> Proof:
    """The same as `LedgerReader.proofs` has it, of one record."""
    state: Any = record.state
    evidence = getattr(state, "evidence", {}) if state.kind == "done" else {}
    failure = getattr(state, "failure", None)
    return Proof(
        task=record.id,
        status=record.status.value,
        kind=record.task.kind.value,
        description=record.task.description,
        phase=record.task.phase,
        reason=failure.message if failure else None,
        merged=evidence.get("merge_sha"),
        ci=evidence.get("ci"),
        closed=evidence.get("closed_at"),
        warning=evidence.get("warning"),
        completed_at=record.completed_at.isoformat() if record.completed_at else None,
    )


def delivered(proofs: Sequence[Proof]) -> list[Proof]:
    """The tasks that brought a commit onto the base branch."""
    return [proof for proof in proofs if proof.status == "done" and proof.merged]


def requirements(name: str, text: str, proofs: Sequence[Proof], changed_at: datetime | None) -> Requirements:
    """Of the PRD `name`. `changed_at`: of its last commit, where that is known."""
    there = delivered(proofs)
    wanted = {found[0] for proof in there if (found := _FINDING.match(proof.description))}
    told = set(_ID_LIKE.findall(text))
    missing = tuple(sorted(wanted - told))
    last = max((proof.completed_at for proof in there if proof.completed_at), default="")
    return Requirements(name, missing, bool(missing) and _is_newer(changed_at, last), text.count("ASSUMPTION:"))


def _is_newer(changed_at: datetime | None, last: str) -> bool:
    """Whether the last commit is younger than the last delivery; a commit knows no fractions of a second."""
    return bool(changed_at and last) and changed_at >= datetime.fromisoformat(last).replace(microsecond=0)  # type: ignore[operator]


def open_items(checklist: str) -> list[str]:
    """The items of a checklist that are not ticked."""
    return [" ".join(item.split()) for item in _OPEN_ITEM.findall(checklist)]
