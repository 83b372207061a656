"""Reviews and gates: how an accepted result gets to the base branch."""

from __future__ import annotations

from mosaic_daemon.ground.failpoints import failpoint
from mosaic_daemon.nouns import events as ev
from mosaic_daemon.nouns.gate import Step
from mosaic_daemon.nouns.record import Blocked, Deferred, Done, Gating, Record, Removed, Reviewing
from mosaic_daemon.repository.exchange import Exchange
from mosaic_daemon.stages import gate, review
from mosaic_daemon.tick.faces import Faces
from mosaic_daemon.tick.turn import Turn


class Gates:
    """The part of a tick between the workers and the base branch."""

    def __init__(self, turn: Turn, faces: Faces) -> None:
        self._turn, self._parts, self._faces = turn, turn.parts, faces

    async def review(self) -> None:
        """Move the reviews, as many at once as there may be workers; those whose turn it is not wait."""
        ledger = self._parts.ledger
        for record in ledger.in_state(Reviewing)[: self._parts.max_workers]:
            await self._turn.guarded(record.id, self._review(record))
        if self._parts.reviews.desk.trees.names():
            await self._turn.guarded("", self._parts.reviews.sweep(ledger.in_state(Reviewing, Blocked)))

    async def advance(self) -> bool:
        """Move every gate as far as it goes now. True when one of them moved."""
        moved, has_moved = True, False
        while moved:
            moved = False
            gates = self._parts.ledger.in_state(Gating)
            holder = gate.lease_holder(gates)
            for record in gates:
                step = record.state.gate.step if isinstance(record.state, Gating) else None
                is_next = step in (Step.LEASE, Step.MAIN_CLEAR)
                is_its_turn = record.id == holder and not (is_next and self._faces.table_is_due())
                if is_its_turn or step is Step.CLOSE:
                    moved |= await self._turn.guarded(record.id, self._advance(record))
            has_moved |= moved
            if self._faces.table_is_due():
                await self._faces.publish_table()
                moved |= holder is not None and not self._faces.table_is_due()  # it may be what the gate has waited for
        return has_moved

    async def _review(self, record: Record) -> None:
        ledger = self._parts.ledger
        look = review.Look(self._turn.now, ledger.next_position(), ledger.records)
        happened = await self._parts.reviews.advance(record, look)
        if happened:
            self._turn.record_all(happened)
            failpoint("review.recorded")

    async def _advance(self, record: Record) -> bool:
        """Move one gate as far as it goes now."""
        moved, siblings, has_just_intended = False, self._siblings(record), False
        while isinstance(record.state, Gating):
            before = record
            look = gate.Look(self._turn.now, has_just_intended, siblings)
            event = await gate.advance(record, self._parts.forge, self._parts.policy, look)
            if event is None:
                break
            moved |= not isinstance(event, ev.GateHeld)
            step = record.state.gate.step
            self._turn.record(record.id, event)
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
        self._faces.landed()
        names = [f"{record.id}.{fence}" for fence in range(1, record.fence + 1)]
        for name in names:
            await self._parts.place.worktrees.remove(name)
        await self._parts.clone.forget([f"attempts/{name}" for name in names])
        for url in set(self._parts.place.elsewhere.values()):
            await Exchange(self._parts.clone).clear_task(url, record.id)
