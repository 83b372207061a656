"""A server on 127.0.0.1 that answers, byte by byte, what a test wrote down; and time that a test owns."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mosaic_daemon.forges.rest.pace import Timing
from tests.samples import NOON

DROP = b""
"""Closes the connection without a word."""

HANG = None
"""Says nothing until the client goes away."""

Script = bytes | None


def answer(status: int, body: str = "{}", **headers: str) -> bytes:
    """A whole answer; `_` in the names of headers stands for `-`."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body.encode())}", "Content-Type: application/json"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def half(body: str) -> bytes:
    """An answer that ends in the middle of its body."""
    return answer(200, body + "x" * 100)[:-100]


@dataclass(frozen=True, slots=True)
class Asked:
    method: str
    target: str
    headers: dict[str, str]
    body: str
    connection: int


@dataclass
class Loopback:
    """`script` is used up from its front; its last entry answers whatever comes after it."""

    script: list[Script] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    port: int = 0
    _connections: int = 0

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    def says(self, *script: Script) -> None:
        self.script = list(script)

    @property
    def targets(self) -> Sequence[str]:
        return [asked.target for asked in self.asked]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        connection = self._connections
        try:
            while await self._one(reader, writer, connection):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, target, _ = head[0].split(" ")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        body = (await reader.readexactly(int(headers.get("content-length", 0)))).decode()
        self.asked.append(Asked(method, target, headers, body, connection))
        said = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if said is HANG:
            await reader.read()
            return False
        writer.write(said)
        await writer.drain()
        return bool(said) and _complete(said)


def _complete(said: bytes) -> bool:
    head, _, body = said.partition(b"\r\n\r\n")
    length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length"))
    return len(body) >= length


@asynccontextmanager
async def loopback(*script: Script) -> AsyncIterator[Loopback]:
    server = Loopback(list(script))
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()


@dataclass
class OwnTime:
    """Time passes when somebody sleeps, and at once."""

    seconds: float = 0.0
    slept: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds
        await asyncio.sleep(0)

    def timing(self) -> Timing:
        return Timing(self, self.monotonic, self.sleep)


def closed_port() -> int:
    """A port of this machine on which nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
