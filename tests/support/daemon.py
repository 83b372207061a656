"""The real daemon as a process: started by its console script, killed, terminated, started again."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from tests.support.repo import Repo
from tests.support.waiting import PATIENCE_SEC, until

T = TypeVar("T")

SCRIPT = Path(sys.executable).with_name("mosaic-orchestrator-run")


class Daemon:
    """One run of `mosaic-orchestrator-run` on a repository.

    Args:
        args: options of the command; `--poll-sec` is 1 unless they say otherwise.
        env: on top of a small environment of its own; the person's settings take no part.
        wrapper: what runs the command, such as `strace …`.
    """

    def __init__(
        self, repo: Repo, *args: str, env: Mapping[str, str] | None = None, wrapper: tuple[str, ...] = ()
    ) -> None:
        self.repo = repo
        self.log_file = repo.log_folder / f"daemon-{time.monotonic_ns()}.log"
        poll = () if "--poll-sec" in args else ("--poll-sec", "1")
        argv = [*wrapper, str(SCRIPT), "--log-level", "debug", *poll, *args]
        with self.log_file.open("wb") as log:
            self._process = subprocess.Popen(
                argv, cwd=repo.root, env=environment(repo, env or {}), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def log(self) -> str:
        """What it has printed so far."""
        return self.log_file.read_text(errors="replace")

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def ready(self) -> Daemon:
        """Wait until it answers, which it does after its first tick; returns itself."""
        self.until(lambda: self.ask("about")["status"] is not None, "the daemon to answer")
        return self

    def until(self, condition: Callable[[], T], what: str, *, patience_sec: float = PATIENCE_SEC) -> T:
        """Wait for a condition while the daemon lives; its log is told when it does not come."""

        def holds() -> T | bool:
            alive = self.is_alive
            try:
                value = condition()
            except (FileNotFoundError, ConnectionRefusedError, KeyError):
                value = False  # type: ignore[assignment]
            assert value or alive, f"the daemon ended with {self._process.returncode} before: {what}"
            return value

        try:
            return until(holds, what, patience_sec=patience_sec)  # type: ignore[return-value]
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log[-6000:]}") from None

    def says(self, pattern: str) -> None:
        """Wait until its log matches a regular expression."""
        self.until(lambda: re.search(pattern, self.log), f"the log to say {pattern!r}")

    def status(self, task: str, wanted: str) -> None:
        """Wait until the ledger gives a task this status."""
        self.until(lambda: self.repo.status(task) == wanted, f"{task} to be {wanted}")

    def ask(self, verb: str, **args: Any) -> Any:
        """Ask it over its socket; the answer's `result`."""
        folder = os.open(self.repo.state, os.O_PATH | os.O_DIRECTORY)
        try:
            with socket.socket(socket.AF_UNIX) as channel:
                channel.settimeout(30)
                channel.connect(f"/proc/self/fd/{folder}/control.sock")
                channel.sendall(json.dumps({"verb": verb, "args": args}).encode() + b"\n")
                answer = json.loads(channel.makefile("rb").readline())
        finally:
            os.close(folder)
        assert answer["ok"], answer
        return answer["result"]

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()
        self._process.wait()

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait(self, *, patience_sec: float = PATIENCE_SEC) -> int:
        """Its exit code (negative: the signal it died of) when it has ended by itself."""
        try:
            return self._process.wait(patience_sec)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the daemon does not end\n{self.log[-6000:]}") from None

    def stop(self) -> int:
        """SIGTERM, and its exit code."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def destroy(self) -> None:
        """At the end of a test, however it went."""
        with suppress(ProcessLookupError):
            self.kill()


def environment(repo: Repo, extra: Mapping[str, str]) -> dict[str, str]:
    """What a command gets: a small environment of its own, in which the person's settings take no part."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LD_LIBRARY_PATH") if name in os.environ}
    return {**kept, "HOME": str(repo.folder / "home"), "MOSAIC_TRACEBACK": "1", **extra}
