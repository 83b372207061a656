"""One tick: reconcile what is live, take in what people changed, collect, review, dispatch, move the gates, publish.

A tick reads again whatever it decides on, so whoever wakes the loop only gives a hint. Every part may be interrupted at
any instant and simply runs again with the next tick: what was decided is in the ledger, what was done can be probed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Mapping, Sequence
from datetime import timedelta
from itertools import islice

import anyio
from loguru import logger

from mosaic_daemon.ground.errors import LedgerError, MosaicError, Unavailable
from mosaic_daemon.ground.failpoints import failpoint
from mosaic_daemon.isolation import Isolation
from mosaic_daemon.notices import Notices, deadlock, log, log_all
from mosaic_daemon.nouns import events as ev
from mosaic_daemon.nouns.budget import Band, Budget
from mosaic_daemon.nouns.gate import Hold, Step
from mosaic_daemon.nouns.record import (
    Blocked,
    Deferred,
    Dispatching,
    Done,
    Gating,
    Record,
    Removed,
    Reviewing,
    Running,
)
from mosaic_daemon.parts import Parts, Report
from mosaic_daemon.stages import collect, dispatch, gate, intake, review
from mosaic_daemon.stages.schedule import runtime_of
from mosaic_daemon.tracking.merge import FaceChanges
from mosaic_rails.base import Ended, Lost

_SETTLE = timedelta(seconds=0.2)
_RETRY = timedelta(seconds=5)
_STUCK_SHOWN = 100


class Tick:
    """Runs ticks. Keeps nothing between them but caches and the times of publication."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._report = Report()
        self._now = parts.clock.now()
        self._isolation = Isolation()
        self._notices = Notices(parts.ledger)
        self._landed = False

    async def run(self, *, rescan: bool) -> Report:
        """One tick. `rescan`: also look at what gives no signal, such as the table on the base branch.

        Raises:
            LedgerError: nothing can be recorded; nothing was done that needs recording.
        """
        self._report, self._now = Report(), self._parts.clock.now()
        self._sync()
        await self._reconcile()
        await self._take_in(rescan)
        await self._collect(rescan)
        await self._reviews()
        await self._dispatch(rescan)  # a free slot does not wait for a gate
        if await self._gates():
            await self._dispatch(rescan=False)
        await self._publish()
        self._conclude()
        return self._report

    # --- live attempts ------------------------------------------------------------------------------------------------

    async def _reconcile(self) -> None:
        """Bring intended attempts to a worker, and ask for those to stop that shall."""
        await self._side_by_side((each.id, self._start(each)) for each in self._parts.ledger.in_state(Dispatching))
        for record in self._parts.ledger.in_state(Running):
            state = record.state
            if isinstance(state, Running) and state.stopping:
                await self._guarded(record.id, self._parts.place.rail(state.attempt).revoke(state.attempt.name))

    async def _start(self, record: Record) -> None:
        started = await dispatch.start(record, self._parts.place)
        if started is not None:
            self._record(record.id, started)
            return
        end = await self._end(record)
        if end is not None:
            await self._judge(record, end)

    async def _collect(self, rescan: bool) -> None:
        ends = [(record, await self._end(record)) for record in self._parts.ledger.in_state(Running)]
        await self._side_by_side((record.id, self._judge(record, end)) for record, end in ends if end is not None)
        if rescan:
            await self._guarded("", self._clear_inbox())

    async def _clear_inbox(self) -> None:
        active = {record.attempt.name for record in self._parts.ledger.in_state(Dispatching, Running) if record.attempt}
        for stray in collect.stray_results(self._parts.place.layout, active):
            self._record("", stray)

    async def _end(self, record: Record) -> Ended | Lost | None:
        assert record.attempt is not None  # noqa: S101
        seen = await self._parts.place.rail(record.attempt).observe(record.attempt.name)
        return seen if isinstance(seen, Ended | Lost) else None

    async def _judge(self, record: Record, end: Ended | Lost) -> None:
        attempt = record.attempt
        assert attempt is not None  # noqa: S101
        runtime = self._parts.place.runtimes[attempt.runtime]
        for event in await self._parts.judge.verdict(record, runtime, end, self._now):
            if isinstance(event, ev.ResultAccepted):
                event = await self._parts.reviews.opened(record, event, self._now)  # noqa: PLW2901
            self._record("" if isinstance(event, ev.RuntimeHeld) else record.id, event)
        failpoint("collect.recorded")
        collect.keep_result(self._parts.place.layout, attempt.name)
        await self._parts.place.rail(attempt).settle(attempt.name)

    # --- reviews ------------------------------------------------------------------------------------------------------

    async def _reviews(self) -> None:
        """Move the reviews, as many at once as there may be workers; those whose turn it is not wait."""
        ledger = self._parts.ledger
        for record in ledger.in_state(Reviewing)[: self._parts.max_workers]:
            await self._guarded(record.id, self._review(record))
        if self._parts.reviews.desk.trees.names():
            await self._guarded("", self._parts.reviews.sweep(ledger.in_state(Reviewing, Blocked)))

    async def _review(self, record: Record) -> None:
        ledger = self._parts.ledger
        look = review.Look(self._now, ledger.next_position(), ledger.records)
        happened = await self._parts.reviews.advance(record, look)
        if happened:
            self._record_all(happened)
            failpoint("review.recorded")

    # --- faces in -----------------------------------------------------------------------------------------------------

    async def _take_in(self, rescan: bool) -> None:
        parts = self._parts
        if (changes := parts.queue.changes(self._now)) is not None:
            taken = self.apply(changes, parts.queue.name)
            parts.queue.accept(taken.later, taken.rejected)
            self.tell("tasks.json entries", "; ".join(each.describe(parts.queue.name) for each in parts.queue.problems))
        if parts.queue.broken is not None:
            self.tell("tasks.json", f"{parts.queue.broken.line}; nothing new is started until it is mended")
        elif not parts.queue.settling:
            self.tell("tasks.json", "")
        if rescan and parts.publisher.table_enabled:
            await self._guarded("", self._take_in_table())

    async def _take_in_table(self) -> None:
        table = self._parts.table
        if (changes := await table.changes(await self._parts.clone.base())) is not None:
            taken = self.apply(changes, table.name)
            table.accept(taken.later, taken.rejected)
        self.tell("table rows", "; ".join(each.describe(table.name) for each in table.problems))

    def apply(self, changes: FaceChanges, source: str) -> intake.Taken:
        """Take in what people changed in a face."""
        taken = intake.take_in(changes, self._parts.ledger, source, self._now)
        self.tell(f"{source} fields", "; ".join(taken.problems))
        self._parts.ledger.append_all(taken.entries)
        log_all(source, taken.entries, self._parts.ledger.records)
        self._report.progress |= bool(taken.entries)
        self._sync()
        return taken

    # --- gates --------------------------------------------------------------------------------------------------------

    async def _gates(self) -> bool:
        """Move every gate as far as it goes now. True when one of them moved."""
        moved, has_moved = True, False
        while moved:
            moved = False
            gates = self._parts.ledger.in_state(Gating)
            holder = gate.lease_holder(gates)
            for record in gates:
                step = record.state.gate.step if isinstance(record.state, Gating) else None
                is_next = step in (Step.LEASE, Step.MAIN_CLEAR)
                is_its_turn = record.id == holder and not (is_next and self._table_is_due())
                if is_its_turn or step is Step.CLOSE:
                    moved |= await self._guarded(record.id, self._advance(record))
            has_moved |= moved
            if self._table_is_due():
                await self._publish_table()
                moved |= holder is not None and not self._table_is_due()  # it may be what the gate has waited for
        return has_moved

    async def _advance(self, record: Record) -> bool:
        """Move one gate as far as it goes now."""
        moved, siblings, has_just_intended = False, self._siblings(record), False
        while isinstance(record.state, Gating):
            before = record
            look = gate.Look(self._now, has_just_intended, siblings)
            event = await gate.advance(record, self._parts.forge, self._parts.policy, look)
            if event is None:
                break
            moved |= not isinstance(event, ev.GateHeld)
            step = record.state.gate.step
            self._record(record.id, event)
            failpoint(f"gate.{step}.recorded")
            has_just_intended = isinstance(event, ev.GateIntended)
            record = self._parts.ledger.records[record.id]
            if isinstance(event, ev.GateReturned | ev.GateFailed):
                await gate.tidy(before, self._parts.forge, self._parts.policy)
            if isinstance(event, ev.GateHeld):
                break
        if isinstance(record.state, Done):
            for each in filter(None, (record, self._parts.ledger.records.get(record.mends))):
                await self._tidy(each)
        return moved

    def _siblings(self, record: Record) -> tuple[str, ...]:
        """The other tasks for which this one's issue has to stay open."""
        issue = record.task.issue
        others = self._parts.ledger.listed() if issue else ()
        over, own = (Done, Removed, Deferred), (record.id, record.mends)
        return tuple(
            each.id
            for each in others
            if each.task.issue == issue and each.id not in own and not isinstance(each.state, over)
        )

    async def _tidy(self, record: Record) -> None:
        self._landed = True
        names = [f"{record.id}.{fence}" for fence in range(1, record.fence + 1)]
        for name in names:
            await self._parts.place.worktrees.remove(name)
        await self._parts.clone.forget([f"attempts/{name}" for name in names])

    # --- schedule and dispatch ----------------------------------------------------------------------------------------

    async def _dispatch(self, rescan: bool) -> None:
        self._sync()
        if rescan:
            self._release_mended_runtimes()
        base: str | None = None
        intended: list[str] = []
        while self._may_start():
            record = self._parts.schedule.pick(self._parts.ledger.system, self._now)
            if record is None:
                break
            runtime = runtime_of(record.task, self._parts.default_runtime)
            if not self._is_startable(record, runtime):
                self._sync()
                continue
            try:
                base = base or await self._parts.clone.base()
            except MosaicError as error:
                self.tell("origin", error.line)
                break
            self.tell("origin", "")
            self._record(record.id, dispatch.intend(record, runtime, self._first_commit(record) or base))
            failpoint("dispatch.intended")
            intended.append(record.id)
            self._sync()
        await self._side_by_side((task, self._start(self._parts.ledger.records[task])) for task in intended)
        self._sync()

    def _first_commit(self, record: Record) -> str:
        """The commit from which a task goes on that a review sent back; empty: it starts anew.

        Nothing is left to carry on where the task that it mends has been delivered without it.
        """
        mended = self._parts.ledger.records.get(record.mends)
        return "" if mended is not None and isinstance(mended.state, Done) else record.start_from

    def _may_start(self) -> bool:
        ledger = self._parts.ledger
        live = len(ledger.in_state(Dispatching, Running))
        return live < self._slots() and not ledger.system.draining and self._parts.queue.broken is None

    def _slots(self) -> int:
        budget = self._budget()
        return self._parts.max_workers if budget is None else min(self._parts.max_workers, budget.slots)

    def _budget(self) -> Budget | None:
        return self._parts.spending.against(self._parts.cap.read())

    def _is_startable(self, record: Record, runtime: str) -> bool:
        if (problem := dispatch.runtime_problem(runtime, self._parts.place)) is not None:
            self._record("", ev.RuntimeHeld(runtime, Hold(problem)))
            return False
        if (problem := dispatch.task_problem(record, runtime, self._parts.place)) is not None:
            self._record(record.id, ev.TaskBlocked(problem, "daemon"))
            return False
        return True

    def _release_mended_runtimes(self) -> None:
        for runtime, hold in self._parts.ledger.system.holds.items():
            over = hold.until <= self._now if hold.until else not dispatch.runtime_problem(runtime, self._parts.place)
            if over:
                self._record("", ev.RuntimeReleased(runtime))

    # --- faces out ----------------------------------------------------------------------------------------------------

    async def _wrap_up(self) -> None:
        """What follows the end of tasks, before anything is shown of it."""
        self._sync()
        if self._parts.conclusions.are_due:
            await self._guarded("", self._conclude_tasks())

    async def _conclude_tasks(self) -> None:
        concluded = await self._parts.conclusions.carry_out(self._now)
        log_all("", concluded.entries, self._parts.ledger.records)
        self.tell("report cleanup", "; ".join(concluded.problems))
        self._sync()

    async def _publish(self) -> None:
        await self._wrap_up()
        publisher, quiet = self._parts.publisher, self._is_quiet()
        due = publisher.queue_due(self._now, quiet=quiet)
        if due is not None and due <= self._now:
            self._publish_queue()
        else:
            self._report.wait_until(due)
        if self._table_is_due():
            await self._publish_table()
        gates = self._parts.ledger.in_state(Gating)
        self._report.wait_until(publisher.table_due(self._now, gates, quiet=quiet))
        if self._landed and quiet:
            self._landed = False
            await self._guarded("", self._parts.clone.fast_forward_checkout())

    def _publish_queue(self) -> None:
        queue = self._parts.queue
        try:
            self._parts.publisher.publish_queue(self._now)
        except Unavailable:
            self._report.wait_until(self._now + _SETTLE)
            return
        except (MosaicError, OSError) as error:
            self.tell("tasks.json write", f"{queue.name} could not be written: {error}")
            self._report.wait_until(self._now + _RETRY)
            return
        self.tell("tasks.json write", "")
        if queue.dirty or queue.settling:
            self._report.wait_until(self._now + _SETTLE)

    def _table_is_due(self) -> bool:
        gates = self._parts.ledger.in_state(Gating)
        due = self._parts.publisher.table_due(self._now, gates, quiet=self._is_quiet())
        return due is not None and due <= self._now

    async def _publish_table(self) -> None:
        table = self._parts.table
        await self._wrap_up()
        try:
            for _ in range(3):
                await self._take_in_table()
                if await table.publish(self._now):
                    self._landed = True
                    self.tell("table", "")
                    self.tell("learnings", table.learnings.problem)
                    break
        except LedgerError:
            raise
        except MosaicError as error:
            table.degraded = error.line
            self.tell("table", f"{table.name} is not published: {error.line}")
        self._parts.publisher.table_tried(self._now)

    def _is_quiet(self) -> bool:
        """Nothing is running, in a review or in a gate, and nothing is about to start."""
        busy = self._parts.ledger.in_state(Dispatching, Running, Reviewing, Gating)
        return not busy and (
            not self._may_start() or self._parts.schedule.pick(self._parts.ledger.system, self._now) is None
        )

    # --- the end of a tick --------------------------------------------------------------------------------------------

    def _conclude(self) -> None:
        ledger, schedule, report = self._parts.ledger, self._parts.schedule, self._report
        report.counts = ledger.counts()
        report.broken = self._parts.queue.broken
        due = schedule.next_due(ledger.system, self._now)
        if due is not None:
            self._report.wait_until(due)
        for record in ledger.in_state(Reviewing, Gating):
            hold = record.hold
            self._report.wait_until(hold.until if hold else None)
        if self._parts.queue.settling:
            self._report.wait_until(self._now + _SETTLE)
        report.idle = self._is_quiet() and due is None and not self._parts.queue.settling
        budget = self._budget()
        self.tell("plan", self._parts.cap.problem)
        self.tell("budget", f"budget: {budget.band.meaning}" if budget and budget.band is not Band.NORMAL else "")
        if budget is not None and not budget.slots:
            report.stuck = {task: [f"budget: {budget.line}"] for task in islice(schedule.waiting(), _STUCK_SHOWN)}
        elif report.idle and not ledger.system.draining:
            report.stuck = schedule.stuck(ledger.system, self._now)
            self.tell("deadlock", deadlock(report.stuck, schedule.waiting_count()), details=report.stuck)
        elif report.progress:
            self.tell("deadlock", "")

    # --- pieces -------------------------------------------------------------------------------------------------------

    def _sync(self) -> None:
        """Let schedule and faces see what changed in the ledger."""
        ledger = self._parts.ledger
        changed = [ledger.records[task] for task in ledger.take_changed()]
        if changed:
            changed.sort(key=lambda record: record.position)
            self._parts.schedule.update(changed)
            self._parts.spending.update(changed)
            self._parts.conclusions.update(changed)
            self._parts.publisher.show(changed)

    def _record(self, task: str, event: ev.Event) -> None:
        self._record_all([(task, event), *self._follows(task, event)])

    def _record_all(self, happened: Sequence[tuple[str, ev.Event]]) -> None:
        """Record events of several tasks at once: all of them, or none."""
        ledger = self._parts.ledger
        ledger.append_all([ev.Entry(self._now, task, "daemon", event) for task, event in happened])
        for task, event in happened:
            self._report.progress |= not isinstance(event, ev.GateHeld | ev.ReviewHeld)
            log(task, event, ledger.records.get(task))

    def _follows(self, task: str, event: ev.Event) -> list[tuple[str, ev.Event]]:
        """What is delivered with a task that mends another."""
        records = self._parts.ledger.records
        if not isinstance(event, ev.TaskDone) or not (mends := records[task].mends):
            return []
        delivered = review.delivered(records.get(mends), records[task], event)
        return [(mends, delivered)] if delivered else []

    async def _guarded(self, task: str, work: Awaitable[bool | None]) -> bool:
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

    async def _side_by_side(self, works: Iterable[tuple[str, Awaitable[None]]]) -> None:
        """`_guarded` for works that wait for processes most of the time, at most one a slot."""
        errors: list[LedgerError] = []

        async def run(task: str, work: Awaitable[None]) -> None:
            try:
                await self._guarded(task, work)
            except LedgerError as error:
                errors.append(error)

        async with anyio.create_task_group() as group:
            for task, work in works:
                group.start_soon(run, task, work)
        if errors:
            raise errors[0]

    async def _failed(self, task: str, error: Exception) -> None:
        logger.bind(task=task).opt(exception=error).debug("{}", error)
        record = self._parts.ledger.records.get(task)
        trouble = self._isolation.trouble(task, record, error, self._now)
        self._report.wait_until(trouble.again_at)
        if record is None or trouble.give_up is None:
            self.tell(f"waiting {task}", trouble.message)
        elif isinstance(record.state, Gating):
            self._record(task, ev.GateBlocked(trouble.give_up))
        elif isinstance(record.state, Reviewing):
            self._record(task, ev.ReviewBlocked(trouble.give_up))
        elif record.occupies_slot and record.attempt is not None:
            await self._parts.place.rail(record.attempt).revoke(record.attempt.name)
            self._record(task, self._parts.judge.given_up(record, record.attempt, trouble.give_up))

    def tell(self, topic: str, message: str, details: Mapping[str, object] | None = None) -> None:
        """Report something people should see, once until it changes; an empty message takes it back."""
        self._notices.tell(topic, message, self._now, details)
