"""A connection to a NATS server: who we are, and what becomes of its errors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from mosaic_rails.base import RailError
from mosaic_rails.leased.transport import Received, Unreachable
from mosaic_rails.nats.streams import ANSWER_SEC
from mosaic_rails.nats.subjects import Subjects, checked

_PULL_SEC = 20.0
_ABSENT_SEC = 0.5
_CONNECT_SEC = 3
_PING_SEC = 15


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach a server, and as whom.

    Attributes:
        name: ours in subjects; the server's permissions are to allow this name and no other.
        credentials: a file with `user:password` in one line, or one that `nsc` has written (`.creds`).
        ack_wait_sec: after how long without a word a message is delivered again, an offer to another worker.
    """

    url: str
    name: str
    credentials: Path | None = None
    subjects: Subjects = field(default_factory=Subjects)
    ack_wait_sec: float = 30.0

    def __post_init__(self) -> None:
        checked(self.name, "a name")

    def login(self) -> dict[str, Any]:
        """As the client takes it.

        Raises:
            RailError: the file cannot be read, or is neither.
        """
        if self.credentials is None:
            return {}
        try:
            text = self.credentials.read_text("utf-8").strip()
        except (OSError, ValueError) as error:
            raise RailError(f"{self.credentials}: the NATS credentials cannot be read: {error}") from error
        if "BEGIN NATS USER JWT" in text:
            return {"user_credentials": str(self.credentials)}
        user, colon, password = text.partition(":")
        if not colon or "\n" in text:
            raise RailError(f"{self.credentials} holds neither `user:password` nor what nsc writes")
        return {"user": user, "password": password}


@contextmanager
def told() -> Iterator[None]:
    """The client's errors as the port's."""
    try:
        yield
    except (TimeoutError, nats.errors.Error, OSError) as error:
        raise Unreachable(f"NATS: {error or type(error).__name__}") from error
    except ImportError as error:
        raise RailError(
            f"these NATS credentials need the package {error.name}: install it, or use a password"
        ) from error


class Connection:
    """One that stands. `inbox`: what has come and was not received; an `Unreachable` in it ends the link."""

    def __init__(self, access: Access, client: Client) -> None:
        self.access = access
        self.client = client
        self.js: JetStreamContext = client.jetstream(timeout=ANSWER_SEC)
        self.inbox: asyncio.Queue[Received | Unreachable] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()

    def broken(self, why: str) -> None:
        self.inbox.put_nowait(Unreachable(why))

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """In the background for as long as the link stands; its failure is the link's."""
        task = asyncio.create_task(self._guarded(work))
        self._tasks.add(task)

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            with told():
                await work
        except Unreachable as error:
            self.inbox.put_nowait(error)

    async def arrivals(self) -> list[Received]:
        """Wait for what comes, and take all that is there.

        Raises:
            Unreachable: the link is over.
        """
        found = [await self.inbox.get()]
        while not self.inbox.empty():
            found.append(self.inbox.get_nowait())
        for each in found:
            if isinstance(each, Unreachable):
                raise each
        return [each for each in found if isinstance(each, Received)]

    async def pull(
        self, stream: str, consumer: str, wanted: Callable[[], Awaitable[int]], take: Callable[[Msg], Awaitable[None]]
    ) -> None:
        """Ask for messages, as many as are wanted, for ever."""
        arrived: asyncio.Queue[Msg] = asyncio.Queue()
        inbox = self.client.new_inbox()
        await self.client.subscribe(inbox, cb=arrived.put)
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        is_there = False
        while True:
            left = await wanted()
            # A server says nothing at all about a consumer that it does not have, until it has one.
            rest = b'"expires":%d' % int(_PULL_SEC * 1e9) if is_there else b'"no_wait":true'
            await self.client.publish(subject, b'{"batch":%d,%b}' % (left, rest), reply=inbox)
            patience = _PULL_SEC + ANSWER_SEC if is_there else _ABSENT_SEC
            is_there = await self._replies(arrived, left, patience, take)

    async def _replies(
        self, arrived: asyncio.Queue[Msg], left: int, patience_sec: float, take: Callable[[Msg], Awaitable[None]]
    ) -> bool:
        """Take what one request brings; False: the consumer has not answered."""
        has_answered = False
        while left:
            try:
                message = await asyncio.wait_for(arrived.get(), patience_sec)
            except TimeoutError:
                return has_answered
            has_answered = True
            status = (message.headers or {}).get("Status")
            if status is None:
                left -= 1
                await take(message)
                continue
            if status not in ("404", "408"):
                await asyncio.sleep(_ABSENT_SEC)
            break
        return True

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await _close(self.client)


@asynccontextmanager
async def connected(access: Access) -> AsyncIterator[Connection]:
    """Connect for the time of the block.

    Raises:
        Unreachable: on entering. RailError: the credentials are no good.
    """
    client = Client()
    found: list[Connection] = []

    async def failed(error: Exception) -> None:
        # What a server does not let us publish or subscribe to shows here and nowhere else.
        for connection in found:
            connection.broken(f"NATS: {error}")

    async def closed() -> None:
        await failed(nats.errors.ConnectionClosedError())

    login = access.login()
    try:
        with told():
            await client.connect(
                access.url,
                name=f"mosaic {access.name}",
                inbox_prefix=f"_INBOX.{access.name}",
                allow_reconnect=False,
                connect_timeout=_CONNECT_SEC,
                ping_interval=_PING_SEC,
                max_outstanding_pings=2,
                error_cb=failed,
                disconnected_cb=closed,
                closed_cb=closed,
                **login,
            )
    except BaseException:
        # What a server has refused keeps its socket.
        with anyio.CancelScope(shield=True):
            await _close(client)
        raise
    connection = Connection(access, client)
    found.append(connection)
    try:
        yield connection
    finally:
        found.clear()
        with anyio.CancelScope(shield=True):
            await connection.close()


async def _close(client: Client) -> None:
    with suppress(nats.errors.Error, OSError), anyio.move_on_after(ANSWER_SEC):
        await client.close()
