"""The daemon's side of a leased rail: the port over a book and a carrier.

Losing the carrier is no failure: what is open stays in the book and is offered again under the same ids when it is
back, and every half minute while it stands, so that a server that came back empty is filled again.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import anyio
from loguru import logger

from mosaic_rails.base import (
    Absent,
    Errand,
    Observation,
    Order,
    RailError,
    Reach,
)
from mosaic_rails.leased import contract, wire
from mosaic_rails.leased import messages as msg
from mosaic_rails.leased.book import Book, Pages
from mosaic_rails.leased.contract import How, Incident, Moment, Over, Row, Terms
from mosaic_rails.leased.linking import stay_linked
from mosaic_rails.leased.outcomes import observation
from mosaic_rails.leased.transport import Batch, Link, Outgoing, Received, Transport

_OUTAGE_LEASES = 4  # a worker may have finished meanwhile and wait with its result for the carrier
_TURNS_UNDER_ONE_KEY = 10  # a worker that has forgotten an offer hears of it again, whatever its server remembers
_LONGEST_CLAIM = "c" * 128


@dataclass(frozen=True, slots=True)
class Clock:
    """Where the rail's time comes from: `now` for records, `monotonic` seconds for leases."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    monotonic: Callable[[], float] = time.monotonic

    def moment(self) -> Moment:
        return Moment(self.now(), self.monotonic())


class LeasedRail:
    """Implements `mosaic_rails.base.Rail`.

    Args:
        book: of this rail alone.
        terms: under which attempts are given away.
        logs: the attempts' folders; a worker's log goes to `<logs>/<attempt>/output.log`.
        transport: the carrier; None: whoever calls `answer` carries.
    """

    def __init__(
        self, book: Book, terms: Terms, logs: Path, transport: Transport | None = None, clock: Clock | None = None
    ) -> None:
        self._book = book
        self._terms = terms
        self._logs = logs
        self._transport = transport
        self._clock = clock or Clock()
        self._deadlines: dict[str, float] = {}
        self._wakes: list[Callable[[], None]] = []
        self._to_send = asyncio.Event()
        self._trouble = "not connected yet" if transport else ""

    # --- the port -----------------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        return self._terms.rail

    @property
    def reach(self) -> Reach:
        return self._terms.reach

    @property
    def trouble(self) -> str:
        return self._trouble

    def on_change(self, wake: Callable[[], None]) -> None:
        self._wakes.append(wake)

    async def offer(self, order: Order | Errand) -> None:
        if isinstance(order, Order):
            raise RailError(f"attempt {order.attempt} is a command to start here; this rail reaches workers elsewhere")
        if not wire.is_attempt(order.attempt):
            raise RailError(f"{order.attempt!r} is no attempt's name")
        with self._book.pages() as pages:
            if pages.row(order.attempt) is None:
                pages.put(self._new(order))
        self._to_send.set()

    async def observe(self, attempt: str) -> Observation:
        row = self._book.row(attempt) if wire.is_attempt(attempt) else None
        if row is None:
            return Absent()
        if (overdue := self._overdue(row)) is not None:
            row = self._conclude(overdue)
        return observation(row, self._logs)

    async def revoke(self, attempt: str) -> None:
        if not wire.is_attempt(attempt):
            return
        with self._book.pages() as pages:
            row = pages.row(attempt)
            if row is None or row == (after := contract.revoked(row, self._clock.moment(), "stopped as asked")):
                return
            pages.put(after)
        self._to_send.set()
        self._changed()

    async def settle(self, attempt: str) -> None:
        self._deadlines.pop(attempt, None)
        if wire.is_attempt(attempt):
            with self._book.pages() as pages:
                pages.settle(attempt)

    async def run(self) -> None:
        """Carry messages and watch the leases, until cancelled."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._watch_leases)
            if self._transport is not None:
                group.start_soon(stay_linked, self._transport, lambda: self._book.cursor, self._use, self._become)

    # --- messages -----------------------------------------------------------------------------------------------------

    def answer(self, batch: Batch) -> list[Outgoing]:
        """Take messages in, durably, and return the replies. The same messages again change nothing.

        Raises:
            RailError: nothing of it was stored.
        """
        at, replies = self._clock.moment(), list[Outgoing]()
        deadlines: dict[str, float] = {}
        with self._book.pages() as pages:
            for received in batch.messages:
                if not pages.is_new(received.id):
                    continue
                decision = self._decided(received, pages, deadlines, at)
                if decision is not None and decision.reply is not None:
                    replies.append(self._reply(received, decision.reply))
            if batch.cursor is not None:
                pages.move_cursor(batch.cursor)
        if deadlines:
            self._deadlines |= deadlines
            self._changed()
        return replies

    def _decided(
        self, received: Received, pages: Pages, deadlines: dict[str, float], at: Moment
    ) -> contract.Decision | None:
        try:
            message = wire.decode(received.body)
        except wire.Malformed as error:
            self._note(Incident("malformed", received.sender, "", str(error), received.body), pages, at)
            return None
        if message.daemon != self._terms.daemon:
            return None
        row = pages.row(message.attempt)
        if row is not None:
            row = replace(row, deadline=deadlines.get(row.attempt, self._deadline(row, at)))
            if (overdue := self._overdue(row)) is not None:
                row = overdue
                pages.put(row)
                deadlines[row.attempt] = row.deadline
        decision = contract.decide(message, received.sender, row, self._terms, at)
        if decision.row is not None:
            pages.put(decision.row)
            deadlines[decision.row.attempt] = decision.row.deadline
        if decision.incident is not None:
            kind, reason = decision.incident
            self._note(Incident(kind, received.sender, message.attempt, reason, received.body), pages, at)
        return decision

    def _note(self, incident: Incident, pages: Pages, at: Moment) -> None:
        pages.note(incident, at.utc)
        logger.warning(
            "rail {}: a message from {} about {} counts for nothing ({}): {}",
            self._terms.rail,
            incident.sender,
            incident.attempt or "nothing known",
            incident.kind,
            incident.reason,
        )

    def _reply(self, received: Received, reply: msg.FromDaemon) -> Outgoing:
        which = hashlib.sha256(received.id.encode("utf-8", "replace")).hexdigest()[:16]
        return self._outgoing(reply, received.sender, which)

    def _outgoing(self, message: msg.FromDaemon, to: str, which: str = "") -> Outgoing:
        key = ".".join(filter(None, (self._terms.daemon, message.attempt, message.type, which)))
        labels = message.labels if isinstance(message, msg.Offer) else ()
        return Outgoing(key, to, wire.encode(message), labels)

    # --- in the background --------------------------------------------------------------------------------------------

    async def _use(self, link: Link) -> None:
        self._linked()
        async with anyio.create_task_group() as group:
            group.start_soon(self._listen, link)
            group.start_soon(self._speak, link)

    async def _listen(self, link: Link) -> None:
        while True:
            batch = await link.receive()
            for reply in self.answer(batch):
                await link.send(reply)
            await link.acknowledge(batch)

    async def _speak(self, link: Link) -> None:
        """Everything open, at once when something is new and every half minute."""
        for turn in itertools.count():
            self._to_send.clear()
            for message in self._open(turn // _TURNS_UNDER_ONE_KEY):
                await link.send(message)
            with anyio.move_on_after(self._terms.reoffer_sec):
                await self._to_send.wait()

    def _open(self, edition: int) -> Sequence[Outgoing]:
        found = []
        for row in self._book.unsettled():
            if row.is_open:
                found.append(self._outgoing(self._terms.offer(row), "", str(edition or "")))
            elif row.held is not None and row.over is None and row.stopping:
                found.append(self._outgoing(self._terms.stop(row, row.held), row.held.worker))
        return found

    def _linked(self) -> None:
        """Nobody could be heard while the carrier was away: every lease starts anew."""
        fresh = self._clock.monotonic() + self._terms.lease_sec
        self._deadlines = {attempt: max(deadline, fresh) for attempt, deadline in self._deadlines.items()}
        self._become("")

    def _become(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            logger.info("rail {}: {}", self._terms.rail, trouble or "connected")
            self._changed()

    async def _watch_leases(self) -> None:
        """Wake the daemon when a lease is over."""
        while True:
            await anyio.sleep(min(1.0, self._terms.lease_sec / 8))
            if any(self._overdue(row) for row in self._book.unsettled()):
                self._changed()

    # --- attempts -----------------------------------------------------------------------------------------------------

    def _new(self, errand: Errand) -> Row:
        """A new attempt; one that no worker could ever be told of ends at once."""
        at = self._clock.moment()
        row = Row(errand, at.utc)
        try:
            wire.read_errand(wire.flat_errand(errand))
            wire.encode(msg.Grant(self._terms.daemon, row.attempt, _LONGEST_CLAIM, self._terms.lease_ms, errand))
        except (wire.Malformed, wire.TooLarge) as error:
            reason = f"rail {self._terms.rail} cannot carry it: {error}"
            # What cannot be read again cannot be kept either.
            row = replace(row, errand=replace(errand, prompt="", command=(), labels=(), url="", worktree=""))
            return replace(row, over=Over(How.UNFIT, at.utc, reason))
        return row

    def _deadline(self, row: Row, at: Moment) -> float:
        """A full lease from when this daemon sees the attempt first."""
        return self._deadlines.setdefault(row.attempt, at.monotonic + self._terms.lease_sec)

    def _overdue(self, row: Row) -> Row | None:
        """The attempt as lost, if its lease is over; None: it is not."""
        if row.held is None or row.over is not None:
            return None
        at = self._clock.moment()
        patience = _OUTAGE_LEASES * self._terms.lease_sec if self._trouble else 0.0
        row = replace(row, deadline=self._deadline(row, at) + patience)
        return contract.expired(row, at, self._terms.lease_sec)

    def _conclude(self, row: Row) -> Row:
        with self._book.pages() as pages:
            before = pages.row(row.attempt)
            if before is not None and before.over is not None:
                return before
            pages.put(row)
        self._changed()
        return row

    def _changed(self) -> None:
        for wake in self._wakes:
            wake()
