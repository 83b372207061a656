"""The page of a real daemon in a real Chromium: it is true, stays true, works by hand and by keyboard, stays here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.browser import PROGRAM, WHY_NOT, Browser, Page, browser
from tests.support.daemon import Daemon
from tests.support.fixtures import Start
from tests.support.repo import GATE, Repo

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PROGRAM is None, reason=WHY_NOT),
    pytest.mark.xdist_group("browser"),
]


def holds(selector: str, words: str) -> str:
    """An expression: there is such an element, and it has these words."""
    return f"(document.querySelector('{selector}')?.textContent ?? '').includes('{words}')"


LIVE = "document.querySelector('#link').className === 'on'"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as found:
        yield found


def served(repo: Repo, start: Start) -> tuple[Daemon, str]:
    """A daemon and where its page is."""
    repo.configure(f'{GATE}[http]\nlisten = "127.0.0.1:0"\n')
    daemon = start(repo, "--poll-sec", "3600").ready()
    daemon.says(r"http: listening on 127.0.0.1:\d+")
    found = re.search(r"http: listening on (127.0.0.1:\d+)", daemon.log)
    assert found is not None
    return daemon, f"http://{found[1]}"


def logged_in(page: Page, repo: Repo, url: str) -> None:
    """With the token that the daemon made, as a person copies it."""
    page.go(url)
    assert page.value("location.pathname") == "/login"
    page.type("#token", (repo.state / "http-token").read_text().strip())
    page.press("button")
    page.until("document.querySelector('#tiles') !== null", "the status page")
    page.until(LIVE, "the page to be live")


def check(page: Page, url: str) -> None:
    """No error, nothing that the policy stopped, and no request to anywhere else."""
    assert page.complaints == []
    assert [asked for asked in page.asked if not asked.startswith((f"{url}/", "about:"))] == []


def test_a_person_watches_and_helps(repo: Repo, start: Start, chromium: Browser) -> None:
    """A task appears, is blocked, is retried by a button and cancelled by another: no reload in between."""
    daemon, url = served(repo, start)
    page = chromium.page()
    logged_in(page, repo, url)
    page.value("window.before = true")
    go = repo.folder / "go"
    repo.write_tasks(repo.bare_task("T-1", f"until [ -e {go} ]; do sleep 0.05; done", "exit 1"))
    page.until(holds("#workers", "T-1"))
    repo.edit_tasks(T_1={"status": "blocked"})
    page.until(holds("#attention", "T-1"))
    assert page.value("window.before") is True
    page.press("#attention form button")
    page.until("location.pathname === '/tasks/T-1' && document.querySelector('.said') !== null")
    page.until(holds("#happened", "attempt 2 started"))
    assert page.value(holds("#happened", "asked for by http"))
    page.press("#cancel-summary")
    page.until("document.querySelector('#cancel').open")
    page.press("#cancel button")
    page.until("document.querySelector('h1 .chip').textContent === 'deferred'", "T-1 to be deferred")
    daemon.status("T-1", "deferred")
    check(page, url)
    page.press("header a")
    page.until("document.querySelector('#drain-summary') !== null && " + LIVE)
    page.press("#drain-summary")
    page.until("document.querySelector('#drain').open")
    page.press("#drain button")
    assert daemon.wait() == 0


def test_what_the_reader_does_is_not_disturbed(repo: Repo, start: Start, chromium: Browser) -> None:
    """What was opened stays open and keeps the focus when the page changes; words in a field stay."""
    _, url = served(repo, start)
    page = chromium.page()
    logged_in(page, repo, url)
    page.press("#drain-summary")
    repo.write_tasks(repo.bare_task("T-1", "exit 0", status="deferred"))
    page.until(holds("#lately", "T-1"))
    assert page.value("document.querySelector('#drain').open") is True
    assert page.value("document.activeElement.id") == "drain-summary"
    page.go(f"{url}/tasks")
    page.until(LIVE)
    page.type("input[type=search]", "T-")
    repo.write_tasks(*(repo.bare_task(name, "exit 0", status="deferred") for name in ("T-1", "T-2")))
    page.until("document.querySelectorAll('.tasks tbody tr').length === 2")
    assert page.value("document.querySelector('input[type=search]').value") == "T-"
    check(page, url)


def test_every_page_at_every_width(repo: Repo, start: Start, chromium: Browser, tmp_path: Path) -> None:
    """Nothing is wider than the window, dark or light, with names that are too long; a keyboard reaches the content."""
    _, url = served(repo, start)
    long = "L" + "-very-long-name" * 4
    words = "<b>bold</b> " + "averylongwordthatdoesnotend" * 12
    repo.write_tasks(
        repo.bare_task(long, "exit 0", status="blocked", description=words, phase=1, estimate="8K"),
        repo.bare_task("T-2", "exit 0", status="deferred", phase=2, depends_on=[long]),
    )
    page = chromium.page()
    logged_in(page, repo, url)
    page.until("document.querySelector('#attention') !== null")
    for place in ("/", "/tasks", f"/tasks/{long}", "/graph", "/budget", "/events", "/login"):
        for width, phone in ((1280, False), (390, True)):
            page.size(width, 800, dark=phone, phone=phone)
            page.go(url + place)
            assert page.value("document.documentElement.scrollWidth") <= width, (place, width)
            assert page.value("document.querySelectorAll('b').length") == 0
    page.go(url)
    assert page.tab() == "Skip to content"
    picture = tmp_path / "page.png"
    page.picture(picture)
    assert picture.read_bytes().startswith(b"\x89PNG")
    check(page, url)


def test_it_works_without_scripts(repo: Repo, start: Start, chromium: Browser) -> None:
    """But for being live: pages, filter and buttons are plain HTML."""
    _, url = served(repo, start)
    repo.write_tasks(repo.bare_task("T-1", "exit 0", status="blocked"))
    page = chromium.page()
    logged_in(page, repo, url)
    page.until("document.querySelector('#attention') !== null")
    page.call("Emulation.setScriptExecutionDisabled", value=True)
    page.go(f"{url}/tasks?status=blocked")
    assert page.value("document.querySelectorAll('.tasks tbody tr').length") == 1
    page.go(f"{url}/tasks/T-1")
    page.press("#cancel-summary")
    page.press("#cancel button")
    page.until("location.search === '?said=cancel'")
    assert repo.status("T-1") == "deferred"
