"""One forge's API over HTTP: reads that are repeated, writes that never are, and nothing of what the paths mean.

A read ends as a `Reply`, as Unavailable (not now), or as Rejected (never). A write ends as a `Reply` for the dialect to
judge, as `Delayed` when the forge has certainly not done it, or as `Sent` when nobody can know.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import httpx
from loguru import logger
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exponential,
    wait_random,
)

from mosaic_daemon.forges.base import Delayed, Sent
from mosaic_daemon.forges.rest.answers import Reply, Request, exhausted_sec, limit_of, rejected
from mosaic_daemon.forges.rest.conditional import Kept
from mosaic_daemon.forges.rest.host import Host
from mosaic_daemon.forges.rest.pace import PATIENCE_SEC, Pace, Timing
from mosaic_daemon.forges.rest.paging import joined, next_page, same_host
from mosaic_daemon.ground.errors import Unavailable
from mosaic_daemon.ground.secrets import redact

_CONNECTIONS = httpx.Limits(max_connections=10, max_keepalive_connections=5, keepalive_expiry=30.0)
_LARGEST_BYTES = 16 * 1024 * 1024
_TRIES = 3
_USUAL_WAIT = wait_exponential(multiplier=0.5, max=8.0) + wait_random(0.0, 0.5)
_REDIRECTS = 3
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_REFUSED = (401, 403)
_NOT_READ = (408, 425)  #: the forge says that it has not looked at the request


@dataclass(slots=True)
class Counts:
    """What one transport has sent so far. `unchanged`: reads that were answered without a body."""

    sent: int = 0
    writes: int = 0
    unchanged: int = 0


class _Passing(Unavailable):
    """Worth another try at once."""

    wait_sec: float | None = None


class Transport:
    """One host. Not for several event loops; `aclose` gives the connections back.

    Attributes:
        is_refused: the last answer that was no outage said that this token may not.
    """

    def __init__(self, host: Host, timing: Timing | None = None) -> None:
        self.counts = Counts()
        self.is_refused = False
        self._host = host
        self._api = host.api.rstrip("/")
        self._timing = timing or Timing()
        self._pace = Pace(host.name, host.budget, self._timing)
        self._kept = Kept()
        self._client = httpx.AsyncClient(
            http2=False,
            timeout=httpx.Timeout(host.silence_sec, connect=min(10.0, host.silence_sec), pool=host.silence_sec),
            limits=_CONNECTIONS,
            follow_redirects=False,
            verify=host.trust(),
            headers={"User-Agent": "mosaic-orchestrator", **host.headers},
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._client.aclose()

    @property
    def timing(self) -> Timing:
        return self._timing

    def curl(self, path: str, query: Mapping[str, Any] | None = None) -> str:
        """A read as a line to paste."""
        return self._request("GET", self._url(path, query)).curl

    async def get(self, path: str, query: Mapping[str, Any] | None = None) -> Reply:
        """Raises Unavailable, and Rejected for every answer but 2xx."""
        return _good(await self._read(self._url(path, query)))

    async def find(self, path: str, query: Mapping[str, Any] | None = None) -> Reply | None:
        """As `get`, where 404 is an answer: None."""
        reply = await self._read(self._url(path, query))
        return None if reply.status == 404 else _good(reply)

    async def pages(
        self, path: str, query: Mapping[str, Any] | None = None, *, limit: int = 20, partial: bool = False
    ) -> AsyncIterator[Reply]:
        """The pages of a listing, at most `limit` of them.

        Raises:
            Unavailable: as `get`; also when there are more pages, as a part could be taken for the whole. `partial`
                says that a part will do.
        """
        url: str | None = self._url(path, query)
        for _ in range(limit):
            reply = _good(await self._read(url or ""))
            yield reply
            url = next_page(reply, counted=self._host.counted_pages)
            if url is None:
                return
        if not partial:
            raise Unavailable(f"the list has more than {limit} pages", where=reply.request.line)

    async def send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Reply | Sent | Delayed:
        """A write, sent once at the most. A `Reply` is one that the forge has thought about."""
        request = self._request(method, self._url(path), body)
        try:
            await self._pace.turn(write=True)
        except Unavailable as error:
            return Delayed(error.line, error.until)
        self.counts.writes += 1
        try:
            reply = await self._exchange(request, {})
        except _NOT_SENT as error:
            self._pace.failed(_told(error))
            return Delayed(f"{request.line}: not sent: {_told(error)}", self._pace.pause())
        except (httpx.HTTPError, TimeoutError) as error:
            self._pace.failed(_told(error))
            return Sent(f"{request.line}: no answer: {_told(error)}")
        return self._judged(reply)

    def _judged(self, reply: Reply) -> Reply | Sent | Delayed:
        limit = limit_of(reply, self._timing.clock.now())
        if limit is not None:
            self._pace.limited(limit.reason, limit.wait_sec, limit.least_sec)
        elif reply.status >= 500 or reply.status in _NOT_READ:
            self._pace.failed(reply.summary)
        else:
            self._healthy(reply)
        if reply.status >= 500:
            return Sent(f"{reply.request.line}: {reply.summary}")
        if limit is not None:
            return Delayed(limit.reason, self._pace.until())
        if reply.status in _NOT_READ:
            return Delayed(f"{reply.request.line}: {reply.summary}", self._pace.pause())
        return reply

    async def _read(self, url: str) -> Reply:
        here = httpx.URL(url)
        for _ in range(_REDIRECTS):
            reply = await self._retried(self._request("GET", str(here)))
            target = reply.headers.get("location")
            if reply.status not in (301, 302, 307, 308) or not target:
                return reply
            there = joined(here, target)
            if there is None or not same_host(here, there):
                return reply
            here = there
        return reply

    async def _retried(self, request: Request) -> Reply:
        retrying = AsyncRetrying(
            stop=stop_after_attempt(_TRIES),
            wait=_between_tries,
            sleep=self._timing.sleep,
            retry=retry_if_exception_type(_Passing),
            reraise=True,
        )
        try:
            return await retrying(self._tried, request)
        except _Passing as error:
            raise Unavailable(error.problem, where=error.where, remedy=error.remedy, until=self._pace.pause()) from None

    async def _tried(self, request: Request) -> Reply:
        await self._pace.turn(write=False)
        try:
            reply = await self._exchange(request, self._kept.headers(request.url))
        except (httpx.HTTPError, TimeoutError) as error:
            self._pace.failed(_told(error))
            remedy = "`forge.ca_file` names certificates to trust" if "CERTIFICATE_VERIFY" in str(error) else ""
            raise _Passing(f"no answer: {_told(error)}", where=request.line, remedy=remedy) from None
        limit = limit_of(reply, self._timing.clock.now())
        if limit is not None:
            return self._limited(reply, limit.reason, self._pace.limited(limit.reason, limit.wait_sec, limit.least_sec))
        if reply.status >= 500 or reply.status in _NOT_READ:
            self._pace.failed(reply.summary)
            raise _Passing(f"the forge answers {reply.summary}", where=request.line)
        self._healthy(reply)
        return self._known(reply)

    def _limited(self, reply: Reply, reason: str, wait_sec: float) -> Reply:
        if wait_sec > PATIENCE_SEC:
            raise Unavailable(reason, where=reply.request.line, until=self._pace.until())
        passing = _Passing(reason, where=reply.request.line)
        passing.wait_sec = wait_sec
        raise passing

    def _known(self, reply: Reply) -> Reply:
        """The reply itself, or the kept one that it confirms."""
        if reply.status != 304:
            self._kept.keep(reply)
            return reply
        self.counts.unchanged += 1
        kept = self._kept.unchanged(reply)
        if kept is None:
            raise _Passing("the forge answers 304 to a read that was not conditional", where=reply.request.line)
        return kept

    def _healthy(self, reply: Reply) -> None:
        self._pace.fine()
        self.is_refused = reply.status in _REFUSED
        exhausted = exhausted_sec(reply, self._timing.clock.now())
        if exhausted is not None:
            self._pace.hold(exhausted, "rate limit: the budget of this token is used up")

    async def _exchange(self, request: Request, headers: dict[str, str]) -> Reply:
        self.counts.sent += 1
        if self._host.token is not None:
            headers[self._host.auth_header] = self._host.scheme + self._host.token.reveal()
        started = time.monotonic()
        async with (
            asyncio.timeout(2 * self._host.silence_sec),
            self._client.stream(request.method, request.url, json=request.body, headers=headers) as answer,
        ):
            content = bytearray()
            async for piece in answer.aiter_bytes():
                content += piece
                if len(content) > _LARGEST_BYTES:
                    raise httpx.DecodingError(f"the answer is larger than {_LARGEST_BYTES} bytes")
        took = time.monotonic() - started
        logger.bind(action="forge-request").debug("{} {} in {:.3f} s", request.line, answer.status_code, took)
        named = {name.lower(): value for name, value in answer.headers.items()}
        return Reply(request, answer.status_code, named, redact(content.decode("utf-8", "replace")))

    def _request(self, method: str, url: str, body: Mapping[str, Any] | None = None) -> Request:
        shown = dict(self._host.headers)
        if self._host.token is not None:
            shown[self._host.auth_header] = f"{self._host.scheme}$TOKEN"
        return Request(method, url, body, shown, str(self._host.ca_file or ""))

    def _url(self, path: str, query: Mapping[str, Any] | None = None) -> str:
        url = httpx.URL(self._api + path)
        return str(url.copy_merge_params(query) if query else url)


def _good(reply: Reply) -> Reply:
    if not reply.ok:
        raise rejected(reply)
    return reply


def _between_tries(state: RetryCallState) -> float:
    """What the forge asked for, else half a second and more, at random."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, _Passing) and error.wait_sec is not None:
        return error.wait_sec
    return _USUAL_WAIT(state)


def _told(error: BaseException) -> str:
    return redact(f"{type(error).__name__} {error}".strip())
