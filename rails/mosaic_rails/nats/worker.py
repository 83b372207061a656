"""A worker's side: it pulls offers of its pool while it has room, and may speak under its own name only."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import anyio
import nats.errors
from nats.aio.msg import Msg

from mosaic_rails.leased import messages as msg
from mosaic_rails.leased import wire
from mosaic_rails.leased.contract import missing_labels
from mosaic_rails.leased.transport import Batch, Outgoing, Received, Unreachable
from mosaic_rails.nats.connection import Access, Connection, connected, told
from mosaic_rails.nats.held import HeldOffers
from mosaic_rails.nats.subjects import DEFAULT_POOL, checked

_UNFIT_SEC = 1.0
_LEAVE_SEC = 2.0
_ABSENT = "nobody keeps messages for daemons there yet: no daemon has reached this server since it was empty"


class NatsWorker:
    """Implements `transport.Transport` for a worker.

    Args:
        labels: what it has; an offer that needs more goes back to its pool.
    """

    def __init__(self, access: Access, labels: tuple[str, ...], pool: str = DEFAULT_POOL) -> None:
        self._access = access
        self._labels = labels
        self._pool = checked(pool, "a pool")

    @property
    def identity(self) -> str:
        return self._access.name

    @asynccontextmanager
    async def link(self, cursor: str | None) -> AsyncIterator[_Link]:
        async with connected(self._access) as connection:
            link = _Link(connection, self._labels)
            with told():
                await link.open(self._pool)
            try:
                yield link
            finally:
                await link.leave()


class _Link:
    """Implements `transport.Link`."""

    def __init__(self, connection: Connection, labels: tuple[str, ...]) -> None:
        self._connection = connection
        self._access = connection.access
        self._subjects = connection.access.subjects
        self._labels = labels
        self._held = HeldOffers(self._access.ack_wait_sec)
        self._room = 0
        self._has_room = asyncio.Event()
        self._numbers = itertools.count(1)

    async def open(self, pool: str) -> None:
        await self._connection.client.subscribe(self._subjects.down_to(self._access.name), cb=self._told)
        pull = self._connection.pull(self._subjects.offers_stream, pool, self._wanted, self._offered)
        self._connection.spawn(pull)
        self._connection.spawn(self._keep())

    async def leave(self) -> None:
        """Offers that nobody wants here any more go to the others."""
        with suppress(nats.errors.Error, OSError), anyio.move_on_after(_LEAVE_SEC, shield=True):
            await self._held.give_back()

    async def send(self, message: Outgoing) -> None:
        said = wire.decode(message.body)
        daemon = checked(message.to, "a daemon")
        subject = self._subjects.up(daemon, self._access.name, said.attempt, said.type)
        self._held.said(said)
        try:
            with told():
                headers = {"Nats-Msg-Id": message.key}
                await self._connection.js.publish(subject, message.body, headers=headers)
        except Unreachable as error:
            if isinstance(error.__cause__, nats.errors.NoRespondersError):
                raise Unreachable(_ABSENT) from error
            raise

    async def receive(self) -> Batch:
        return Batch(tuple(await self._connection.arrivals()))

    async def acknowledge(self, batch: Batch) -> None:
        """Offers are acknowledged when their daemon has the result, or wants none; the rest is not stored."""

    async def ready(self, offers: int) -> None:
        self._room = offers
        if offers:
            self._has_room.set()
        else:
            self._has_room.clear()

    async def _wanted(self) -> int:
        await self._has_room.wait()
        return self._room

    async def _offered(self, delivery: Msg) -> None:
        try:
            offer = wire.decode(delivery.data)
        except wire.Malformed:
            await delivery.term()
            return
        if not isinstance(offer, msg.Offer):
            await delivery.term()
        elif missing_labels(offer.labels, self._labels):
            await delivery.nak(delay=_UNFIT_SEC)
        else:
            self._held.take(offer, delivery)
            self._arrived(delivery)

    async def _told(self, message: Msg) -> None:
        with suppress(wire.Malformed):
            await self._held.heard(wire.decode(message.data))
        self._arrived(message)

    def _arrived(self, message: Msg) -> None:
        sender = self._subjects.sender(message.subject)
        self._connection.inbox.put_nowait(Received(f"{next(self._numbers)}", sender, message.data))

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(self._access.ack_wait_sec / 3)
            await self._held.keep()
