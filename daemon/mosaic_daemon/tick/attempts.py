"""Live attempts: ends come in, tasks whose turn it is go out to workers."""

from __future__ import annotations

from datetime import datetime, timedelta

from mosaic_daemon.ground.errors import MosaicError
from mosaic_daemon.ground.failpoints import failpoint
from mosaic_daemon.nouns import events as ev
from mosaic_daemon.nouns.budget import Budget
from mosaic_daemon.nouns.gate import Hold
from mosaic_daemon.nouns.record import Dispatching, Done, Gating, Record, Reviewing, Running
from mosaic_daemon.stages import dispatch, inbox
from mosaic_daemon.stages.schedule import runtime_of
from mosaic_daemon.tick.turn import Turn
from mosaic_rails.base import Cause, Ended, Lost

_OUTAGE = timedelta(seconds=60)  # a rail that is back sooner keeps what was offered on it


class Attempts:
    """The part of a tick between the queue and the workers."""

    def __init__(self, turn: Turn) -> None:
        self._turn, self._parts = turn, turn.parts
        self._troubled: dict[str, datetime] = {}
        self._seen_troubles: dict[str, str] = {}
        self._stranded: dict[str, str] = {}

    async def reconcile(self) -> None:
        """Bring intended attempts to a worker, and ask for those to stop that shall."""
        await self._turn.side_by_side((each.id, self._start(each)) for each in self._parts.ledger.in_state(Dispatching))
        for record in self._parts.ledger.in_state(Running):
            state = record.state
            if isinstance(state, Running) and state.stopping:
                await self._turn.guarded(record.id, self._parts.place.rail(state.attempt).revoke(state.attempt.name))

    async def collect(self, rescan: bool) -> None:
        ends = [(record, await self._end(record)) for record in self._parts.ledger.in_state(Running)]
        await self._turn.side_by_side((record.id, self._judge(record, end)) for record, end in ends if end is not None)
        if rescan:
            await self._turn.guarded("", self._clear_inbox())

    async def dispatch(self, rescan: bool) -> None:
        self._turn.sync()
        self._see_rails()
        if rescan:
            self._release_mended_runtimes()
        base: str | None = None
        intended: list[str] = []
        while self.may_start():
            record = self._parts.schedule.pick(self._parts.ledger.system, self._turn.now)
            if record is None:
                break
            runtime = runtime_of(record.task, self._parts.default_runtime)
            if not self._is_startable(record, runtime):
                self._turn.sync()
                continue
            try:
                base = base or await self._parts.clone.base()
            except MosaicError as error:
                self._turn.tell("origin", error.line)
                break
            self._turn.tell("origin", "")
            start_from, limit_sec = self._first_commit(record) or base, self._parts.completion.limit_sec(record)
            rail = self._parts.delegation.rail_of(record.task)
            self._turn.record(record.id, dispatch.intend(record, runtime, rail, start_from, limit_sec))
            failpoint("dispatch.intended")
            intended.append(record.id)
            self._turn.sync()
        await self._turn.side_by_side((task, self._start(self._parts.ledger.records[task])) for task in intended)
        self._turn.sync()

    def _see_rails(self) -> None:
        troubles = {name: rail.trouble for name, rail in self._parts.place.rails.items()}
        if troubles != self._seen_troubles:
            self._seen_troubles = troubles
            self._parts.schedule.look_again()

    def is_quiet(self) -> bool:
        """Nothing is running, in a review or in a gate, and nothing is about to start."""
        busy = self._parts.ledger.in_state(Dispatching, Running, Reviewing, Gating)
        return not busy and (
            not self.may_start() or self._parts.schedule.pick(self._parts.ledger.system, self._turn.now) is None
        )

    def may_start(self) -> bool:
        ledger = self._parts.ledger
        live = len(ledger.in_state(Dispatching, Running))
        return live < self._slots() and not ledger.system.draining and self._parts.queue.broken is None

    def _slots(self) -> int:
        budget = self.budget()
        return self._parts.max_workers if budget is None else min(self._parts.max_workers, budget.slots)

    def budget(self) -> Budget | None:
        return self._parts.spending.against(self._parts.cap.read())

    async def _start(self, record: Record) -> None:
        started = await dispatch.start(record, self._parts.place)
        if started is not None:
            self._turn.record(record.id, started)
            return
        await self._take_back(record)
        match await self._end(record):
            case Ended(cause=Cause.REVOKED, detail=detail):
                self._turn.record(record.id, ev.AttemptReleased(record.fence, self._stranded.pop(record.id, detail)))
            case Ended() | Lost() as end:
                await self._judge(record, end)

    async def _take_back(self, record: Record) -> None:
        """What nobody has taken, on a rail that reaches nobody, is offered to somebody else."""
        attempt = record.attempt
        assert attempt is not None  # noqa: S101
        rail, now = self._parts.place.rail(attempt), self._turn.now
        if not rail.trouble:
            self._troubled.pop(attempt.name, None)
        elif now - self._troubled.setdefault(attempt.name, now) >= _OUTAGE:
            self._stranded[record.id] = f"rail `{rail.name}`: {rail.trouble}"
            await rail.revoke(attempt.name)

    async def _end(self, record: Record) -> Ended | Lost | None:
        assert record.attempt is not None  # noqa: S101
        seen = await self._parts.place.rail(record.attempt).observe(record.attempt.name)
        return seen if isinstance(seen, Ended | Lost) else None

    async def _judge(self, record: Record, end: Ended | Lost) -> None:
        attempt = record.attempt
        assert attempt is not None  # noqa: S101
        runtime = self._parts.place.runtimes[attempt.runtime]
        for event in await self._parts.judge.verdict(record, runtime, end, self._turn.now):
            if isinstance(event, ev.ResultAccepted):
                event = await self._parts.reviews.opened(record, event, self._turn.now)  # noqa: PLW2901
            self._turn.record("" if isinstance(event, ev.RuntimeHeld) else record.id, event)
        failpoint("collect.recorded")
        inbox.keep_result(self._parts.place.layout, attempt.name)
        await self._parts.place.rail(attempt).settle(attempt.name)

    async def _clear_inbox(self) -> None:
        active = {record.attempt.name for record in self._parts.ledger.in_state(Dispatching, Running) if record.attempt}
        for stray in inbox.stray_results(self._parts.place.layout, active):
            self._turn.record("", stray)

    def _is_startable(self, record: Record, runtime: str) -> bool:
        is_here = self._parts.delegation.starts_here(record.task)
        if is_here and (problem := dispatch.runtime_problem(runtime, self._parts.place)) is not None:
            self._turn.record("", ev.RuntimeHeld(runtime, Hold(problem)))
            return False
        if (problem := dispatch.task_problem(record, runtime, self._parts.place)) is not None:
            self._turn.record(record.id, ev.TaskBlocked(problem, "daemon"))
            return False
        return True

    def _first_commit(self, record: Record) -> str:
        """The commit from which a task goes on that a review sent back; empty: it starts anew.

        Nothing is left to carry on where the task that it mends has been delivered without it.
        """
        mended = self._parts.ledger.records.get(record.mends)
        return "" if mended is not None and isinstance(mended.state, Done) else record.start_from

    def _release_mended_runtimes(self) -> None:
        for runtime, hold in self._parts.ledger.system.holds.items():
            over = (
                hold.until <= self._turn.now if hold.until else not dispatch.runtime_problem(runtime, self._parts.place)
            )
            if over:
                self._turn.record("", ev.RuntimeReleased(runtime))
