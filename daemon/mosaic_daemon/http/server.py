"""Connections: a request is read within its bounds, judged, answered; the next may follow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import parse_qsl, unquote_to_bytes, urlencode

import anyio
import anyio.abc
import anyio.to_thread
import h11
from loguru import logger

from mosaic_daemon.ground.errors import InputError, LedgerError, MosaicError, Refused, Unavailable
from mosaic_daemon.ground.exchange import Exchange
from mosaic_daemon.http import streams
from mosaic_daemon.http.access import WRONG_TOKEN_SEC
from mosaic_daemon.http.messages import Problem, Request, Response, see_other
from mosaic_daemon.http.pages import problem as problem_page
from mosaic_daemon.http.routes import ROUTES
from mosaic_daemon.http.routing import Door, Route, form
from mosaic_daemon.http.site import Site

_IDLE_SEC = 30.0
_BODY_SEC = 10.0
_SEND_SEC = 20.0
_MOST_BODY = 64 * 1024
_MOST_FIELDS = 50


class Server:
    """Answers for one site. What takes long is done in one thread, so that the daemon's own work goes on meanwhile."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._reading = anyio.CapacityLimiter(1)
        self._streams = streams.Streams(site)

    async def converse(self, stream: anyio.abc.SocketStream) -> None:
        """Answer requests until either side has had enough. Raises BrokenResourceError: the client is gone."""
        exchange = Exchange(stream)
        while True:
            try:
                if not await self._one(exchange):
                    break
            except h11.RemoteProtocolError as error:
                await self._send(exchange, Response(error.error_status_hint, b"not a request\n"), last=True)
                break
            if not exchange.goes_on:
                break
            exchange.begin_next()
        await exchange.linger()

    async def _one(self, exchange: Exchange) -> bool:
        """One request and its answer; whether another may come."""
        asked: object = None
        with anyio.move_on_after(_IDLE_SEC):
            asked = await exchange.next()
        if not isinstance(asked, h11.Request):
            return False
        body: bytes | None = None
        with anyio.move_on_after(_BODY_SEC) as patience:
            body = await exchange.body(_MOST_BODY)
        if body is None:
            status, text = (408, b"too slow\n") if patience.cancelled_caught else (413, b"too much\n")
            await self._send(exchange, Response(status, text), last=True)
            return False
        request, host = _request(asked, body)
        route, response = await self._answer(request, host)
        if response is None:
            await self._streams.send(exchange)
            return False
        self._site.answered[response.status] += 1
        logger.debug("http: {} {} {}", request.method, route.path if route else "?", response.status)
        await self._send(exchange, response, only_head=request.method == "HEAD")
        return True

    async def _send(
        self, exchange: Exchange, response: Response, *, last: bool = False, only_head: bool = False
    ) -> None:
        with anyio.fail_after(_SEND_SEC):
            headers = response.headers | ({"Connection": "close"} if last else {})
            await exchange.answer(response.status, headers, response.body, only_head=only_head)

    async def _answer(self, request: Request, host: str) -> tuple[Route | None, Response | None]:
        """The answer; None: a stream of events."""
        route: Route | None = None
        try:
            if not self._site.access.knows(host):
                raise Problem(421, "this host is not served here", "name it in `http.hosts`")
            route, request = ROUTES.find(request)
            request = await self._judged(route, request)
            return route, await self._done(route, request)
        except Problem as found:
            return route, self._refusal(found, route, request)
        except MosaicError as error:
            return route, self._refusal(_as_problem(error), route, request)
        except Exception as error:  # a page that fails must not end the daemon
            logger.opt(exception=error).error("http: {} {}: {!r}", request.method, request.path, error)
            return route, self._refusal(Problem(500, "the daemon failed at this; its log says more"), route, request)

    async def _judged(self, route: Route, request: Request) -> Request:
        """The request with what is known of who asks.

        Raises:
            Problem: he may not.
        """
        access = self._site.access
        given = request.headers.get("authorization")
        bearer, session = access.has_bearer(request.headers), access.session(request.headers)
        if given is not None and not bearer:
            await anyio.sleep(WRONG_TOKEN_SEC)
        request = replace(request, session=session, bearer=bearer)
        if (
            (origin := request.headers.get("origin")) is not None
            and route.changes
            and not access.comes_from_here(origin)
        ):
            raise Problem(403, "this was sent by another site")
        if route.door is Door.OPEN:
            return request
        if not bearer and not session:
            raise Problem(401, "a token is needed", "`Authorization: Bearer …`", {"WWW-Authenticate": "Bearer"})
        if route.changes and not bearer:
            key = request.headers.get("x-form-key") or form(request).get("form_key", "")
            if origin is None or not access.is_form_key(session, key):
                raise Problem(403, "this form is not from here, or too old", "load the page again")
        return request

    async def _done(self, route: Route, request: Request) -> Response | None:
        if route.streams:
            if self._streams.is_full:
                raise Problem(503, "too many listen already")
            return None
        if route.command is not None:
            return await route.command(self._site, request)
        assert route.shows is not None  # noqa: S101  # a route has one of them
        view = await self._site.view()
        return await anyio.to_thread.run_sync(route.shows, view, request, limiter=self._reading)

    def _refusal(self, found: Problem, route: Route | None, request: Request) -> Response:
        is_page = route is not None and route.is_page
        if is_page and found.status == 401 and request.method in ("GET", "HEAD"):
            place = request.path + (f"?{urlencode(request.query)}" if request.query else "")
            return see_other(f"/login?{urlencode({'next': place})}")
        if is_page or (route is None and "text/html" in request.headers.get("accept", "")):
            return problem_page.shown(found, request)
        return found.as_json


def _request(asked: h11.Request, body: bytes) -> tuple[Request, str]:
    """The request and its host.

    Raises:
        RemoteProtocolError: it is none that is understood.
    """
    if asked.http_version not in (b"1.0", b"1.1"):
        raise h11.RemoteProtocolError("no such version", error_status_hint=505)
    headers: dict[str, str] = {}
    for raw_name, raw_value in asked.headers:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}; {value}" if name == "cookie" and name in headers else value
    path, _, query = asked.target.decode("latin-1").partition("?")
    return Request(asked.method.decode("latin-1"), _path(path), _fields(query), headers, body), headers.get("host", "")


def _path(raw: str) -> str:
    try:
        path = unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        raise h11.RemoteProtocolError("path is not UTF-8", error_status_hint=400) from None
    if not path.startswith("/") or not path.isprintable():
        raise h11.RemoteProtocolError("no such path", error_status_hint=400)
    return path


def _fields(query: str) -> Mapping[str, str]:
    try:
        return dict(parse_qsl(query, max_num_fields=_MOST_FIELDS, keep_blank_values=True))
    except ValueError:
        raise h11.RemoteProtocolError("too many fields", error_status_hint=400) from None


def _as_problem(error: MosaicError) -> Problem:
    status = 500
    match error:
        case InputError():
            status = 404
        case Refused():
            status = 409
        case Unavailable() | LedgerError():
            status = 503
    return Problem(status, error.problem, error.remedy)
