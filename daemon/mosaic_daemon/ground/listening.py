"""TCP listeners of the daemon: where they may listen, and how strangers are kept from hurting it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import anyio
import anyio.abc
from loguru import logger

from mosaic_daemon.ground.errors import ConfigError

_ADDRESS = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[\w.-]+)):(?P<port>\d{1,5})")
_LAST_PORT = 65535
_AGAIN_SEC = 30.0

Talk = Callable[[anyio.abc.SocketStream], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen; port 0: any free one."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def address(text: str, key: str) -> Address:
    """What the setting `key` says.

    Raises:
        ConfigError: it is no address.
    """
    found = _ADDRESS.fullmatch(text)
    if found is None or int(found["port"]) > _LAST_PORT:
        raise ConfigError(f"`{key}` is `{text}`", remedy="write it as 127.0.0.1:8077")
    return Address(found["six"] or found["host"], int(found["port"]))


def permitted(text: str, key: str, *, anywhere: bool) -> Address:
    """The address of the setting `key`, if the person has said `anywhere` or nobody else's machine can reach it.

    Raises:
        ConfigError: it is none, or anybody could reach it.
    """
    where = address(text, key)
    if not where.is_loopback and not anywhere:
        remedy = f"listen on 127.0.0.1 behind a proxy with TLS, or set `{key.replace('listen', 'any_address')} = true`"
        raise ConfigError(f"`{key}` is `{text}`, which is not loopback", remedy=remedy)
    return where


@dataclass(frozen=True, slots=True)
class Manner:
    """How a listener speaks of itself, and how much of it there is.

    Attributes:
        name: begins its log lines.
        otherwise: what happens while the port cannot be had, for people.
        connections: at once; further ones are closed at once.
    """

    name: str
    otherwise: str
    connections: int


class Listener:
    """Hands each connection to `talk`. Whatever a stranger does to his connection ends that one and nothing else.

    Attributes:
        port: it listens on; None while it does not.
        open: how many connections there are now.
    """

    def __init__(self, manner: Manner) -> None:
        self._manner = manner
        self.port: int | None = None
        self.open = 0

    async def run(self, where: Address, talk: Talk) -> None:
        """Listen until cancelled. A port that cannot be had is tried again."""
        name = self._manner.name
        while True:
            try:
                listener = await anyio.create_tcp_listener(local_host=where.host, local_port=where.port)
            except OSError as error:
                reason = error.strerror or error
                logger.warning("{}: {}: {}; {}", name, where, reason, self._manner.otherwise)
                await anyio.sleep(_AGAIN_SEC)
                continue
            try:
                async with listener:
                    port: int = listener.extra(anyio.abc.SocketAttribute.local_port)  # noqa: S610
                    self.port = port
                    logger.info("{}: listening on {}", name, Address(where.host, port))
                    await listener.serve(partial(self._guarded, talk))
            finally:
                self.port = None

    async def _guarded(self, talk: Talk, stream: anyio.abc.SocketStream) -> None:
        async with stream:
            if self.open >= self._manner.connections:
                return
            self.open += 1
            try:
                await talk(stream)
            except (anyio.BrokenResourceError, anyio.ClosedResourceError):
                logger.debug("{}: the caller went away", self._manner.name)
            except Exception as error:  # whatever a stranger sends must not end the daemon
                logger.warning("{}: a request failed: {!r}", self._manner.name, error)
            finally:
                self.open -= 1
