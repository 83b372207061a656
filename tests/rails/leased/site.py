"""A daemon's rail and its workers around one carrier; each of them can be killed and started again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio

from mosaic_rails.base import Errand
from mosaic_rails.leased import messages as msg
from mosaic_rails.leased import wire
from mosaic_rails.leased.book import Book
from mosaic_rails.leased.contract import Terms
from mosaic_rails.leased.faults import Faults, FaultyTransport
from mosaic_rails.leased.hands import Abilities
from mosaic_rails.leased.jobs import Jobs
from mosaic_rails.leased.rail import Clock, LeasedRail
from mosaic_rails.leased.transport import Outgoing, Transport
from mosaic_rails.leased.worker import Worker
from tests.rails.leased.carriers import Carrier
from tests.rails.leased.hands import ScriptedHands
from tests.rails.waiting import PATIENCE_SEC

LEASE_SEC = 2.0
LABELS = ("runtime=claude", "gpu")


def errand(attempt: str, *, labels: tuple[str, ...] = ("runtime=claude",)) -> Errand:
    """Work for somebody elsewhere."""
    task, _, fence = attempt.rpartition(".")
    return Errand(
        attempt=attempt,
        task=task,
        url="https://git.example.org/o/r.git",
        base_ref="refs/heads/main",
        base_sha="a" * 40,
        branch=f"task/{task.lower()}",
        ref=f"refs/heads/mosaic/{task}/a{fence}",
        runtime="claude",
        prompt="Do it.\n",
        labels=labels,
    )


@dataclass(slots=True)
class HandClock:
    """Time that moves when it is told to. Both of its hands, apart."""

    seconds: float = 1000.0
    utc: datetime = field(default_factory=lambda: datetime(2026, 1, 1, 12, tzinfo=UTC))

    def advance(self, seconds: float) -> None:
        self.seconds += seconds
        self.utc += timedelta(seconds=seconds)

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return self.utc


class Life:
    """Something that runs until its end, or until it is ended from outside."""

    def __init__(self, run: Callable[[], Awaitable[None]]) -> None:
        self.scope = anyio.CancelScope()
        self.task = asyncio.create_task(self._within_scope(run))

    async def _within_scope(self, run: Callable[[], Awaitable[None]]) -> None:
        with self.scope:
            await run()

    async def end(self) -> None:
        self.scope.cancel()
        await self.task


class Host:
    """A worker's machine: what it started goes on when its worker is killed."""

    def __init__(self, site: Site, name: str, abilities: Abilities) -> None:
        self._site = site
        self._abilities = abilities
        self.name = name
        self.folder = site.folder / name
        self.hands = ScriptedHands(self.folder / "logs")
        self._life: Life | None = None
        self.worker = self._made()

    def _made(self) -> Worker:
        transport = self._site.worsened(self._site.carrier.worker(self.name))
        jobs = Jobs(self.folder / "jobs", boot="this boot")
        return Worker(transport, self.hands, jobs, self._abilities, self._site.clock.monotonic)

    def start(self) -> None:
        self.worker = self._made()
        self._life = Life(self.worker.run)

    async def kill(self) -> None:
        """Also what SIGSTOP looks like from outside, until `start`."""
        if self._life is not None:
            await self._life.end()
            self._life = None

    async def through(self) -> None:
        """Wait until its worker ends by itself."""
        assert self._life is not None
        async with asyncio.timeout(PATIENCE_SEC):
            await self._life.task

    def wake(self) -> None:
        """Let its worker see that time has passed."""
        for wake in self.hands.wakes:
            wake()

    def confirmed(self, attempt: str) -> float:
        """The second from which its lease of an attempt counts."""
        (job,) = (job for job in self.worker.jobs if job.attempt == attempt)
        return job.confirmed

    @property
    def worker_name(self) -> str:
        """As the daemon sees it."""
        return self._site.carrier.worker(self.name).identity


class Site:
    """Put together from a carrier.

    Attributes:
        clock: of the daemon and all hosts. faults: of everything that is linked from now on.
    """

    def __init__(self, folder: Path, carrier: Carrier, clock: HandClock | None = None) -> None:
        self.folder = folder
        self.carrier = carrier
        self.clock: HandClock | Clock = clock or Clock()
        self.faults = Faults()
        self.around_daemon: Callable[[Transport], Transport] = lambda transport: transport
        self.hosts: dict[str, Host] = {}
        self._lives: list[Life] = []
        self._books: list[Book] = []
        self._seed = 0
        self.lease_sec = LEASE_SEC
        self.rail = self.new_rail()

    def worsened(self, transport: Transport) -> Transport:
        self._seed += 1
        return FaultyTransport(transport, self.faults, self._seed) if self.faults != Faults() else transport

    def new_rail(self) -> LeasedRail:
        """As the next daemon has it; not running yet."""
        self.book = Book(self.folder / "rail.db")
        self._books.append(self.book)
        terms = Terms("leased", self.book.daemon, lease_sec=self.lease_sec, reoffer_sec=0.1)
        clock = Clock(self.clock.now, self.clock.monotonic)
        transport = self.around_daemon(self.worsened(self.carrier.daemon()))
        return LeasedRail(self.book, terms, self.folder / "attempts", transport, clock)

    def start_daemon(self) -> LeasedRail:
        """Run a rail; one that runs is killed."""
        for life in self._lives:
            life.scope.cancel()
        self.rail = self.new_rail()
        self._lives.append(Life(self.rail.run))
        return self.rail

    async def kill_daemon(self) -> None:
        for life in self._lives:
            await life.end()
        self._lives.clear()

    def host(self, name: str = "w1", abilities: Abilities | None = None) -> Host:
        """A host, started."""
        given = abilities or Abilities(LABELS, slots=20)
        self.hosts[name] = Host(self, name, replace(given, retry_sec=0.1))
        self.hosts[name].start()
        return self.hosts[name]

    def pass_time(self, seconds: float) -> None:
        assert isinstance(self.clock, HandClock)
        self.clock.advance(seconds)

    def starts(self, attempt: str) -> int:
        """How often any host started it."""
        key = f"{self.book.daemon}.{attempt}"
        return sum(host.hands.starts.count(key) for host in self.hosts.values())

    async def tell_worker(self, name: str, answer: str, attempt: str, claim: str) -> None:
        """Send an answer as the daemon might have, long ago."""
        message: msg.Message = msg.Accepted(self.book.daemon, attempt, claim)
        if answer == "rejected":
            message = msg.Rejected(self.book.daemon, attempt, claim, "renew", "it is over")
        async with self.carrier.daemon().link(None) as link:
            key = f"stale.{answer}.{attempt}.{claim}"
            await link.send(Outgoing(key, self.hosts[name].worker_name, wire.encode(message)))

    def key(self, attempt: str) -> str:
        return f"{self.book.daemon}.{attempt}"

    async def close(self) -> None:
        for host in self.hosts.values():
            await host.kill()
        await self.kill_daemon()
        for book in self._books:
            book.close()
