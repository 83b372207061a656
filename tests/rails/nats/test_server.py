"""What a NATS server is trusted with, and what its users may not do. On a real one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import nats.errors
import pytest
from loguru import logger

from mosaic_rails.base import RailError
from mosaic_rails.leased import messages as msg
from mosaic_rails.leased import wire
from mosaic_rails.leased.transport import Link, Outgoing, Unreachable
from mosaic_rails.nats.connection import Connection, connected
from mosaic_rails.nats.daemon import NatsDaemon
from mosaic_rails.nats.streams import different, set_up
from mosaic_rails.nats.subjects import Subjects, pool_of
from mosaic_rails.nats.worker import NatsWorker
from tests.rails.leased.site import LABELS, errand
from tests.rails.nats.server import NatsServer
from tests.rails.waiting import PATIENCE_SEC, until

OFFER = msg.Offer("d", "T.1", ("runtime=claude",), "0" * 64)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NatsServer]:
    running = NatsServer(tmp_path / "nats")
    running.start()
    yield running
    running.kill()


@asynccontextmanager
async def worker(server: NatsServer, name: str = "w1", labels: tuple[str, ...] = LABELS) -> AsyncIterator[Link]:
    async with NatsWorker(server.access(name), labels).link(None) as link:
        await link.ready(1)
        yield link


async def received(link: Link) -> list[msg.Message]:
    async with asyncio.timeout(PATIENCE_SEC):
        return [wire.decode(each.body) for each in (await link.receive()).messages]


def said(message: msg.Message, to: str = "daemon", key: str = "k") -> Outgoing:
    labels = message.labels if isinstance(message, msg.Offer) else ()
    return Outgoing(key, to, wire.encode(message), labels)


async def publish(connection: Connection, subject: str) -> None:
    await connection.client.publish(subject, b"forged")


FORBIDDEN: dict[str, Callable[[Connection], Awaitable[object]]] = {
    "speak as another worker": lambda at: publish(at, "mosaic.up.daemon.w2.T/1.result"),
    "offer work": lambda at: publish(at, "mosaic.offer.default.daemon.T/1"),
    "answer as a daemon": lambda at: publish(at, "mosaic.down.w2.daemon"),
    "delete a stream": lambda at: publish(at, "$JS.API.STREAM.DELETE.MOSAIC_OFFERS"),
    "read the stream of results": lambda at: publish(at, "$JS.API.STREAM.MSG.GET.MOSAIC_UP"),
    "make a consumer": lambda at: publish(at, "$JS.API.CONSUMER.DURABLE.CREATE.MOSAIC_UP.mine"),
    "acknowledge a result": lambda at: publish(at, "$JS.ACK.MOSAIC_UP.daemon.1.1.1.1.0"),
    "pull from another pool": lambda at: publish(at, "$JS.API.CONSUMER.MSG.NEXT.MOSAIC_OFFERS.gpu"),
    "listen to another worker": lambda at: at.client.subscribe("mosaic.down.w2.*"),
    "listen to everything": lambda at: at.client.subscribe(">"),
    "listen to another's inbox": lambda at: at.client.subscribe("_INBOX.w2.>"),
}


@pytest.mark.parametrize("what", FORBIDDEN)
async def test_a_worker_may_not(server: NatsServer, what: str) -> None:
    """The server refuses it, nothing of it is stored, and the link is told."""
    async with connected(server.access("daemon")) as daemon, connected(server.access("w1")) as connection:
        await set_up(daemon.js, Subjects())
        await FORBIDDEN[what](connection)
        with pytest.raises(Unreachable, match="permissions violation"):
            async with asyncio.timeout(PATIENCE_SEC):
                await connection.arrivals()
        for stream in ("MOSAIC_OFFERS", "MOSAIC_UP"):
            assert (await daemon.js.stream_info(stream)).state.messages == 0


async def test_nobody_gets_in_with_a_wrong_password(server: NatsServer) -> None:
    """And the reason is told."""
    access = server.access("w1")
    assert access.credentials is not None
    access.credentials.write_text("w1:wrong")
    with pytest.raises(Unreachable, match=r"(?i)authorization"):
        async with connected(access):
            pass


async def test_credentials_of_neither_kind_are_refused(server: NatsServer) -> None:
    """With the file's name."""
    access = server.access("w1")
    assert access.credentials is not None
    access.credentials.write_text("no colon")
    with pytest.raises(RailError, match=r"w1\.login holds neither"):
        access.login()


async def test_who_sent_a_message_is_what_its_subject_says(server: NatsServer) -> None:
    """Both ways."""
    async with NatsDaemon(server.access("daemon")).link(None) as daemon, worker(server) as link:
        await link.send(said(msg.Claim("d", "T.1", "c", ())))
        async with asyncio.timeout(PATIENCE_SEC):
            (claim,) = (await daemon.receive()).messages
        assert claim.sender == "w1"
        await daemon.send(said(msg.Accepted("d", "T.1", "c"), "w1"))
        async with asyncio.timeout(PATIENCE_SEC):
            (accepted,) = (await link.receive()).messages
        assert accepted.sender == "daemon"


async def test_an_offer_stays_until_its_result_is_accepted(server: NatsServer) -> None:
    """Heartbeats keep it from the others longer than a server waits; offering it again adds nothing."""
    async with (
        NatsDaemon(server.access("daemon")).link(None) as daemon,
        connected(server.access("daemon")) as eye,
        worker(server) as first,
        worker(server, "w2") as second,
    ):
        await first.ready(1)
        await second.ready(0)
        await daemon.send(said(OFFER, ""))
        assert await received(first) == [OFFER]
        await second.ready(1)
        await daemon.send(said(OFFER, "", "again"))
        await daemon.send(said(msg.Grant("d", "T.1", "c", 1000, errand("T.1")), "w1"))
        await received(first)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(second.receive(), 3 * server.access("w1").ack_wait_sec)
        assert (await eye.js.stream_info("MOSAIC_OFFERS")).state.messages == 1
        await daemon.send(said(msg.Accepted("d", "T.1", "c"), "w1"))
        async with asyncio.timeout(PATIENCE_SEC):
            while (await eye.js.stream_info("MOSAIC_OFFERS")).state.messages:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def test_an_offer_whose_worker_is_gone_goes_to_the_next(server: NatsServer) -> None:
    """At once when it leaves."""
    async with NatsDaemon(server.access("daemon")).link(None) as daemon:
        async with worker(server) as link:
            await daemon.send(said(OFFER, ""))
            assert await received(link) == [OFFER]
        async with worker(server, "w2") as link:
            assert await received(link) == [OFFER]


@pytest.mark.slow
async def test_an_offer_that_nobody_can_take_is_told_and_removed(server: NatsServer) -> None:
    """After five deliveries; then it can be offered again."""
    told: list[str] = []
    sink = logger.add(lambda line: told.append(str(line)), level="WARNING")
    try:
        async with NatsDaemon(server.access("daemon")).link(None) as daemon, worker(server, labels=()) as link:
            await daemon.send(said(OFFER, ""))
            await until(lambda: any("dead letter: mosaic.offer.default.daemon.T/1" in line for line in told), "told")
            await daemon.send(said(replace(OFFER, labels=()), "", "next"))
            assert await received(link) == [replace(OFFER, labels=())]
    finally:
        logger.remove(sink)


async def test_what_a_server_keeps_otherwise_is_refused(server: NatsServer) -> None:
    """A stream whose kind cannot be changed; settings that can are put right."""
    async with connected(server.access("daemon")) as connection:
        await connection.js.add_stream(name="MOSAIC_OFFERS", subjects=["mosaic.offer.>"], max_msgs_per_subject=5)
        with pytest.raises((Unreachable, nats.errors.Error)):
            await set_up(connection.js, Subjects())
        await connection.js.delete_stream("MOSAIC_OFFERS")
        await set_up(connection.js, Subjects())
        kept = (await connection.js.stream_info("MOSAIC_OFFERS")).config
        await connection.js.update_stream(kept, max_age=600.0)
        await set_up(connection.js, Subjects())
        assert (await connection.js.stream_info("MOSAIC_OFFERS")).config.max_age == 86_400.0


def test_keys_that_a_server_passes_over_are_found() -> None:
    """As older ones do with what they do not know."""
    assert different({"name": "S", "metadata": {"a": "b"}}, {"name": "S"}) == ("metadata",)


def test_a_label_sends_an_offer_to_a_pool() -> None:
    """Any other goes to the daemon's own; what cannot be a part of a subject names none."""
    assert pool_of(("runtime=claude", "pool=gpu"), "default") == "gpu"
    assert pool_of(("runtime=claude", "pool=a.b"), "default") == "default"
    assert pool_of((), "default") == "default"
