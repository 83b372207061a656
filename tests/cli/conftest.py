"""The console commands as processes, on a real repository, with a ledger filled event by event."""

from __future__ import annotations

import fcntl
import io
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from loguru import logger

from mosaic_daemon.cli import main
from mosaic_daemon.nouns.events import Event
from mosaic_daemon.store.ledger import Ledger
from mosaic_daemon.store.sqlite import SqliteJournal
from tests.samples import NOON
from tests.support.fixtures import repo, start
from tests.support.repo import Repo
from tests.support.waiting import until

__all__ = ["repo", "start"]

PROGRAM = Path(sys.executable).with_name("mosaic-orchestrator")
_WIDTH, _HEIGHT = 120, 50


@dataclass(frozen=True, slots=True)
class Answer:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as exactly one JSON document."""
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class Running:
    """A command at work and the file it prints into."""

    child: subprocess.Popen[bytes]
    out: Path

    def says(self, words: str) -> None:
        """Wait until it has printed these words."""
        until(lambda: words in self.out.read_text(), f"the command to say {words!r}")

    def interrupt(self) -> int:
        """Ctrl-C, and its exit code."""
        self.child.send_signal(signal.SIGINT)
        return self.child.wait(20)


class Commands:
    """`mosaic-orchestrator VERB …` in one repository, with a home of its own."""

    def __init__(self, repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
        self.repo = repo
        self._monkeypatch = monkeypatch

    def __call__(self, *words: str, stdin: bytes = b"", cwd: Path | None = None) -> Answer:
        """The command inside of this process: the same but for the start of an interpreter."""
        given, out, err = io.BytesIO(stdin), io.BytesIO(), io.BytesIO()
        with self._monkeypatch.context() as patch:
            patch.chdir(cwd or self.repo.root)
            for name, value in self.environment().items():
                patch.setenv(name, value)
            for name, data in (("stdin", given), ("stdout", out), ("stderr", err)):
                patch.setattr(sys, name, io.TextIOWrapper(data, encoding="utf-8", write_through=True))
            try:
                code = main(words)
            except SystemExit as end:
                code = int(end.code or 0)
            logger.remove()  # its sink is the stream of this call
            return Answer(code, out.getvalue().decode(), err.getvalue().decode())

    def process(self, *words: str, stdin: bytes = b"", cwd: Path | None = None) -> Answer:
        """The installed command as a process of its own."""
        done = subprocess.run(
            [PROGRAM, *words],
            cwd=cwd or self.repo.root,
            env=self.environment(),
            input=stdin,
            capture_output=True,
            timeout=60,
            check=False,
        )
        return Answer(done.returncode, done.stdout.decode(), done.stderr.decode())

    def on_terminal(self, *words: str) -> str:
        """What stands on a terminal that runs the command, escape sequences and all."""
        main, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", _HEIGHT, _WIDTH, 0, 0))
        env = self.environment() | {"TERM": "xterm-256color"}
        with self._child(words, stdin=terminal, stdout=terminal, stderr=terminal, env=env):
            os.close(terminal)
            shown = b""
            with suppress(OSError):  # the other end is closed
                while piece := os.read(main, 65536):
                    shown += piece
        os.close(main)
        return shown.decode().replace("\r\n", "\n")

    @contextmanager
    def running(self, *words: str) -> Iterator[Running]:
        """A command that does not end by itself.

        Started from a shell's background, these tests ignore Ctrl-C, and what they start would inherit that.
        """
        signal.signal(signal.SIGINT, signal.default_int_handler)
        out = self.repo.folder / "out"
        file = out.open("wb")
        streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": file, "stderr": file}
        with file, self._child(words, env=self.environment(), **streams) as child:
            yield Running(child, out)

    @contextmanager
    def _child(self, words: tuple[str, ...], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
        with subprocess.Popen([PROGRAM, *words], cwd=self.repo.root, **options) as child:
            try:
                yield child
            finally:
                if child.poll() is None:
                    with suppress(subprocess.TimeoutExpired):
                        child.wait(0.05)
                    child.kill()

    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH") if name in os.environ}
        return {**kept, "LANG": "C.UTF-8", "HOME": str(self.repo.folder / "home"), "TZ": "UTC"}


@pytest.fixture
def command(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> Commands:
    """Runs the console commands: `command("status", "--json")`."""
    return Commands(repo, monkeypatch)


Happen = Callable[..., None]


@pytest.fixture
def happen(repo: Repo) -> Happen:
    """Records events as a daemon would: `happen("T-1", event, …)`; an empty id means the whole repository."""

    def record(task: str, *events: Event) -> None:
        ledger = Ledger(SqliteJournal(repo.state_db))
        try:
            ledger.append(task, *events, at=NOON)
        finally:
            ledger.close()

    return record
