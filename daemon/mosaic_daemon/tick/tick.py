"""One tick: reconcile what is live, take in what people changed, collect, review, dispatch, move the gates, publish.

A tick reads again whatever it decides on, so whoever wakes the loop only gives a hint. Every part may be interrupted at
any instant and simply runs again with the next tick: what was decided is in the ledger, what was done can be probed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from itertools import islice

from mosaic_daemon.milestone.release import Opening
from mosaic_daemon.notices import deadlock, log_all
from mosaic_daemon.nouns import events as ev
from mosaic_daemon.nouns.budget import Band, Budget
from mosaic_daemon.nouns.figures import tokens_text
from mosaic_daemon.nouns.record import Gating, Reviewing
from mosaic_daemon.parts import Parts, Report
from mosaic_daemon.tick.attempts import Attempts
from mosaic_daemon.tick.faces import Faces
from mosaic_daemon.tick.gates import Gates
from mosaic_daemon.tick.milestones import Milestones
from mosaic_daemon.tick.turn import Turn

_SETTLE = timedelta(seconds=0.2)
_STUCK_SHOWN = 100
_CAP = "budget:cap"
_NO_CAP = "none"


class Tick:
    """Runs ticks. Keeps nothing between them but caches and the times of publication."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._turn = Turn(parts)
        self._attempts = Attempts(self._turn)
        self._faces = Faces(self._turn, self._attempts)
        self._gates = Gates(self._turn, self._faces)
        self._milestones = Milestones(self._turn, self._faces)

    async def run(self, *, rescan: bool) -> Report:
        """One tick. `rescan`: also look at what gives no signal, such as the table on the base branch.

        Raises:
            LedgerError: nothing can be recorded; nothing was done that needs recording.
        """
        self._turn.begin()
        await self._attempts.reconcile()
        await self._faces.take_in(rescan)
        await self._attempts.collect(rescan)
        await self._gates.review()
        await self._attempts.dispatch(rescan)  # a free slot does not wait for a gate
        if await self._gates.advance():
            await self._attempts.dispatch(rescan=False)
        await self._faces.publish()
        await self._milestones.advance(rescan)
        self._conclude()
        return self._turn.report

    def tell(self, topic: str, message: str, details: Mapping[str, object] | None = None) -> None:
        """Report something people should see, once until it changes; an empty message takes it back."""
        self._turn.tell(topic, message, details)

    async def request_release(self, source: str, asked: str = "") -> Opening:
        """A person asks for the milestone's release; the next tick moves it.

        Raises:
            Refused, InputError, Unavailable: it cannot be opened; the message says why.
        """
        self._turn.begin()
        return await self._milestones.request(source, asked)

    def _conclude(self) -> None:
        ledger, schedule, report = self._parts.ledger, self._parts.schedule, self._turn.report
        report.counts = ledger.counts()
        report.broken = self._parts.queue.broken
        due = schedule.next_due(ledger.system, self._turn.now)
        if due is not None:
            self._turn.report.wait_until(due)
        for record in ledger.in_state(Reviewing, Gating):
            hold = record.hold
            self._turn.report.wait_until(hold.until if hold else None)
        if self._parts.queue.settling:
            self._turn.report.wait_until(self._turn.now + _SETTLE)
        is_quiet = self._attempts.is_quiet() and not self._milestones.is_open
        report.idle = is_quiet and not (due or self._parts.queue.settling or schedule.waits_for_a_rail)
        report.release = ledger.system.release
        budget = self._attempts.budget()
        self._note_cap(budget)
        self._turn.tell("plan", self._parts.cap.problem)
        self._turn.tell("budget", f"budget: {budget.band.meaning}" if budget and budget.band is not Band.NORMAL else "")
        if budget is not None and not budget.slots:
            report.stuck = {task: [f"budget: {budget.line}"] for task in islice(schedule.waiting(), _STUCK_SHOWN)}
        elif report.idle and not ledger.system.draining:
            report.stuck = schedule.stuck(ledger.system, self._turn.now)
            self._turn.tell("deadlock", deadlock(report.stuck, schedule.waiting_count()), details=report.stuck)
        elif report.progress:
            self._turn.tell("deadlock", "")

    def _note_cap(self, budget: Budget | None) -> None:
        """An operator's word on the budget is recorded: what it was, what it is, and what was used by then."""
        ledger = self._parts.ledger
        now = tokens_text(budget.cap.tokens) if budget is not None else _NO_CAP
        before = ledger.memo(_CAP)
        if now == before:
            return
        actor = "bootstrap" if budget is not None and budget.cap.source == "derived" else "operator"
        so_far = f"; {budget.line}" if budget is not None else ""
        said = f"the cap on tokens is {now}" if now != _NO_CAP else "there is no cap on tokens any more"
        changed = ev.Reported("budget cap", f"{said}, it was {before}{so_far}")
        entries = [ev.Entry(self._turn.now, "", actor, changed)] if before is not None else []
        ledger.append_all(entries, {_CAP: now})
        log_all("", entries, ledger.records)
