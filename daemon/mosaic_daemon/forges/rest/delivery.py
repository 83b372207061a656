"""One bounded `POST /hook` over HTTP/1.1: read, judged by whoever knows the proofs, answered, closed."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import anyio
import anyio.abc
import h11

from mosaic_daemon.ground.exchange import Exchange

_PATH = b"/hook"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a client may take.

    Attributes:
        seconds: from its connection to its answer.
        body: bytes; forges send up to 25 MiB. None of them is kept.
        connections: at once; further ones are closed at once.
    """

    seconds: float = 10.0
    body: int = 25 * 1024 * 1024
    connections: int = 16


Accept = Callable[[Mapping[str, str], str], bool]
"""Whether a delivery is genuine, by its headers (names in lower case) and the HMAC-SHA256 of its body in hex."""


async def receive(stream: anyio.abc.SocketStream, limits: Limits, key: bytes, accept: Accept) -> None:
    """Read one request and answer it. What is wrong with its proof is not told.

    Raises:
        BrokenResourceError: the client is gone.
    """
    exchange = Exchange(stream)
    with anyio.move_on_after(limits.seconds):
        try:
            status = await _status(exchange, limits.body, key, accept)
        except h11.RemoteProtocolError as error:
            status = error.error_status_hint
        if status is not None:
            await exchange.answer(status, {"Connection": "close"} | ({"Allow": "POST"} if status == 405 else {}))
            await exchange.linger()


async def _status(exchange: Exchange, most: int, key: bytes, accept: Accept) -> int | None:
    request = await exchange.next()
    if not isinstance(request, h11.Request):
        return None  # closed without a word
    if request.target.partition(b"?")[0] != _PATH:
        return 404
    if request.method != b"POST":
        return 405
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers}
    if int(headers.get("content-length", "0")) > most:
        return 413
    digest, size = hmac.new(key, digestmod="sha256"), 0
    while isinstance(event := await exchange.next(), h11.Data):
        size += len(event.data)
        if size > most:
            return 413
        digest.update(event.data)
    return 204 if accept(headers, digest.hexdigest()) else 401
