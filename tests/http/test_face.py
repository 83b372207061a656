"""The face as the daemon holds it: it costs nothing while it is off, and follows the settings."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import httpx
import pytest

from mosaic_daemon.ground.configuration import load
from mosaic_daemon.ground.layout import Layout
from mosaic_daemon.ground.settings import Settings
from mosaic_daemon.http.face import HttpFace
from mosaic_daemon.store.ledger import Ledger
from mosaic_daemon.store.sqlite import SqliteJournal
from tests.http.serving import Desk
from tests.support.fixtures import Start
from tests.support.repo import GATE, Repo

IMPORTED = """
import sys
import mosaic_daemon.supervisor, mosaic_daemon.http.face
print([name for name in sys.modules if name == "h11" or name.startswith("mosaic_daemon.http.")])
"""


def test_nothing_of_it_is_imported_before_somebody_listens() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORTED], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['mosaic_daemon.http.face']"


def wanted(**http: object) -> Settings:
    return Settings.model_validate({"http": http})


@asynccontextmanager
async def running(layout: Layout) -> AsyncIterator[HttpFace]:
    layout.state.mkdir(parents=True)
    ledger = Ledger(SqliteJournal(layout.ledger))
    face = HttpFace(layout, lambda: load(layout.config))
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(face.run, Desk(ledger))
            yield face
            group.cancel_scope.cancel()
    finally:
        ledger.close()


def port(face: HttpFace) -> int:
    return (face.listener.port if face.listener else None) or 0


async def until_port(face: HttpFace, *, changed_from: int = 0) -> int:
    with anyio.fail_after(20):
        while port(face) in (0, changed_from):  # noqa: ASYNC110
            await anyio.sleep(0.005)
    return port(face)


async def test_it_follows_the_settings(layout: Layout) -> None:
    """Off, on, under another name, off again: connections of before are closed."""
    async with running(layout) as face, httpx.AsyncClient(trust_env=False) as client:
        assert port(face) == 0
        face.want(wanted(listen="127.0.0.1:0"))
        first = await until_port(face)
        assert (await client.get(f"http://127.0.0.1:{first}/healthz")).status_code == 200
        face.want(wanted(listen="127.0.0.1:0"))  # the same again changes nothing
        assert port(face) == first
        face.want(wanted(listen="127.0.0.1:0", hosts=["page.example"]))
        second = await until_port(face, changed_from=first)
        answer = await client.get(f"http://127.0.0.1:{second}/healthz", headers={"Host": "page.example"})
        assert answer.status_code == 200
        face.want(wanted())
        with anyio.fail_after(20):
            while port(face):  # noqa: ASYNC110
                await anyio.sleep(0.005)
        with pytest.raises(httpx.ConnectError):
            await client.get(f"http://127.0.0.1:{second}/healthz")


async def test_a_token_that_cannot_be_read_serves_nothing(layout: Layout) -> None:
    """The daemon works all the same, and the page comes when the setting is mended."""
    async with running(layout) as face:
        missing = layout.state / "missing"
        face.want(wanted(listen="127.0.0.1:0", token_file=missing))
        await anyio.wait_all_tasks_blocked()
        assert port(face) == 0
        face.want(wanted(listen="127.0.0.1:0"))
        assert await until_port(face)


def test_a_running_daemon_takes_it_in(repo: Repo, start: Start) -> None:
    """`http.listen` is set, wrong, and taken out, without a restart."""
    daemon = start(repo, "--poll-sec", "3600").ready()
    repo.configure(f'{GATE}[http]\nlisten = "127.0.0.1:0"\n')
    daemon.says("http: listening on 127.0.0.1")
    repo.configure(f'{GATE}[http]\nlisten = "0.0.0.0:0"\n')
    daemon.says("is not loopback.*; the last good settings stay")
    assert daemon.stop() == 0
