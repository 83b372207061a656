"""Which task of an earlier plan a finding belongs to, so that a second bootstrap updates and never doubles."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace

from mosaic_daemon.planning.plan import Plan, PlannedTask
from mosaic_daemon.planning.planner.draft import Draft
from mosaic_daemon.planning.planner.words import normalised

_LEAST_SHARED = 3
"""One word in so many of the shorter title must be shared, or the two speak of different things."""
_SHORT_WORD = 2


def matched(drafts: Sequence[Draft], known: Plan) -> tuple[list[Draft], list[PlannedTask]]:
    """The drafts, each with its known task; and by their ids the known tasks of findings no longer among them.

    First what did not change, then what has the same fingerprint, then what has the same id. An id alone is not
    enough: another report may use it for something else, which neither the title nor a file has in common.
    """
    waiting = {task.task.id: task for task in known.tasks if task.fingerprint}
    found: dict[int, PlannedTask] = {}
    for of_draft, of_task, check in _KEYS:
        index: defaultdict[Hashable, dict[str, PlannedTask]] = defaultdict(dict)
        for task in waiting.values():
            index[of_task(task)][task.task.id] = task
        for place, draft in enumerate(drafts):
            candidates = index.get(of_draft(draft), {}) if place not in found else {}
            same = next((each for each in candidates.values() if check(draft, each)), None)
            if same is not None:
                found[place] = waiting.pop(same.task.id)
                del candidates[same.task.id]
    known_now = [replace(draft, known=found[place]) if place in found else draft for place, draft in enumerate(drafts)]
    return known_now, sorted(waiting.values(), key=lambda task: task.task.id)


def told(description: str) -> tuple[str, str]:
    """A finding's id and title as the description of its task gives them."""
    name, _, title = description.partition(": ")
    return name, title


def _akin(draft: Draft, task: PlannedTask) -> bool:
    if not draft.finding.has_own_id or not set(draft.files).isdisjoint(task.task.files):
        return True
    mine, its = _words(draft.finding.title), _words(told(task.task.description)[1])
    return len(mine & its) * _LEAST_SHARED >= min(len(mine), len(its))


def _words(text: str) -> set[str]:
    return {word for word in normalised(text).split() if len(word) > _SHORT_WORD}


_Keys = tuple[Callable[[Draft], Hashable], Callable[[PlannedTask], Hashable], Callable[[Draft, PlannedTask], bool]]
_KEYS: Iterable[_Keys] = (
    (
        lambda draft: (draft.finding.fingerprint, draft.description, draft.phase, draft.files),
        lambda task: (task.fingerprint, task.task.description, task.task.phase, task.task.files),
        lambda *_: True,
    ),
    (lambda draft: draft.finding.fingerprint, lambda task: task.fingerprint, _akin),
    (
        lambda draft: told(draft.description)[0] if draft.finding.has_own_id else None,
        lambda task: told(task.task.description)[0],
        _akin,
    ),
)
