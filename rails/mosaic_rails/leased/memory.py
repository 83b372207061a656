"""The in-memory twin of a carrier: one server, any number of sides. For tests, models and simulations."""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from mosaic_rails.leased.transport import Batch, Outgoing, Received, Unreachable


@dataclass(slots=True)
class _Box:
    """What waits for one side. `pending`: handed out and not acknowledged."""

    waiting: list[Received] = field(default_factory=list)
    pending: dict[str, Received] = field(default_factory=dict)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)


class MemoryServer:
    """The server that both sides connect to; it outlives them.

    Attributes:
        sent: every message that came in, in order: its sender and the message.
    """

    def __init__(self) -> None:
        self.sent: list[tuple[str, Outgoing]] = []
        self._boxes: defaultdict[str, _Box] = defaultdict(_Box)
        self._keys: set[tuple[str, str]] = set()
        self._numbers = itertools.count(1)
        self._links: set[MemoryLink] = set()
        self._is_down = False

    def stop(self) -> None:
        """Nobody reaches it any more; what it holds stays."""
        self._is_down = True
        for link in self._links:
            link.cut()

    def start(self) -> None:
        self._is_down = False

    def wipe(self) -> None:
        """It loses everything it holds, and what it knew of keys."""
        self._keys.clear()
        for box in self._boxes.values():
            box.waiting.clear()
            box.pending.clear()

    def cut(self, identity: str) -> None:
        """The links of one side break."""
        for link in self._links:
            if link.identity == identity:
                link.cut()

    def transport(self, identity: str) -> MemoryTransport:
        """A side's access, under its own name."""
        self._boxes[identity]
        return MemoryTransport(self, identity)

    def take(self, sender: str, message: Outgoing) -> None:
        """A message comes in; an offer goes to everybody but its sender."""
        self.check()
        self.sent.append((sender, message))
        if (sender, message.key) in self._keys:
            return
        self._keys.add((sender, message.key))
        received = Received(f"m{next(self._numbers)}", sender, message.body)
        for to in [message.to] if message.to else [each for each in self._boxes if each != sender]:
            self._boxes[to].waiting.append(received)
            self._boxes[to].arrived.set()

    def hand_out(self, identity: str) -> list[Received]:
        self.check()
        box = self._boxes[identity]
        out, box.waiting = box.waiting, []
        box.arrived.clear()
        box.pending |= {received.id: received for received in out}
        return out

    def acknowledge(self, identity: str, batch: Batch) -> None:
        self.check()
        for received in batch.messages:
            self._boxes[identity].pending.pop(received.id, None)

    def join(self, link: MemoryLink) -> None:
        """A new link gets again what its side has not acknowledged."""
        self.check()
        self._links.add(link)
        box = self._boxes[link.identity]
        box.waiting = [*box.pending.values(), *box.waiting]
        box.pending = {}
        if box.waiting:
            box.arrived.set()

    def leave(self, link: MemoryLink) -> None:
        self._links.discard(link)

    def arrived(self, identity: str) -> asyncio.Event:
        return self._boxes[identity].arrived

    def check(self) -> None:
        if self._is_down:
            raise Unreachable("the server in memory is down")


class MemoryLink:
    """Implements `transport.Link`."""

    def __init__(self, server: MemoryServer, identity: str) -> None:
        self._server = server
        self.identity = identity
        self._broken = asyncio.Event()

    def cut(self) -> None:
        self._broken.set()

    async def send(self, message: Outgoing) -> None:
        self._check()
        self._server.take(self.identity, message)

    async def receive(self) -> Batch:
        while True:
            self._check()
            if messages := self._server.hand_out(self.identity):
                return Batch(tuple(messages))
            arrived, broken = self._server.arrived(self.identity).wait(), self._broken.wait()
            waits = [asyncio.ensure_future(each) for each in (arrived, broken)]
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for each in waits:
                    each.cancel()

    async def acknowledge(self, batch: Batch) -> None:
        self._check()
        self._server.acknowledge(self.identity, batch)

    async def ready(self, offers: int) -> None:
        self._check()

    def _check(self) -> None:
        self._server.check()
        if self._broken.is_set():
            raise Unreachable("the link to the server in memory was cut")


class MemoryTransport:
    """Implements `transport.Transport`."""

    def __init__(self, server: MemoryServer, identity: str) -> None:
        self._server = server
        self._identity = identity

    @property
    def identity(self) -> str:
        return self._identity

    @asynccontextmanager
    async def link(self, cursor: str | None) -> AsyncIterator[MemoryLink]:
        link = MemoryLink(self._server, self._identity)
        self._server.join(link)
        try:
            yield link
        finally:
            self._server.leave(link)
