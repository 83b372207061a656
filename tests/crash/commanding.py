"""Commands in processes that may be killed, forked from a warm interpreter: `python -m tests.crash.commanding`.

It reads a command from each line of its standard input, JSON as `Command` has it, and answers with its exit code,
negative for a signal.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

import mosaic_daemon.cli.release
import mosaic_daemon.forges.rest.connect
import mosaic_daemon.supervisor  # noqa: F401  # what a command imports when it runs is there already
from mosaic_daemon import cli
from mosaic_daemon.ground import failpoints


@dataclass(frozen=True, slots=True)
class Command:
    """`output`: the file that gets what it prints."""

    argv: Sequence[str]
    cwd: str
    env: Mapping[str, str]
    output: str
    failpoint: str = ""


def child(command: Command) -> None:
    code = 1
    try:
        with Path(command.output).open("w") as output:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
        os.chdir(command.cwd)
        os.environ.clear()
        os.environ.update(command.env)
        failpoints._spec = command.failpoint  # as its environment would say
        code = cli.main(command.argv)
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    os._exit(code)


def serve() -> None:
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            child(Command(**json.loads(line)))
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


@dataclass(slots=True)
class Commands:
    """The warm process."""

    _process: subprocess.Popen[str] = field(
        default_factory=lambda: subprocess.Popen(
            [sys.executable, "-m", "tests.crash.commanding"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
    )

    def run(self, command: Command) -> int:
        """Its exit code."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(asdict(command)) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


if __name__ == "__main__":
    serve()
