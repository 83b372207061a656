"""HTTP/1.1 on a loopback port, in threads of its own."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.forges.fakes.dialect import Answer, Request

#: An Answer, or None to close the connection without one.
Serve = Callable[[Request], Answer | None]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Sockets

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def _serve(self) -> None:
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = self.server.serve(Request.read(self.command, self.path, dict(self.headers.items()), data))
        if answer is None:
            self.close_connection = True
            self.server.hang_up(self.connection)
            return
        body = b"" if answer.body is None else json.dumps(answer.body).encode()
        lines = [f"HTTP/1.1 {answer.status} {self.responses.get(answer.status, ('', ''))[0]}"]
        if answer.status not in (204, 304):
            lines.append(f"Content-Length: {len(body)}")
        if body:
            lines.append("Content-Type: application/json; charset=utf-8")
        lines += [f"{name}: {value}" for name, value in answer.headers.items()]
        self.wfile.write("\r\n".join([*lines, "", ""]).encode() + body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class names it
        """The fake keeps its own log."""


class _Sockets(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, serve: Serve, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.serve = serve
        self._open: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client may go at any time; anything else is a fault of the fake and its `serve` has noted it."""

    def hang_up(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)

    def hang_up_all(self) -> None:
        for connection in list(self._open):
            self.hang_up(connection)


class Server:
    """Listens from the start; `close` ends it and every connection."""

    def __init__(self, serve: Serve, port: int = 0) -> None:
        self._sockets = _Sockets(serve, port)
        self.port: int = self._sockets.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(
            target=self._sockets.serve_forever, kwargs={"poll_interval": 0.02}, name=self.url, daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        self._sockets.shutdown()
        self._sockets.hang_up_all()
        self._thread.join()
        self._sockets.server_close()
