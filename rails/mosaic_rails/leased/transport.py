"""The port that carriers of messages implement, one and the same for the daemon's side and the worker's.

A carrier may lose, repeat, delay and reorder what it carries. What it must do: say truthfully who sent a message, and
hand a message out again until it was acknowledged, as far as it can.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol


class Unreachable(Exception):
    """The carrier's server cannot be reached, or does not let us in; the message is for people. It is tried again."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to be carried.

    Attributes:
        key: names it for ever among the sender's: sent again under the same key it is the same message, which a server
            that still has it need not deliver again. Letters, digits and `._:=@/+-`.
        to: a worker, or the daemon, by name; empty: whoever has the labels.
        labels: for an offer: what its worker must have.
        body: `messages.encode`.
    """

    key: str
    to: str
    body: bytes
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Received:
    """A message that came.

    Attributes:
        id: the same whenever this very message is handed out again, and no other's.
        sender: as the carrier has authenticated it; nothing in the body says who sent it.
    """

    id: str
    sender: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages that came, in order.

    Attributes:
        cursor: where to go on reading after them, for carriers that have such a thing (Matrix: `since`). It is made
            durable together with what follows from the messages.
    """

    messages: tuple[Received, ...]
    cursor: str | None = None


class Link(Protocol):
    """A connection that stands. Every call may raise `Unreachable`; then the link is over."""

    async def send(self, message: Outgoing) -> None:
        """Hand a message to the server; it has it when this returns."""

    async def receive(self) -> Batch:
        """Wait for what comes next; an empty batch is allowed. Called by one task only, `send` by several."""

    async def acknowledge(self, batch: Batch) -> None:
        """What follows from the batch is durable: it need not be handed out again."""

    async def ready(self, offers: int) -> None:
        """A worker has room for that many attempts. Carriers that hand every offer to everybody ignore it."""


class Transport(Protocol):
    """One carrier, from one side."""

    @property
    def identity(self) -> str:
        """Under which name this side speaks, as the other side sees it as `sender`."""

    def link(self, cursor: str | None) -> AbstractAsyncContextManager[Link]:
        """Connect, and go on after `cursor`; None: from whatever the server still has.

        Raises:
            Unreachable: on entering.
        """
