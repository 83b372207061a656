"""Webhooks: only a genuine delivery rings, once, and whoever else knocks can neither hurt nor learn anything."""

from __future__ import annotations

import hashlib
import hmac
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio
import anyio.abc
import pytest

from mosaic_daemon.app import checks
from mosaic_daemon.forges.rest.delivery import Limits
from mosaic_daemon.forges.rest.webhook import Doorbell
from mosaic_daemon.ground.errors import ConfigError
from mosaic_daemon.ground.settings import ForgeSettings, Settings

SECRET = "a-secret-of-the-webhook"
BODY = b'{"action": "completed"}'
CHUNKED = b"POST /hook HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
DIALECTS = ("github", "gitea", "gitlab")


class Caller:
    """A forge that calls, or somebody else; `rung` counts."""

    def __init__(self, bell: Doorbell, rung: list[None]) -> None:
        self.bell = bell
        self.rung = rung

    async def connect(self) -> anyio.abc.SocketStream:
        return await anyio.connect_tcp("127.0.0.1", port(self.bell))

    async def raw(self, data: bytes) -> bytes:
        """Everything that is answered to these bytes, until the connection is closed."""
        async with await self.connect() as stream:
            with suppress(anyio.BrokenResourceError):
                await stream.send(data)
            return await everything(stream)

    async def post(self, headers: Mapping[str, str], body: bytes = BODY, line: str = "POST /hook") -> int:
        """The status of one request."""
        given = {"Host": "here", "Content-Length": str(len(body)), **headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        answer = await self.raw(f"{line} HTTP/1.1\r\n{head}\r\n".encode() + body)
        return int(answer.split()[1])


async def everything(stream: anyio.abc.SocketStream) -> bytes:
    data = b""
    with suppress(anyio.EndOfStream, anyio.BrokenResourceError), anyio.fail_after(20):
        while True:
            data += await stream.receive()
    return data


def settings(folder: Path, provider: str = "github", **more: object) -> ForgeSettings:
    file = folder / "secret"
    file.touch(mode=0o600)
    file.write_text(SECRET)
    values = {"provider": provider, "webhook_listen": "127.0.0.1:0", "webhook_secret_file": file, **more}
    return ForgeSettings.model_validate(values)


@asynccontextmanager
async def listening(wanted: ForgeSettings, limits: Limits | None = None) -> AsyncIterator[Caller]:
    rung: list[None] = []
    bell = Doorbell(lambda: rung.append(None), limits)
    bell.want(wanted)
    async with anyio.create_task_group() as group:
        group.start_soon(bell.run)
        await until(lambda: port(bell) > 0)
        yield Caller(bell, rung)
        group.cancel_scope.cancel()


def port(bell: Doorbell) -> int:
    """Where it listens; 0 while it does not."""
    return (bell.listener.port or 0) if bell.listener else 0


def opened(bell: Doorbell) -> int:
    return bell.listener.open if bell.listener else 0


async def until(condition: Callable[[], bool]) -> None:
    with anyio.fail_after(20):
        while not condition():  # noqa: ASYNC110
            await anyio.sleep(0.005)


def proof(dialect: str, body: bytes = BODY, secret: str = SECRET) -> dict[str, str]:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    match dialect:
        case "github":
            return {"X-Hub-Signature-256": f"sha256={digest}"}
        case "gitea":
            return {"X-Gitea-Signature": digest}
        case _:
            return {"X-Gitlab-Token": secret}


NUMBERS = {"github": "X-GitHub-Delivery", "gitea": "X-Gitea-Delivery", "gitlab": "X-Gitlab-Event-UUID"}


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_genuine_delivery_rings(tmp_path: Path, dialect: str) -> None:
    """Once, however often it is delivered; the next one rings again, and so does each without a number."""
    async with listening(settings(tmp_path, dialect)) as caller:
        for number, rung in (("1", 1), ("1", 1), ("2", 2)):
            assert await caller.post({**proof(dialect), NUMBERS[dialect]: number}) == 204
            assert len(caller.rung) == rung
        for rung in (3, 4):
            assert await caller.post(proof(dialect)) == 204
            assert len(caller.rung) == rung


async def test_the_known_numbers_take_bounded_memory(tmp_path: Path) -> None:
    """The oldest is forgotten."""
    async with listening(settings(tmp_path)) as caller:
        for number in range(1001):
            assert caller.bell._is_new(str(number))
        assert not caller.bell._is_new("1000")
        assert caller.bell._is_new("0")


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_wrong_proof_is_refused_without_a_word(tmp_path: Path, dialect: str) -> None:
    """401 with nothing in it, whatever was wrong; and what was refused may come again with a right one."""
    wrong: list[dict[str, str]] = [
        proof(dialect, secret="a-secret-of-somebody"),
        dict.fromkeys(proof(dialect), ""),
        dict.fromkeys(proof(dialect), "sha256="),
        dict.fromkeys(proof(dialect), "\u00e9"),
        {},
        *(proof(other) for other in DIALECTS if other != dialect and (dialect, other) != ("gitea", "github")),
    ]
    if dialect != "gitlab":
        wrong.append(proof(dialect, b"another body"))
    async with listening(settings(tmp_path, dialect)) as caller:
        for headers in wrong:
            assert await caller.post({**headers, NUMBERS[dialect]: "7"}) == 401, headers
        head = f"POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: {len(BODY)}\r\n\r\n".encode()
        answer = await caller.raw(head + BODY)
        assert answer.partition(b"\r\n\r\n")[2] == b""
        assert caller.rung == []
        assert await caller.post({**proof(dialect), NUMBERS[dialect]: "7"}) == 204
        assert len(caller.rung) == 1


async def test_forgejo_also_signs_as_github_does(tmp_path: Path) -> None:
    async with listening(settings(tmp_path, "gitea")) as caller:
        assert await caller.post(proof("github")) == 204


@pytest.mark.parametrize(
    ("line", "status"),
    [("GET /hook", 405), ("POST /", 404), ("POST /hooks", 404), ("DELETE /hook", 405), ("POST /hook?x=1", 204)],
)
async def test_nothing_but_the_hook_is_there(tmp_path: Path, line: str, status: int) -> None:
    async with listening(settings(tmp_path)) as caller:
        assert await caller.post(proof("github"), line=line) == status
        assert len(caller.rung) == (status == 204)


async def test_a_body_in_chunks(tmp_path: Path) -> None:
    async with listening(settings(tmp_path)) as caller:
        signature = proof("github")["X-Hub-Signature-256"]
        head = CHUNKED + f"X-Hub-Signature-256: {signature}\r\n\r\n".encode()
        half = len(BODY) // 2
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (BODY[:half], BODY[half:])) + b"0\r\n\r\n"
        assert (await caller.raw(head + chunks)).startswith(b"HTTP/1.1 204")
        assert len(caller.rung) == 1


async def test_whoever_asks_before_the_body_is_told_to_go_on(tmp_path: Path) -> None:
    """curl does, with a large one."""
    async with listening(settings(tmp_path)) as caller, await caller.connect() as stream:
        given = {"Host": "x", "Content-Length": str(len(BODY)), "Expect": "100-continue", **proof("github")}
        head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        await stream.send(f"POST /hook HTTP/1.1\r\n{head}\r\n".encode())
        assert (await stream.receive()).startswith(b"HTTP/1.1 100")
        await stream.send(BODY)
        assert (await everything(stream)).startswith(b"HTTP/1.1 204")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\n\r\n" + b"x" * 5_000_000, b"413"),
        (b"POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n", b"413"),
        (
            CHUNKED + b"\r\n3e9\r\n" + b"x" * 1001 + b"\r\n",
            b"413",
        ),
        (b"POST /hook HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 100_000, b"431"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01", b"400"),
        (b"POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", b"400"),
        (b"POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b""),
    ],
)
async def test_what_is_too_big_or_no_http(tmp_path: Path, data: bytes, status: bytes) -> None:
    """It is refused as soon as that is known, and the next caller is served."""
    async with listening(settings(tmp_path), Limits(body=1000, seconds=2)) as caller:
        answer = await caller.raw(data)
        assert status in answer[:20], answer
        assert not answer.startswith(b"HTTP/1.1 2")
        assert await caller.post(proof("github")) == 204
        assert len(caller.rung) == 1


@pytest.mark.parametrize("said", [b"", b"POST /hook HT", CHUNKED + b"\r\n9\r\nx"])
async def test_a_slow_client_is_left(tmp_path: Path, said: bytes) -> None:
    """Its connection is closed, and meanwhile others are served."""
    async with listening(settings(tmp_path), Limits(seconds=0.5)) as caller, await caller.connect() as stream:
        if said:
            await stream.send(said)
        assert await caller.post(proof("github")) == 204
        assert await everything(stream) == b""


async def test_too_many_at_once(tmp_path: Path) -> None:
    """Further ones are closed until there is room again."""
    async with listening(settings(tmp_path), Limits(connections=2, seconds=60)) as caller:
        async with await caller.connect() as one, await caller.connect() as other:
            for stream in (one, other):
                await stream.send(b"POST")
            await until(lambda: opened(caller.bell) == 2)
            assert await caller.raw(b"") == b""
        await until(lambda: opened(caller.bell) == 0)
        assert await caller.post(proof("github")) == 204


async def test_a_client_that_goes_away(tmp_path: Path) -> None:
    async with listening(settings(tmp_path)) as caller:
        stream = await caller.connect()
        await stream.send(b"POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx")
        raw: socket.socket = stream.extra(anyio.abc.SocketAttribute.raw_socket)  # noqa: S610
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        await stream.aclose()
        assert await caller.post(proof("github")) == 204


async def test_changed_settings_are_followed(tmp_path: Path) -> None:
    """Another secret counts at once; without an address nobody listens."""
    async with listening(settings(tmp_path)) as caller:
        wanted, first = settings(tmp_path), port(caller.bell)
        (tmp_path / "secret").write_text("another-secret-by-now")
        caller.bell.want(wanted)
        await until(lambda: port(caller.bell) not in (0, first))
        assert await caller.post(proof("github")) == 401
        assert await caller.post(proof("github", secret="another-secret-by-now")) == 204
        caller.bell.want(ForgeSettings())
        await until(lambda: not port(caller.bell))


async def test_a_port_that_is_taken_is_no_failure(tmp_path: Path) -> None:
    """The bell goes on, and listens once the settings name another one."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bell = Doorbell(lambda: None)
        bell.want(settings(tmp_path, webhook_listen=f"127.0.0.1:{taken.getsockname()[1]}"))
        async with anyio.create_task_group() as group:
            group.start_soon(bell.run)
            await anyio.wait_all_tasks_blocked()
            assert not port(bell)
            bell.want(settings(tmp_path))
            await until(lambda: port(bell) > 0)
            group.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"webhook_listen": "0.0.0.0:8077"}, "not loopback"),
        ({"webhook_listen": "[::]:8077"}, "not loopback"),
        ({"webhook_listen": "git.example.org:8077"}, "not loopback"),
        ({"webhook_listen": "127.0.0.1"}, "write it as 127.0.0.1:8077"),
        ({"webhook_listen": "127.0.0.1:80777"}, "write it as 127.0.0.1:8077"),
        ({"webhook_secret_file": None}, "set `forge.webhook_secret_file`"),
        ({"provider": "internal"}, "nobody calls for `internal`"),
    ],
)
def test_settings_that_are_refused(tmp_path: Path, more: dict[str, object], said: str) -> None:
    """Exit code 78, before anything listens."""
    with pytest.raises(ConfigError, match=said) as refused:
        checks.check(Settings(forge=settings(tmp_path, **{"provider": "github", **more})))  # type: ignore[arg-type]
    assert refused.value.exit_code == 78


def test_settings_that_are_fine(tmp_path: Path) -> None:
    for address in ("127.0.0.1:8077", "[::1]:8077", "localhost:8077"):
        checks.check(Settings(forge=settings(tmp_path, webhook_listen=address)))
    checks.check(Settings(forge=settings(tmp_path, webhook_listen="0.0.0.0:8077", webhook_any_address=True)))


def test_a_secret_that_others_may_read_is_refused(tmp_path: Path) -> None:
    wanted = settings(tmp_path)
    (tmp_path / "secret").chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        checks.check(Settings(forge=wanted))
