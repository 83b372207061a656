"""What the parts of a tick share: the daemon's parts, the time, the ledger's pen, and how a failure stays apart."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Mapping, Sequence

import anyio
from loguru import logger

from mosaic_daemon.ground.errors import LedgerError
from mosaic_daemon.isolation import Isolation
from mosaic_daemon.notices import Notices, log
from mosaic_daemon.nouns import events as ev
from mosaic_daemon.nouns.record import Gating, Reviewing
from mosaic_daemon.parts import Parts, Report
from mosaic_daemon.stages import review


class Turn:
    """One tick after the other.

    Attributes:
        report: of the tick that runs.
        now: when it began.
    """

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.report = Report()
        self.now = parts.clock.now()
        self._isolation = Isolation()
        self._notices = Notices(parts.ledger)

    def begin(self) -> None:
        self.report, self.now = Report(), self.parts.clock.now()
        self.sync()

    def sync(self) -> None:
        """Let schedule and faces see what changed in the ledger."""
        ledger = self.parts.ledger
        changed = [ledger.records[task] for task in ledger.take_changed()]
        if changed:
            changed.sort(key=lambda record: record.position)
            self.parts.schedule.update(changed)
            self.parts.spending.update(changed)
            self.parts.conclusions.update(changed)
            self.parts.completion.update(changed)
            self.parts.publisher.show(changed)

    def record(self, task: str, event: ev.Event) -> None:
        self.record_all([(task, event), *self._follows(task, event)])

    def record_all(self, happened: Sequence[tuple[str, ev.Event]]) -> None:
        """Record events of several tasks at once: all of them, or none."""
        ledger = self.parts.ledger
        ledger.append_all([ev.Entry(self.now, task, "daemon", event) for task, event in happened])
        for task, event in happened:
            self.report.progress |= not isinstance(event, ev.GateHeld | ev.ReviewHeld | ev.ReleaseHeld)
            log(task, event, ledger.records.get(task))

    async def guarded(self, task: str, work: Awaitable[bool | None]) -> bool:
        """Run a part of the tick so that its failure stays with its task. True when it moved something."""
        try:
            moved = await work
        except LedgerError:
            raise
        except Exception as error:
            await self._failed(task, error)
            return False
        self._isolation.went_well(task)
        self.tell(f"waiting {task}", "")
        return bool(moved)

    async def side_by_side(self, works: Iterable[tuple[str, Awaitable[None]]]) -> None:
        """`guarded` for works that wait for processes most of the time, at most one a slot."""
        errors: list[LedgerError] = []

        async def run(task: str, work: Awaitable[None]) -> None:
            try:
                await self.guarded(task, work)
            except LedgerError as error:
                errors.append(error)

        async with anyio.create_task_group() as group:
            for task, work in works:
                group.start_soon(run, task, work)
        if errors:
            raise errors[0]

    def tell(self, topic: str, message: str, details: Mapping[str, object] | None = None) -> None:
        """Report something people should see, once until it changes; an empty message takes it back."""
        self._notices.tell(topic, message, self.now, details)

    def _follows(self, task: str, event: ev.Event) -> list[tuple[str, ev.Event]]:
        """What is delivered with a task that mends another."""
        records = self.parts.ledger.records
        if not isinstance(event, ev.TaskDone) or not (mends := records[task].mends):
            return []
        delivered = review.delivered(records.get(mends), records[task], event)
        return [(mends, delivered)] if delivered else []

    async def _failed(self, task: str, error: Exception) -> None:
        logger.bind(task=task).opt(exception=error).debug("{}", error)
        record = self.parts.ledger.records.get(task)
        trouble = self._isolation.trouble(task, record, error, self.now)
        self.report.wait_until(trouble.again_at)
        if record is None or trouble.give_up is None:
            self.tell(f"waiting {task}", trouble.message)
        elif isinstance(record.state, Gating):
            self.record(task, ev.GateBlocked(trouble.give_up))
        elif isinstance(record.state, Reviewing):
            self.record(task, ev.ReviewBlocked(trouble.give_up))
        elif record.occupies_slot and record.attempt is not None:
            await self.parts.place.rail(record.attempt).revoke(record.attempt.name)
            self.record(task, self.parts.judge.given_up(record, record.attempt, trouble.give_up))
