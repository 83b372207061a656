"""The daemon's socket: one request and one answer, a line of JSON each. Only the same user may speak."""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
from loguru import logger

from mosaic_daemon.ground.errors import InputError, MosaicError, Unavailable

Handler = Callable[[str, Mapping[str, Any]], Awaitable[Any]]

_MAX_BYTES = 1 << 20


@asynccontextmanager
async def listening(path: Path) -> AsyncIterator[anyio.abc.SocketListener]:
    """A socket at `path`, mode 0600. Hold the repository's lock: what another daemon left there is replaced."""
    path.unlink(missing_ok=True)
    with _short(path) as address:
        listener = await anyio.create_unix_listener(address, mode=0o600)
    try:
        async with listener:
            yield listener
    finally:
        path.unlink(missing_ok=True)


async def serve(listener: anyio.abc.SocketListener, handle: Handler) -> None:
    """Answer requests until cancelled. A handler's error becomes its caller's answer."""

    async def talk(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            try:
                _check_peer(stream)
                line = await _line(stream)
                request = json.loads(line)
                answer: dict[str, Any] = {"ok": True, "result": await handle(request["verb"], request.get("args", {}))}
            except MosaicError as error:
                answer = {"ok": False, "problem": error.line, "exit_code": error.exit_code}
            except (ValueError, KeyError, TypeError) as error:
                answer = {"ok": False, "problem": f"not a request: {error!r}", "exit_code": 2}
            except anyio.BrokenResourceError:
                return
            try:
                await stream.send(json.dumps(answer).encode() + b"\n")
            except anyio.BrokenResourceError:
                logger.debug("the caller did not wait for its answer")

    await listener.serve(talk)


class RemoteError(MosaicError):
    """The daemon refused or failed; the message is its own."""

    def __init__(self, problem: str, exit_code: int) -> None:
        super().__init__(problem)
        self.exit_code = exit_code


def call(path: Path, verb: str, *, timeout_sec: float = 30.0, **args: Any) -> Any:
    """Ask the running daemon; blocks until it answers.

    Raises:
        FileNotFoundError, ConnectionRefusedError: no daemon is running.
        Unavailable: it does not answer in time.
        RemoteError: it says no.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as channel, _short(path) as address:
        channel.settimeout(timeout_sec)
        channel.connect(address)
        channel.sendall(json.dumps({"verb": verb, "args": args}).encode() + b"\n")
        try:
            line = channel.makefile("rb").readline()
        except TimeoutError:
            raise Unavailable(f"the daemon did not answer within {timeout_sec:.0f} s", where=str(path)) from None
    if not line:
        raise Unavailable("the daemon went away before it answered", where=str(path))
    answer = json.loads(line)
    if not answer["ok"]:
        raise RemoteError(answer["problem"], answer["exit_code"])
    return answer["result"]


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """An address of the socket that fits: the kernel allows 107 bytes, a repository's path may be longer."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def _check_peer(stream: anyio.abc.SocketStream) -> None:
    raw: socket.socket = stream.extra(anyio.abc.SocketAttribute.raw_socket)  # noqa: S610
    _, uid, _ = struct.unpack("3i", raw.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    if uid not in (os.getuid(), 0):
        raise InputError("another user's process may not speak to this daemon")


async def _line(stream: anyio.abc.SocketStream) -> bytes:
    data = b""
    while b"\n" not in data:
        if len(data) > _MAX_BYTES:
            raise InputError("the request is too long")
        try:
            data += await stream.receive()
        except anyio.EndOfStream:
            break
    return data
