"""Attempt folders that somebody broke, forged, or left behind in another life."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from mosaic_rails.base import Absent, Lost, Observation, RailError, Running
from tests.rails.bench import ProcessBench, new_attempt
from tests.rails.waiting import alive, completed, ended, killed_at_end, observed


async def test_an_attempt_of_another_boot_is_lost_and_nobody_is_signalled(processes: ProcessBench) -> None:
    """Its pids mean nothing any more."""
    attempt = new_attempt()
    with killed_at_end(["sleep", "1000"], {**os.environ, "MOSAIC_ATTEMPT": attempt}) as bystander:
        start = int(Path(f"/proc/{bystander.pid}/stat").read_text().rpartition(")")[2].split()[19])
        _abandon(processes, attempt, pid=bystander.pid, start=start, boot_id="other")
        assert await processes.rail.observe(attempt) == Lost("the machine was restarted while it ran")
        await processes.rail.revoke(attempt)
        assert bystander.poll() is None


async def test_a_pid_used_again_is_not_taken_for_the_shim(processes: ProcessBench) -> None:
    """Same pid, same boot, another start time: not ours, not signalled."""
    attempt = new_attempt()
    with killed_at_end(["sleep", "1000"], dict(os.environ)) as bystander:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        _abandon(processes, attempt, pid=bystander.pid, start=1, boot_id=boot)
        assert isinstance(await processes.rail.observe(attempt), Lost)
        assert bystander.poll() is None


def _abandon(bench: ProcessBench, attempt: str, **shim: str | int) -> None:
    """A folder as a dead shim leaves it."""
    home = bench.root / attempt
    home.mkdir(parents=True)
    for name in ("order.json", "started", "lock"):
        (home / name).touch()
    (home / "pid.json").write_text(json.dumps({**shim, "since": "2026-01-01T00:00:00+00:00"}))


def _truncated(path: Path) -> None:
    path.write_bytes(b'{"pid": 1, "sta')


def _utf16(path: Path) -> None:
    path.write_bytes('{"pid": 1}'.encode("utf-16"))


def _deep(path: Path) -> None:
    path.write_bytes(b"[" * 200_000)


def _wrong_types(path: Path) -> None:
    path.write_text('{"pid": "1", "start": true, "boot_id": 5, "since": "yesterday", "cause": "magic", "bytes": null}')


def _huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 34)


def _symlink(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _folder(path: Path) -> None:
    path.mkdir()


BREAKS = [_truncated, _utf16, _deep, _wrong_types, _huge, _symlink, _fifo, _folder]


@pytest.mark.parametrize("name", ["order.json", "pid.json", "exit.json", "lock", "started", "output.log"])
@pytest.mark.parametrize("breaks", BREAKS)
async def test_a_broken_file_is_neither_a_crash_nor_a_hang(
    processes: ProcessBench, name: str, breaks: Callable[[Path], None]
) -> None:
    """Whatever lies in the folder of an attempt that nobody watches: it is lost, or may be offered."""
    for also in ([], ["started"]):
        attempt = new_attempt()
        home = processes.root / attempt
        home.mkdir(parents=True)
        for each in {"order.json", *also} - {name}:
            (home / each).write_text("{}")
        breaks(home / name)
        seen: Observation = await completed(processes.rail.observe(attempt))
        assert isinstance(seen, Lost) if "started" in (*also, name) else seen == Absent()
        with suppress(RailError):  # a folder in the place of exit.json cannot be replaced
            await completed(processes.rail.revoke(attempt))
        await completed(processes.rail.observe(attempt))


@pytest.mark.parametrize("breaks", [_truncated, _symlink, _fifo])
async def test_broken_files_before_the_start_do_not_stop_the_attempt(
    processes: ProcessBench, breaks: Callable[[Path], None]
) -> None:
    """They are replaced; nothing is written through them."""
    attempt = new_attempt()
    home = processes.root / attempt
    home.mkdir(parents=True)
    for name in ("order.json", "pid.json", "exit.json", "output.log"):
        breaks(home / name)
    await processes.rail.offer(processes.command(attempt, "echo", "fine"))
    end = await ended(processes.rail, attempt)
    assert end.log.read_text() == "fine\n"


async def test_a_home_that_is_a_symlink_is_refused(processes: ProcessBench, tmp_path: Path) -> None:
    """It could lead anywhere."""
    attempt = new_attempt()
    processes.root.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (processes.root / attempt).symlink_to(tmp_path / "elsewhere")
    assert await processes.rail.observe(attempt) == Absent()
    with pytest.raises(RailError, match=attempt):
        await processes.rail.offer(processes.command(attempt, "true"))
    assert list((tmp_path / "elsewhere").iterdir()) == []


async def test_an_end_that_the_worker_forges_is_not_believed(processes: ProcessBench) -> None:
    """While it runs it runs, and its real end replaces what it wrote."""
    attempt = new_attempt()
    forged = {"cause": "exit", "exit_code": 0, "signal": None, "detail": "", "bytes": 0}
    forged |= {"started_at": "2026-01-01T00:00:00+00:00", "ended_at": "2026-01-01T00:00:00+00:00"}
    await processes.rail.offer(processes.order(attempt))
    await processes.running(attempt)
    (processes.root / attempt / "exit.json").write_text(json.dumps(forged))
    assert isinstance(await processes.rail.observe(attempt), Running)
    processes.finish(attempt, 7)
    assert (await ended(processes.rail, attempt)).exit_code == 7


async def test_a_worker_that_deletes_its_attempt_folder_is_lost_and_dead(processes: ProcessBench) -> None:
    """Without its lock nobody could tell that it lives."""
    attempt = new_attempt()
    await processes.rail.offer(processes.order(attempt))
    await processes.running(attempt)
    shim = processes.shim_pid(attempt)
    (processes.root / attempt / "lock").unlink()
    await observed(processes.rail, attempt, Lost)
    assert not alive(shim)
