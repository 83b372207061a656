"""What carries the messages of a site: one class a carrier."""

from __future__ import annotations

from typing import Protocol

from mosaic_rails.leased.memory import MemoryServer
from mosaic_rails.leased.transport import Transport


class Carrier(Protocol):
    """A server that this test owns, and access to it."""

    def daemon(self) -> Transport:
        """The daemon's side."""

    def worker(self, name: str) -> Transport:
        """A worker's side; its `identity` is what the daemon's side sees as sender."""

    def kill(self) -> None:
        """The server dies at once; what it has on its disk stays."""

    def start(self) -> None:
        """It is there again."""

    def wipe(self) -> None:
        """It has lost everything it had on its disk. Called between `kill` and `start`."""


class MemoryCarrier:
    def __init__(self) -> None:
        self.server = MemoryServer()

    def daemon(self) -> Transport:
        return self.server.transport("daemon")

    def worker(self, name: str) -> Transport:
        return self.server.transport(name)

    def kill(self) -> None:
        self.server.stop()

    def start(self) -> None:
        self.server.start()

    def wipe(self) -> None:
        self.server.wipe()
