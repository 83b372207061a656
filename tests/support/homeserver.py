"""A Matrix homeserver on loopback with one room, as strict as the client-server API allows, and as unkind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import unquote

TOKEN = "syt_b3VyLWJvdA_kQzWvTnYpLmRsXgH_4fJ2aB"
ROOM = "!aBc/d+e:example.org"
_SEND = ("_matrix", "client", "v3", "rooms")
Answer = tuple[int, dict[str, Any]]


def limited(wait_ms: int | None = None) -> Answer:
    """Too many requests; `wait_ms`: in the way of the older servers."""
    wait = {} if wait_ms is None else {"retry_after_ms": wait_ms}
    return 429, {"errcode": "M_LIMIT_EXCEEDED", "error": "Too Many Requests", **wait}


@dataclass
class Homeserver:
    """What its user sent.

    Attributes:
        events: the room's messages in order; the same transaction again makes no second one.
        asked: the transaction of every request that was well formed, in order.
        refusals: answers instead of taking the message, used up from the front.
        headers: sent along with each of these.
        drops: so many times the message is taken and the connection cut without an answer.
        says: what it answers instead of a receipt, if anything.
    """

    events: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    refusals: list[Answer] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    drops: int = 0
    says: bytes | None = None
    port: int = 0
    _receipts: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def told(self) -> list[str]:
        """The first line of each message in the room."""
        return [event["body"].partition("\n")[0] for event in self.events]

    def settings(self, token_file: str, room: str = ROOM) -> str:
        """The lines of `[notify]`."""
        lines = {"matrix_homeserver": self.url, "matrix_room": room, "matrix_token_file": token_file}
        return "".join(f"{name} = {json.dumps(value)}\n" for name, value in lines.items())

    def take(self, path: str, headers: dict[str, str], body: bytes) -> Answer:
        """The answer to one PUT."""
        parts = path.lstrip("/").split("/")
        if len(parts) != 8 or tuple(parts[:4]) != _SEND or parts[5:7] != ["send", "m.room.message"] or not parts[7]:
            return 404, {"errcode": "M_UNRECOGNIZED", "error": "Unrecognized request"}
        if headers.get("authorization") != f"Bearer {TOKEN}":
            return 401, {"errcode": "M_UNKNOWN_TOKEN", "error": "Invalid access token passed."}
        try:
            content = json.loads(body.decode())
        except ValueError:
            return 400, {"errcode": "M_NOT_JSON", "error": "Content not JSON."}
        if not isinstance(content.get("body"), str) or content.get("msgtype") not in ("m.text", "m.notice"):
            return 400, {"errcode": "M_BAD_JSON", "error": "no message"}
        if len(body) > 60_000:
            return 413, {"errcode": "M_TOO_LARGE", "error": "event too large"}
        self.asked.append(transaction := parts[7])
        if self.refusals:
            return self.refusals.pop(0)
        if unquote(parts[4]) != ROOM:
            return 403, {"errcode": "M_FORBIDDEN", "error": "User @bot:example.org not in room"}
        if transaction not in self._receipts:
            self._receipts[transaction] = f"$event{len(self.events)}"
            self.events.append(content)
        return 200, {"event_id": self._receipts[transaction]}

    @classmethod
    @contextmanager
    def opened(cls) -> Iterator[Homeserver]:
        homeserver = cls()

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:  # the library's name
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                headers = {name.lower(): value for name, value in self.headers.items()}
                status, told = homeserver.take(self.path, headers, body)
                if status == 200 and homeserver.drops:
                    homeserver.drops -= 1
                    self.close_connection = True
                    return
                answer = json.dumps(told).encode() if homeserver.says is None else homeserver.says
                self.send_response(status)
                for name, value in homeserver.headers.items() if status != 200 else ():
                    self.send_header(name, value)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None: ...

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            server.daemon_threads = True
            homeserver.port = server.server_port
            thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
            thread.start()
            try:
                yield homeserver
            finally:
                server.shutdown()
                thread.join()
