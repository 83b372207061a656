"""A real daemon: its console script as a process of its own, listened to as a service manager does."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from benchmarks.scene import Scene, script
from mosaic_rails.process import records, tree
from mosaic_rails.process.home import Home

PATIENCE_SEC = 120.0
_COUNT = re.compile(r"(\d+) ([a-z-]+)")


@dataclass(frozen=True, slots=True)
class Conduct:
    """How a daemon is run. `poll_sec`: so long by default that nothing but events wakes it."""

    poll_sec: float = 3600.0
    log_level: str = "warning"
    env: Mapping[str, str] = field(default_factory=dict)


class Daemon:
    """A running daemon.

    Attributes:
        ready: it has said READY=1.
        counts: tasks per status after its last tick.
        ticks: how many it has reported.
    """

    def __init__(self, scene: Scene, how: Conduct) -> None:
        self._scene = scene
        self._news = threading.Condition()
        self.ready = False
        self.ticks = 0
        self.counts: Mapping[str, int] = {}
        address = scene.folder / "notify"
        address.unlink(missing_ok=True)
        self._channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._channel.bind(str(address))
        self._log = (scene.folder / "daemon.log").open("wb")
        words = ["--repo", str(scene.repo), "--poll-sec", str(how.poll_sec), "--log-level", how.log_level]
        self._process = subprocess.Popen(
            [script("mosaic-orchestrator-run"), *words],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            cwd=scene.folder,
            env={**scene.environment, **how.env, "NOTIFY_SOCKET": str(address)},
        )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        """Until `condition`, looked at after every report of the daemon.

        Raises:
            RuntimeError: it does not come, or the daemon has ended; with the last it said.
        """
        end = time.monotonic() + PATIENCE_SEC
        with self._news:
            while not condition():
                self._news.wait(0.5)
                if self._process.poll() is not None or time.monotonic() > end:
                    said = self.log.strip()[-500:]
                    raise RuntimeError(f"waited in vain for {what}; status {self.counts}; the daemon said: {said}")

    def wait_for(self, status: str, count: int) -> None:
        """Until that many tasks have this status."""
        self.wait(lambda: self.counts.get(status, 0) >= count, f"{count} {status}")

    @property
    def log(self) -> str:
        """What it has said so far."""
        return (self._scene.folder / "daemon.log").read_text(errors="replace")

    def died(self) -> None:
        """Wait until it has ended by itself."""
        self._process.wait(PATIENCE_SEC)

    def settle(self, quiet_sec: float) -> None:
        """Until it has reported nothing for this long."""
        self.wait(lambda: self.ready, "READY=1")
        while True:
            before = self.ticks
            time.sleep(quiet_sec)
            if self.ticks == before:
                return

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        """`kill -9`; what it left running goes on."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End it, and whatever it left running unless it was killed."""
        if self._process.returncode is None:
            self._end()
            end_workers(self._scene)
        self._channel.shutdown(socket.SHUT_RDWR)
        self._listener.join()
        self._channel.close()
        self._log.close()

    def _end(self) -> None:
        for _ in range(2):  # the first drains, the second stops at once
            self._process.send_signal(signal.SIGTERM)
            time.sleep(0.1)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _listen(self) -> None:
        while message := self._channel.recv(65536):
            fields = dict(line.split("=", 1) for line in message.decode().splitlines() if "=" in line)
            with self._news:
                self.ready |= "READY" in fields
                if "WATCHDOG" in fields:
                    self.ticks += 1
                    found = _COUNT.findall(fields.get("STATUS", ""))
                    self.counts = {status: int(count) for count, status in found}
                self._news.notify_all()


def end_workers(scene: Scene) -> None:
    """End what the daemons of this repository left running."""
    for folder in scene.layout.attempts.glob("*"):
        if (folder / "pid.json").exists() and not (folder / "exit.json").exists():
            with Home(str(folder)) as home:
                shim = records.shim(home).alive()
            if shim is not None:
                tree.send(shim, signal.SIGTERM)


@contextmanager
def started(scene: Scene, how: Conduct) -> Iterator[Daemon]:
    """A daemon that was just started; ended afterwards, with its workers."""
    running = Daemon(scene, how)
    try:
        yield running
    finally:
        running.stop()


@contextmanager
def daemon(scene: Scene, how: Conduct | None = None) -> Iterator[Daemon]:
    """A daemon that is ready and idle; ended afterwards, with its workers."""
    with started(scene, how or Conduct()) as running:
        running.wait(lambda: running.ready, "READY=1")
        running.settle(0.3)
        yield running
