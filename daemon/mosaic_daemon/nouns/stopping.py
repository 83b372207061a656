"""The guide's "Stopping Criteria": ten sentences, each with what is known for or against it.

One predicate over values. Whoever asks collects the values; nothing is asked of a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from mosaic_daemon.nouns.task import OVER

CHECKPOINT_PERCENT = 55
LIMIT_PERCENT = 60

_TEXTS = (
    "All tasks in docs/TASKS.md are `done`",
    "Critical blocker preventing progress (document and alert)",
    "Context usage >= 55% — output COMPACTION REQUIRED checkpoint and wait",
    "Absolute context limit reached AND cannot compact further",
    "PRD is current and reflects delivered requirements (`docs/PRD.md` or `docs/PRD.json`)",
    "Required documentation checklist is complete for applicable changes",
    "For milestone completion, release + git tag steps are complete",
    "For source-code tasks with external provider, merged PR evidence exists",
    "For source-code tasks with external provider, CI/pipeline is terminal green",
    "For linked external issues, closure is complete (or internal TASKS ref closure if no provider)",
)
_SOURCE = ("code", "config", "test")
_DOCUMENTED = ("code", "config")
_CI = ("green", "absent")
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Criterion:
    """One of the ten. `text`: the guide's words; `evidence`: one line."""

    number: int
    text: str
    met: bool
    evidence: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What of a task counts here.

    Attributes:
        reason: why it is blocked, failed or needs QA; empty: not documented.
        merged, ci, closed: its stored evidence: the squash commit, the verdict of its CI, when its issue was closed.
        warning: what of its evidence was let pass.
    """

    task: str
    status: str
    kind: str
    phase: int | None = None
    reason: str = ""
    merged: str = ""
    ci: str = ""
    closed: str = ""
    warning: str = ""


@dataclass(frozen=True, slots=True)
class Requirements:
    """The PRD. `missing`: delivered requirements it does not name; `is_newer`: than the last delivery."""

    path: str
    missing: tuple[str, ...] = ()
    is_newer: bool = False
    assumptions: int = 0


@dataclass(frozen=True, slots=True)
class Situation:
    """What the criteria are judged by.

    Attributes:
        blocker: why nothing can move at all; empty while something can.
        context: percent of the orchestrating agent's context in use; None where no agent orchestrates.
        requirements: None when there is no PRD.
        checklist: the documentation checklist's path and its open items; None when the project has none.
        provider: of the forge. milestone: its version; empty when none is planned. release: its evidence.
        releasing: where its release stands; empty before it is opened, and when it is over.
    """

    tasks: Sequence[Standing]
    blocker: str = ""
    context: int | None = None
    requirements: Requirements | None = None
    checklist: tuple[str, int] | None = None
    provider: str = "internal"
    milestone: str = ""
    release: str = ""
    releasing: str = ""


def criteria(now: Situation) -> tuple[Criterion, ...]:
    """All ten, in the guide's order."""
    source = [each for each in now.tasks if each.kind in _SOURCE and each.status != "deferred"]
    found = (
        _all_done(now),
        _blocker(now),
        _context(now.context, CHECKPOINT_PERCENT),
        _context(now.context, LIMIT_PERCENT),
        _requirements(now.requirements),
        _documentation(now),
        _release(now),
        _merged(source, now.provider),
        _green(source),
        _closed(source, now.provider),
    )
    numbered = enumerate(zip(_TEXTS, found, strict=True), 1)
    return tuple(Criterion(number, text, met, evidence) for number, (text, (met, evidence)) in numbered)


def reason_to_stop(found: Sequence[Criterion]) -> Literal["complete", "blocked", "context", ""]:
    """Why the work may end now; empty: it goes on, and nobody is asked whether it should."""
    met = {each.number for each in found if each.met}
    if {1, 5, 6, 7, 8, 9, 10} <= met:
        return "complete"
    if met & {3, 4}:
        return "context"
    return "blocked" if 2 in met else ""


Finding = tuple[bool, str]


def _all_done(now: Situation) -> Finding:
    tasks = now.tasks
    if not tasks:
        return bool(now.release), now.release or "there are no tasks yet"
    left = [each.task for each in tasks if each.status not in OVER]
    deferred = sum(each.status == "deferred" for each in tasks)
    done = f"{len(tasks) - len(left) - deferred} of {len(tasks)} done"
    done += f", {deferred} deferred" if deferred else ""
    return not left, f"{done}; not yet: {_some(left)}" if left else done


def _blocker(now: Situation) -> Finding:
    stopped = [each for each in now.tasks if each.status in ("blocked", "failed", "needs-qa")]
    told = "; ".join(f"{each.task} {each.status}: {each.reason or 'NOT DOCUMENTED'}" for each in stopped[:_SHOWN])
    told += f"; and {len(stopped) - _SHOWN} more" if len(stopped) > _SHOWN else ""
    if now.blocker:
        return True, "; ".join(filter(None, (now.blocker, told)))
    moving = any(each.status in ("not-started", "in-progress") for each in now.tasks)
    if stopped and not moving:
        return True, told
    return False, f"the rest goes on; {told}" if stopped else "nothing is blocked"


def _context(percent: int | None, limit: int) -> Finding:
    if percent is None:
        return False, "the daemon keeps its state in the ledger and has no context to fill"
    return percent >= limit, f"{percent}% in use"


def _requirements(prd: Requirements | None) -> Finding:
    if prd is None:
        return False, "there is neither docs/PRD.md nor docs/PRD.json"
    guessed = f"; {prd.assumptions} marked ASSUMPTION:" if prd.assumptions else ""
    if not prd.missing:
        return True, f"{prd.path} names all that was delivered{guessed}"
    if prd.is_newer:
        return True, f"{prd.path} was changed after the last delivery{guessed}"
    return False, f"{prd.path} is older than the last delivery and does not name {_some(prd.missing)}{guessed}"


def _documentation(now: Situation) -> Finding:
    changed = [each for each in now.tasks if each.kind in _DOCUMENTED and each.status != "deferred"]
    if not changed:
        return True, "no change to code, API, auth or infrastructure"
    if now.checklist is not None:
        path, left = now.checklist
        return left == 0, f"{path}: {f'{left} open' if left else 'complete'}"
    documents = [each for each in now.tasks if each.kind == "docs" and each.status != "deferred"]
    left_over = [each.task for each in documents if each.status != "done"]
    if left_over:
        return False, f"documentation tasks not done: {_some(left_over)}"
    phases = {each.phase for each in changed} - {each.phase for each in documents}
    if phases:
        some = _some([f"phase {phase}" if phase is not None else "no phase" for phase in sorted(phases, key=_last)])
        return False, f"no checklist in the project, and no documentation task for {some}"
    return True, f"{len(documents)} documentation tasks done"


def _last(phase: int | None) -> tuple[bool, int]:
    return phase is None, phase or 0


def _release(now: Situation) -> Finding:
    if not now.milestone:
        return True, "no milestone is planned"
    return bool(now.release), now.release or now.releasing or f"no milestone release yet ({now.milestone})"


def _merged(source: Sequence[Standing], provider: str) -> Finding:
    what = "squash commit on the base branch" if provider == "internal" else "merged pull request"
    return _proven(source, [each.task for each in source if not each.merged], f"with a {what}")


def _green(source: Sequence[Standing]) -> Finding:
    without = sum(each.ci == "absent" for each in source)
    told = f"with CI of the merge commit green{f' ({without} have no CI, with proof)' if without else ''}"
    return _proven(source, [each.task for each in source if each.ci not in _CI], told)


def _closed(source: Sequence[Standing], provider: str) -> Finding:
    what = "internal ref" if provider == "internal" else "issue"
    return _proven(source, [each.task for each in source if not each.closed or each.warning], f"with its {what} closed")


def _proven(source: Sequence[Standing], missing: Sequence[str], told: str) -> Finding:
    if not source:
        return True, "no source-code tasks"
    count = f"{len(source) - len(missing)} of {len(source)} {told}"
    return not missing, f"{count}; not yet: {_some(missing)}" if missing else count


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return ", ".join(listed[:_SHOWN]) + more
