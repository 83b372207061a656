"""B6: the status page and the API of a daemon with a long queue, and how soon a change is seen."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle

import httpx
from tests.support.browser import PROGRAM, WHY_NOT, Page, browser

from benchmarks.daemon import Conduct, daemon
from benchmarks.figures import Figure, median, not_measured, percentile
from benchmarks.long_queue import blocked, ready
from benchmarks.scene import Task, scene
from benchmarks.sizes import Sizes

_GOAL_MS = 50
_SEEN_GOAL_MS = 300
_PER_CHANGE = 10
_PAGES = (
    ("status", "the status page", "/"),
    ("tasks", "tasks, a page in the middle", "/tasks?offset={middle}"),
    ("search", "tasks with certain words", "/tasks?q=R-77"),
    ("task", "one task", "/tasks/W"),
    ("graph", "the graph", "/graph"),
    ("budget", "budget and tokens", "/budget"),
    ("events", "events", "/events"),
    ("api.status", "API: status", "/api/v1/status"),
    ("api.tasks", "API: a page of tasks", "/api/v1/tasks?offset={middle}"),
    ("metrics", "metrics", "/metrics"),
)
_CHIP = "document.querySelector('h1 .chip').textContent"


def page(sizes: Sizes) -> Iterator[Figure]:
    """Requests on one connection, one after the other, with changes in between; then a browser that looks on."""
    with scene(config=("[http]", 'listen = "127.0.0.1:0"', "[budget]", 'cap = "90M"')) as here:
        here.enqueue(*_queue(sizes.tasks))
        with daemon(here, Conduct(log_level="info")) as running:
            running.wait_for("deferred", sizes.tasks - 1)
            running.settle(1.0)
            found = re.search(r"http: listening on (\S+)", running.log)
            assert found is not None
            url, token = f"http://{found[1]}", (here.layout.state / "http-token").read_text().strip()
            with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:
                caller = _Caller(client, cycle(("retry", "cancel")))
                client.get("/")  # the first look reads the whole ledger
                limit = median([_asked(client, "/healthz") for _ in range(sizes.requests)])
                for key, what, path in _PAGES:
                    yield _latency(caller, (key, what, path.format(middle=sizes.tasks // 2)), sizes, limit)
                yield from _seen(caller, (url, token), sizes)


def _latency(caller: _Caller, what: tuple[str, str, str], sizes: Sizes, limit: float) -> Figure:
    key, title, path = what
    taken = []
    for number in range(sizes.requests):
        if number % _PER_CHANGE == 0:
            caller.change()
        taken.append(_asked(caller.client, path))
    return Figure(
        f"B6.{key}",
        f"{title}, {sizes.tasks:,} tasks, p95",
        "ms",
        percentile(taken, 95),
        _GOAL_MS,
        limit=limit,
        limit_is="GET /healthz, p50",
        samples=len(taken),
        note=f"median {median(taken):.0f} ms; a task changes before every tenth request",
    )


def _seen(caller: _Caller, entry: tuple[str, str], sizes: Sizes) -> Iterator[Figure]:
    if PROGRAM is None:
        yield not_measured("B6.seen", WHY_NOT)
        return
    with browser() as chromium:
        tab = chromium.page()
        _log_in(tab, entry)
        taken = [_seen_after(caller, tab) for _ in range(sizes.changes)]
    yield Figure(
        "B6.seen",
        f"a change asked for → seen in Chromium, {sizes.tasks:,} tasks, p95",
        "ms",
        percentile(taken, 95),
        _SEEN_GOAL_MS,
        samples=len(taken),
        note=f"median {median(taken):.0f} ms; from before the request until the document shows it",
    )


def _log_in(tab: Page, entry: tuple[str, str]) -> None:
    url, token = entry
    tab.go(f"{url}/login?next=/tasks/W")
    tab.type("#token", token)
    tab.press("button")
    tab.until("document.querySelector('#link').className === 'on'", "the page to be live")


def _seen_after(caller: _Caller, tab: Page) -> float:
    """Milliseconds from before the request until the page shows its effect."""
    time.sleep(0.5)  # what comes right after another change waits for it
    tab.value(
        f"(() => {{ const before = {_CHIP}; window.seen = new Promise((done) => new MutationObserver(() => "
        f"{_CHIP} !== before && done(Date.now())).observe(document.body, {{childList: true, subtree: true}})); }})()"
    )
    begun = time.time() * 1000
    caller.change()
    return float(tab.value("window.seen")) - begun


@dataclass(frozen=True, slots=True)
class _Caller:
    """A program with the token. `wishes`: what is asked of the one task in turn, to wait and to be put off."""

    client: httpx.Client
    wishes: Iterator[str]

    def change(self) -> None:
        self.client.post(f"/api/v1/tasks/W/{next(self.wishes)}").raise_for_status()


def _asked(client: httpx.Client, path: str) -> float:
    """Milliseconds of one request."""
    begun = time.perf_counter()
    client.get(path).raise_for_status()
    return (time.perf_counter() - begun) * 1000


def _queue(tasks: int) -> list[Task]:
    """Most put off, one that can wait without ever being started."""
    waiting = {**ready(1, "deferred")[0], "id": "W", "depends_on": ["B"]}
    return [blocked("B"), waiting, *ready(tasks - 2, "deferred")]
