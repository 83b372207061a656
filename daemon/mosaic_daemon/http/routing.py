"""What a route is, and how a request finds its own."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any
from urllib.parse import parse_qsl

from mosaic_daemon.http.messages import Problem, Request, Response
from mosaic_daemon.http.site import Site, View

Shows = Callable[[View, Request], Response]
Command = Callable[[Site, Request], Awaitable[Response]]

TASK_ID = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
WORDS = {"task": TASK_ID, "attempt": r"[1-9][0-9]{0,8}", "file": r"[a-z]{1,20}\.[a-z]{2,4}"}
_MOST_FIELDS = 50


class Door(Enum):
    """Who may ask: everybody, or whoever has the token or a session made of it."""

    OPEN = "open"
    TOKEN = "token"  # noqa: S105


@dataclass(frozen=True, slots=True)
class Parameter:
    """A field of the query, as the API's description has it."""

    name: str
    about: str
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Route:
    """One method on one path.

    Attributes:
        path: with `{task}` and the like.
        about: one line for the description.
        shows: reads and answers, in a thread; command: has the daemon do something. A stream has neither.
        answer: the JSON Schema's name, or the media type where it is no JSON.
        is_page: for people in browsers. body: the JSON Schema of what may be sent along.
    """

    method: str
    path: str
    about: str
    shows: Shows | None = None
    command: Command | None = None
    door: Door = Door.TOKEN
    answer: str = "text/html"
    parameters: tuple[Parameter, ...] = ()
    is_page: bool = False
    body: Mapping[str, Any] | None = None
    pattern: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        pattern = re.sub(r"\\\{(\w+)\\\}", lambda name: f"(?P<{name[1]}>{WORDS[name[1]]})", re.escape(self.path))
        object.__setattr__(self, "pattern", re.compile(pattern))

    @property
    def changes(self) -> bool:
        return self.method not in ("GET", "HEAD")

    @property
    def streams(self) -> bool:
        return self.shows is None and self.command is None


class Routes:
    """All of them, found by method and path."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.all = tuple(routes)

    def find(self, request: Request) -> tuple[Route, Request]:
        """The route, and the request with the route's words.

        Raises:
            Problem: there is none.
        """
        allowed: list[str] = []
        for route in self.all:
            if (found := route.pattern.fullmatch(request.path)) is None:
                continue
            if request.method == route.method or (request.method == "HEAD" and route.method == "GET"):
                return route, replace(request, words=found.groupdict())
            allowed.append(route.method)
        if allowed:
            raise Problem(405, "this method is not for this path", more={"Allow": ", ".join(allowed)})
        raise Problem(404, "there is no such page")


def form(request: Request) -> dict[str, str]:
    """The fields of a form that was sent; none when it is no form."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        return {}
    try:
        return dict(parse_qsl(request.body.decode(), max_num_fields=_MOST_FIELDS))
    except (ValueError, UnicodeDecodeError):
        return {}


def number(request: Request, name: str, usual: int, most: int) -> int:
    """A field of the query.

    Raises:
        Problem: it is no number, or too big.
    """
    given = request.query.get(name, "")
    if not given:
        return usual
    if not re.fullmatch(r"[0-9]{1,12}", given) or int(given) > most:
        raise Problem(400, f"`{name}` has to be a number up to {most}")
    return int(given)
