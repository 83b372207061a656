"""What is asked and what is answered, with the headers that every answer has."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mosaic_daemon.ground.secrets import redact

#: Nothing from anywhere else, nothing inline, nobody's frame, forms only to here.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True, slots=True)
class Request:
    """One request.

    Attributes:
        path: decoded; query and form: the last value of each name; headers: names in lower case.
        session: of the browser, empty for none; bearer: the token came with it.
        words: what the route's `{names}` stand for.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    session: str = ""
    bearer: bool = False
    words: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    body: bytes = b""
    kind: str = "text/plain; charset=utf-8"
    more: Mapping[str, str] = field(default_factory=dict)

    @property
    def headers(self) -> dict[str, str]:
        kind = {"Content-Type": self.kind} if self.body else {}
        return {**HEADERS, **kind, **self.more}


class Problem(Exception):
    """A request that is answered with an error.

    Attributes:
        status: of the answer. message, remedy: for people.
    """

    def __init__(self, status: int, message: str, remedy: str = "", more: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.remedy = remedy
        self.more = more or {}

    @property
    def as_json(self) -> Response:
        return as_json({"error": {"message": self.message, "remedy": self.remedy}}, self.status, self.more)


def as_json(document: Any, status: int = 200, more: Mapping[str, str] | None = None) -> Response:
    text = redact(json.dumps(document, ensure_ascii=True, default=str))
    return Response(status, text.encode() + b"\n", "application/json", more or {})


def as_text(text: str, kind: str = "text/plain; charset=utf-8") -> Response:
    return Response(200, redact(text).encode(errors="replace"), kind)


def see_other(place: str, more: Mapping[str, str] | None = None) -> Response:
    return Response(303, more={"Location": place, **(more or {})})
