"""A real daemon, a real NATS server and a real worker host: tasks done elsewhere are delivered once."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.rails.nats.server import NatsServer
from tests.support.daemon import environment
from tests.support.fixtures import Start, repo, start
from tests.support.processes import sweep
from tests.support.repo import GATE, Repo
from tests.support.waiting import PATIENCE_SEC

__all__ = ["repo", "start"]

pytestmark = pytest.mark.slow

SCRIPT = Path(sys.executable).with_name("mosaic-orchestrator")
RAIL = '{gate}[run]\ndelegation = "nats"\n[worker]\nruntime = "shell"\n{access}'
ACCESS = '[rails.nats]\nurl = "{url}"\n{name}credentials_file = "{login}"\nlease_sec = 30\n'


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NatsServer]:
    running = NatsServer(tmp_path / "nats")
    running.start()
    yield running
    running.kill()


class WorkerHost:
    """`mosaic-orchestrator worker` as a process, in a folder that outlives it."""

    def __init__(self, repo: Repo, server: NatsServer) -> None:
        self._repo = repo
        self.folder = repo.folder / "host"
        self._config = repo.folder / "host.toml"
        login = server.access("w1").credentials
        self._config.write_text(ACCESS.format(url=server.url, name="", login=login))
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        argv = [str(SCRIPT), "worker", "--config", str(self._config), "--name", "w1", "--runtime", "shell"]
        argv += ["--folder", str(self.folder), "--rail", "nats", "--slots", "2", "--pool", "default"]
        with (self._repo.folder / "host.log").open("ab") as log:
            self.process = subprocess.Popen(
                argv, cwd="/", env=environment(self._repo, {}), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        return self.process

    @property
    def log(self) -> str:
        return (self._repo.folder / "host.log").read_text()

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_SEC)


@pytest.fixture
def host(repo: Repo, server: NatsServer) -> Iterator[Callable[[], WorkerHost]]:
    made: list[WorkerHost] = []

    def start_one() -> WorkerHost:
        made.append(WorkerHost(repo, server))
        return made[-1]

    yield start_one
    for each in made:
        if each.process.poll() is None:
            each.end(signal.SIGKILL)
        sweep(each.folder)


def settle(repo: Repo, server: NatsServer) -> None:
    login = server.access("daemon").credentials
    repo.configure(RAIL.format(gate=GATE, access=ACCESS.format(url=server.url, name='name = "daemon"\n', login=login)))


def test_a_task_is_done_by_a_worker_host_and_delivered(
    repo: Repo, start: Start, server: NatsServer, host: Callable[[], WorkerHost]
) -> None:
    """Its code travels through the origin, only the attempt's own ref is pushed, and SIGTERM ends the idle host."""
    settle(repo, server)
    repo.write_tasks(repo.task("N-1", runtime="shell"))
    daemon = start(repo).ready()
    worker = host()
    daemon.status("N-1", "done")
    assert repo.on_main("N-1.txt") == "N-1"
    assert repo.squashes() == {"N-1": 1}
    assert repo.events("attempt-started")[0].body["worker"] == "w1"
    assert worker.end(signal.SIGTERM) == 0


def test_a_worker_host_that_is_killed_goes_on_with_its_attempt(
    repo: Repo, start: Start, server: NatsServer, host: Callable[[], WorkerHost]
) -> None:
    """kill -9 in the middle, and the server's as well: what runs is taken up, and delivered once."""
    settle(repo, server)
    go = repo.folder / "go"
    repo.write_tasks(repo.task("N-1", f"until [ -e {go} ]; do sleep 0.05; done", runtime="shell"))
    daemon = start(repo).ready()
    worker = host()
    daemon.status("N-1", "in-progress")
    daemon.until(repo.attempts_run, "the worker runs")
    worker.end(signal.SIGKILL)
    server.kill()
    server.wipe()
    server.start()
    worker.start()
    go.touch()
    daemon.status("N-1", "done")
    (attempt,) = repo.attempts_run()
    assert attempt.endswith(".N-1.1")
    assert repo.squashes() == {"N-1": 1}
