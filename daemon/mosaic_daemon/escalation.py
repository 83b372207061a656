"""When a person is needed, and what to tell them: the guide escalates only what nobody else can decide."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from itertools import islice

from mosaic_daemon.ground.errors import LedgerError
from mosaic_daemon.nouns.attempt import LIMITED, Failure, FailureClass
from mosaic_daemon.nouns.budget import WAYS_OUT, Budget
from mosaic_daemon.nouns.concern import Concern
from mosaic_daemon.nouns.figures import tokens_text
from mosaic_daemon.nouns.record import Blocked, Deferred, Done, Failed, NeedsQa, Record, Removed
from mosaic_daemon.nouns.release import Release
from mosaic_daemon.parts import Parts, Report
from mosaic_daemon.store.ledger import Ledger

_PROGRAM = "mosaic-orchestrator"
_SHOWN = 5
_MOST = 200  # tasks that are looked at; with more of them stopped nobody reads on


def concerns(parts: Parts, report: Report, trouble: LedgerError | None = None) -> Iterator[Concern]:
    """Everything that waits for a person now; nothing is looked at where nobody asks for it.

    `trouble`: why the ledger cannot be used, if it cannot.
    """
    command = Commands(str(parts.place.layout.repo))
    if trouble is not None:
        yield Concern(
            "ledger",
            "the ledger cannot be written, and all work stands still",
            trouble.line,
            (command("doctor"), command("status")),
            ("it is tried again every few seconds",),
        )
        return
    if (broken := report.broken) is not None:
        tried = ("the last good state is kept; nothing new is started",)
        mend = f"mend it: {broken.where or parts.place.layout.tasks}"
        yield Concern(
            "tasks.json", f"tasks.json cannot be read: {broken.problem}", broken.line, (mend,), tried, broken.line
        )
    yield from of_tasks(parts.ledger, command)
    for runtime, hold in parts.ledger.system.holds.items():
        if hold.until is None:
            what = f"nothing can be started on runtime {runtime}"
            choices = (command("doctor"), "mend it; the daemon notices by itself")
            yield Concern(f"runtime {runtime}", what, hold.reason, choices, mark=hold.reason)
    yield from of_release(parts.ledger.system.release, command)
    budget = parts.spending.against(parts.cap.read())
    if budget is not None and not budget.slots and report.stuck:
        yield _over(budget, command)
    elif report.stuck:
        yield _deadlock(report.stuck, parts.schedule.waiting_count(), command)


def of_tasks(ledger: Ledger, command: Commands) -> Iterator[Concern]:
    """One of each task that only a person can move; a task and the one that mends it are told of together."""
    for record in islice(ledger.in_state(Blocked, Failed, NeedsQa), _MOST):
        match record.state:
            case NeedsQa(qa=qa):
                if (concern := _without_remedy(record, ledger.records.get(qa), command)) is not None:
                    yield concern
            case Blocked(failure=failure) | Failed(failure=failure) if not _is_asked_for(failure):
                yield _stopped(record, failure, command)
            case _:
                pass


def _is_asked_for(failure: Failure) -> bool:
    """A person blocked it, and need not be told."""
    return failure.kind is FailureClass.PERSON and failure.step == "person"


class Commands:
    """Command lines that can be pasted anywhere."""

    def __init__(self, repository: str) -> None:
        self._repository = repository

    def __call__(self, *words: str) -> str:
        return shlex.join([_PROGRAM, *words, "--repo", self._repository])


def _stopped(record: Record, failure: Failure, command: Commands) -> Concern:
    tried = [f"{count} × {kind}" for kind, count in record.tries.items() if kind != LIMITED]
    spent = f", {tokens_text(record.used)} tokens" if record.used is not None else ""
    failures = f": {', '.join(tried)}" if tried else ""
    shown = [f"{record.fence} attempt(s){spent}{failures}"] if record.fence else []
    if failure.command:
        shown.append(f"the command that failed: {failure.command}")
    if record.mends:
        shown.append(f"it mends what the review of {record.mends} found; until then {record.mends} waits as well")
    return Concern(
        topic=f"task {record.id}",
        what=f"{record.id} is {record.status}: {failure.message}",
        why=f"{record.task.description} stopped at {failure.step or 'its start'}: {failure.message}",
        choices=(command("explain", record.id), command("retry", record.id), command("cancel", record.id)),
        tried=tuple(shown),
        mark=f"{record.status} {record.fence} {failure.at.isoformat() if failure.at else failure.message}",
        task=record.id,
    )


def _without_remedy(record: Record, qa: Record | None, command: Commands) -> Concern | None:
    """A task in `needs-qa` whose remediation comes no more, and has no call of its own; None: it does, or has one."""
    assert isinstance(record.state, NeedsQa)  # noqa: S101
    name, found = record.state.qa, record.state.failure.message
    ways: tuple[str, ...] = ()
    match None if qa is None else qa.state:
        case None | Removed():
            why = "was taken out"
        case Deferred(reason=reason):
            why, ways = f"is deferred: {reason}", (command("retry", name),)
        case Blocked(failure=failure) if _is_asked_for(failure):
            why, ways = f"is blocked: {failure.message}", (command("retry", name),)
        case Done():
            why = "is done and has not delivered it"
        case _:
            return None
    return Concern(
        topic=f"task {record.id}",
        what=f"{record.id} is {record.status}, and {name}, which was to mend it, {why}",
        why=f"{record.task.description} stopped at its review: {found}",
        choices=(command("explain", record.id), *ways, command("retry", record.id), command("cancel", record.id)),
        tried=(f"{record.fence} attempt(s), an independent review, and a task of its own for what it found",),
        mark=f"{record.status} {record.fence} {why}",
        task=record.id,
    )


def of_release(release: Release | None, command: Commands) -> Iterator[Concern]:
    """The call about a milestone's release that cannot go on."""
    if release is None or (failure := release.failure) is None:
        return
    yield Concern(
        topic="release",
        what=f"the release of {release.version} is blocked: {failure.message}",
        why=f"it stopped at {failure.step or release.step}: {failure.message}",
        choices=(f"mend it, then {command('release')}", command("status")),
        tried=(f"the command that failed: {failure.command}",) if failure.command else (),
        mark=f"{release.version} {release.step} {failure.at.isoformat() if failure.at else failure.message}",
    )


def _over(budget: Budget, command: Commands) -> Concern:
    return Concern(
        topic="budget",
        what=f"the budget is {budget.band.value}: no new starts",
        why=budget.line,
        choices=(f"one of: {', '.join(WAYS_OUT)}", command("budget")),
        tried=("fewer workers at a time, then none",),
        mark=f"{budget.band.value} {budget.cap.tokens}",
    )


def _deadlock(stuck: Mapping[str, list[str]], total: int, command: Commands) -> Concern:
    shown = [f"{task} {', '.join(reasons)}" for task, reasons in islice(stuck.items(), _SHOWN)]
    more = f"; and {total - _SHOWN} more" if total > _SHOWN else ""
    return Concern(
        topic="deadlock",
        what=f"deadlock: {total} task(s) cannot start",
        why="; ".join(shown) + more,
        choices=(command("status"), *(command("explain", task) for task in islice(stuck, 1))),
        tried=("everything that could run has run",),
        mark=",".join(sorted(stuck)),
    )
