"""Who may ask, and what strangers can do: nothing, however they try."""

from __future__ import annotations

import hmac
import stat
import time
from pathlib import Path

import httpx
import pytest

from mosaic_daemon.app import checks
from mosaic_daemon.ground import secrets
from mosaic_daemon.ground.errors import ConfigError
from mosaic_daemon.ground.layout import Layout
from mosaic_daemon.ground.settings import HttpSettings, Settings
from mosaic_daemon.http import access as gate
from mosaic_daemon.http.messages import HEADERS
from mosaic_daemon.http.routes import ROUTES
from mosaic_daemon.http.routing import Door
from tests.http.serving import TOKEN, served
from tests.samples import added

OPEN = {"/healthz", "/readyz", "/login", "/static/app.css"}


def places() -> list[tuple[str, str]]:
    """Every method and path, with words in the places of names."""
    words = {"{task}": "T-1", "{attempt}": "1", "{file}": "app.css"}
    found = []
    for route in ROUTES.all:
        path = route.path
        for name, word in words.items():
            path = path.replace(name, word)
        found.append((route.method, path))
    return found


async def test_nothing_is_told_without_the_token(layout: Layout) -> None:
    """Pages lead to the login, programs get 401; only probes, the login and its style are open."""
    async with served(layout) as site, site.client() as stranger:
        site.happen("T-1", added("T-1", description="a secret plan"))
        for method, path in places():
            answer = await stranger.request(method, path)
            if path in OPEN:
                assert answer.status_code in (200, 401), path
            elif answer.status_code == 303:
                assert answer.headers["Location"].startswith("/login?next=")
            else:
                assert answer.status_code == 401, path
            assert "a secret plan" not in answer.text
        assert site.desk.asked == []


@pytest.mark.parametrize(
    "header", ["Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer", "Bearer \xe9"]
)
async def test_a_wrong_token_is_refused(layout: Layout, header: str) -> None:
    async with served(layout) as site, site.client() as client:
        answer = await client.get("/api/v1/status", headers=[(b"Authorization", header.encode("latin-1"))])
        assert answer.status_code == 401
        assert answer.json()["error"]["message"] == "a token is needed"


def test_tokens_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the function that is made for it, in every place."""
    compared: list[tuple[bytes, bytes]] = []

    def note(given: bytes, wanted: bytes) -> bool:
        compared.append((given, wanted))
        return given == wanted

    monkeypatch.setattr(hmac, "compare_digest", note)
    access = gate.Access(secrets.Secret(TOKEN), frozenset(), "c")
    session = access.new_session()
    assert access.has_bearer({"authorization": f"Bearer {TOKEN}"})
    assert access.session({"cookie": f"c={session}"}) == session
    assert access.is_form_key(session, access.form_key(session))
    assert len(compared) == 3


async def test_a_session_of_another_repository_or_time_is_none(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    access = gate.Access(secrets.Secret(TOKEN), frozenset(), "c")
    session = access.new_session()
    other = gate.Access(secrets.Secret("another-token-of-somebody"), frozenset(), "c")
    assert other.session({"cookie": f"c={session}"}) == ""
    later = time.time() + gate.SESSION_SEC + 1
    end, rest = session.split(".", 1)
    assert access.session({"cookie": f"c={int(end) + 1}.{rest}"}) == ""
    monkeypatch.setattr(time, "time", lambda: later)
    assert access.session({"cookie": f"c={session}"}) == ""


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "evil.example:{port}", "", "localhost"])
async def test_a_name_that_was_pointed_here_is_not_served(layout: Layout, host: str) -> None:
    """DNS rebinding: the browser takes the page for the other site's own, but says whose it is."""
    async with served(layout) as site:
        line = f"Host: {host.format(port=site.port)}\r\n"
        head = f"GET /api/v1/status HTTP/1.1\r\n{line}Authorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n"
        answer = await site.raw(head.encode())
        assert answer.startswith(b"HTTP/1.1 421 "), answer
        assert b"repository" not in answer


@pytest.mark.parametrize("host", ["localhost:{port}", "127.0.0.1:{port}", "LocalHost:{port}", "mosaic.example.org"])
async def test_its_own_names_are_served(layout: Layout, host: str) -> None:
    async with served(layout, hosts=["Mosaic.example.org"]) as site, site.program() as client:
        answer = await client.get("/api/v1/status", headers={"Host": host.format(port=site.port)})
        assert answer.status_code == 200


def _form_key(page: str) -> str:
    return page.split('name="form_key" value="')[1].split('"', maxsplit=1)[0]


async def test_a_button_needs_its_session_its_key_and_its_own_page(layout: Layout) -> None:
    """CSRF: without a key, with another session's, from another origin, from none, or with a lone cookie: refused."""
    async with served(layout) as site, site.browser() as browser, site.browser() as other:
        site.happen("T-1", added("T-1"))
        key = _form_key((await browser.get("/tasks/T-1")).text)
        foreign = _form_key((await other.get("/tasks/T-1")).text)
        evil, near = {"Origin": "https://evil.example"}, {"Origin": f"http://127.0.0.1:{site.port + 1}"}
        tries: list[tuple[dict[str, str], dict[str, str]]] = [
            ({}, {}),
            ({"form_key": ""}, {}),
            ({"form_key": foreign}, {}),
            ({"form_key": key}, evil),
            ({"form_key": key}, near),
            ({"form_key": key}, {"Origin": "null"}),
        ]
        for path in ("/tasks/T-1/retry", "/tasks/T-1/cancel", "/drain", "/resume", "/logout", "/api/v1/drain"):
            for data, headers in tries:
                answer = await browser.post(path, data=data, headers=headers)
                assert answer.status_code == 403, (path, data, headers)
        del browser.headers["Origin"]
        assert (await browser.post("/drain", data={"form_key": key})).status_code == 403
        assert site.desk.asked == []
        answer = await browser.post("/tasks/T-1/retry", data={"form_key": key}, headers={"Origin": site.url})
        assert (answer.status_code, answer.headers["Location"]) == (303, "/tasks/T-1?said=retry")
        assert site.desk.asked == [("ask", {"task": "T-1", "wanted": "not-started", "actor": "http"})]


async def test_a_token_beside_another_sites_origin_is_refused(layout: Layout) -> None:
    async with served(layout) as site, site.program() as client:
        answer = await client.post("/api/v1/drain", headers={"Origin": "https://evil.example"})
        assert answer.status_code == 403
        assert site.desk.asked == []


async def test_the_session_cookie_keeps_to_itself(layout: Layout) -> None:
    """No script reads it, no other site sends it; over TLS it stays there; each repository has its own."""
    async with served(layout, hosts=["m.example"]) as site, site.client() as client:
        for origin, secure in ((site.url, False), ("https://m.example", True)):
            answer = await client.post("/login", data={"token": TOKEN}, headers={"Origin": origin})
            cookie = answer.headers["Set-Cookie"]
            assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
            assert ("Secure" in cookie.split("; ")) is secure
            assert TOKEN not in cookie
        wrong = await client.post("/login", data={"token": "nobodys-token"})
        assert (wrong.status_code, "Set-Cookie" in wrong.headers) == (401, False)


@pytest.mark.parametrize("place", ["//evil.example", "/\\evil.example", "https://evil.example", "x", "/\r\nX: y", "/é"])
async def test_a_login_leads_nowhere_else(layout: Layout, place: str) -> None:
    async with served(layout) as site, site.client(Origin=site.url) as client:
        answer = await client.post("/login", data={"token": TOKEN, "next": place})
        assert (answer.status_code, answer.headers["Location"]) == (303, "/")
        assert "X" not in answer.headers


async def test_every_answer_has_its_protection(layout: Layout) -> None:
    """Also refusals, redirects and assets: no cache, no frame, nothing from elsewhere, nothing inline."""
    async with served(layout) as site, site.browser() as browser:
        for method, path in [*places(), ("GET", "/nothing"), ("PUT", "/")]:
            if path == "/api/v1/stream":
                continue
            answer = await browser.request(method, path)
            for name, value in HEADERS.items():
                assert answer.headers[name] == value, (path, name)
            assert " style=" not in answer.text
            assert "<style" not in answer.text
            assert "onclick" not in answer.text


def test_only_what_must_be_is_open() -> None:
    assert {route.path for route in ROUTES.all if route.door is Door.OPEN} == {
        "/login",
        "/static/{file}",
        "/healthz",
        "/readyz",
    }


def test_the_repositorys_own_token_is_made_once_and_readable_by_its_user_alone(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.state.mkdir(parents=True)
    first = gate.token_of(layout, HttpSettings()).reveal()
    assert len(first) >= 32
    assert stat.S_IMODE(layout.http_token.stat().st_mode) == 0o600
    assert gate.token_of(layout, HttpSettings()).reveal() == first


def test_more_than_loopback_has_to_be_asked_for() -> None:
    for listen in ("0.0.0.0:8800", "[::]:8800", "192.0.2.1:8800", "example.org:80"):
        with pytest.raises(ConfigError, match="not loopback"):
            checks.check(Settings.model_validate({"http": {"listen": listen}}))
        checks.check(Settings.model_validate({"http": {"listen": listen, "any_address": True}}))
    with pytest.raises(ConfigError, match=r"http\.listen"):
        checks.check(Settings.model_validate({"http": {"listen": "8800"}}))


async def test_a_form_of_many_fields_or_none_is_no_login(layout: Layout) -> None:
    async with served(layout) as site, site.client(Origin=site.url) as client:
        many = "&".join(f"f{number}=1" for number in range(100)) + f"&token={TOKEN}"
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        for content in (many.encode(), b"\xff=\xff", b""):
            answer = await client.post("/login", content=content, headers=kind)
            assert answer.status_code == 401
        assert (await client.post("/login", content=f"token={TOKEN}".encode())).status_code == 401


async def test_logging_out_ends_the_session_in_the_browser(layout: Layout) -> None:
    async with served(layout) as site, site.browser() as browser:
        key = _form_key((await browser.get("/")).text)
        assert (await browser.post("/logout", data={"form_key": key})).status_code == 303
        answer = await browser.get("/")
        assert isinstance(answer, httpx.Response)
        assert answer.headers["Location"] == "/login?next=%2F"
