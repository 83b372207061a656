"""The guide's "Two-Phase Completion Protocol": what is left of a phase, and what follows from that.

A phase's errors are its tasks, but for those that close it and those that mend another's review findings.
"""

from __future__ import annotations

from mosaic_daemon.nouns.attempt import FailureClass
from mosaic_daemon.nouns.figures import tokens
from mosaic_daemon.nouns.phase import Stage
from mosaic_daemon.nouns.record import Blocked, Deferred, Done, Failed, NotStarted, Record, Removed
from mosaic_daemon.nouns.task import Category, Kind

HARD_SEC = 15 * 60.0
"""How long an attempt at something hard may take in the polish phase."""

_QUICK_TOKENS = 5_000  # the guide's "Single-line fix" ends here
_MEDIUM_TOKENS = 25_000  # and here its "Add new functionality"; above is "Complex refactor"
_CLOSING = (Kind.VERIFICATION, Kind.TRACKING)
_HIGH_RISK_PHASES = 2  # critical and high findings
_MEDIUM_RISK_PHASE = 3


def is_error(record: Record) -> bool:
    """One of the errors that its phase is about."""
    task = record.task
    is_chore = task.kind in _CLOSING or (task.kind is Kind.DOCS and ": " not in task.description)
    return task.phase is not None and not is_chore and not record.mends


def is_settled(record: Record) -> bool:
    """Nothing has to wait for it any more: it is done, in an archived milestone too, or deferred, and documented."""
    match record.state:
        case Done():
            return True
        case Removed(delivered=delivered):
            return delivered is not None
        case Deferred():
            return record.documented or (record.task.phase is not None and bool(record.mends))
        case _:
            return False


def is_to_be_documented(record: Record) -> bool:
    """It is deferred, and its phase does not end before that is written down."""
    return isinstance(record.state, Deferred) and record.task.phase is not None and not is_settled(record)


def category(record: Record) -> Category:
    """People's word, then the word of the worker who gave up; else by the guide's criteria.

    What was tried and failed for good is hard. The guide's minutes are read off its table of estimates.
    """
    if record.task.category is not None:
        return record.task.category
    failure = record.last_failure
    if isinstance(record.state, Failed | Deferred) and failure is not None:
        return (failure.category or Category.HARD).documented_as
    figure = tokens(record.task.estimate) if record.task.estimate else _MEDIUM_TOKENS
    if figure <= _QUICK_TOKENS:
        return Category.QUICK_WIN
    return Category.MEDIUM if figure <= _MEDIUM_TOKENS else Category.HARD


def is_put_off(record: Record) -> bool:
    """People have named it as something that is documented and deferred, not fixed."""
    return is_error(record) and record.task.category in (Category.ARCHITECTURAL, Category.FRAMEWORK)


def is_to_be_deferred(record: Record, stage: Stage) -> bool:
    """Whether the protocol's next step with it is to document and defer it.

    Not what only a person can unblock, and not a quick-win or something medium, which have to be fixed.
    """
    if not is_error(record) or record.is_to_be_concluded:
        return False
    match record.state:
        case Failed():
            return is_put_off(record) or (stage is not Stage.BULK and category(record).may_be_documented)
        case NotStarted() | Blocked(gate=None, review=None):
            return is_put_off(record)
        case _:
            return False


def reason(record: Record) -> str:
    """Why it is deferred, in one line."""
    found, failure = category(record), record.last_failure
    if failure is not None and failure.kind is not FailureClass.PERSON:
        return f"{found.label}: {record.fence} attempt(s), the last one failed: {failure.message}"
    return f"{found.label}: {found.criteria}"


def risk(record: Record) -> str:
    """Of leaving it: by the severity that its phase stands for."""
    phase = record.task.phase
    if phase is not None and phase <= _HIGH_RISK_PHASES:
        return "High"
    return "Medium" if phase == _MEDIUM_RISK_PHASE else "Low"
