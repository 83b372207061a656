"""What finished work has taught about estimates: a factor for each type of task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mosaic_daemon.ground.errors import InputError
from mosaic_daemon.planning.plan import Reason

LEAST, MOST = 0.1, 10.0
_WHY = "learned: "


@dataclass(frozen=True, slots=True)
class Learned:
    """A factor from `LEAST` to `MOST` on the planner's own estimate, and how many tasks say so."""

    factor: float
    samples: int = 0

    def __post_init__(self) -> None:
        if not LEAST <= self.factor <= MOST:
            raise InputError(f"the factor {self.factor} is not between {LEAST} and {MOST}", source="estimates")


@dataclass(frozen=True, slots=True)
class Heuristics:
    """`by_type`: by the name of a task type; what is not in it is estimated as ever."""

    by_type: Mapping[str, Learned] = field(default_factory=dict)

    def adjusted(self, task_type: str, reasons: Sequence[Reason]) -> tuple[Reason, ...]:
        """The estimate's parts, and one more for what was learnt of this type."""
        learned = self.by_type.get(task_type)
        if learned is None or learned.factor == 1:
            return tuple(reasons)
        more = round(sum(each.tokens for each in reasons) * (learned.factor - 1))
        tasks = f"{learned.samples} task{'' if learned.samples == 1 else 's'}"
        return *reasons, Reason(more, f"{_WHY}{task_type} × {learned.factor:g} from {tasks}")


NOTHING_LEARNED = Heuristics()


def unlearned(reasons: Sequence[Reason]) -> int:
    """The planner's own estimate, in tokens, before any factor."""
    return sum(each.tokens for each in reasons if not each.why.startswith(_WHY))
