"""Offers that a worker has pulled: kept from the others while it wants or does the work, given back otherwise."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from nats.aio.msg import Msg

from mosaic_rails.leased import messages as msg


@dataclass(slots=True)
class _Offer:
    """`spoken`: when its worker last said that it wants it; `granted`: the daemon has said yes."""

    delivery: Msg
    spoken: float
    granted: bool = False


class HeldOffers:
    """By daemon and attempt, over the life of one link.

    Args:
        patience_sec: how long nobody may say anything about an offer before others get it.
    """

    def __init__(self, patience_sec: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._patience_sec = patience_sec
        self._monotonic = monotonic
        self._offers: dict[tuple[str, str], _Offer] = {}

    def take(self, offer: msg.Offer, delivery: Msg) -> None:
        before = self._offers.get((offer.daemon, offer.attempt))
        granted = before is not None and before.granted
        self._offers[offer.daemon, offer.attempt] = _Offer(delivery, self._monotonic(), granted)

    def said(self, message: msg.Message) -> None:
        """The worker claims it, or has it and goes on."""
        if held := self._offers.get((message.daemon, message.attempt)):
            held.spoken = self._monotonic()
            held.granted = held.granted or isinstance(message, msg.Renew | msg.Result)

    async def heard(self, message: msg.Message) -> None:
        """Its daemon answered; an offer is done with when its result is kept, or nothing will come of it here."""
        key = (message.daemon, message.attempt)
        match message:
            case msg.Grant() if key in self._offers:
                self._offers[key].granted = True
            case msg.Accepted() | msg.Rejected(what="claim" | "result") if key in self._offers:
                await self._offers.pop(key).delivery.ack()
            case _:
                pass

    async def keep(self) -> None:
        """Tell the server what is still wanted, and give back what is not."""
        now = self._monotonic()
        for key, held in list(self._offers.items()):
            if held.granted or now - held.spoken < self._patience_sec:
                await held.delivery.in_progress()
            else:
                del self._offers[key]
                await held.delivery.nak()

    async def give_back(self) -> None:
        """What nobody here has been granted goes to the others at once."""
        for held in self._offers.values():
            if not held.granted:
                await held.delivery.nak()
        self._offers.clear()
