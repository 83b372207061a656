"""The page of a repository whose ledger a test fills, without a daemon: what the daemon would say is told here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx

from mosaic_daemon.ground.configuration import load
from mosaic_daemon.ground.errors import InputError, Refused
from mosaic_daemon.ground.layout import Layout
from mosaic_daemon.ground.settings import Settings
from mosaic_daemon.http.face import HttpFace
from mosaic_daemon.nouns.events import Event
from mosaic_daemon.store.ledger import Ledger
from mosaic_daemon.store.sqlite import SqliteJournal
from tests.samples import NOON

TOKEN = "a-token-of-the-status-page"


class Desk:
    """What answers in the daemon's place. `asked`: everything but what it is about."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.asked: list[tuple[str, Mapping[str, Any]]] = []
        self.draining = False
        self.ready = True
        self.since = NOON

    async def __call__(self, verb: str, args: Mapping[str, Any]) -> Any:
        if verb != "about":
            self.asked.append((verb, args))
        match verb:
            case "ask" if args["task"] not in self.ledger.records:
                raise InputError(f"there is no task {args['task']!r}")
            case "ask" if args["task"].startswith("NO"):
                raise Refused("the rules do not allow it", remedy="wait")
            case "ask":
                return f"{args['task']} will be done again"
            case "drain" | "resume":
                self.draining = verb == "drain"
        return {
            "pid": 7,
            "since": self.since.isoformat(),
            "draining": self.draining,
            "in_flight": [],
            "max_workers": 2,
            "degraded": [],
            "status": "",
            "ready": self.ready,
            "seq": self.ledger.seq,
        }


class Served:
    """A page that is served, its ledger and a browser of sorts that has the token."""

    def __init__(self, layout: Layout, desk: Desk, face: HttpFace) -> None:
        self.layout = layout
        self.desk = desk
        self._face = face

    def happen(self, task: str, *events: Event) -> None:
        self.desk.ledger.append(task, *events, at=NOON)

    @property
    def port(self) -> int:
        found = self._face.listener
        return (found.port if found else None) or 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, **headers: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=20, trust_env=False)

    def program(self) -> httpx.AsyncClient:
        """A client with the token."""
        return self.client(Authorization=f"Bearer {TOKEN}")

    @asynccontextmanager
    async def browser(self) -> AsyncIterator[httpx.AsyncClient]:
        """A client that has logged in."""
        async with self.client(Origin=self.url) as client:
            answer = await client.post("/login", data={"token": TOKEN})
            assert answer.status_code == 303, answer.text
            yield client

    async def raw(self, data: bytes) -> bytes:
        """Everything that is answered to these bytes."""
        got = b""
        async with await anyio.connect_tcp("127.0.0.1", self.port) as stream:
            try:
                await stream.send(data)
                with anyio.fail_after(20):
                    while True:
                        got += await stream.receive()
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                return got


@asynccontextmanager
async def served(layout: Layout, **http: Any) -> AsyncIterator[Served]:
    """Serve the repository, on a free port."""
    layout.state.mkdir(parents=True, exist_ok=True)
    file = layout.state.parent / "token"
    file.touch(mode=0o600)
    file.write_text(TOKEN)
    wanted = Settings.model_validate({"http": {"listen": "127.0.0.1:0", "token_file": file, **http}})
    ledger = Ledger(SqliteJournal(layout.ledger))
    desk = Desk(ledger)
    face = HttpFace(layout, lambda: load(layout.config))
    face.want(wanted)
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(face.run, desk)
            found = Served(layout, desk, face)
            with anyio.fail_after(20):
                while not found.port:  # noqa: ASYNC110
                    await anyio.sleep(0.005)
            yield found
            group.cancel_scope.cancel()
    finally:
        ledger.close()
