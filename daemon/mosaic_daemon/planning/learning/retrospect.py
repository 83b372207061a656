"""The retrospective: estimate against use, by type of task and by phase, and what better estimates would be."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, TypeVar

from mosaic_daemon.nouns.variance import Rating, percent, rating, short
from mosaic_daemon.planning.planner.learned import LEAST, MOST, Heuristics, Learned

LEAST_SAMPLES = 3
"""So many tasks of a type have to be known before anything is proposed: one runaway attempt is no pattern."""
_LEAST_REPEATED = 2
_ACCEPTABLE = 0.3 + 1e-9
_STEP = 20  # factors are proposed in twentieths: two decimals would promise more than a few tasks can tell

_Key = TypeVar("_Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Sample:
    """One finished task.

    Attributes:
        estimate: what was expected of it, in tokens, more than 0. used: what it took.
        planned: the planner's own estimate before any factor; the estimate where nobody knows it.
    """

    task: str
    phase: int | None
    task_type: str
    estimate: int
    used: int
    planned: int

    @property
    def rating(self) -> Rating:
        return rating(self.estimate, self.used)


@dataclass(frozen=True, slots=True)
class Group:
    """Samples together. `name`: a task type, `Phase 1`, or `All`; `ratings`: how many have each rating."""

    name: str
    tasks: int
    estimate: int
    used: int
    ratings: dict[str, int]

    @property
    def percent(self) -> int:
        return percent(self.estimate, self.used)

    @property
    def line(self) -> str:
        return f"{self.name}: {self.tasks} task{'' if self.tasks == 1 else 's'}, {short(self.estimate, self.used)}"


@dataclass(frozen=True, slots=True)
class Proposal:
    """A better factor for a task type: the median of use against the planner's own estimate, over `samples` tasks.

    `now`: the factor that holds today.
    """

    task_type: str
    factor: float
    samples: int
    now: float = 1.0

    @property
    def line(self) -> str:
        return f"{self.task_type}: × {self.factor:g} instead of × {self.now:g}, from {self.samples} tasks"


@dataclass(frozen=True, slots=True)
class Retrospective:
    """Attributes:
    total: None when no finished task has both an estimate and a use.
    patterns: sentences. unmeasured: finished tasks of which use or estimate is unknown.
    """

    total: Group | None
    phases: tuple[Group, ...]
    types: tuple[Group, ...]
    patterns: tuple[str, ...]
    proposals: tuple[Proposal, ...]
    unmeasured: int = 0

    def as_dict(self) -> dict[str, Any]:
        """As JSON: tokens are plain numbers, variances whole percents."""
        return {
            "total": _shown(self.total) if self.total else None,
            "unmeasured": self.unmeasured,
            "by_phase": [_shown(each) for each in self.phases],
            "by_type": [_shown(each) for each in self.types],
            "patterns": list(self.patterns),
            "proposals": [
                {"task_type": each.task_type, "factor": each.factor, "now": each.now, "samples": each.samples}
                for each in self.proposals
            ],
        }


def retrospective(samples: Sequence[Sample], heuristics: Heuristics, unmeasured: int = 0) -> Retrospective:
    """Of these tasks. `heuristics`: the factors of today."""
    types = _groups(samples, lambda each: each.task_type, str)
    return Retrospective(
        _group("All", samples) if samples else None,
        _groups(samples, lambda each: each.phase, lambda phase: "No phase" if phase is None else f"Phase {phase}"),
        types,
        tuple(_patterns(samples, types)),
        proposals(samples, heuristics),
        unmeasured,
    )


def proposals(samples: Iterable[Sample], heuristics: Heuristics) -> tuple[Proposal, ...]:
    """For each type whose tasks deviate by more than the guide's acceptable 30 %, with three of them at the least."""
    ratios: defaultdict[str, list[Sample]] = defaultdict(list)
    for each in samples:
        ratios[each.task_type].append(each)
    found = []
    for task_type, those in sorted(ratios.items()):
        now = heuristics.by_type.get(task_type, Learned(1.0)).factor
        wanted = median(each.used / each.planned for each in those)
        is_off = abs(wanted - now) > _ACCEPTABLE * now
        factor = min(MOST, max(LEAST, round(wanted * _STEP) / _STEP))
        if len(those) >= LEAST_SAMPLES and is_off and factor != now:
            found.append(Proposal(task_type, factor, len(those), now))
    return tuple(found)


def accepted(found: Iterable[Proposal], heuristics: Heuristics) -> Heuristics:
    """The factors with these proposals among them; the others stay."""
    new = {each.task_type: Learned(each.factor, each.samples) for each in found}
    return Heuristics({**heuristics.by_type, **new})


def _groups(samples: Sequence[Sample], key: Callable[[Sample], _Key], name: Callable[[_Key], str]) -> tuple[Group, ...]:
    found: defaultdict[_Key, list[Sample]] = defaultdict(list)
    for each in samples:
        found[key(each)].append(each)
    return tuple(_group(name(each), found[each]) for each in sorted(found, key=lambda each: (each is None, each)))


def _group(name: str, samples: Sequence[Sample]) -> Group:
    ratings = Counter(each.rating.value for each in samples)
    estimate, used = sum(each.estimate for each in samples), sum(each.used for each in samples)
    return Group(name, len(samples), estimate, used, {each.value: ratings[each.value] for each in Rating})


def _patterns(samples: Sequence[Sample], types: Iterable[Group]) -> Iterable[str]:
    """What repeats: types that go wrong in the same direction, and single tasks that are far off."""
    for group in types:
        off = [each for each in samples if each.task_type == group.name and each.rating is not Rating.ACCEPTABLE]
        over = sum(each.used > each.estimate for each in off)
        for count, word, more in ((over, "under", "more"), (len(off) - over, "over", "less")):
            if count >= _LEAST_REPEATED and count * 2 > group.tasks:
                said = f"{count} of {group.tasks} took over 30% {more}, {group.percent:+d}% in all"
                yield f"{group.name} is {word}estimated: {said}"
    for each in samples:
        if each.rating is Rating.CRITICAL:
            said = short(each.estimate, each.used)
            yield f"CRITICAL: {each.task} ({each.task_type}) {said}: review its classification"


def _shown(group: Group) -> dict[str, Any]:
    return {
        "name": group.name,
        "tasks": group.tasks,
        "estimate": group.estimate,
        "actual": group.used,
        "variance_pct": group.percent,
        "ratings": group.ratings,
    }
