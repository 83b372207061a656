"""Server-sent events: that something has changed, and nothing of what. Whoever wants to know asks again."""

from __future__ import annotations

import json

import anyio
import h11

from mosaic_daemon.ground.exchange import Exchange
from mosaic_daemon.http.messages import HEADERS
from mosaic_daemon.http.site import Site

_MOST = 16
_LOOK_SEC = 0.1
_SILENCE_SEC = 15.0
_SEND_SEC = 10.0


class Streams:
    """Those who listen now. They look at what the daemon says of itself, which is in its memory."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._open = 0

    @property
    def is_full(self) -> bool:
        return self._open >= _MOST

    async def send(self, exchange: Exchange) -> None:
        """Tell of each change until the listener goes; the first word tells how things stand."""
        self._open += 1
        try:
            headers = {**HEADERS, "Content-Type": "text/event-stream", "X-Accel-Buffering": "no"}
            await exchange.send(h11.Response(status_code=200, headers=list(headers.items())))
            async with anyio.create_task_group() as group:
                group.start_soon(self._until_gone, exchange, group.cancel_scope)
                await self._tell(exchange)
        finally:
            self._open -= 1

    async def _tell(self, exchange: Exchange) -> None:
        told, silence = "", 0.0
        while True:
            about = await self._site.ask("about", {})
            state = json.dumps({name: about[name] for name in ("seq", "draining", "degraded")})
            if state != told:
                told, silence = state, 0.0
                await self._say(exchange, f"id: {about['seq']}\nevent: change\ndata: {state}\n\n")
            elif silence >= _SILENCE_SEC:
                silence = 0.0
                await self._say(exchange, ": still here\n\n")
            await anyio.sleep(_LOOK_SEC)
            silence += _LOOK_SEC

    async def _say(self, exchange: Exchange, text: str) -> None:
        with anyio.fail_after(_SEND_SEC):
            await exchange.send(h11.Data(data=text.encode()))

    async def _until_gone(self, exchange: Exchange, scope: anyio.CancelScope) -> None:
        """A browser that closes its page says nothing more; that is noticed before the next event."""
        await exchange.gone()
        scope.cancel()
