"""Requests that are no requests, and text that wants to be more than text."""

from __future__ import annotations

import os
import re
from typing import Any

import anyio
import pytest

from mosaic_daemon.ground.layout import Layout
from mosaic_daemon.http import server
from mosaic_daemon.nouns import events as ev
from mosaic_daemon.nouns.attempt import Failure, FailureClass
from tests.http.serving import TOKEN, served
from tests.samples import NOON, added, to_running

XSS = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
ESCAPES = "\x1b]0;owned\x07\x1b[31mred\x1b[0m\u202egpj.exe\x9b2J"

BAD_LINES = (
    b"GET /../../etc/passwd HTTP/1.1",
    b"GET /static/..%2f..%2faccess.py HTTP/1.1",
    b"GET /static/%2e%2e/access.py HTTP/1.1",
    b"GET /tasks/..%2f..%2fetc HTTP/1.1",
    b"GET /tasks/%00 HTTP/1.1",
    b"GET /tasks/T-1%0d%0aX-Evil:%201 HTTP/1.1",
    b"GET /tasks/T-1/attempts/-1 HTTP/1.1",
    b"GET /tasks/T-1/attempts/..%2f1 HTTP/1.1",
    b"GET /api/v1/tasks/T-1/attempts/1%2f..%2f2/log HTTP/1.1",
    b"GET //evil.example/ HTTP/1.1",
    b"GET http://evil.example/ HTTP/1.1",
    b"GET /%ff%fe HTTP/1.1",
    b"GET /?" + b"a=1&" * 60 + b" HTTP/1.1",
    b"GET /static/" + b"a" * 4000 + b" HTTP/1.1",
    b"OPTIONS * HTTP/1.1",
    b"CONNECT evil.example:443 HTTP/1.1",
    b"GET / HTTP/9.9",
    b"hello",
    b"\x16\x03\x01\x02\x00\x01\x00\x01",
)


async def test_what_is_no_path_of_ours_is_refused(layout: Layout) -> None:
    """Path tricks, foreign targets, header injection, other protocols: a 4xx, and the next request is answered."""
    async with served(layout) as site:
        for line in BAD_LINES:
            head = f"\r\nHost: 127.0.0.1:{site.port}\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n"
            answer = await site.raw(line + head.encode())
            assert re.match(rb"HTTP/1\.1 (4\d\d|505) ", answer), (line, answer[:200])
            assert b"X-Evil" not in answer.partition(b"\r\n\r\n")[0]
            assert b"root:" not in answer
        async with site.program() as client:
            assert (await client.get("/api/v1/status")).status_code == 200


async def test_too_much_is_refused(layout: Layout) -> None:
    """Headers and bodies have their limits, whether their length is told or not."""
    async with served(layout) as site:
        head = f"POST /login HTTP/1.1\r\nHost: 127.0.0.1:{site.port}\r\n".encode()
        chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        for request, status in (
            (head + b"X: " + b"y" * 200_000 + b"\r\n\r\n", b"431"),
            (head + b"Content-Length: 100000\r\n\r\n" + b"x" * 100_000, b"413"),
            (head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 2 + b"0\r\n\r\n", b"413"),
            (head + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef", b"400"),
            (head + b"Content-Length: -1\r\n\r\n", b"400"),
        ):
            assert (await site.raw(request)).startswith(b"HTTP/1.1 " + status), request[:120]


async def test_slow_callers_lose_their_connection(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that sends its head, or its body, drop by drop; others are served meanwhile."""
    monkeypatch.setattr(server, "_IDLE_SEC", 0.2)
    monkeypatch.setattr(server, "_BODY_SEC", 0.2)
    async with served(layout) as site, site.program() as client:
        for start, end in (
            (b"GET / HTT", b""),
            (b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\na", b"408"),
        ):
            async with await anyio.connect_tcp("127.0.0.1", site.port) as stream:
                await stream.send(start)
                assert (await client.get("/healthz")).status_code == 200
                got = b""
                with anyio.fail_after(20):
                    try:
                        while True:
                            got += await stream.receive()
                    except anyio.EndOfStream:
                        pass
                assert end in got


async def test_callers_are_as_many_as_there_is_room_for(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those who listen to changes, too: one more is told so."""
    monkeypatch.setattr("mosaic_daemon.http.streams._MOST", 1)
    async with served(layout) as site, site.program() as client:
        async with client.stream("GET", "/api/v1/stream") as stream:
            assert stream.status_code == 200
            assert (await client.get("/api/v1/stream")).status_code == 503
        with anyio.fail_after(20):
            while (await _streams(site)).status_code == 503:  # noqa: ASYNC110
                await anyio.sleep(0.01)


async def _streams(site: Any) -> Any:
    async with site.program() as client, client.stream("GET", "/api/v1/stream") as stream:
        return stream


async def test_text_of_workers_is_only_text(layout: Layout) -> None:
    """Markup, escape sequences and marks that reorder, from every place where others write: shown as what it is."""
    async with served(layout) as site, site.browser() as browser:
        evil = f"{XSS} {ESCAPES}"
        failure = Failure(FailureClass.WORKER, evil, evil, command=evil, tail=evil, at=NOON)
        site.happen("T-1", added("T-1", description=evil, files=(evil,), issue=evil, branch="b/x", phase=1))
        site.happen("T-1", *to_running("T-1"), ev.AttemptFailed(1, failure, final=True))
        site.happen("T-2", added("T-2", 1, phase=2), ev.TaskBlocked(evil, evil))
        site.happen("", ev.Reported(evil, evil), ev.DrainChanged(True, evil))
        folder = layout.attempts / "T-1.1"
        folder.mkdir(parents=True)
        (folder / "output.log").write_text(evil)
        pages = (
            "/",
            "/tasks",
            f"/tasks?q={XSS}",
            "/tasks/T-1",
            "/tasks/T-2",
            "/tasks/T-1/attempts/1",
            "/graph",
            "/events",
        )
        for place in (*pages, f"/login?next={XSS}", f"/?said={XSS}"):
            answer = await browser.get(place)
            assert answer.status_code == 200, place
            text = answer.text
            assert "<script>alert" not in text, place
            assert "<img" not in text, place
            assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", text), place
        assert "&lt;script&gt;alert(1)" in (await browser.get("/tasks/T-1")).text
        log = await browser.get("/api/v1/tasks/T-1/attempts/1/log")
        assert log.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert "\x1b" not in log.text
        metrics = (await browser.get("/metrics")).text
        assert all(re.match(r"(# |mosaic_\w+({.*})? [0-9.]+$)", line) for line in metrics.splitlines())


async def test_a_log_that_is_no_file_is_not_read(layout: Layout, tmp_path: Any) -> None:
    """A worker can put a link or a pipe in the place of its log."""
    secret = tmp_path / "secret"
    secret.write_text("the person's own file")
    async with served(layout) as site, site.browser() as browser:
        site.happen("T-1", added("T-1"), *to_running("T-1"))
        log = layout.attempts / "T-1.1" / "output.log"
        log.parent.mkdir(parents=True)
        for kind in ("link", "pipe", "folder"):
            match kind:
                case "link":
                    log.symlink_to(secret)
                case "pipe":
                    os.mkfifo(log)
                case _:
                    log.mkdir()
            for place in ("/tasks/T-1/attempts/1", "/api/v1/tasks/T-1/attempts/1/log"):
                assert "the person's own file" not in (await browser.get(place)).text
            if kind == "folder":
                log.rmdir()
            else:
                log.unlink()
