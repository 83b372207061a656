"""The native rail without a protocol: what sessions and tools are given, and what ends it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mosaic_rails.base import Cause, Ended, Errand, Lost, Offered, Running
from mosaic_rails.leased.book import Book
from mosaic_rails.leased.rail import Clock
from mosaic_rails.native.inbox import Inbox
from mosaic_rails.native.rail import INBOX_WORKER, NativeRail
from tests.rails.leased.site import HandClock, errand

LEASE_SEC = 120.0


class Desk:
    """A native rail in a time that moves by hand."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = HandClock()
        self.books: list[Book] = []
        self.results = folder / "results"
        self.results.mkdir()
        self.rail = self.restart()

    def restart(self) -> NativeRail:
        self.books.append(Book(self.folder / "native.db"))
        clock = Clock(self.clock.now, self.clock.monotonic)
        inbox = Inbox(self.folder / "native", self.results)
        self.rail = NativeRail(self.books[-1], self.folder / "attempts", inbox, LEASE_SEC, clock)
        return self.rail

    async def offer(self, attempt: str) -> Errand:
        work = replace(errand(attempt), url="", ref="", base_ref="", worktree=str(self.folder / attempt))
        await self.rail.offer(work)
        return work

    def claim_file(self, attempt: str) -> Path:
        """What a tool does: `mv native/open/X native/claimed/X`."""
        claimed = self.folder / "native" / "claimed" / f"{attempt}.json"
        (self.folder / "native" / "open" / f"{attempt}.json").rename(claimed)
        return claimed


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    for book in made.books:
        book.close()


async def test_a_session_claims_works_and_hands_in(desk: Desk) -> None:
    """The result is the daemon's to judge."""
    work = await desk.offer("T.1")
    session = desk.rail.attach("s-1", "claude", 10)
    assert desk.rail.claim(session).errand == work
    running = await desk.rail.observe("T.1")
    assert isinstance(running, Running)
    assert running.worker == "s-1"
    assert desk.rail.claim(session, "T.1").errand == work, "the same session is told the same again"
    desk.rail.submit("s-1", "T.1", '{"task_id": "T"}')
    end = await desk.rail.observe("T.1")
    assert isinstance(end, Ended)
    assert (end.cause, end.exit_code) == (Cause.EXIT, 0)
    assert end.delivery is not None
    assert (end.delivery.result, end.delivery.ref) == ('{"task_id": "T"}', "")


async def test_two_sessions_that_want_the_same_task(desk: Desk) -> None:
    """One has it; the other cannot renew it, hand it in, or take it."""
    await desk.offer("T.1")
    first, second = desk.rail.attach("s-1", "claude", None), desk.rail.attach("s-2", "codex", None)
    assert desk.rail.claim(first, "T").errand
    assert "not waiting" in desk.rail.claim(second, "T").refusal
    assert desk.rail.renew("s-2", "T.1", "mine").refusal
    assert desk.rail.submit("s-2", "T.1", "{}").refusal
    assert isinstance(await desk.rail.observe("T.1"), Running)
    assert {incident.kind for _, incident in desk.books[-1].incidents()} == {"refused"}


async def test_a_silent_session_loses_its_lease_and_not_the_task(desk: Desk) -> None:
    """What it hands in later is late; the task goes on with its next fence."""
    await desk.offer("T.1")
    desk.rail.claim(desk.rail.attach("s-1", "claude", None))
    for _ in range(5):
        desk.clock.advance(LEASE_SEC * 0.9)
        assert not desk.rail.renew("s-1", "T.1", "thinking").refusal
    desk.clock.advance(LEASE_SEC * 1.1)
    assert isinstance(await desk.rail.observe("T.1"), Lost)
    assert "too late" in desk.rail.submit("s-1", "T.1", "{}").refusal
    assert isinstance(await desk.rail.observe("T.1"), Lost)
    await desk.offer("T.2")
    assert desk.rail.claim(desk.rail.attach("s-2", "claude", None)).errand


async def test_nobody_there_is_told_and_ends_when_somebody_attaches(desk: Desk) -> None:
    """And again after a lease of silence."""
    woken: list[str] = []
    desk.rail.on_change(lambda: woken.append("woken"))
    assert desk.rail.trouble == "no session is attached"
    desk.rail.attach("s-1", "claude", None)
    assert desk.rail.trouble == ""
    assert woken
    desk.clock.advance(LEASE_SEC + 1)
    assert desk.rail.trouble == "no session is attached"
    desk.rail.attach("s-1", "claude", None)
    desk.rail.leave("s-1")
    assert desk.rail.trouble == "no session is attached"


@pytest.mark.parametrize(
    ("percent", "checkpoint", "takes"), [(None, False, True), (54, False, True), (55, True, True), (60, True, False)]
)
async def test_context_threshold_protocol(desk: Desk, percent: int | None, checkpoint: bool, takes: bool) -> None:
    """At 55 % a checkpoint in the guide's words, at 60 % no further task; what it has it may finish."""
    await desk.offer("T.1")
    await desk.offer("U.1")
    desk.rail.claim(desk.rail.attach("s-1", "claude", 0), "T")
    session = desk.rail.attach("s-1", "", percent)
    assert ("ORCHESTRATOR HANDOFF REQUIRED" in session.request) is checkpoint
    assert (f"Context: {percent}%" in session.request) is checkpoint
    assert ("STOP COMPLETELY" in session.request) is checkpoint
    told = desk.rail.claim(session, "U")
    assert (told.errand is not None) is takes
    assert ("Do NOT continue past 60%" in told.refusal) is not takes
    assert (desk.rail.trouble == "") is takes
    assert not desk.rail.submit("s-1", "T.1", "{}").refusal


async def test_a_restarted_daemon_knows_who_has_what(desk: Desk) -> None:
    """A session need not attach again to renew and to hand in."""
    await desk.offer("T.1")
    desk.rail.claim(desk.rail.attach("s-1", "claude", None))
    desk.restart()
    assert isinstance(await desk.rail.observe("T.1"), Running)
    assert not desk.rail.renew("s-1", "T.1", "").refusal
    assert not desk.rail.submit("s-1", "T.1", "{}").refusal
    assert isinstance(await desk.rail.observe("T.1"), Ended)


async def test_a_session_is_told_to_stop(desk: Desk) -> None:
    """By the answer to whatever it says next; what it then hands in has ended as asked."""
    await desk.offer("T.1")
    desk.rail.claim(desk.rail.attach("s-1", "claude", None))
    await desk.rail.revoke("T.1")
    assert desk.rail.renew("s-1", "T.1", "").stop
    desk.rail.submit("s-1", "T.1", "{}")
    end = await desk.rail.observe("T.1")
    assert isinstance(end, Ended)
    assert end.cause is Cause.REVOKED


async def test_what_a_session_hands_in_is_read_strictly(desk: Desk) -> None:
    """Too long, or an attempt that cannot be one: refused, and it still has its task."""
    await desk.offer("T.1")
    desk.rail.claim(desk.rail.attach("s-1", "claude", None))
    assert "characters" in desk.rail.submit("s-1", "T.1", "x" * 20_000).refusal
    assert desk.rail.submit("s-1", "../T.1", "{}").refusal
    assert isinstance(await desk.rail.observe("T.1"), Running)


async def test_a_tool_takes_a_task_by_renaming_its_file(desk: Desk) -> None:
    """It finds everything in the file, and the result is a file too."""
    work = await desk.offer("T.1")
    claimed = desk.claim_file("T.1")
    body = json.loads(claimed.read_text())
    assert (body["attempt"], body["worktree"], body["prompt"]) == ("T.1", work.worktree, work.prompt)
    assert isinstance(running := await desk.rail.observe("T.1"), Running)
    assert running.worker == INBOX_WORKER
    Path(body["result_file"]).write_text("{}")
    end = await desk.rail.observe("T.1")
    assert isinstance(end, Ended)
    assert end.cause is Cause.EXIT
    desk.rail.scan()
    assert not claimed.exists()


async def test_a_tool_keeps_its_task_by_touching_the_file(desk: Desk) -> None:
    """One that stops doing so loses it, and its file."""
    await desk.offer("T.1")
    claimed = desk.claim_file("T.1")
    await desk.rail.observe("T.1")
    for turn in range(1, 4):
        desk.clock.advance(LEASE_SEC * 0.9)
        os.utime(claimed, ns=(turn, turn))
        assert isinstance(await desk.rail.observe("T.1"), Running)
    desk.clock.advance(LEASE_SEC * 1.1)
    assert isinstance(await desk.rail.observe("T.1"), Lost)
    desk.rail.scan()
    assert not claimed.exists()


async def test_a_session_and_a_tool_cannot_both_have_it(desk: Desk) -> None:
    """Whoever is first; the file of a task that a session has is gone."""
    await desk.offer("T.1")
    desk.claim_file("T.1")
    session = desk.rail.attach("s-1", "claude", None)
    assert "file inbox" in desk.rail.claim(session).refusal
    desk.rail.scan()
    assert isinstance(running := await desk.rail.observe("T.1"), Running)
    assert running.worker == INBOX_WORKER
    await desk.offer("U.1")
    assert desk.rail.claim(session, "U").errand
    assert not (desk.folder / "native" / "open" / "U.1.json").exists()


async def test_files_that_nobody_offered_are_removed(desk: Desk) -> None:
    """A claim of nothing, names that are none, and a task taken back before anybody had it."""
    await desk.offer("T.1")
    claimed = desk.folder / "native" / "claimed"
    for name in ("U.1", "nothing", "..1"):
        (claimed / f"{name}.json").write_text("{}")
    await desk.rail.revoke("T.1")
    desk.rail.scan()
    assert list(claimed.iterdir()) == []
    assert list((desk.folder / "native" / "open").iterdir()) == []
    assert isinstance(await desk.rail.observe("T.1"), Ended)
    await desk.offer("T.2")
    assert isinstance(await desk.rail.observe("T.2"), Offered)
