"""`python -m tests.http.picture FILE`: the status page of a made-up repository as a picture, for the README."""

from __future__ import annotations

import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import anyio.to_thread

from mosaic_daemon.ground.layout import Layout
from mosaic_daemon.nouns import events as ev
from mosaic_daemon.nouns.attempt import Attempt, Failure, FailureClass
from mosaic_daemon.nouns.gate import STEPS, Hold
from mosaic_daemon.nouns.review import Aspect, Review
from mosaic_daemon.nouns.task import Task
from tests.http.serving import TOKEN, Served, served
from tests.samples import BASE, HEAD, MERGE, stepped
from tests.support.browser import browser

_NOW = datetime.now(UTC)
_WORK = (
    ("SEC", 1, "Reject negative quantities before they reach the order"),
    ("CQ", 2, "Round money once, at the end of the receipt"),
    ("TEST", 3, "Cover discounts that overlap"),
    ("DOC", 4, "Say in the handbook which discounts add up"),
)
_EACH = 6


class _Story:
    """What has happened, with its times."""

    def __init__(self, site: Served) -> None:
        self._site = site

    def tell(self, task: str, *events: ev.Event, minutes_ago: float) -> None:
        self._site.desk.ledger.append(task, *events, at=_NOW - timedelta(minutes=minutes_ago))

    def start(self, task: str, minutes_ago: float, runtime: str = "claude") -> None:
        attempt = Attempt(task, 1, f"task/{task.lower()}", BASE, runtime, "process")
        started = ev.AttemptStarted(1, "pid 4711", _NOW - timedelta(minutes=minutes_ago))
        self.tell(task, ev.AttemptIntended(attempt), started, minutes_ago=minutes_ago)

    def accept(self, task: str, minutes_ago: float, used: int, steps: int) -> None:
        passed = [stepped(step) for step in STEPS[:steps]]
        self.tell(task, ev.ResultAccepted(1, HEAD, used, ""), *passed, minutes_ago=minutes_ago)


def _tell(site: Served) -> None:
    story = _Story(site)
    site.layout.config.write_text('[budget]\ncap = "420K"\n')
    for prefix, phase, words in _WORK:
        for number in range(1, _EACH + 1):
            task = Task(f"SHOP-{prefix}-{number:03}", words, phase=phase, estimate="12K")
            story.tell(task.id, ev.TaskAdded(task, phase * 10 + number, "docs/TASKS.md"), minutes_ago=400)
    for at, name in enumerate([*(f"SHOP-SEC-{number:03}" for number in range(1, 7)), "SHOP-CQ-001", "SHOP-CQ-002"]):
        ago = 360 - at * 35
        story.start(name, ago)
        story.accept(name, ago - 12, 8_000 + at * 1_900, len(STEPS) - 1)
        done = {"summary": f"#{at + 11} is on main as dddddddddddd, CI green", "merge_sha": MERGE, "ci": "green"}
        story.tell(name, ev.TaskDone(done), minutes_ago=ago - 20)
    story.start("SHOP-CQ-003", 41)
    failure = Failure(FailureClass.WORKER, "worker", "2 of 43 tests fail: test_total, test_rounding", at=_NOW)
    story.tell("SHOP-CQ-003", ev.AttemptFailed(1, failure, final=True, used=21_000), minutes_ago=30)
    story.start("SHOP-CQ-004", 26)
    story.accept("SHOP-CQ-004", 9, 9_100, 3)
    story.tell("SHOP-CQ-004", ev.GateHeld(Hold("CI of cccccccccccc is still running: build, lint")), minutes_ago=4)
    story.start("SHOP-CQ-005", 19)
    review = Review((Aspect.CODE, Aspect.SECURITY), HEAD, BASE, "d" * 64, _NOW - timedelta(minutes=3))
    story.tell("SHOP-CQ-005", ev.ResultAccepted(1, HEAD, 7_400, "", review), minutes_ago=3)
    story.start("SHOP-CQ-006", 6)
    story.start("SHOP-TEST-001", 2, "codex")


async def _serve_and_look(file: Path, folder: Path) -> None:
    async with served(Layout(folder / "shop")) as site:
        site.desk.since = _NOW - timedelta(hours=7)
        _tell(site)
        await anyio.to_thread.run_sync(_look, site.url, file)


def _look(url: str, file: Path) -> None:
    with browser() as chromium:
        page = chromium.page()
        page.size(1180, 1010)
        page.go(f"{url}/login")
        page.type("#token", TOKEN)
        page.press("button")
        page.until("document.querySelector('#link')?.className === 'on'", "the page")
        page.picture(file, whole=False)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        anyio.run(_serve_and_look, Path(sys.argv[1]).absolute(), Path(name))
