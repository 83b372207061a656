"""The herald: who was told what, floods, what was taken back, notifiers that fail, a ledger that remembers nothing."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from mosaic_daemon.ground import secrets
from mosaic_daemon.ground.clock import SystemClock
from mosaic_daemon.ground.errors import LedgerError, Unavailable
from mosaic_daemon.herald import Herald
from mosaic_daemon.notifiers.base import Message
from mosaic_daemon.nouns.concern import Concern
from mosaic_daemon.store.base import Batch
from mosaic_daemon.store.ledger import Ledger
from mosaic_daemon.store.memory import MemoryJournal


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

    async def send(self, message: Message) -> None:
        self.tried += 1
        if self.tried <= self.fails:
            raise self.error
        self.got.append(message)

    @property
    def subjects(self) -> list[str]:
        return [message.subject for message in self.got]


class Journal(MemoryJournal):
    """`full`: it stores nothing while it is set."""

    full = False

    def commit(self, batch: Batch) -> int:
        if self.full:
            raise LedgerError("the disk is full")
        return super().commit(batch)


@dataclass
class Desk:
    """A herald over one journal; `again` is the next daemon's."""

    journal: Journal = field(default_factory=Journal)
    notices: dict[str, str] = field(default_factory=dict)

    def again(self) -> Herald:
        return Herald(Ledger(self.journal), SystemClock(), self.notices.__setitem__, "/src/shop")


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
