"""What the daemon says: a log line per event, and notices that people should see once until they change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from loguru import logger

from mosaic_daemon.nouns import events as ev
from mosaic_daemon.nouns.attempt import attempt_name
from mosaic_daemon.nouns.record import Blocked, Gating, Record
from mosaic_daemon.store.ledger import Ledger

_FEW = 10
_BY_PEOPLE = {
    "task-added": "added",
    "task-edited": "edited",
    "task-removed": "removed",
    "task-deferred": "deferred",
    "requeued": "asked for again",
}


class Notices:
    """Keeps a notice from being repeated while nothing changes."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._said: dict[str, str] = {}

    def tell(self, topic: str, message: str, at: datetime, details: Mapping[str, object] | None = None) -> None:
        """Log and record a notice, unless its topic says just this already. An empty message takes the notice back."""
        if not message:
            self._said.pop(topic, None)
        elif self._said.get(topic) != message:
            self._said[topic] = message
            logger.warning("{}", message)
            self._ledger.append("", ev.Reported(topic, message, details or {}), at=at)


def deadlock(stuck: Mapping[str, list[str]], total: int) -> str:
    """The notice that `total` tasks cannot start, with the reasons of the first; empty when none is stuck."""
    if not stuck:
        return ""
    shown = "; ".join(f"{task} {', '.join(reasons)}" for task, reasons in list(stuck.items())[:5])
    more = f"; and {total - 5} more" if total > 5 else ""
    return f"deadlock: {total} task(s) cannot start: {shown}{more}"


def log_all(source: str, entries: Sequence[ev.Entry], records: Mapping[str, Record]) -> None:
    """The log lines of what a face brought: many changes of one kind are one line."""
    counts = Counter(entry.event.kind for entry in entries)
    many = {kind: count for kind, count in counts.items() if count > _FEW and kind in _BY_PEOPLE}
    for kind, count in many.items():
        logger.bind(action=kind).info("{} tasks {} from {}", count, _BY_PEOPLE[kind], source)
    for entry in entries:
        if entry.event.kind not in many:
            log(entry.task, entry.event, records.get(entry.task))


def log(task: str, event: ev.Event, record: Record | None) -> None:
    """The log line of an event, with task, attempt, gate and action as fields."""
    fence = getattr(event, "fence", None)
    current = record.attempt.name if record and record.attempt else ""
    attempt = attempt_name(task, fence) if task and fence else current
    gate = record.state.gate if record and isinstance(record.state, Gating | Blocked) else None
    bound = logger.bind(task=task, attempt=attempt, gate=gate.id if gate else "", action=event.kind)
    if (said := _of_release(event)) is not None:
        bound.log(said[0], "{}", said[1])
        return
    match event:
        case ev.AttemptFailed(failure=failure, final=final):
            bound.warning("{} failed{}: {}", attempt, ", no try is left" if final else "", failure.message)
        case ev.GateReturned(failure=failure):
            bound.warning("{} goes back to a worker: {}", task, failure.message)
        case ev.GateBlocked(failure=failure) | ev.GateFailed(failure=failure):
            bound.warning("{} {}: {}", task, record.status if record else "", failure.message)
        case ev.ReviewBlocked(failure=failure) | ev.ReviewReturned(failure=failure) | ev.QaNeeded(failure=failure):
            bound.warning("{} {}: {}", task, record.status if record else "", failure.message)
        case ev.ReviewPassed(evidence=evidence) if evidence.get("verdict") == "approve":
            bound.info("{}: Review passed — no issues found", task)
        case ev.ReviewPassed(notes=notes):
            bound.info("{}: {}", task, "; ".join(notes))
        case ev.QaDelivered(evidence=evidence):
            bound.info("{} {}", task, evidence.get("summary", "done"))
        case ev.TaskDeferred(reason=reason):
            bound.info("{} deferred: {}", task, reason)
        case ev.TaskBlocked(reason=reason):
            bound.warning("{} blocked: {}", task, reason)
        case ev.EditRefused(reason=reason, source=source):
            bound.warning("{}: an edit in {} was refused: {}", task, source, reason)
        case ev.RuntimeHeld(runtime=runtime, hold=hold):
            bound.warning("runtime {} holds until {}: {}", runtime, hold.until or "it is mended", hold.reason)
        case ev.TaskDone(evidence=evidence):
            bound.info("{} {}", task, evidence.get("summary", "done"))
        case ev.TaskConcluded(variance=variance) if variance is not None:
            bound.info("{} {}", task, variance.line)
        case ev.Reported(message=message):
            bound.warning("{}", message)
        case ev.GateHeld(hold=hold) | ev.ReviewHeld(hold=hold):
            bound.info("{} waits: {}", task, hold.reason)
        case ev.AttemptStarted(worker=worker):
            bound.info("{} started ({})", attempt, worker)
        case ev.ResultAccepted(head_sha=head):
            bound.info("{} accepted at {}", attempt, head[:12])
        case ev.GateStepped(step=step) | ev.GateIntended(step=step):
            bound.debug("{} {} {}", task, event.kind, step)
        case ev.AttemptIntended() | ev.ResultRejected() | ev.TaskConcluded() | ev.PhaseMoved() | ev.TaskArchived():
            bound.debug("{} {}", task, event.kind)
        case _:
            bound.info("{} {}", task or "repository", _BY_PEOPLE.get(event.kind, event.kind))


def _of_release(event: ev.Event) -> tuple[str, str] | None:
    """Level and text of what happens to a release; None for everything else."""
    match event:
        case ev.ReleaseOpened(version=version):
            return "INFO", f"milestone {version} is being released"
        case ev.ReleaseStepped(step=step, evidence=evidence):
            return "INFO", f"release: {step}: {evidence.get('summary', 'done')}"
        case ev.ReleaseIntended(step=step):
            return "DEBUG", f"release: {event.kind} {step}"
        case ev.ReleaseHeld(hold=hold):
            return "INFO", f"the release waits: {hold.reason}"
        case ev.ReleaseBlocked(failure=failure):
            return "WARNING", f"the release is blocked: {failure.message}"
        case ev.MilestoneReleased(evidence=evidence):
            return "INFO", str(evidence.get("summary", "the milestone is released"))
        case _:
            return None
