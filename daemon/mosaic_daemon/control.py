"""The daemon's socket: one request and one answer, a line of JSON each. Only the same user may speak."""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
from loguru import logger

from mosaic_daemon.ground.controlsocket import short_address
from mosaic_daemon.ground.errors import InputError, MosaicError

Handler = Callable[[str, Mapping[str, Any]], Awaitable[Any]]

_ANSWER_SEC = 2.0
_MAX_BYTES = 1 << 20


@asynccontextmanager
async def listening(path: Path) -> AsyncIterator[anyio.abc.SocketListener]:
    """A socket at `path`, mode 0600. Hold the repository's lock: what another daemon left there is replaced."""
    path.unlink(missing_ok=True)
    with short_address(path) as address:
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
                answer = await _answer(await _line(stream), handle)
            except MosaicError as error:
                answer = _refusal(error.line, error.exit_code)
            except anyio.BrokenResourceError:
                return
            try:
                # A request that ends the daemon is answered all the same.
                with anyio.move_on_after(_ANSWER_SEC, shield=True):
                    await stream.send(json.dumps(answer).encode() + b"\n")
            except anyio.BrokenResourceError:
                logger.debug("the caller did not wait for its answer")

    await listener.serve(talk)


async def _answer(line: bytes, handle: Handler) -> dict[str, Any]:
    try:
        request = json.loads(line)
        verb, args = str(request["verb"]), dict(request.get("args", {}))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return _refusal(f"not a request: {error!r}", 2)
    try:
        return {"ok": True, "result": await handle(verb, args)}
    except MosaicError:
        raise
    except Exception as error:  # a request that fails must not end the daemon
        logger.opt(exception=error).error("request {}: {}", verb, error)
        return _refusal(f"the daemon failed at `{verb}`: {type(error).__name__}: {error}; its log says more", 1)


def _refusal(problem: str, exit_code: int) -> dict[str, Any]:
    return {"ok": False, "problem": problem, "exit_code": exit_code}


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
