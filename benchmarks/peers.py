"""What a user would pick instead, where it is installed: `--peers`. Nothing is ever installed from here.

None of them isolates a job in a worktree, reviews it or merges it.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.figures import median, milliseconds
from benchmarks.sizes import Sizes
from benchmarks.workers import BARE_PYTHON, PATIENCE_SEC, STAMP, stamp_of

_HUEY = """\
import subprocess, pathlib
from huey import SqliteHuey
huey = SqliteHuey(filename=str(pathlib.Path(__file__).with_name("queue.db")))
@huey.task()
def run(argv):
    return subprocess.run(argv, check=True).returncode
"""


class Peer(ABC):
    """Runs commands at two slots, started as its manual says.

    Attributes:
        name: for the report.
    """

    name = ""

    def is_installed(self) -> bool:
        return shutil.which(self.name) is not None

    @abstractmethod
    def running(self, folder: Path, argv: Sequence[str]) -> AbstractContextManager[Callable[[str], Any]]:
        """It runs and is idle; call what this gives with an argument to have `argv argument` run.

        On leaving, everything that was asked for has been done, and it is ended.
        """


class LineReader(Peer):
    """Takes an argument a line on its standard input. `options`: for two slots."""

    def __init__(self, name: str, *options: str) -> None:
        self.name = name
        self._options = options

    @contextmanager
    def running(self, folder: Path, argv: Sequence[str]) -> Iterator[Callable[[str], Any]]:
        command = [self.name, *self._options, *argv]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, cwd=folder) as runner:
            assert runner.stdin is not None
            feed = runner.stdin

            def send(argument: str) -> None:
                feed.write(f"{argument}\n".encode())
                feed.flush()

            yield send
            feed.close()


class TaskSpooler(Peer):
    name = "tsp"

    @contextmanager
    def running(self, folder: Path, argv: Sequence[str]) -> Iterator[Callable[[str], Any]]:
        env = {**os.environ, "TS_SOCKET": str(folder / "socket"), "TMPDIR": str(folder)}

        def tsp(*words: str) -> str:
            return subprocess.run([self.name, *words], env=env, check=True, capture_output=True, text=True).stdout

        jobs: list[str] = []
        tsp("-S", "2")
        yield lambda argument: jobs.append(tsp("-n", *argv, argument).strip())
        for job in jobs[-2:]:
            tsp("-w", job)
        tsp("-K")


class Huey(Peer):
    """On SQLite, with two worker threads."""

    name = "huey"

    def is_installed(self) -> bool:
        return importlib.util.find_spec(self.name) is not None

    @contextmanager
    def running(self, folder: Path, argv: Sequence[str]) -> Iterator[Callable[[str], Any]]:
        name = f"bench_huey_{time.monotonic_ns()}"
        (folder / f"{name}.py").write_text(_HUEY)
        path = os.pathsep.join([str(folder), *filter(None, sys.path)])
        command = [sys.executable, "-m", "huey.bin.huey_consumer", f"{name}.huey", "-w", "2", "-q"]
        with ExitStack() as stack:
            consumer = subprocess.Popen(command, cwd=folder, env={**os.environ, "PYTHONPATH": path})
            stack.callback(consumer.wait)
            stack.callback(consumer.terminate)
            sys.path.insert(0, str(folder))
            stack.callback(sys.path.remove, str(folder))
            module = importlib.import_module(name)
            sent: list[Any] = []
            yield lambda argument: sent.append(module.run([*argv, argument]))
            for result in sent:
                result(blocking=True, timeout=PATIENCE_SEC)


PEERS: tuple[Peer, ...] = (
    LineReader("xargs", "-P2", "-n1"),
    TaskSpooler(),
    LineReader("parallel", "-j2", "--joblog", "joblog"),
    Huey(),
)


def enqueue_to_start(sizes: Sizes) -> Mapping[str, float | None]:
    """Milliseconds from handing one job over to its first act, idle before, p50; beside A1."""
    return _each(lambda peer, folder: _start(peer, folder, sizes.enqueues))


def per_job(sizes: Sizes) -> Mapping[str, float | None]:
    """Milliseconds per trivial job by the wall clock; beside A3."""
    return _each(lambda peer, folder: _jobs(peer, folder, sizes.attempts))


BESIDE: Mapping[str, Callable[[Sizes], Mapping[str, float | None]]] = {"A1.p50": enqueue_to_start, "A3": per_job}


def _each(measure: Callable[[Peer, Path], float]) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for peer in PEERS:
        with TemporaryDirectory(prefix="mosaic-bench-") as folder:
            try:
                found[peer.name] = measure(peer, Path(folder)) if peer.is_installed() else None
            except Exception:  # another project's program: it costs only its own column
                found[peer.name] = None
    return found


def _start(peer: Peer, folder: Path, samples: int) -> float:
    found = []
    script = folder / "stamp.py"  # some hand their commands to a shell: a file needs no quoting
    script.write_text(STAMP)
    with peer.running(folder, [*BARE_PYTHON[:-1], str(script)]) as send:
        for number in range(samples):
            time.sleep(0.3)
            before = time.monotonic_ns()
            send(str(folder / str(number)))
            found.append(milliseconds(stamp_of(folder / f"{number}.start") - before))
    return median(found)


def _jobs(peer: Peer, folder: Path, jobs: int) -> float:
    with peer.running(folder, ["true"]) as send:
        before = time.monotonic_ns()
        for number in range(jobs):
            send(str(number))
    return milliseconds(time.monotonic_ns() - before) / jobs
