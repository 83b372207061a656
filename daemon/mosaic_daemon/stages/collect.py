"""From a worker's end to a verdict on the attempt. What the worker says is checked against git; nothing is believed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from mosaic_daemon.ground import atomicfile
from mosaic_daemon.ground.errors import InputError, MosaicError, Unavailable, is_full_disk
from mosaic_daemon.ground.layout import Layout
from mosaic_daemon.ground.secrets import redact
from mosaic_daemon.nouns.attempt import LIMITED, Attempt, Failure, FailureClass
from mosaic_daemon.nouns.boundaries import Leave, trespass
from mosaic_daemon.nouns.documentation import CHECKLIST, missing
from mosaic_daemon.nouns.events import (
    AttemptFailed,
    AttemptReleased,
    AttemptStopped,
    Event,
    ResultAccepted,
    RuntimeHeld,
)
from mosaic_daemon.nouns.gate import Hold
from mosaic_daemon.nouns.record import Record, Running
from mosaic_daemon.nouns.task import Kind
from mosaic_daemon.repository.clone import Clone
from mosaic_daemon.repository.commits import Change
from mosaic_daemon.repository.exchange import Exchange
from mosaic_daemon.repository.worktrees import Worktrees
from mosaic_daemon.runtimes import read
from mosaic_daemon.runtimes.base import Limit, Reading, Runtime
from mosaic_daemon.runtimes.result import WorkerResult, parse_result, parse_result_file
from mosaic_rails.base import Cause, Delivery, Ended, Lost

_MAX_RESULT_BYTES = 1 << 20
_MAX_LOG_BYTES = 8 << 20
_TAIL = 2000
_LOST_RETRIES = 3
_MOST_HOLDS = 24  # in a row: a request that always draws an outage must not wait for ever
_LONGEST_HOLD = timedelta(hours=6)
_HOLD_WITHOUT_TIME = timedelta(minutes=5)
_SUBMODULE, _SYMLINK = "160000", "120000"
_UNLOGGED = "could not be logged"  # what the rail says of an ending whose output the disk did not take


class Unacceptable(Exception):
    """The result breaks a rule; the message goes into the next prompt."""


@dataclass(frozen=True, slots=True)
class DocsGate:
    """Whether a change has to be documented.

    Attributes:
        required: an attempt that is not documented fails; otherwise its notes say so.
        checklist: stands in where the project has none of its own.
        is_covered: whether a task that is still to come documents this one.
    """

    required: bool
    checklist: str
    is_covered: Callable[[Record], bool]


@dataclass(frozen=True, slots=True)
class Judge:
    """What a verdict needs.

    Attributes:
        retries: tries after the first before the task is `failed`.
        may_change: patterns of paths that every worker may change although they are not workers'.
        docs_gate: None: nobody asks for documentation.
    """

    layout: Layout
    clone: Clone
    worktrees: Worktrees
    retries: int
    may_change: tuple[str, ...] = ()
    docs_gate: DocsGate | None = None

    async def verdict(self, record: Record, runtime: Runtime, end: Ended | Lost, now: datetime) -> list[Event]:
        """The events that follow from the end of the attempt `record` is in. Nothing is changed by asking twice."""
        attempt = record.attempt
        assert attempt is not None  # noqa: S101
        if isinstance(end, Lost):
            lost = Failure(FailureClass.LOST, "worker", end.detail, status=attempt.name, at=now)
            return [self._stopped(record) or self._failed(record, attempt, lost)]
        reading = read(runtime.output, _log(end.log), end.ended_at)
        if stopped := self._stopped(record, reading.used):
            return [stopped]
        result: WorkerResult | None = None
        try:
            result = self._result(attempt, reading, end)
            _require_success(result, end)
            head = await self._accepted_head(record, attempt, result, end.delivery)
            notes = await self._documented(record, attempt, head, result.notes)
        except (Unacceptable, MosaicError) as error:
            # What a worker met on a full disk is its attempt's end; only the daemon's own trouble is waited for.
            if isinstance(error, Unavailable) or (is_full_disk(error) and not isinstance(error, Unacceptable)):
                raise
            if reading.limit is not None and record.tries.get(LIMITED, 0) < _MOST_HOLDS:
                return _limited(attempt, reading, reading.limit, now)
            tail = redact(_log(end.log).decode("utf-8", "replace"))[-_TAIL:]
            # Nobody here asked for its end: the machine went down, or a person stopped it from outside.
            from_outside = end.cause is Cause.REVOKED or _UNLOGGED in end.detail
            kind = FailureClass.LOST if from_outside else FailureClass.WORKER
            failure = Failure(kind, "worker", redact(str(error)), status=attempt.name, tail=tail, at=now)
            if result is not None:
                failure = replace(failure, category=result.category, approach=result.approach)
            return [self._failed(record, attempt, failure, _used(reading, result))]
        return [ResultAccepted(attempt.fence, head, _used(reading, result), notes)]

    def _stopped(self, record: Record, used: int | None = None) -> AttemptStopped | None:
        match record.state:
            case Running(attempt=attempt, stopping=("not-started" | "deferred" | "blocked") as wanted):
                return AttemptStopped(attempt.fence, wanted, "stopped on request", used)
            case _:
                return None

    def given_up(self, record: Record, attempt: Attempt, failure: Failure) -> AttemptFailed:
        """The attempt cannot be handled any more; counted like one that was lost."""
        return self._failed(record, attempt, failure)

    def _failed(self, record: Record, attempt: Attempt, failure: Failure, used: int | None = None) -> AttemptFailed:
        is_lost, is_only = failure.kind is FailureClass.LOST, attempt.limit_sec is not None
        allowed = _LOST_RETRIES if is_lost else 0 if is_only else self.retries
        final = record.tries.get(failure.kind.value, 0) >= allowed
        return AttemptFailed(attempt.fence, failure, final, used)

    def _result(self, attempt: Attempt, reading: Reading, end: Ended) -> WorkerResult:
        if end.cause is not Cause.EXIT:
            raise Unacceptable(f"the worker was ended by {end.cause}: {end.detail}")
        file = self.layout.result_file(attempt.name)
        if file.is_symlink() or file.exists():
            data = atomicfile.read_untrusted(file, max_bytes=_MAX_RESULT_BYTES)
            result = parse_result_file(data, attempt.task)
        elif end.delivery is not None and end.delivery.result:
            result = parse_result_file(end.delivery.result.encode(), attempt.task)
        elif reading.error and not reading.text:
            raise Unacceptable(reading.error)
        else:
            try:
                result = parse_result(reading.text, attempt.task)
            except InputError as error:
                if end.exit_code != 0:
                    raise Unacceptable(f"{end.detail}; {error.problem}") from error
                raise
        return result

    async def _accepted_head(
        self, record: Record, attempt: Attempt, result: WorkerResult, delivery: Delivery | None
    ) -> str:
        """The commit to merge, after every rule about it was checked.

        Raises:
            Unacceptable: a rule is broken.
        """
        is_remote = delivery is not None and bool(delivery.ref)
        head = await self._pushed(attempt, delivery) if delivery and is_remote else await self._committed(attempt)
        if result.commit_sha and not head.startswith(result.commit_sha.lower()):
            raise Unacceptable(f"`commit_sha` is {result.commit_sha}, the head of `{attempt.branch}` is {head}")
        if dirty := () if is_remote else await self.worktrees.dirty(attempt.name, head):
            raise Unacceptable(f"success was reported with uncommitted changes in {_some(dirty)}")
        if head == attempt.base_sha or await self.clone.git.is_ancestor(head, attempt.base_sha):
            if not record.task.kind.may_change_nothing:
                raise Unacceptable(f"success was reported without a commit on `{attempt.branch}`")
            return head
        if not result.commit_sha:
            raise Unacceptable("`commit_sha` is missing: give the full sha of the last commit (`git rev-parse HEAD`)")
        await self._check_paths(record, attempt, head)
        return head

    async def _committed(self, attempt: Attempt) -> str:
        """The head in its working directory."""
        if self.worktrees.is_at(attempt.name, attempt.branch, attempt.base_sha):
            return attempt.base_sha
        tree = self.worktrees.path(attempt.name)
        head = await self.clone.take(tree, attempt.branch, f"attempts/{attempt.name}")
        if head is None:
            raise Unacceptable(f"there is no branch `{attempt.branch}` in the worktree any more")
        return head

    async def _pushed(self, attempt: Attempt, delivery: Delivery) -> str:
        """The head that a worker elsewhere has pushed: the one it names, or nothing of it is taken."""
        if not delivery.head:
            return attempt.base_sha
        head = await Exchange(self.clone).take(delivery.url, delivery.ref, f"attempts/{attempt.name}")
        if head != delivery.head:
            found = f"it is at {head}" if head else "there is none"
            raise Unacceptable(f"the worker names {delivery.head} as the head of `{delivery.ref}`, and {found}")
        return head

    async def _check_paths(self, record: Record, attempt: Attempt, head: str) -> None:
        changes = await self._changes(attempt, head)
        if said := trespass((change.path for change in changes), Leave(record.task.files, self.may_change)):
            raise Unacceptable(said)
        for change in changes:
            if change.mode == _SUBMODULE:
                raise Unacceptable(f"it adds or moves the submodule {change.path}")
            if change.mode == _SYMLINK:
                target = (await self.clone.commits.blob(change.blob)).decode("utf-8", "replace")
                if _leads_out(change.path, target):
                    raise Unacceptable(f"the symlink {change.path} points out of the repository")

    async def _changes(self, attempt: Attempt, head: str) -> tuple[Change, ...]:
        """What the attempt itself changed: a worker that rebased has brought others' changes along."""
        return await self.clone.commits.changes(await self.clone.fork_point(head) or attempt.base_sha, head)

    async def _documented(self, record: Record, attempt: Attempt, head: str, notes: str) -> str:
        """The notes, with what is not documented.

        Raises:
            Unacceptable: it has to be.
        """
        gate = self.docs_gate
        if gate is None or record.task.kind not in (Kind.CODE, Kind.CONFIG) or gate.is_covered(record):
            return notes
        own = await self.clone.commits.read(attempt.base_sha, CHECKLIST)
        checklist = gate.checklist if own is None else own.decode("utf-8", "replace")
        changes = await self._changes(attempt, head)
        gap = missing((change.path for change in changes), notes, checklist)
        if gap and gate.required:
            raise Unacceptable(gap)
        return f"{notes} | docs gate: {gap}" if gap else notes


def _require_success(result: WorkerResult, end: Ended) -> None:
    if result.status == "failed":
        raise Unacceptable(f"the worker reported failure: {result.notes or 'without saying why'}")
    if end.exit_code != 0:
        raise Unacceptable(f"the worker reported success and ended badly: {end.detail}")


def _used(reading: Reading, result: WorkerResult | None) -> int | None:
    """Tokens: a runtime that counts them is believed over its worker."""
    return reading.used if reading.used is not None or result is None else result.used


def _limited(attempt: Attempt, reading: Reading, limit: Limit, now: datetime) -> list[Event]:
    """A provider's limit says nothing of the task: no try is used, the runtime rests."""
    until = min(limit.until or now + _HOLD_WITHOUT_TIME, now + _LONGEST_HOLD)
    until = max(until, now + timedelta(seconds=1))
    reason = f"the provider's limit: {limit.detail}"
    return [
        RuntimeHeld(attempt.runtime, Hold(reason, until)),
        AttemptReleased(attempt.fence, reason, not_before=until, used=reading.used),
    ]


def _log(path: Path) -> bytes:
    return path.read_bytes()[-_MAX_LOG_BYTES:] if path.is_file() else b""


def _leads_out(path: str, target: str) -> bool:
    """Whether a symbolic link leaves the repository. Going up after going down is not followed: by way of another link
    that may lead anywhere.
    """
    parts = [part for part in target.split("/") if part not in ("", ".")]
    ups = next((number for number, part in enumerate(parts) if part != ".."), len(parts))
    return target.startswith("/") or ".." in parts[ups:] or ups > path.count("/")


def _some(paths: tuple[str, ...], most: int = 5) -> str:
    shown = ", ".join(paths[:most])
    return f"{shown} and {len(paths) - most} more" if len(paths) > most else shown
