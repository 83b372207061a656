"""A real nats-server on loopback, with a user for each side who may say what that side says and nothing else."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from mosaic_rails.leased.transport import Transport
from mosaic_rails.nats.connection import Access
from mosaic_rails.nats.daemon import NatsDaemon
from mosaic_rails.nats.worker import NatsWorker

WORKERS = ("w1", "w2", "w3")
_READY_SEC = 20.0
_CONFIG = """\
host: 127.0.0.1
port: {port}
jetstream {{ store_dir: "{folder}/store", max_mem: 64M, max_file: 1G }}
authorization {{ users = [
{users}
] }}
"""
_DAEMON = """\
  {{user: daemon, password: pw, permissions: {{
     publish: ["mosaic.offer.*.daemon.>", "mosaic.down.*.daemon", "$JS.API.>", "$JS.ACK.MOSAIC_UP.daemon.>"],
     subscribe: ["_INBOX.daemon.>", "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.MOSAIC_OFFERS.*"] }} }}"""
_WORKER = """\
  {{user: {name}, password: pw, permissions: {{
     publish: ["mosaic.up.*.{name}.>",
       "$JS.API.CONSUMER.MSG.NEXT.MOSAIC_OFFERS.{pool}", "$JS.ACK.MOSAIC_OFFERS.{pool}.>"],
     subscribe: ["_INBOX.{name}.>", "mosaic.down.{name}.*"] }} }}"""


def available() -> None:
    """Skip loudly where there is no server."""
    if shutil.which("nats-server") is None:
        pytest.skip("nats-server is not installed: apt-get install nats-server")


class NatsServer:
    """A process, its port and its store."""

    def __init__(self, folder: Path, pool: str = "default") -> None:
        available()
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        users = [_DAEMON.format(), *(_WORKER.format(name=name, pool=pool) for name in WORKERS)]
        config = _CONFIG.format(port=self.port, folder=folder, users="\n".join(users))
        (folder / "nats.conf").write_text(config)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def start(self) -> None:
        with (self.folder / "server.log").open("ab") as log:
            argv = ("nats-server", "-c", str(self.folder / "nats.conf"))
            self._process = subprocess.Popen(argv, stdout=log, stderr=log)
        end = time.monotonic() + _READY_SEC
        while not self._answers():
            assert time.monotonic() < end, (self.folder / "server.log").read_text()
            time.sleep(0.01)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1.0) as probe:
                return probe.recv(4) == b"INFO"
        except OSError:
            return False

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def wipe(self) -> None:
        shutil.rmtree(self.folder / "store", ignore_errors=True)

    def access(self, name: str) -> Access:
        credentials = self.folder / f"{name}.login"
        credentials.write_text(f"{name}:pw\n")
        return Access(self.url, name, credentials, ack_wait_sec=0.6)


class NatsCarrier:
    """Implements `tests.rails.leased.carriers.Carrier`."""

    def __init__(self, folder: Path, labels: Sequence[str]) -> None:
        self.server = NatsServer(folder)
        self._labels = tuple(labels)
        self.server.start()

    def daemon(self) -> Transport:
        return NatsDaemon(self.server.access("daemon"))

    def worker(self, name: str) -> Transport:
        return NatsWorker(self.server.access(name), self._labels)

    def kill(self) -> None:
        self.server.kill()

    def start(self) -> None:
        self.server.start()

    def wipe(self) -> None:
        self.server.wipe()
