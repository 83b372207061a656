"""Death, and what a failing disk says, at every system call of the ledger's journal."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.crash.appending import BATCHES, REFUSED
from tests.crash.oracle import check_batches

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed"),
]

REPO = Path(__file__).parents[2]
FILES = ("state.db", "state.db-wal", "state.db-shm", "state.db-journal")


class Appending:
    """Runs of `tests.crash.appending`, each under a tracer if one is wanted."""

    def __init__(self, server: subprocess.Popen[str], folder: Path) -> None:
        self._server = server
        self.folder = folder

    def fresh(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()

    def run(self, *expressions: str) -> int:
        """One run from where the last one ended; its exit code, negative for a signal."""
        assert self._server.stdin
        self._server.stdin.write(f"{self.folder}\n")
        self._server.stdin.flush()
        pid = self._answer()
        with self._traced(pid, expressions):
            os.kill(pid, signal.SIGCONT)
            return self._answer()

    def calls(self) -> Counter[str]:
        """How often a whole run makes each system call on the journal's files."""
        self.fresh()
        assert self.run("trace=all") == 0
        lines = (self.folder / "trace").read_text().splitlines()
        return Counter(found[1] for line in lines if (found := re.match(r"(\w+)\(", line)))

    def acknowledged(self) -> list[str]:
        file = self.folder / "acknowledged"
        return file.read_text().splitlines() if file.exists() else []

    def check(self, *, whole: bool) -> None:
        """What was acknowledged is there, nothing is there by halves or twice."""
        known = check_batches(self.folder / "state.db", self.acknowledged())
        if whole:
            tasks = {f"T-{number}" for number in range(BATCHES)}
            assert known == tasks | {f"memo {task}" for task in tasks}

    def _answer(self) -> int:
        assert self._server.stdout
        return int(self._server.stdout.readline())

    @contextmanager
    def _traced(self, pid: int, expressions: tuple[str, ...]) -> Iterator[None]:
        if not expressions:
            yield
            return
        paths = [word for name in FILES for word in ("-P", str(self.folder / name))]
        wanted = [word for expression in expressions for word in ("-e", expression)]
        argv = ["strace", "-o", str(self.folder / "trace"), *paths, *wanted, "-p", str(pid)]
        with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True) as tracer:
            assert tracer.stderr
            said = tracer.stderr.readline()
            if "attached" not in said:
                os.kill(pid, signal.SIGKILL)
                pytest.skip(f"strace cannot attach here: {said.strip()}")
            yield


@pytest.fixture(scope="module")
def server() -> Iterator[subprocess.Popen[str]]:
    argv = [sys.executable, "-m", "tests.crash.appending"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=REPO) as process:
        yield process
        assert process.stdin
        process.stdin.close()


@pytest.fixture
def appending(server: subprocess.Popen[str], tmp_path: Path) -> Appending:
    return Appending(server, tmp_path / "ledger")


def test_killed_at_every_system_call_nothing_acknowledged_is_lost(appending: Appending) -> None:
    """The next run goes on, and everything is there once."""
    killed = 0
    for call, count in appending.calls().items():
        for nth in range(1, count + 1):
            appending.fresh()
            code = appending.run("trace=all", f"inject={call}:signal=SIGKILL:when={nth}")
            assert code in (0, -signal.SIGKILL), f"{call} {nth}: {code}"
            killed += code != 0
            appending.check(whole=False)
            assert appending.run() == 0, f"{call} {nth}"
            appending.check(whole=True)
    sys.stdout.write(f"{killed} deaths\n")
    assert killed > 200


@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
def test_an_error_of_every_system_call_is_told_and_loses_nothing(appending: Appending, error: str) -> None:
    """It is a ledger error or of no consequence; the next run goes on. (A lock that fails is a lock to wait for.)"""
    refused = 0
    for call, count in appending.calls().items():
        if call in ("close", "fcntl") or (
            error == "ENOSPC" and call not in ("pwrite64", "fdatasync", "openat", "ftruncate")
        ):
            continue
        for nth in range(1, count + 1):
            appending.fresh()
            code = appending.run("trace=all", f"inject={call}:error={error}:when={nth}")
            assert code in (0, REFUSED), f"{call} {nth}: {code}"
            refused += code == REFUSED
            appending.check(whole=False)
            assert appending.run() == 0, f"{call} {nth}"
            appending.check(whole=True)
    sys.stdout.write(f"{refused} refusals\n")
    assert refused > 20
