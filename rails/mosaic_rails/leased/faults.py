"""Any carrier, made worse: it loses, repeats, reorders and delays what one side receives. For tests and rehearsals."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from mosaic_rails.leased.transport import Batch, Link, Outgoing, Received, Transport


@dataclass(frozen=True, slots=True)
class Faults:
    """How a carrier misbehaves.

    Attributes:
        drop, repeat: probability for each message. A repeated one comes under its own id or, as if it had been sent
            again, under another.
        delay_sec: each message is held back for up to that many seconds, so that they overtake each other.
    """

    drop: float = 0.0
    repeat: float = 0.0
    delay_sec: float = 0.0


class FaultyTransport:
    """Implements `transport.Transport` over another one.

    Attributes:
        faults: may be changed at any time.
    """

    def __init__(self, inner: Transport, faults: Faults, seed: int = 0) -> None:
        self._inner = inner
        self._random = random.Random(seed)  # noqa: S311
        self.faults = faults

    @property
    def identity(self) -> str:
        return self._inner.identity

    @asynccontextmanager
    async def link(self, cursor: str | None) -> AsyncIterator[Link]:
        async with self._inner.link(cursor) as inner:
            link = _FaultyLink(inner, self)
            try:
                yield link
            finally:
                await link.aclose()

    def fate(self, message: Received) -> list[tuple[float, Received]]:
        """When a message comes, in seconds from now, as often as it does."""
        faults, draw = self.faults, self._random.random
        if draw() < faults.drop:
            return []
        copies = [message]
        if draw() < faults.repeat:
            copies.append(message if draw() < 0.5 else replace(message, id=f"{message.id}~{draw()}"))
        return [(draw() * faults.delay_sec, copy) for copy in copies]


class _FaultyLink:
    def __init__(self, inner: Link, transport: FaultyTransport) -> None:
        self._inner = inner
        self._transport = transport
        self._held: list[tuple[float, int, Received]] = []
        self._order = itertools.count()
        self._coming: asyncio.Task[Batch] | None = None

    async def send(self, message: Outgoing) -> None:
        await self._inner.send(message)

    async def ready(self, offers: int) -> None:
        await self._inner.ready(offers)

    async def receive(self) -> Batch:
        loop = asyncio.get_running_loop()
        while True:
            self._coming = self._coming or asyncio.ensure_future(self._inner.receive())
            pause = max(0.0, self._held[0][0] - loop.time()) if self._held else None
            await asyncio.wait([self._coming], timeout=pause)
            cursor = None
            if self._coming.done():
                batch, self._coming = self._coming.result(), None
                cursor = batch.cursor
                for message in batch.messages:
                    for delay, copy in self._transport.fate(message):
                        heapq.heappush(self._held, (loop.time() + delay, next(self._order), copy))
                # Whatever is held back is as good as lost if this side dies now; the contract has to live with that.
                await self._inner.acknowledge(batch)
            due = []
            while self._held and self._held[0][0] <= loop.time():
                due.append(heapq.heappop(self._held)[2])
            if due or cursor is not None:
                return Batch(tuple(due), cursor)

    async def acknowledge(self, batch: Batch) -> None:
        """The inner batch was acknowledged when it came."""

    async def aclose(self) -> None:
        if self._coming is not None:
            self._coming.cancel()
            await asyncio.gather(self._coming, return_exceptions=True)
