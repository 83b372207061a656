"""A message to a Matrix room, by the client-server API (https://spec.matrix.org/latest/client-server-api/)."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from mosaic_daemon.ground.errors import ConfigError, Unavailable
from mosaic_daemon.ground.secrets import Secret, redact
from mosaic_daemon.notifiers.base import Message

if TYPE_CHECKING:
    import httpx

_SILENCE_SEC = 10.0
_MOST_BYTES = 65536
_LONGEST_REST = timedelta(days=1)
_ROOM = re.compile(r"![!-~]{1,254}")
_LOOPBACK = re.compile(r"localhost|127\.\d+\.\d+\.\d+|::1")


class Matrix:
    """Sends one `m.room.message` for each message. Its transaction id is made of the delivery, so that the same message
    sent again, by this daemon or the next, is no second one in the room.

    Args:
        homeserver: the base of its client-server API, `https://matrix.example.org`.
        room: the id of a room that the token's user has joined, `!id:example.org`.

    Raises:
        ConfigError: this is no address of a homeserver, or no room's id.
    """

    name = "the room of `notify.matrix_room`"

    def __init__(self, homeserver: str, room: str, token: Secret) -> None:
        self._host = _host(homeserver)
        if not _ROOM.fullmatch(room):
            raise ConfigError(f"`notify.matrix_room` is no room's id: {room}", remedy="write it as !id:example.org")
        self._room = room
        self._send = f"{homeserver.rstrip('/')}/_matrix/client/v3/rooms/{quote(room, safe='')}/send/m.room.message/"
        self._token = token

    async def send(self, message: Message) -> None:
        """Raises Unavailable: nobody is there, or it is refused; with `until` where the server limits the rate."""
        import httpx  # noqa: PLC0415  # few have a room, and it is slow to import

        # Without `m.mentions`, `@room` in what a worker said would ring for everybody.
        content = {"msgtype": "m.text", "body": message.text, "m.mentions": {}}
        body = json.dumps(content, ensure_ascii=False).encode("utf-8", "replace")
        headers = {"Authorization": f"Bearer {self._token.reveal()}", "Content-Type": "application/json"}
        try:
            async with httpx.AsyncClient(timeout=_SILENCE_SEC, follow_redirects=False) as client:
                answer = await _put(client, self._send + _transaction(message), body, headers)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            said = redact(str(error)) or type(error).__name__
            raise Unavailable(f"{self._host} cannot be reached: {said}") from None
        self._check(answer)

    def _check(self, answer: _Answer) -> None:
        """Raises Unavailable: this is no receipt."""
        if answer.status == 200 and isinstance(answer.told.get("event_id"), str):
            return
        code, said = (" ".join(redact(str(answer.told.get(name) or "")).split())[:200] for name in ("errcode", "error"))
        problem = " ".join(filter(None, (f"{self._host} answers {answer.status}", code, said and f"({said})")))
        if answer.status == 429 or code == "M_LIMIT_EXCEEDED":
            raise Unavailable(problem, until=datetime.now(UTC) + answer.rest)
        raise Unavailable(problem, remedy=_REMEDIES.get(code, ""))


_REMEDIES = {
    "M_UNKNOWN_TOKEN": "put a token that is valid into the file of `notify.matrix_token_file`",
    "M_MISSING_TOKEN": "put a token that is valid into the file of `notify.matrix_token_file`",
    "M_FORBIDDEN": "let the token's user join the room, and write there",
}


@dataclass(frozen=True, slots=True)
class _Answer:
    """`told`: its JSON object; empty where it is none. `retry_after`: the header of that name."""

    status: int
    told: Mapping[str, Any]
    retry_after: str = ""

    @property
    def rest(self) -> timedelta:
        """How long the server wants to be left alone; the header is the newer of its two ways to say so."""
        longest, told = _LONGEST_REST.total_seconds(), self.told.get("retry_after_ms")
        waits = [float(self.retry_after)] if self.retry_after.strip().isdecimal() else []
        if isinstance(told, int | float) and not isinstance(told, bool) and told > 0:
            waits.append(min(told, longest * 1000) / 1000)
        return timedelta(seconds=min(max(waits, default=1.0), longest))


async def _put(client: httpx.AsyncClient, url: str, body: bytes, headers: Mapping[str, str]) -> _Answer:
    read = b""
    async with client.stream("PUT", url, content=body, headers=headers) as answer:
        async for part in answer.aiter_bytes():
            if len(read) > _MOST_BYTES:
                break
            read += part
    try:
        told = json.loads(read)
    except (ValueError, RecursionError):
        told = None
    return _Answer(answer.status_code, told if isinstance(told, dict) else {}, answer.headers.get("Retry-After", ""))


def _transaction(message: Message) -> str:
    """One user may speak for several repositories in one room."""
    about = f"{message.document.get('repository')}\0{message.document.get('delivery')}"
    return f"mosaic-{hashlib.sha256(about.encode('utf-8', 'replace')).hexdigest()[:32]}"


def _host(homeserver: str) -> str:
    """Its host, fit to be shown."""
    try:
        parts = urlsplit(homeserver)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigError(f"`notify.matrix_homeserver` is no address: {error}") from None
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
        raise ConfigError("`notify.matrix_homeserver` is no address", remedy="write it as https://matrix.example.org")
    if parts.username or parts.password:
        raise ConfigError("`notify.matrix_homeserver` holds a user", remedy="give a token: `notify.matrix_token_file`")
    if parts.scheme == "http" and not _LOOPBACK.fullmatch(host):
        raise ConfigError("`notify.matrix_homeserver` would get the token unencrypted", remedy="write https://")
    return f"{host}:{port}" if port else host
