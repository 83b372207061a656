"""Webhooks: a forge says that something has happened, so that nobody waits for the next poll.

They are hints and carry nothing: whoever can make one can make the daemon look, and that is all. Only the proof and the
number of a delivery are read.
"""

from __future__ import annotations

import hmac
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import anyio
import anyio.abc

from mosaic_daemon.ground.errors import ConfigError
from mosaic_daemon.ground.listening import Address, Listener, Manner, permitted
from mosaic_daemon.ground.secrets import Secret, token_from

if TYPE_CHECKING:
    from mosaic_daemon.forges.rest.delivery import Limits
    from mosaic_daemon.ground.settings import ForgeSettings

_CREDENTIAL = "webhook-secret"
_NUMBERS = ("x-github-delivery", "x-gitea-delivery", "x-gitlab-event-uuid")
_REMEMBERED = 1000


@dataclass(frozen=True, slots=True)
class _Proof:
    """Headers of a dialect that hold an HMAC-SHA256 of the body, or the secret itself; the first one found counts."""

    digests: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()


_PROOFS: Mapping[str, _Proof] = {
    "gitea": _Proof(digests=("x-gitea-signature", "x-hub-signature-256")),
    "github": _Proof(digests=("x-hub-signature-256",)),
    "gitlab": _Proof(secrets=("x-gitlab-token",)),
    "wrappers": _Proof(("x-hub-signature-256", "x-gitea-signature"), ("x-gitlab-token",)),
}


@dataclass(frozen=True, slots=True)
class Door:
    """Where deliveries come in, and what proves them."""

    where: Address
    secret: Secret
    proof: _Proof

    def is_proven_by(self, headers: Mapping[str, str], digest: str) -> bool:
        """In constant time, whatever is given."""
        for name in self.proof.digests:
            if name in headers:
                return _same(headers[name].removeprefix("sha256="), digest)
        return any(_same(headers[name], self.secret.reveal()) for name in self.proof.secrets if name in headers)


def door_of(settings: ForgeSettings) -> Door | None:
    """What the settings say; None: no webhooks.

    Raises:
        ConfigError: there is no such address, anybody could reach it, or there is no secret.
    """
    if settings.webhook_listen is None:
        return None
    proof = _PROOFS.get(settings.provider)
    if proof is None:
        raise ConfigError(f"`forge.webhook_listen` is set, and nobody calls for `{settings.provider}`")
    where = permitted(settings.webhook_listen, "forge.webhook_listen", anywhere=settings.webhook_any_address)
    file = settings.webhook_secret_file
    secret = token_from(file.expanduser() if file else None, (), _CREDENTIAL)
    if secret is None:
        raise ConfigError(
            "`forge.webhook_listen` is set, and there is no secret", remedy="set `forge.webhook_secret_file`"
        )
    return Door(where, secret, proof)


class Doorbell:
    """Listens as the settings want it, and rings for each genuine delivery once.

    A port that cannot be had is no failure: it is tried again, and polling goes on meanwhile.

    Args:
        ring: called in the event loop.
        limits: what a client may take, if not the usual.

    Attributes:
        listener: the newest one; None before the first.
    """

    def __init__(self, ring: Callable[[], None], limits: Limits | None = None) -> None:
        self._ring = ring
        self._limits = limits
        self._door: Door | None = None
        self._changed = anyio.Event()
        self._known: OrderedDict[str, None] = OrderedDict()
        self.listener: Listener | None = None

    def want(self, settings: ForgeSettings) -> None:
        """Listen like this from now on. Raises ConfigError as `door_of` does."""
        self._door = door_of(settings)
        self._changed.set()

    async def run(self) -> None:
        """Listen until cancelled."""
        while True:
            self._changed = anyio.Event()
            async with anyio.create_task_group() as group:
                if self._door is not None:
                    group.start_soon(self._listen, self._door)
                await self._changed.wait()
                group.cancel_scope.cancel()

    async def _listen(self, door: Door) -> None:
        from mosaic_daemon.forges.rest.delivery import Limits, receive  # noqa: PLC0415  # few have webhooks

        limits = self._limits or Limits()
        self.listener = Listener(Manner("webhooks", "polling goes on", limits.connections))

        async def talk(stream: anyio.abc.SocketStream) -> None:
            await receive(stream, limits, door.secret.reveal().encode(), partial(self._accept, door))

        await self.listener.run(door.where, talk)

    def _accept(self, door: Door, headers: Mapping[str, str], digest: str) -> bool:
        """Ring for it if it is genuine and new."""
        if not door.is_proven_by(headers, digest):
            return False
        if self._is_new(next((headers[name] for name in _NUMBERS if name in headers), "")):
            self._ring()
        return True

    def _is_new(self, number: str) -> bool:
        """Forges deliver again what seemed to be lost. One without a number is always new."""
        if not number:
            return True
        if number in self._known:
            return False
        self._known[number] = None
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return True


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(), wanted.encode())
