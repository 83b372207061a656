"""One bad task never stops the others: what follows when a part of a tick fails, and fails again."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from mosaic_daemon.forges.base import Rejected
from mosaic_daemon.ground.errors import InputError, Unavailable, is_full_disk
from mosaic_daemon.nouns.attempt import Failure, FailureClass
from mosaic_daemon.nouns.record import Gating, Record, Reviewing

_MOST = 3
_OUTAGE = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Trouble:
    """What follows from an error.

    Attributes:
        message: one line for people.
        again_at: when the part is tried again.
        give_up: why its attempt or gate is given up now; None: it is tried again.
    """

    message: str
    again_at: datetime
    give_up: Failure | None = None


class Isolation:
    """Counts failures in a row per task (empty: the repository)."""

    def __init__(self) -> None:
        self._failed: Counter[str] = Counter()

    def went_well(self, task: str) -> None:
        self._failed.pop(task, None)

    def trouble(self, task: str, record: Record | None, error: Exception, now: datetime) -> Trouble:
        """An outage, a full disk or people's wrong input is waited for, a forge's refusal is final, and anything else
        is given up after three times.
        """
        message = f"{task}: {error}" if task else str(error)
        if isinstance(error, Unavailable | InputError) or is_full_disk(error):
            until = getattr(error, "until", None)
            return Trouble(message, max(now + _OUTAGE, until) if until else now + _OUTAGE)
        if isinstance(error, Rejected) and record is not None:
            return Trouble(message, now, replace(error.failure, step=record.stage or "", at=now))
        self._failed[task] += 1
        again_at = now + timedelta(seconds=self._failed[task])
        if record is None or record.attempt is None or self._failed[task] < _MOST:
            return Trouble(message, again_at)
        failure = Failure(
            kind=_class_of(record),
            step=record.stage or "",
            message=str(error),
            command=getattr(error, "command", ""),
            cwd=getattr(error, "cwd", ""),
            tail=getattr(error, "stderr", ""),
            at=now,
        )
        return Trouble(message, again_at, failure)


def _class_of(record: Record) -> FailureClass:
    match record.state:
        case Gating():
            return FailureClass.GATE
        case Reviewing():
            return FailureClass.REVIEW
        case _:
            return FailureClass.LOST
