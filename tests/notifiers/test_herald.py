"""The herald: who was told what, floods, what was taken back, notifiers that fail, a ledger that remembers nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import anyio
import pytest

from mosaic_daemon import herald as herald_module
from mosaic_daemon.ground import secrets
from mosaic_daemon.ground.clock import Clock, SystemClock
from mosaic_daemon.ground.errors import LedgerError, Unavailable
from mosaic_daemon.herald import Herald
from mosaic_daemon.notifiers.base import Message
from mosaic_daemon.nouns.concern import Concern
from mosaic_daemon.store.base import Batch
from mosaic_daemon.store.ledger import Ledger
from mosaic_daemon.store.memory import MemoryJournal
from tests.samples import NOON


def call(name: str, mark: str = "1") -> Concern:
    return Concern(f"task {name}", f"{name} is failed", "it broke", (f"retry {name}",), mark=mark, task=name)


@dataclass
class Recorder:
    """Keeps what it is sent. `fails`: so many times before it takes anything."""

    name: str = "the recorder"
    fails: int = 0
    error: Exception = field(default_factory=lambda: Unavailable("not now"))
    got: list[Message] = field(default_factory=list)
    tried: int = 0
    came: anyio.Event = field(default_factory=anyio.Event)

    async def send(self, message: Message) -> None:
        self.tried += 1
        if self.tried <= self.fails:
            raise self.error
        self.got.append(message)
        self.came.set()

    @property
    def subjects(self) -> list[str]:
        return [message.subject for message in self.got]


class Journal(MemoryJournal):
    """`full`: it stores nothing while it is set. `room`: so many times it still does; None: always."""

    full = False
    room: int | None = None

    def commit(self, batch: Batch) -> int:
        if self.room is not None:
            self.full, self.room = self.room == 0, max(0, self.room - 1)
        if self.full:
            raise LedgerError("the disk is full")
        return super().commit(batch)


@dataclass
class Desk:
    """A herald over one journal; `again` is the next daemon's."""

    journal: Journal = field(default_factory=Journal)
    notices: dict[str, str] = field(default_factory=dict)

    def again(self, clock: Clock | None = None) -> Herald:
        return Herald(Ledger(self.journal), clock or SystemClock(), self.notices.__setitem__, "/src/shop")


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_once_and_by_everybody(desk: Desk) -> None:
    """Also over a restart; a new mark is a new call."""
    one, two = Recorder(), Recorder("the other")
    for _ in range(2):
        herald = desk.again()
        for _ in range(3):
            herald.see([call("A")], (one, two))
        await herald.finish()
    assert one.subjects == two.subjects == ["A is failed"]
    herald.see([call("A", "2")], (one, two))
    await herald.finish()
    assert len(one.got) == len(two.got) == 2


async def test_what_was_taken_back_is_not_sent(desk: Desk) -> None:
    recorder, herald = Recorder(), desk.again()
    herald.see([call("A"), call("B")], (recorder,))
    herald.see([call("B")], (recorder,))
    await herald.finish()
    assert recorder.subjects == ["B is failed"]


async def test_at_the_end_all_that_is_left_is_one_message(desk: Desk) -> None:
    """And each of it counts as told."""
    recorder, herald = Recorder(), desk.again()
    calls = [call(f"T-{number}") for number in range(30)]
    herald.see(calls, (recorder,))
    await herald.finish()
    assert recorder.subjects == ["30 things need a person"]
    assert "T-9 is failed; and 20 more" in recorder.got[0].text
    assert "mosaic-orchestrator status --repo /src/shop" in recorder.got[0].text
    herald.see([*calls, call("new")], (recorder,))
    await herald.finish()
    assert recorder.subjects[1:] == ["new is failed"]


@pytest.mark.parametrize("error", [Unavailable("not now"), ValueError("a bug"), OSError(28, "no space")])
async def test_one_that_fails_is_asked_again_and_the_others_are_not(desk: Desk, error: Exception) -> None:
    """Three times at the most; the notice goes when it works."""
    good, late, never = Recorder(), Recorder("late", 2, error), Recorder("never", 99, error)
    herald = desk.again()
    herald.see([call("A")], (good, late, never))
    await herald.finish()
    herald.see([call("A")], (good, late, never))
    await herald.finish()
    assert (good.tried, late.tried, never.tried) == (1, 3, 3)
    assert len(good.got) == len(late.got) == 1
    assert desk.notices["notify late"] == ""
    assert "never" in desk.notices["notify never"]


async def test_one_that_died_before_it_noted_what_it_sent(desk: Desk) -> None:
    """The next daemon sends the same delivery, which receivers can drop."""
    recorder = Recorder()
    desk.journal.room = 1  # for what is about to be sent, and not for what was
    for _ in range(2):
        herald = desk.again()
        herald.see([call("A")], (recorder,))
        await herald.finish()
        desk.journal.room, desk.journal.full = None, False
    first, second = recorder.got
    assert first.document["delivery"] == second.document["delivery"]


async def test_the_same_words_another_day_are_another_delivery(desk: Desk) -> None:
    """A receiver that drops repeats shows it again."""
    recorder, clock = Recorder(), Moving()
    herald = desk.again(clock)
    for concerns in ([call("A")], [], [call("A")]):
        clock.moment += timedelta(hours=3)
        herald.see(concerns, (recorder,))
        await herald.finish()
    first, second = recorder.got
    assert first.document["delivery"] != second.document["delivery"]


@dataclass
class Moving:
    """Stands still until it is moved."""

    moment: datetime = NOON

    def now(self) -> datetime:
        return self.moment


async def test_one_that_wants_to_be_left_alone_is_asked_when_it_said(desk: Desk) -> None:
    """Others are told meanwhile, each once; its waiting is no failure."""
    clock = Moving()
    busy = Recorder("busy", 7, Unavailable("too many", until=NOON + timedelta(minutes=1)))
    good, herald = Recorder(), desk.again(clock)
    for name in ("A", "B"):
        herald.see([call(each) for each in ("A", "B") if each <= name], (busy, good))
        await herald.finish()
    assert (good.subjects, busy.tried) == (["A is failed", "B is failed"], 1)
    for _ in range(6):
        clock.moment += timedelta(minutes=2)
        busy.error = Unavailable("too many", until=clock.moment + timedelta(minutes=1))
        await herald.finish()
    assert (busy.tried, busy.subjects) == (7, [])
    clock.moment += timedelta(minutes=2)
    await herald.finish()
    assert busy.subjects == ["2 things need a person"]
    assert good.subjects == ["A is failed", "B is failed"]
    assert desk.notices["notify busy"] == ""


async def test_one_that_only_ever_wants_to_be_left_alone(desk: Desk) -> None:
    """Not for ever: then it counts as one that fails."""
    clock, busy = Moving(), Recorder("busy", 999)
    herald = desk.again(clock)
    herald.see([call("A")], (busy,))
    for _ in range(50):
        clock.moment += timedelta(minutes=2)
        busy.error = Unavailable("too many", until=clock.moment + timedelta(minutes=1))
        await herald.finish()
    assert busy.tried == 23
    assert "too many" in desk.notices["notify busy"]


async def test_it_waits_for_the_time_and_not_for_the_next_news(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """By itself, as it runs in a daemon."""
    monkeypatch.setattr("mosaic_daemon.herald.PAUSE_SEC", 0.0)
    busy = Recorder("busy", 1, Unavailable("too many", until=datetime.now(NOON.tzinfo) + timedelta(seconds=0.2)))
    herald = desk.again()
    async with anyio.create_task_group() as group:
        group.start_soon(herald.run)
        herald.see([call("A")], (busy,))
        with anyio.fail_after(10):
            await busy.came.wait()
        group.cancel_scope.cancel()
    assert busy.tried == 2


async def test_one_that_never_ends_keeps_nobody_waiting(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given up like one that fails."""
    monkeypatch.setattr(herald_module, "_LONGEST_SEC", 0.05)

    class Endless(Recorder):
        async def send(self, message: Message) -> None:
            self.tried += 1
            await anyio.sleep_forever()

    endless, good = Endless("endless"), Recorder()
    herald = desk.again()
    herald.see([call("A")], (endless, good))
    await herald.finish()
    assert (endless.tried, good.subjects) == (3, ["A is failed"])
    assert desk.notices["notify endless"] == "endless did not take a message within 0.05 s"


async def test_a_ledger_in_trouble(desk: Desk) -> None:
    """People are told of it, once by this process; nothing else happens."""
    recorder, herald = Recorder(), desk.again()
    desk.journal.full = True
    for _ in range(3):
        herald.see([Concern("ledger", "the ledger cannot be written", "disk full", ("doctor",))], (recorder,))
        await herald.finish()
    assert recorder.subjects == ["the ledger cannot be written"]


async def test_with_nobody_to_tell_nothing_is_remembered(desk: Desk) -> None:
    """Who configures a way later is told what still stands."""
    herald = desk.again()
    herald.see([call("A")], ())
    await herald.finish()
    recorder = Recorder()
    herald.see([call("A")], (recorder,))
    await herald.finish()
    assert recorder.subjects == ["A is failed"]


async def test_no_secret_is_told(desk: Desk) -> None:
    """Wherever it turns up."""
    secrets.register("tok-3n-of-the-forge")
    recorder, herald = Recorder(), desk.again()
    said = "https://x:tok-3n-of-the-forge@host refused"
    herald.see([Concern("task A", said, said, (said,), (said,))], (recorder,))
    await herald.finish()
    assert "tok-3n-of-the-forge" not in str(recorder.got)
    assert recorder.got[0].text.count("***") == 4


async def test_an_outage_is_waited_for(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call made while the network is down still comes when it is back."""
    monkeypatch.setattr("mosaic_daemon.herald.PAUSE_SEC", 0.01)
    down, herald = Recorder("down", 5, Unavailable("nobody answers")), desk.again()
    async with anyio.create_task_group() as group:
        group.start_soon(herald.run)
        herald.see([call("A")], (down,))
        with anyio.fail_after(30):
            await down.came.wait()
        group.cancel_scope.cancel()
    assert (down.tried, down.subjects) == (6, ["A is failed"])
    assert desk.notices["notify down"] == ""
