"""The faces: what people changed comes in, what happened goes out."""

from __future__ import annotations

from datetime import timedelta

from mosaic_daemon.ground.errors import LedgerError, MosaicError, Unavailable
from mosaic_daemon.notices import log_all
from mosaic_daemon.nouns.record import Gating
from mosaic_daemon.stages import intake
from mosaic_daemon.tick.attempts import Attempts
from mosaic_daemon.tick.turn import Turn
from mosaic_daemon.tracking.merge import FaceChanges

_SETTLE = timedelta(seconds=0.2)
_RETRY = timedelta(seconds=5)


class Faces:
    """The part of a tick between the ledger and the files that people read and write."""

    def __init__(self, turn: Turn, attempts: Attempts) -> None:
        self._turn, self._parts, self._attempts = turn, turn.parts, attempts
        self._has_landed = False

    def landed(self) -> None:
        """Something came onto the base branch: the person's checkout may follow."""
        self._has_landed = True

    async def take_in(self, rescan: bool) -> None:
        parts = self._parts
        if (changes := parts.queue.changes(self._turn.now)) is not None:
            taken = self._apply(changes, parts.queue.name)
            parts.queue.accept(taken.later, taken.rejected)
            self._turn.tell(
                "tasks.json entries", "; ".join(each.describe(parts.queue.name) for each in parts.queue.problems)
            )
        if parts.queue.broken is not None:
            self._turn.tell("tasks.json", f"{parts.queue.broken.line}; nothing new is started until it is mended")
        elif not parts.queue.settling:
            self._turn.tell("tasks.json", "")
        if rescan and parts.publisher.table_enabled:
            await self._turn.guarded("", self._take_in_table())

    async def publish(self) -> None:
        await self._wrap_up()
        publisher, quiet = self._parts.publisher, self._attempts.is_quiet()
        due = publisher.queue_due(self._turn.now, quiet=quiet)
        if due is not None and due <= self._turn.now:
            self._publish_queue()
        else:
            self._turn.report.wait_until(due)
        if self.table_is_due():
            await self.publish_table()
        gates = self._parts.ledger.in_state(Gating)
        self._turn.report.wait_until(publisher.table_due(self._turn.now, gates, quiet=quiet))
        if self._has_landed and quiet:
            self._has_landed = False
            await self._turn.guarded("", self._parts.clone.fast_forward_checkout())

    async def publish_table(self) -> None:
        table = self._parts.table
        await self._wrap_up()
        is_waiting = table.deferrals.is_waiting
        try:
            for _ in range(3):
                await self._take_in_table()
                if await table.publish(self._turn.now):
                    self.landed()
                    self._turn.tell("table", "")
                    self._turn.tell("learnings", table.learnings.problem)
                    self._turn.tell("deferred errors", table.deferrals.problem)
                    break
        except LedgerError:
            raise
        except MosaicError as error:
            table.degraded = error.line
            self._turn.tell("table", f"{table.name} is not published: {error.line}")
        self._parts.publisher.table_tried(self._turn.now)
        if is_waiting and not table.deferrals.is_waiting:
            self._turn.report.progress = True
            await self._wrap_up()  # what is documented now may have been the end of a phase

    def table_is_due(self) -> bool:
        gates = self._parts.ledger.in_state(Gating)
        due = self._parts.publisher.table_due(self._turn.now, gates, quiet=self._attempts.is_quiet())
        return due is not None and due <= self._turn.now

    async def _take_in_table(self) -> None:
        table = self._parts.table
        if (changes := await table.changes(await self._parts.clone.base())) is not None:
            taken = self._apply(changes, table.name)
            table.accept(taken.later, taken.rejected)
        self._turn.tell("table rows", "; ".join(each.describe(table.name) for each in table.problems))

    def _apply(self, changes: FaceChanges, source: str) -> intake.Taken:
        """Take in what people changed in a face."""
        taken = intake.take_in(changes, self._parts.ledger, source, self._turn.now)
        self._turn.tell(f"{source} fields", "; ".join(taken.problems))
        self._parts.ledger.append_all(taken.entries)
        log_all(source, taken.entries, self._parts.ledger.records)
        self._turn.report.progress |= bool(taken.entries)
        self._turn.sync()
        return taken

    async def _wrap_up(self) -> None:
        """What follows the end of tasks, before anything is shown of it."""
        self._turn.sync()
        if self._parts.conclusions.are_due:
            await self._turn.guarded("", self._conclude_tasks())
        while self._parts.completion.is_due and await self._turn.guarded("", self._complete_phases()):
            pass

    async def _conclude_tasks(self) -> None:
        concluded = await self._parts.conclusions.carry_out(self._turn.now)
        log_all("", concluded.entries, self._parts.ledger.records)
        self._turn.tell("report cleanup", "; ".join(concluded.problems))
        self._turn.sync()

    async def _complete_phases(self) -> bool:
        entries = self._parts.completion.carry_out(self._turn.now)
        log_all("", entries, self._parts.ledger.records)
        self._turn.report.progress |= bool(entries)
        self._turn.sync()
        return True

    def _publish_queue(self) -> None:
        queue = self._parts.queue
        try:
            self._parts.publisher.publish_queue(self._turn.now)
        except Unavailable:
            self._turn.report.wait_until(self._turn.now + _SETTLE)
            return
        except (MosaicError, OSError) as error:
            self._turn.tell("tasks.json write", f"{queue.name} could not be written: {error}")
            self._turn.report.wait_until(self._turn.now + _RETRY)
            return
        self._turn.tell("tasks.json write", "")
        if queue.dirty or queue.settling:
            self._turn.report.wait_until(self._turn.now + _SETTLE)
