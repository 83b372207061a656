"""A model provider on a loopback port, so that real agent CLIs can be run without a model.

It speaks the streaming Messages API (Claude Code; opencode with an Anthropic-compatible provider) and the streaming
Responses API (Codex). What it says is a function, see `behaviours`.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from tests.agents.behaviours import Behaviour, Conversation, Json, Refusal, Reply, Slow, diligent
from tests.agents.dialects import (
    CACHE_CREATION,
    INPUT,
    OUTPUT,
    from_messages,
    from_responses,
    messages_events,
    responses_events,
)


class ModelServer:
    """The server, up while its context is entered.

    Attributes:
        behaviour: may be replaced while it runs.
        requests: (path, decoded body) of every question so far, side requests included.
        tokens: what the answers to requests with tools cost so far, without what came from the cache.
    """

    def __init__(self, behaviour: Behaviour = diligent) -> None:
        self.behaviour = behaviour
        self.requests: list[tuple[str, Json]] = []
        self.tokens = 0
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._http = _Http(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def answer(self, path: str, body: Json) -> Reply:
        """Record the request and decide the reply."""
        conversation = from_responses(body) if path.endswith("/responses") else from_messages(body)
        reply = self.behaviour(conversation)
        self._record(path, body, conversation, reply)
        return reply

    def _record(self, path: str, body: Json, conversation: Conversation, reply: Reply) -> None:
        with self._lock:
            self.requests.append((path, body))
            if conversation.tools and not isinstance(reply, Refusal):
                self.tokens += INPUT + CACHE_CREATION + OUTPUT


class _Http(ThreadingHTTPServer):
    daemon_threads = True


def _handler(server: ModelServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
            """Nothing: pytest shows what matters."""

        def do_GET(self) -> None:
            self._json(404, {"error": {"type": "not_found_error", "message": "only a model is served here"}})

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
            path = self.path.partition("?")[0]
            if not path.endswith(("/messages", "/responses")):
                self._json(404, {"error": {"type": "not_found_error", "message": f"no {path} here"}})
                return
            reply = server.answer(path, body)
            if isinstance(reply, Refusal):
                self._json(reply.status, reply.body, reply.headers)
                return
            said, pause = (reply.reply, reply.pause) if isinstance(reply, Slow) else (reply, 0.0)
            events = responses_events if path.endswith("/responses") else messages_events
            self._stream(events(said, body), pause)

        def _json(self, status: int, body: Json, headers: Mapping[str, str] | None = None) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        def _stream(self, events: Iterator[Json], pause: float) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            try:
                for event in events:
                    if server.closing.wait(pause):
                        return
                    self.wfile.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
                    self.wfile.flush()
            except ConnectionError:
                pass  # the agent was stopped while it listened, which is what some tests want

    return Handler
