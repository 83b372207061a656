"""Members who say what they may not: refused, recorded, and nothing changes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from mosaic_rails.base import Ended, Lost, Offered, Running
from mosaic_rails.leased import messages as msg
from mosaic_rails.leased import wire
from mosaic_rails.leased.book import Book
from mosaic_rails.leased.contract import Terms
from mosaic_rails.leased.rail import Clock, LeasedRail
from mosaic_rails.leased.transport import Batch, Received
from tests.rails.leased.site import HandClock, errand

LEASE_SEC = 120.0


class Room:
    """A daemon's rail whose messages the test writes."""

    def __init__(self, folder: Path, workers: frozenset[str] | None = None) -> None:
        self.clock = HandClock()
        self.book = Book(folder / "rail.db")
        self.daemon = self.book.daemon
        terms = Terms("leased", self.daemon, lease_sec=LEASE_SEC, workers=workers)
        self.rail = LeasedRail(self.book, terms, folder / "attempts", None, Clock(self.clock.now, self.clock.monotonic))
        self._count = 0

    def says(self, sender: str, message: msg.Message | bytes, id_: str = "") -> list[msg.Message]:
        """What the daemon replies to a message."""
        self._count += 1
        body = message if isinstance(message, bytes) else wire.encode(message)
        batch = Batch((Received(id_ or f"m{self._count}", sender, body),), cursor=f"after {self._count}")
        return [wire.decode(reply.body) for reply in self.rail.answer(batch)]

    def claim(self, sender: str, claim: str = "c", attempt: str = "T.1") -> list[msg.Message]:
        return self.says(sender, msg.Claim(self.daemon, attempt, claim, ("runtime=claude",)))

    def result(self, claim: str = "c", attempt: str = "T.1", **changed: object) -> msg.Result:
        whole = msg.Result(self.daemon, attempt, claim, "exit", 0, None, "exit 0", "a" * 40, "{}", "log", 3)
        return replace(whole, **changed)  # type: ignore[arg-type]

    @property
    def incidents(self) -> list[tuple[str, str]]:
        """Kind and sender, oldest first."""
        return [(incident.kind, incident.sender) for _, incident in reversed(self.book.incidents())]


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    made = Room(tmp_path)
    yield made
    made.book.close()


@dataclass(frozen=True)
class Case:
    """Somebody says something of T.1, which w1 has by its claim `c`."""

    what: Callable[[Room], msg.Message | bytes]
    sender: str = "w2"
    kind: str = "refused"
    reply: str | None = "rejected"


CASES = {
    "a stranger's offer": Case(lambda room: msg.Offer(room.daemon, "T.1", (), "0" * 64), reply=None),
    "a grant that no daemon gave": Case(lambda room: msg.Grant(room.daemon, "T.1", "c", 1, errand("T.1")), reply=None),
    "an accepted that no daemon sent": Case(lambda room: msg.Accepted(room.daemon, "T.1", "c"), reply=None),
    "a stop that no daemon sent": Case(lambda room: msg.Stop(room.daemon, "T.1", "c", "stop"), reply=None),
    "a forged result for another worker": Case(lambda room: room.result()),
    "a forged renewal for another worker": Case(lambda room: msg.Renew(room.daemon, "T.1", "c", 9, "")),
    "a result under another claim": Case(lambda room: room.result(claim="other"), sender="w1"),
    "a result that ends in no known way": Case(lambda room: room.result(cause="magic"), sender="w1"),
    "a result of an attempt that nobody offered": Case(lambda room: room.result(attempt="T.2"), sender="w1"),
    "a claim of an attempt that nobody offered": Case(lambda room: msg.Claim(room.daemon, "U.1", "c", ())),
    "an oversized message": Case(lambda _: b" " * 60_001, kind="malformed", reply=None),
    "a later version": Case(
        lambda room: json.dumps({"v": 2, "type": "claim", "daemon": room.daemon}).encode(), kind="malformed", reply=None
    ),
    "no JSON": Case(lambda _: b"hello", kind="malformed", reply=None),
    "JSON that is nested without end": Case(lambda _: b"[" * 50_000, kind="malformed", reply=None),
    "a float": Case(
        lambda room: wire.encode(room.result()).replace(b'"log_bytes":3', b'"log_bytes":3.0'),
        kind="malformed",
        reply=None,
    ),
    "a number beyond what readers agree on": Case(
        lambda room: wire.encode(room.result()).replace(b'"log_bytes":3', b'"log_bytes":9007199254740993'),
        kind="malformed",
        reply=None,
    ),
    "true for a number": Case(
        lambda room: wire.encode(room.result()).replace(b'"log_bytes":3', b'"log_bytes":true'),
        kind="malformed",
        reply=None,
    ),
    "a key twice": Case(
        lambda room: wire.encode(room.result()).replace(b'"exit_code"', b'"cause":"exit","exit_code"'),
        kind="malformed",
        reply=None,
    ),
    "a lone surrogate": Case(
        lambda room: wire.encode(room.result()).replace(b'"log":"log"', b'"log":"\\ud800"'),
        kind="malformed",
        reply=None,
    ),
    "a sender in the body": Case(
        lambda room: wire.encode(room.result())[:-1] + b',"sender":"w1"}', kind="malformed", reply=None
    ),
    "a path for a name": Case(
        lambda room: wire.encode(room.result()).replace(b'"T.1"', b'"../T.1"'), kind="malformed", reply=None
    ),
    "a head that is no commit": Case(
        lambda room: wire.encode(room.result()).replace(b"a" * 40, b"--upload-pack=x"), kind="malformed", reply=None
    ),
}


@pytest.mark.parametrize("name", CASES)
async def test_hostile_members(room: Room, name: str) -> None:
    """Recorded with who said it, answered where an answer helps, and w1 goes on."""
    case = CASES[name]
    await room.rail.offer(errand("T.1"))
    (granted,) = room.claim("w1")
    assert isinstance(granted, msg.Grant)
    before = room.book.row("T.1")
    replies = room.says(case.sender, case.what(room))
    assert [reply.type for reply in replies] == ([case.reply] if case.reply else [])
    assert room.incidents == [(case.kind, case.sender)]
    assert room.book.row("T.1") == before
    assert [reply.type for reply in room.says("w1", room.result())] == ["accepted"]
    assert isinstance(await room.rail.observe("T.1"), Ended)


async def test_a_worker_without_what_is_needed_gets_nothing(room: Room) -> None:
    """It is told what it lacks."""
    await room.rail.offer(errand("T.1", labels=("runtime=claude", "gpu")))
    (rejected,) = room.claim("w1")
    assert isinstance(rejected, msg.Rejected)
    assert rejected.reason == "it needs a worker with gpu"
    assert room.incidents == [("refused", "w1")]
    assert isinstance(await room.rail.observe("T.1"), Offered)


async def test_who_is_no_worker_of_this_daemon_gets_not_even_an_answer(tmp_path: Path) -> None:
    """Where the configuration names its workers."""
    room = Room(tmp_path, frozenset({"w1"}))
    await room.rail.offer(errand("T.1"))
    assert room.claim("w2") == []
    assert room.incidents == [("refused", "w2")]
    assert [reply.type for reply in room.claim("w1")] == ["grant"]
    room.book.close()


async def test_a_message_that_is_handed_out_again_changes_nothing(room: Room) -> None:
    """Its id is known: no second answer, no second record."""
    await room.rail.offer(errand("T.1"))
    claim = msg.Claim(room.daemon, "T.1", "c", ("runtime=claude",))
    assert [reply.type for reply in room.says("w1", claim, "same")] == ["grant"]
    assert room.says("w1", claim, "same") == []
    assert room.says("w2", b"hello", "bad") == room.says("w2", b"hello", "bad") == []
    assert room.incidents == [("malformed", "w2")]


async def test_a_replay_under_a_new_id_changes_nothing_either(room: Room) -> None:
    """A claim is granted again to its owner alone, an end stays the end it was."""
    await room.rail.offer(errand("T.1"))
    first = room.claim("w1")
    assert room.claim("w1") == first
    assert [reply.type for reply in room.claim("w2")] == ["rejected"]
    assert [reply.type for reply in room.claim("w1", "another")] == ["rejected"]
    for _ in range(2):
        assert [reply.type for reply in room.says("w1", room.result())] == ["accepted"]
    end = await room.rail.observe("T.1")
    assert [reply.type for reply in room.says("w1", room.result(exit_code=1))] == ["rejected"]
    assert await room.rail.observe("T.1") == end
    assert room.incidents == [("refused", "w1")]


async def test_a_late_result_is_kept_whole_and_never_applied(room: Room) -> None:
    """However often it comes."""
    await room.rail.offer(errand("T.1"))
    room.claim("w1")
    room.clock.advance(LEASE_SEC)
    late = room.result(log="work " * 1000)
    assert [reply.type for reply in room.says("w1", late)] == ["rejected"]
    assert room.incidents == [("late", "w1")]
    (_, incident), *_ = room.book.incidents()
    assert wire.decode(incident.body) == late
    assert isinstance(await room.rail.observe("T.1"), Lost)


async def test_old_renewals_do_not_lengthen_a_lease(room: Room) -> None:
    """They are answered, that is all."""
    await room.rail.offer(errand("T.1"))
    room.claim("w1")
    room.says("w1", msg.Renew(room.daemon, "T.1", "c", 5, ""))
    room.clock.advance(LEASE_SEC * 0.9)
    for number in (5, 4, 1):
        (reply,) = room.says("w1", msg.Renew(room.daemon, "T.1", "c", number, ""))
        assert isinstance(reply, msg.Renewed)
    room.clock.advance(LEASE_SEC * 0.2)
    assert isinstance(await room.rail.observe("T.1"), Lost)


async def test_messages_to_another_daemon_are_none_of_its_business(room: Room) -> None:
    """In a room that several share."""
    await room.rail.offer(errand("T.1"))
    assert room.says("w1", msg.Claim("d-other", "T.1", "c", ("runtime=claude",))) == []
    assert room.incidents == []
    assert isinstance(await room.rail.observe("T.1"), Offered)


async def test_what_no_message_can_carry_ends_at_once(room: Room) -> None:
    """Nobody could ever be told of it."""
    await room.rail.offer(replace(errand("T.1"), prompt="x" * 40_001))
    await room.rail.offer(replace(errand("U.1"), prompt="ä" * 35_000))
    for attempt in ("T.1", "U.1"):
        end = await room.rail.observe(attempt)
        assert isinstance(end, Ended)
        assert end.cause == "spawn"
        assert "cannot carry it" in end.detail


async def test_a_worker_that_cannot_tell_how_it_ended_has_lost_it(room: Room) -> None:
    """Its host was restarted, or it stopped itself."""
    await room.rail.offer(errand("T.1"))
    room.claim("w1")
    assert isinstance(await room.rail.observe("T.1"), Running)
    room.says("w1", room.result(cause="lost", detail="its host was restarted"))
    assert await room.rail.observe("T.1") == Lost("its host was restarted")
