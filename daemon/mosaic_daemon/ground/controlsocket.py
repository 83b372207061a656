"""The daemon's socket from the caller's side. Standard library only: a command that asks for a line starts at once."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mosaic_daemon.ground.errors import MosaicError, Unavailable


class RemoteError(MosaicError):
    """The daemon refused or failed; the message is its own."""

    def __init__(self, problem: str, exit_code: int) -> None:
        super().__init__(problem)
        self.exit_code = exit_code


def call(path: Path, verb: str, *, timeout_sec: float = 30.0, **args: Any) -> Any:
    """Ask the running daemon; blocks until it answers.

    Raises:
        FileNotFoundError, ConnectionRefusedError: no daemon is running.
        Unavailable: it does not answer in time.
        RemoteError: it says no.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as channel:
        channel.settimeout(timeout_sec)
        try:
            with short_address(path) as address:
                channel.connect(address)
            channel.sendall(json.dumps({"verb": verb, "args": args}).encode() + b"\n")
            line = channel.makefile("rb").readline()
        except TimeoutError:
            raise Unavailable(f"the daemon did not answer within {timeout_sec:.0f} s", where=str(path)) from None
        except (ConnectionResetError, BrokenPipeError):
            line = b""
    if not line:
        raise Unavailable(
            "the daemon went away before it answered", where=str(path), remedy="`mosaic-orchestrator status` shows more"
        )
    answer = json.loads(line)
    if not answer["ok"]:
        raise RemoteError(answer["problem"], answer["exit_code"])
    return answer["result"]


@contextmanager
def short_address(path: Path) -> Iterator[str]:
    """An address of the socket that fits: the kernel allows 107 bytes, a repository's path may be longer."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
