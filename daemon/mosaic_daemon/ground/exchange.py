"""HTTP/1.1 on one connection, bounded in every direction. Knows nothing of what is asked and answered."""

from __future__ import annotations

from collections.abc import Mapping

import anyio
import anyio.abc
import h11

_MOST_HEADER_BYTES = 16 * 1024
_PIECE = 64 * 1024
_LINGER_SEC = 1.0


class Exchange:
    """Requests that come in on a connection, one after the other, and their answers."""

    def __init__(self, stream: anyio.abc.SocketStream) -> None:
        self._stream = stream
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=_MOST_HEADER_BYTES)

    async def next(self) -> object:
        """The next event of the request. Raises RemoteProtocolError when it is none."""
        while (event := self._http.next_event()) is h11.NEED_DATA:
            if self._http.they_are_waiting_for_100_continue:
                await self.send(h11.InformationalResponse(status_code=100, headers=[]))
            try:
                self._http.receive_data(await self._stream.receive(_PIECE))
            except anyio.EndOfStream:
                self._http.receive_data(b"")
        return event

    async def body(self, most: int) -> bytes | None:
        """The rest of the request; None when it is longer than `most` bytes."""
        data = b""
        while isinstance(event := await self.next(), h11.Data):
            data += event.data
            if len(data) > most:
                return None
        return data

    async def send(self, event: h11.Event) -> None:
        if data := self._http.send(event):
            await self._stream.send(data)

    async def answer(
        self, status: int, headers: Mapping[str, str], body: bytes = b"", *, only_head: bool = False
    ) -> None:
        """A whole answer with its length. `only_head`: the request was HEAD."""
        given = dict(headers) if status == 204 else {**headers, "Content-Length": str(len(body))}
        events: list[h11.Event] = [h11.Response(status_code=status, headers=list(given.items()))]
        if body and not only_head:
            events.append(h11.Data(data=body))
        events.append(h11.EndOfMessage())
        await self._stream.send(b"".join(self._http.send(event) or b"" for event in events))

    @property
    def goes_on(self) -> bool:
        """Whether another request may come on this connection after this one."""
        return self._http.our_state is h11.DONE and self._http.their_state is h11.DONE

    def begin_next(self) -> None:
        self._http.start_next_cycle()

    async def gone(self) -> None:
        """Wait until the client closes its side; what it sends meanwhile is not read on."""
        try:
            while True:
                await self._stream.receive(_PIECE)
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            return

    async def linger(self) -> None:
        """Read on for a moment: closing with something unread would reset the connection, and the answer with it."""
        await self._stream.send_eof()
        with anyio.move_on_after(_LINGER_SEC):
            try:
                while True:
                    await self._stream.receive(_PIECE)
            except anyio.EndOfStream:
                return
