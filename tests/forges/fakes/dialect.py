"""What makes one forge's API differ from another's: routes, words, errors, limits."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote, urlencode

from tests.forges.fakes.core import Core
from tests.forges.fakes.state import Settings

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """As it came: `path` still percent-encoded, header names in lower case, `body` parsed."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any = None

    @classmethod
    def read(cls, method: str, target: str, headers: Mapping[str, str], data: bytes) -> Request:
        path, _, query = target.partition("?")
        lowered = {name.lower(): value for name, value in headers.items()}
        if lowered.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            body: Any = dict(parse_qsl(data.decode(), keep_blank_values=True))
        else:
            body = _parsed(data)
        return cls(method, path, dict(parse_qsl(query, keep_blank_values=True)), lowered, body)


def _parsed(data: bytes) -> Any:
    """What is no JSON stays a text, and is no object to whoever looks at it."""
    try:
        return json.loads(data) if data else None
    except ValueError:
        return data.decode(errors="replace")


@dataclass(frozen=True, slots=True)
class Answer:
    """`body`: what goes out as JSON; None sends no body. A header that is None is not sent, whoever else sets it."""

    status: int
    body: Any = None
    headers: Mapping[str, str | None] = field(default_factory=dict)


class Refused(Exception):
    """An operation ends with this answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(str(answer))
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Call:
    """One request on its way through an operation. `params`: the decoded parts of the path."""

    core: Core
    request: Request
    params: Mapping[str, str]
    twists: frozenset[str] = frozenset()

    @property
    def body(self) -> Json:
        return self.request.body if isinstance(self.request.body, dict) else {}

    @property
    def query(self) -> Mapping[str, str]:
        return self.request.query


Handler = Callable[[Call], Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """`area`: what a token must be good for: "repository", "issue", "user" or "" (nothing)."""

    method: str
    template: str
    operation: str
    handler: Handler
    area: str

    def match(self, method: str, path: str) -> dict[str, str] | None:
        found = self._pattern().fullmatch(path) if method == self.method else None
        return found and {name: unquote(value) for name, value in found.groupdict().items()}

    def _pattern(self) -> re.Pattern[str]:
        pattern = re.sub(r"\\\{(\w+)\\\*\\\}", r"(?P<\1>.+)", re.escape(self.template))
        return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", pattern))


class Routes(list[Route]):
    """`@routes.get("/path/{name}", "operation")` above a handler; `{name*}` also takes slashes."""

    def add(self, method: str, template: str, operation: str, area: str) -> Callable[[Handler], Handler]:
        def register(handler: Handler) -> Handler:
            self.append(Route(method, template, operation, handler, area))
            return handler

        return register

    def get(self, template: str, operation: str, area: str = "repository") -> Callable[[Handler], Handler]:
        return self.add("GET", template, operation, area)

    def post(self, template: str, operation: str, area: str = "repository") -> Callable[[Handler], Handler]:
        return self.add("POST", template, operation, area)

    def put(self, template: str, operation: str, area: str = "repository") -> Callable[[Handler], Handler]:
        return self.add("PUT", template, operation, area)

    def patch(self, template: str, operation: str, area: str = "repository") -> Callable[[Handler], Handler]:
        return self.add("PATCH", template, operation, area)

    def delete(self, template: str, operation: str, area: str = "repository") -> Callable[[Handler], Handler]:
        return self.add("DELETE", template, operation, area)


class Described(Protocol):
    """What a forge says of its own API. Both methods give complaints, one per line, or nothing."""

    def request(self, route: Route, request: Request, params: Mapping[str, str]) -> list[str]: ...

    def answer(self, route: Route, answer: Answer) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class Dialect:
    """One forge's ways.

    Attributes:
        prefix: of every path. description: what requests and answers are held against, where there is one.
        settings: a fresh server's. scopes: what a good token has.
        token: takes the token out of a request. allows: None, or the answer to a token without the scope.
        unauthorized: the answer to a missing or unknown token; the token is its argument.
        error: the forge's own error body. texts: its words for a refused merge, by reason.
        limits: the rate headers of an answer. etags: it answers If-None-Match.
        job: "job" or "status", how CI usually reports.
    """

    name: str
    prefix: str
    description: Callable[[], Described | None]
    routes: tuple[Route, ...]
    settings: Callable[[], Settings]
    scopes: frozenset[str]
    token: Callable[[Request], str | None]
    allows: Callable[[frozenset[str], Route], Answer | None]
    unauthorized: Callable[[str | None], Answer]
    error: Callable[[int], Answer]
    rate_limited: Callable[[int, bool, int | None], Answer]
    headers: Callable[[Core, frozenset[str]], dict[str, str]]
    texts: Mapping[str, Answer]
    separate_numbers: bool = False
    etags: bool = False
    job: str = "job"

    def find(self, request: Request) -> tuple[Route, dict[str, str]] | None:
        if not request.path.startswith(self.prefix + "/"):
            return None
        path = request.path.removeprefix(self.prefix)
        for route in self.routes:
            params = route.match(request.method, path)
            if params is not None:
                return route, params
        return None


def _whole(text: str | None, otherwise: int) -> int:
    return int(text) if text and text.isdecimal() else otherwise


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list: where it is, and the links to the others."""

    items: list[Any]
    number: int
    size: int
    total: int
    links: str

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // self.size))

    @classmethod
    def cut(cls, call: Call, items: list[Any], size_name: str) -> Page:
        settings = call.core.state.settings
        size = min(max(1, _whole(call.query.get(size_name), settings.page_default)), settings.page_max)
        number = max(1, _whole(call.query.get("page"), 1))
        last = max(1, -(-len(items) // size))
        wanted = {"first": 1, "prev": number - 1, "next": number + 1, "last": last}
        if number == 1:
            del wanted["first"], wanted["prev"]
        if number >= last:
            del wanted["next"], wanted["last"]
        url = f"{call.core.url}{call.request.path}?"
        links = ", ".join(
            f'<{url}{urlencode({**call.query, "page": str(n)})}>; rel="{rel}"' for rel, n in wanted.items() if n >= 1
        )
        return cls(items[(number - 1) * size : number * size], number, size, len(items), links)
