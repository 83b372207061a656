"""The daemon's side: it makes streams and consumers, offers to pools, and hears of offers that nobody could take."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from loguru import logger
from nats.aio.msg import Msg
from nats.js.errors import APIError, NotFoundError

from mosaic_rails.leased import wire
from mosaic_rails.leased.transport import Batch, Outgoing, Received
from mosaic_rails.nats import streams
from mosaic_rails.nats.connection import Access, Connection, connected, told
from mosaic_rails.nats.subjects import DEFAULT_POOL, checked, pool_of

_BATCH = 200
_ADVISORY = "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES"
_IS_THERE = "maximum messages per subject exceeded"


class NatsDaemon:
    """Implements `transport.Transport` for a daemon.

    Args:
        pool: where offers go that no label `pool=…` sends elsewhere.
    """

    def __init__(self, access: Access, pool: str = DEFAULT_POOL) -> None:
        self._access = access
        self._pool = checked(pool, "a pool")

    @property
    def identity(self) -> str:
        return self._access.name

    @asynccontextmanager
    async def link(self, cursor: str | None) -> AsyncIterator[_Link]:
        async with connected(self._access) as connection:
            link = _Link(connection, self._pool)
            with told():
                await link.open()
            yield link


class _Link:
    """Implements `transport.Link`."""

    def __init__(self, connection: Connection, pool: str) -> None:
        self._connection = connection
        self._access = connection.access
        self._subjects = connection.access.subjects
        self._pool = pool
        self._pools: set[str] = set()
        self._unacknowledged: dict[str, Msg] = {}
        self._is_listening = False

    async def open(self) -> None:
        js, subjects, me = self._connection.js, self._subjects, self._access.name
        await streams.set_up(js, subjects)
        await streams.daemon_consumer(js, subjects, me, self._access.ack_wait_sec)
        await self._ensure(self._pool)
        # What lies there may have been delivered too often already; everything open is offered again after this.
        await js.purge_stream(subjects.offers_stream, subject=subjects.offers_of(me))
        await self._connection.client.subscribe(f"{_ADVISORY}.{subjects.offers_stream}.*", cb=self._died)

    async def send(self, message: Outgoing) -> None:
        with told():
            if message.to:
                subject = self._subjects.down(checked(message.to, "a worker"), self._access.name)
                await self._connection.client.publish(subject, message.body, headers={"Nats-Msg-Id": message.key})
                await self._connection.client.flush(int(streams.ANSWER_SEC))
            else:
                await self._offer(message)

    async def _offer(self, message: Outgoing) -> None:
        pool = pool_of(message.labels, self._pool)
        await self._ensure(pool)
        subject = self._subjects.offer(pool, self._access.name, wire.decode(message.body).attempt)
        try:
            # No message id: what a worker gave back has to come through again, and never twice by the stream's limit.
            await self._connection.js.publish(subject, message.body, stream=self._subjects.offers_stream)
        except APIError as error:
            if _IS_THERE not in (error.description or ""):
                raise

    async def _ensure(self, pool: str) -> None:
        if pool not in self._pools:
            await streams.pool_consumer(self._connection.js, self._subjects, pool, self._access.ack_wait_sec)
            self._pools.add(pool)

    async def receive(self) -> Batch:
        if not self._is_listening:
            self._is_listening = True
            pull = self._connection.pull(self._subjects.up_stream, self._access.name, _all, self._arrived)
            self._connection.spawn(pull)
        return Batch(tuple(await self._connection.arrivals()))

    async def _arrived(self, delivery: Msg) -> None:
        about = delivery.metadata
        # A server that lost everything counts from 1 again, at another time.
        id_ = f"{about.sequence.stream}@{about.timestamp.timestamp():.6f}"
        self._unacknowledged[id_] = delivery
        sender = self._subjects.sender(delivery.subject)
        self._connection.inbox.put_nowait(Received(id_, sender, delivery.data))

    async def acknowledge(self, batch: Batch) -> None:
        with told():
            for received in batch.messages:
                if (delivery := self._unacknowledged.pop(received.id, None)) is not None:
                    await delivery.ack()

    async def ready(self, offers: int) -> None:
        """A daemon takes no offers."""

    async def _died(self, advisory: Msg) -> None:
        """An offer was delivered as often as it may be, and stays in the stream until somebody removes it."""
        js, stream = self._connection.js, self._subjects.offers_stream
        try:
            about = json.loads(advisory.data)
            dead = await js.get_msg(stream, int(about["stream_seq"]))
            subject = dead.subject or ""
            if self._subjects.sender(subject) != self._access.name:
                return
            await js.delete_msg(stream, int(about["stream_seq"]))
        except (NotFoundError, ValueError, LookupError):
            return
        except Exception as error:
            self._connection.broken(f"NATS: {error}")
            return
        logger.warning(
            "dead letter: {} was given to {} workers of its pool and none kept it; it is offered again",
            subject,
            about.get("deliveries", streams.MAX_DELIVER),
        )


async def _all() -> int:
    return _BATCH
