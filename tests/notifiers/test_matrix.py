"""The Matrix notifier against a strict homeserver: one event for one message, limits obeyed, refusals named."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from mosaic_daemon.ground.errors import ConfigError, Unavailable
from mosaic_daemon.ground.secrets import Secret
from mosaic_daemon.notifiers.base import Message
from mosaic_daemon.notifiers.matrix import Matrix
from tests.support.homeserver import ROOM, TOKEN, Answer, Homeserver, limited

HELP = Message("T-1 is failed", "T-1 is failed\n\nWhy: @room ünïcode \ud800", {"repository": "/a", "delivery": "d1"})


@pytest.fixture
def homeserver() -> Iterator[Homeserver]:
    with Homeserver.opened() as opened:
        yield opened


def room(homeserver: Homeserver, token: str = TOKEN, name: str = ROOM) -> Matrix:
    return Matrix(homeserver.url + "/", name, Secret(token))


def other(delivery: str = "d1", repository: str = "/a") -> Message:
    return Message("x", "x", {"repository": repository, "delivery": delivery})


async def test_it_is_a_message_of_the_room_that_rings_for_nobody_by_name(homeserver: Homeserver) -> None:
    await room(homeserver).send(HELP)
    (event,) = homeserver.events
    assert event["msgtype"] == "m.text"
    assert event["body"] == "T-1 is failed\n\nWhy: @room ünïcode ?"
    assert event["m.mentions"] == {}


async def test_the_same_message_again_is_no_second_event(homeserver: Homeserver) -> None:
    """Also of the next daemon, whose words may differ; another one is, and another repository's."""
    for message in (HELP, HELP, other(), other("d2"), other(repository="/b")):
        await room(homeserver).send(message)
    assert len(homeserver.asked) == 5
    assert homeserver.told == ["T-1 is failed", "x", "x"]


async def test_one_whose_receipt_is_lost_is_sent_again_without_a_second_event(homeserver: Homeserver) -> None:
    homeserver.drops = 1
    with pytest.raises(Unavailable, match="cannot be reached"):
        await room(homeserver).send(HELP)
    await room(homeserver).send(HELP)
    assert (len(homeserver.asked), len(homeserver.events)) == (2, 1)


@pytest.mark.parametrize(
    ("answer", "header", "seconds"),
    [
        (limited(4743), None, 4.743),
        (limited(), "7", 7),
        (limited(2000), "7", 7),
        (limited(), None, 1),
        (limited(-5), "soon", 1),
        (limited(10**400), None, 86400),
        (limited(), "9" * 500, 86400),
    ],
    ids=["milliseconds", "header", "both", "neither", "rubbish", "for ever", "for ever by header"],
)
async def test_a_limit_says_until_when(
    homeserver: Homeserver, answer: Answer, header: str | None, seconds: float
) -> None:
    homeserver.refusals, homeserver.headers = [answer], {"Retry-After": header} if header else {}
    before = datetime.now(UTC)
    with pytest.raises(Unavailable, match="answers 429 M_LIMIT_EXCEEDED") as caught:
        await room(homeserver).send(HELP)
    assert caught.value.until is not None
    assert seconds <= (caught.value.until - before).total_seconds() < seconds + 60
    assert homeserver.events == []


async def test_a_refusal_is_named_and_says_what_to_do(homeserver: Homeserver) -> None:
    with pytest.raises(Unavailable, match=r"answers 401 M_UNKNOWN_TOKEN .*matrix_token_file"):
        await room(homeserver, token="syt_of-somebody-else").send(HELP)
    with pytest.raises(Unavailable, match=r"answers 403 M_FORBIDDEN .*not in room.*join"):
        await room(homeserver, name="!other:example.org").send(HELP)
    homeserver.refusals = [(502, {}), (307, {})]
    for status in (502, 307):
        with pytest.raises(Unavailable, match=f"answers {status}$") as caught:
            await room(homeserver).send(HELP)
        assert caught.value.until is None


@pytest.mark.parametrize(
    "says", [b"", b"<html>sign in</html>", b"[]", b'{"event_id": 7}', b"[" * 100_000], ids=lambda says: str(says[:20])
)
async def test_what_is_no_receipt_is_no_delivery(homeserver: Homeserver, says: bytes) -> None:
    """A portal in between answers 200 as well."""
    homeserver.says = says
    with pytest.raises(Unavailable, match="answers 200"):
        await room(homeserver).send(HELP)


async def test_no_token_is_told(homeserver: Homeserver) -> None:
    """Not even by a server that repeats it."""
    homeserver.refusals = [(400, {"errcode": "M_UNKNOWN", "error": f"what is\n{TOKEN}?"})]
    with pytest.raises(Unavailable, match=r"what is \*\*\*\?") as caught:
        await room(homeserver).send(HELP)
    assert TOKEN not in caught.value.line


@pytest.mark.parametrize(
    ("homeserver", "room"),
    [
        ("matrix.example.org", ROOM),
        ("ftp://matrix.example.org", ROOM),
        ("http://matrix.example.org", ROOM),
        ("https://ada:pw@matrix.example.org", ROOM),
        ("https://matrix.example.org/?access_token=x", ROOM),
        ("https://[::1", ROOM),
        ("https://matrix.example.org", "#team:example.org"),
        ("https://matrix.example.org", "!two words"),
    ],
)
def test_what_cannot_work_is_refused_at_once(homeserver: str, room: str) -> None:
    """An alias may point elsewhere tomorrow, and a token does not travel unencrypted."""
    with pytest.raises(ConfigError, match=r"notify\.matrix_"):
        Matrix(homeserver, room, Secret(TOKEN))
