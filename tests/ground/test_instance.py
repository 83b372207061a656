"""One daemon per repository: held by whoever is alive, free as soon as it is dead."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mosaic_daemon.ground import instance
from mosaic_daemon.ground.errors import AnotherInstance

_HOLD = """
import pathlib, sys
from mosaic_daemon.ground import instance
with instance.held(pathlib.Path(sys.argv[1]), sys.argv[2]):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another(lock: Path, what: str = "daemon") -> Iterator[subprocess.Popen[bytes]]:
    """Another process that holds it, until it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(lock), what], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"held\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def test_who_holds_it_is_told_while_it_is_held(tmp_path: Path) -> None:
    """And nobody before and after; asking makes no file."""
    lock = tmp_path / "daemon.lock"
    assert instance.holder(lock) is None
    assert not lock.exists()
    with instance.held(lock, "retry"):
        about = instance.holder(lock)
        assert about is not None
        assert (about["what"], about["pid"]) == ("retry", os.getpid())
    assert instance.holder(lock) is None
    assert lock.stat().st_mode & 0o777 == 0o600


def test_a_second_daemon_is_told_whose_it_is(tmp_path: Path) -> None:
    """Process, kind and time; exit code 4; when the first is killed with -9 it is free at once."""
    lock = tmp_path / "daemon.lock"
    with another(lock) as process:
        with pytest.raises(AnotherInstance) as caught, instance.held(lock, "daemon"):
            pass
        assert caught.value.exit_code == 4
        assert f"another daemon (pid {process.pid}, since 20" in caught.value.line
        about = instance.holder(lock)
        assert about is not None
        assert about["pid"] == process.pid
        process.kill()
        process.wait()
        assert instance.holder(lock) is None
        with instance.held(lock, "daemon"):
            pass


def test_asking_does_not_keep_a_daemon_from_starting(tmp_path: Path) -> None:
    """Whoever asks has the lock for an instant: a start waits it out, and names no holder of long ago."""
    lock = tmp_path / "daemon.lock"
    with instance.held(lock, "daemon"):
        pass
    asking = os.open(lock, os.O_RDONLY)
    program = f"import fcntl, time; fcntl.flock({asking}, fcntl.LOCK_SH); print('asking', flush=True); time.sleep(0.05)"
    process = subprocess.Popen([sys.executable, "-c", program], pass_fds=[asking], stdout=subprocess.PIPE)
    os.close(asking)
    assert process.stdout is not None
    assert process.stdout.readline() == b"asking\n"
    with instance.held(lock, "daemon"):
        assert process.wait() == 0
    process.stdout.close()


def test_a_child_does_not_inherit_it(tmp_path: Path) -> None:
    """A worker that outlives the daemon does not keep the next one out."""
    lock = tmp_path / "daemon.lock"
    with instance.held(lock, "daemon"):
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False)
    try:
        with instance.held(lock, "daemon"):
            pass
    finally:
        child.kill()
        child.wait()
        assert child.stdin is not None
        child.stdin.close()


@pytest.mark.parametrize("content", [b"", b"garbage", b"[1]", b"\xff", json.dumps({"pid": 1}).encode()])
def test_what_the_file_says_is_only_for_people(tmp_path: Path, content: bytes) -> None:
    """Whatever stands in it, the kernel knows whether it is held."""
    lock = tmp_path / "daemon.lock"
    lock.write_bytes(content)
    assert instance.holder(lock) is None
    with instance.held(lock, "x"):
        lock.write_bytes(content)
        assert instance.holder(lock) in ({}, {"pid": 1})
