"""Whether a milestone may be released: every task done or deferred, and the documentation complete."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mosaic_daemon.ground.errors import Refused
from mosaic_daemon.nouns.completion import is_to_be_documented
from mosaic_daemon.nouns.documentation import CHECKLIST
from mosaic_daemon.nouns.phase import DEFERRED_ERRORS
from mosaic_daemon.nouns.record import Deferred, Done, Record
from mosaic_daemon.nouns.stopping import Situation, Standing, criteria
from mosaic_daemon.nouns.task import Kind, Status, Task
from mosaic_daemon.planning.planner.phases import Numbers

_TASKS, _REQUIREMENTS, _DOCUMENTATION, _RELEASE = 1, 5, 6, 7
_BY_ITSELF = (_TASKS, _REQUIREMENTS, _DOCUMENTATION, 8, 9, 10)
_DOCUMENTED = (Kind.CODE.value, Kind.CONFIG.value)
_MARK = "documents_release"
_ROUNDS = 2
_SHOWN = 20
_ITEMS = 10


@dataclass(frozen=True, slots=True)
class Gap:
    """Documentation that is missing. `phase`: whose; None: of no phase. `items`: open ones of the checklist."""

    phase: int | None
    items: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return "checklist" if self.items else f"phase {self.phase}"


def check_tasks(records: Iterable[Record]) -> None:
    """Raise Refused, with the list, when one of them is neither done nor deferred, or when there is none.

    What a phase has left has to be documented as well.
    """
    listed = list(records)
    if not listed:
        raise Refused("there are no tasks, so there is nothing to release", remedy="`bootstrap` plans a milestone")
    left = [f"{each.id} ({each.status})" for each in listed if not isinstance(each.state, Done | Deferred)]
    if left:
        more = f" and {len(left) - _SHOWN} more" if len(left) > _SHOWN else ""
        raise Refused(
            f"{len(left)} of {len(listed)} tasks are neither done nor deferred: {', '.join(left[:_SHOWN])}{more}",
            remedy="finish them, or defer them with `cancel`; `explain TASK` says what each waits for",
        )
    if unwritten := [each.id for each in listed if is_to_be_documented(each)]:
        some = ", ".join(unwritten[:_SHOWN])
        problem = f"{len(unwritten)} deferred tasks are not documented in {DEFERRED_ERRORS} yet: {some}"
        raise Refused(
            problem, remedy="the daemon does it with its next commit of the table; `status` says what is in the way"
        )


def unmet(situation: Situation) -> list[str]:
    """What of the stopping criteria is not met that has to be before the daemon releases by itself."""
    found = {each.number: each for each in criteria(situation)}
    return [f"{number}. {found[number].evidence}" for number in _BY_ITSELF if not found[number].met]


def documentation_gaps(situation: Situation, open_items: Sequence[str]) -> list[Gap]:
    """Of a milestone whose tasks are all over; empty: its documentation is complete."""
    found = {each.number: each for each in criteria(situation)}
    if found[_DOCUMENTATION].met:
        return []
    if situation.checklist is not None:
        return [Gap(None, tuple(open_items))]
    changed = {each.phase for each in situation.tasks if _needs_documents(each)}
    written = (each for each in situation.tasks if each.kind == Kind.DOCS and each.status != Status.DEFERRED)
    missing = changed - {each.phase for each in written}
    return [Gap(phase) for phase in sorted(missing, key=lambda phase: (phase is None, phase or 0))]


def remediation(gaps: Iterable[Gap], records: Sequence[Record], prefix: str, version: str) -> list[Task]:
    """A documentation task for each gap.

    Raises:
        Refused: tasks for this gap were done before, and it is still there.
    """
    numbers = Numbers(prefix, (each.id for each in records))
    tasks = []
    for gap in gaps:
        mark = f"{version} {gap.key}"
        before = [each.id for each in records if each.task.extra.get(_MARK) == mark]
        if len(before) >= _ROUNDS:
            raise Refused(
                f"the documentation is still not complete ({_told(gap)}) after {', '.join(before)}",
                remedy="complete it yourself, then release again",
            )
        tasks.append(_task(numbers.next("DOC"), gap, version, {_MARK: mark}))
    return tasks


def _needs_documents(each: Standing) -> bool:
    return each.kind in _DOCUMENTED and each.status != Status.DEFERRED


def _task(name: str, gap: Gap, version: str, extra: dict[str, str]) -> Task:
    description = f"Complete the documentation for the release of {version}: {_told(gap)}"
    return Task(
        id=name,
        description=description,
        kind=Kind.DOCS,
        phase=gap.phase,
        files=(CHECKLIST,) if gap.items else (),
        estimate="5K",
        prompt=_prompt(gap, description),
        extra=extra,
    )


def _told(gap: Gap) -> str:
    if gap.items:
        return f"{len(gap.items)} open item{'' if len(gap.items) == 1 else 's'} in {CHECKLIST}"
    return f"phase {gap.phase} has no documentation task" if gap.phase is not None else "tasks without a phase"


def _prompt(gap: Gap, description: str) -> str:
    if not gap.items:
        return (
            f"{description}.\n\nDocument what its tasks changed: `git log` shows them by their `Mosaic-Task` trailers."
        )
    listed = "\n".join(f"- [ ] {item}" for item in gap.items[:_ITEMS])
    more = f"\n- and {len(gap.items) - _ITEMS} more" if len(gap.items) > _ITEMS else ""
    return f"{description}.\n\nDo what each item asks for, then tick it:\n\n{listed}{more}\n"
