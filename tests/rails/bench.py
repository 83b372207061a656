"""Test benches: one way to order workers, let them end and lose them, for every rail."""

from __future__ import annotations

import os
import signal
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from mosaic_rails.base import Absent, Errand, Limits, Offered, Order, Rail, Running
from mosaic_rails.memory import End, MemoryRail
from mosaic_rails.process import home, tree
from mosaic_rails.process.rail import ProcessRail
from mosaic_rails.process.records import shim
from tests.rails.leased.site import Host, Site, errand
from tests.rails.waiting import observed, until

WORKER = 'echo $MOSAIC_ATTEMPT >> "$STARTS"; read -r code < "$GATE"; cat "$GATE.output"; exit $code'


def new_attempt() -> str:
    """A name no other test uses: leftovers are found by it."""
    return f"T-{uuid.uuid4().hex[:12]}.1"


def limited(order: Order, **limits: float) -> Order:
    """The order under other limits, by their names."""
    return replace(order, limits=replace(Limits(), **limits))  # type: ignore[arg-type]


class Bench(Protocol):
    """What the contract suite needs of an implementation beside the port."""

    rail: Rail

    def order(self, attempt: str) -> Order | Errand:
        """A worker that runs until `finish`."""

    async def running(self, attempt: str) -> None:
        """Let a worker take the offered attempt, and wait until it runs."""

    def finish(self, attempt: str, exit_code: int = 0, output: bytes = b"") -> None:
        """Let the running worker print this and end."""

    async def lose(self, attempt: str) -> None:
        """Take away whatever watches the running worker."""

    async def sleep_through(self, order: Order | Errand) -> None:
        """Offer it while no worker is there to take it."""

    def another(self) -> Rail:
        """The rail as another daemon has it, or the next one after a restart."""

    def starts(self, attempt: str) -> int:
        """How often a worker did it."""


class MemoryBench:
    def __init__(self, folder: Path) -> None:
        self.memory = MemoryRail(folder)
        self.rail: Rail = self.memory
        self._folder = folder

    def order(self, attempt: str) -> Order:
        return Order(attempt, ("scripted",), {}, self._folder)

    async def running(self, attempt: str) -> None:
        if isinstance(await self.rail.observe(attempt), Offered):
            assert self.memory.start(attempt)

    def finish(self, attempt: str, exit_code: int = 0, output: bytes = b"") -> None:
        self.memory.finish(attempt, End(exit_code=exit_code, output=output))

    async def lose(self, attempt: str) -> None:
        self.memory.lose(attempt)

    async def sleep_through(self, order: Order | Errand) -> None:
        await self.rail.offer(order)

    def another(self) -> Rail:
        return self.memory

    def starts(self, attempt: str) -> int:
        return self.memory.starts.count(attempt)


class LeasedBench:
    """A worker over messages, in a time that moves by hand."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._host: Host | None = None
        self.rail: Rail = site.start_daemon()

    def order(self, attempt: str) -> Errand:
        self._host = self._host or self._site.host()
        return errand(attempt)

    @property
    def host(self) -> Host:
        assert self._host is not None
        return self._host

    async def running(self, attempt: str) -> None:
        await until(lambda: self.starts(attempt), f"{attempt} is started")
        await observed(self.rail, attempt, Running)

    def finish(self, attempt: str, exit_code: int = 0, output: bytes = b"") -> None:
        self.host.hands.finish(self._site.key(attempt), exit_code, output)

    async def lose(self, attempt: str) -> None:
        await self.host.kill()
        self._site.pass_time(2 * self._site.lease_sec)

    async def sleep_through(self, order: Order | Errand) -> None:
        await self.host.kill()
        await self.rail.offer(order)

    def another(self) -> Rail:
        self.rail = self._site.start_daemon()
        return self.rail

    def starts(self, attempt: str) -> int:
        return self._site.starts(attempt)


class ProcessBench:
    """Real workers. Each waits at a FIFO of its own for its exit code."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "attempts"
        self.rail: Rail = ProcessRail(self.root)
        self.folder = folder
        self._starts = folder / "starts"
        self._starts.touch()
        self._gates: list[int] = []

    def order(self, attempt: str) -> Order:
        gate = self.folder / attempt
        os.mkfifo(gate)
        env = {"STARTS": str(self._starts), "GATE": str(gate)}
        return self.command(attempt, "sh", "-c", WORKER, env=env)

    def command(self, attempt: str, *argv: str, env: dict[str, str] | None = None) -> Order:
        env = {"PATH": os.environ["PATH"], "MOSAIC_ATTEMPT": attempt} | (env or {})
        return Order(attempt, argv, env, self.folder)

    def script(self, attempt: str, text: str) -> Order:
        """A shell script in the bench's folder."""
        return self.command(attempt, "sh", "-c", text)

    async def running(self, attempt: str) -> None:
        await observed(self.rail, attempt, Running)
        await until(lambda: self.starts(attempt), f"{attempt} writes its start")

    def finish(self, attempt: str, exit_code: int = 0, output: bytes = b"") -> None:
        gate = self.folder / attempt
        Path(f"{gate}.output").write_bytes(output)
        fd = os.open(gate, os.O_RDWR | os.O_NONBLOCK)
        os.write(fd, f"{exit_code}\n".encode())
        self._gates.append(fd)  # closed too soon, the line would be lost

    async def lose(self, attempt: str) -> None:
        os.kill(self.shim_pid(attempt), signal.SIGKILL)

    async def sleep_through(self, order: Order | Errand) -> None:
        rail = ProcessRail(self.root, python="/bin/true")
        await rail.offer(order)
        await observed(rail, order.attempt, Absent)

    def another(self) -> Rail:
        return ProcessRail(self.root)

    def starts(self, attempt: str) -> int:
        return self._starts.read_text().split().count(attempt)

    def shim_pid(self, attempt: str) -> int:
        with home.Home(str(self.root / attempt)) as folder:
            return shim(folder).pid

    def clear(self) -> None:
        """No test leaves a process behind, whatever it asserted."""
        for each in self.root.glob("*"):
            tree.sweep(each.name, str(each), None)
        for fd in self._gates:
            os.close(fd)
