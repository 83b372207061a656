"""The worker's log: bounded, readable at any time, without secrets, and no reason to fail."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mosaic_rails.base import Ended, Limits, Running
from mosaic_rails.process.home import LOG, Home
from mosaic_rails.process.log import BoundedLog, Redactor
from tests.rails.bench import ProcessBench, new_attempt
from tests.rails.waiting import ended, until

CANARY = "canary-0123456789"


@given(
    pieces=st.lists(st.sampled_from([b"ababab", b"abababab", b"a", b"b", b"ab", b"x\n"]), max_size=30),
    secret=st.sampled_from([b"abababab", b"aaaaaaaa", b"ab\nababx"]),
)
def test_a_secret_is_replaced_wherever_the_stream_is_cut(pieces: list[bytes], secret: bytes) -> None:
    """As if all had come at once, also for secrets that overlap with themselves."""
    redactor = Redactor({b"API_KEY": secret})
    shown = b"".join(map(redactor.feed, pieces)) + redactor.end()
    assert shown == b"".join(pieces).replace(secret, b"[redacted:API_KEY]")


@given(
    cuts=st.lists(st.integers(0, 60), max_size=8),
    texts=st.lists(st.sampled_from(["12345678", "1234567890", "567890ab", "plain", "90"]), max_size=7),
)
def test_secrets_that_share_text_are_cut_free_in_any_stream(cuts: list[int], texts: list[str]) -> None:
    """Same result whatever the borders, and none of them stays."""
    env = {b"A_TOKEN": b"12345678", b"B_SECRET": b"1234567890", b"C_PASSWORD": b"567890ab"}
    data = "".join(texts).encode()
    whole = Redactor(env)
    expected = whole.feed(data) + whole.end()
    stream = Redactor(env)
    borders = [0, *sorted(cuts), len(data)]
    shown = b"".join(stream.feed(data[a:b]) for a, b in pairwise(borders)) + stream.end()
    assert shown == expected
    assert b"12345678" not in shown


def test_only_what_looks_like_a_credential_is_replaced() -> None:
    """By the variable's name and a length that cannot be chance; in the form of JSON output as well."""
    redactor = Redactor({b"PATH": b"/usr/bin:/bin", b"TOKEN": b"short", b"MY_private_key": b'line "one"\nline two\n'})
    text = b'/usr/bin:/bin short line "one"\nline two {"text": "line \\"one\\"\\nline two"}'
    hidden = b"[redacted:MY_private_key]"
    shown = redactor.feed(text) + redactor.end()
    assert shown == b"/usr/bin:/bin short " + hidden + b' {"text": "' + hidden + b'"}'


def test_what_cannot_become_a_secret_is_shown_at_once() -> None:
    """A prompt without a newline is not held back."""
    redactor = Redactor({b"KEY": b"abcdefgh"})
    assert redactor.feed(b"ready? ") == b"ready? "
    assert redactor.feed(b"abc") == b""
    assert redactor.feed(b"d!") == b"abcd!"


@pytest.mark.parametrize("chunk", [1, 7, 100_000, 3_000_000])
@pytest.mark.parametrize("total", [0, 5, 1000, 3000, 3001, 4_000_001])
def test_head_and_tail_are_kept_and_the_middle_is_counted(tmp_path: Path, chunk: int, total: int) -> None:
    """Nothing is dropped before it must be; the marker's number is exact."""
    if total // chunk > 50_000:
        chunk = 97
    data = b"".join(b"%07d\n" % at for at in range(total // 8 + 1))[:total]
    with Home(str(tmp_path)) as home:
        log = BoundedLog(home, 1000, 2000, Redactor({}))
        for at in range(0, total, chunk):
            log.write(data[at : at + chunk])
            assert (tmp_path / LOG).stat().st_size <= 1000 + 2 * 2000 + (1 << 20) + chunk + 100
        log.close()
    kept = (tmp_path / LOG).read_bytes()
    assert log.received == total
    if total <= 3000:
        assert kept == data
    else:
        assert kept == data[:1000] + b"\n[mosaic: %d bytes dropped]\n" % (total - 3000) + data[-2000:]


async def test_a_flood_of_output_costs_little_disk_and_memory(processes: ProcessBench) -> None:
    """200 MB printed, its first and last line kept."""
    attempt = new_attempt()
    order = processes.script(attempt, "echo first; yes abcdefghijklmnopqrstuvwxyz | head -c 200000000; echo last")
    await processes.rail.offer(replace(order, limits=Limits(log_head_bytes=100_000, log_tail_bytes=400_000)))
    home = processes.root / attempt
    largest = memory = 0
    while not isinstance(seen := await processes.rail.observe(attempt), Ended):
        largest = max(largest, _disk(home))
        memory = max(memory, _peak_memory(processes, attempt))
        await asyncio.sleep(0.005)
    assert seen.exit_code == 0
    assert seen.log_bytes == 200_000_000 + len("first\nlast\n")
    log = seen.log.read_bytes()
    marker = re.search(rb"\n\[mosaic: (\d+) bytes dropped\]\n", log)
    assert marker
    assert int(marker[1]) + 500_000 == seen.log_bytes
    assert len(log) == 500_000 + len(marker[0])
    assert log.startswith(b"first\n")
    assert log.endswith(b"last\n")
    assert 0 < largest < 2 * (100_000 + 2 * 400_000 + (1 << 20) + (1 << 18))
    assert 0 < memory < 40_000


def _disk(home: Path) -> int:
    try:
        return sum(file.stat().st_size for file in home.iterdir())
    except FileNotFoundError:
        return 0


def _peak_memory(bench: ProcessBench, attempt: str) -> int:
    """Of the shim, in kB; 0: it is not there."""
    try:
        pid = json.loads((bench.root / attempt / "pid.json").read_text())["pid"]
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")), 0)


async def test_the_log_can_be_read_while_the_worker_runs(processes: ProcessBench) -> None:
    """Whoever follows it sees a line as soon as it is printed."""
    attempt = new_attempt()
    await processes.rail.offer(processes.script(attempt, "echo step one; sleep 1000"))
    log = processes.root / attempt / "output.log"
    await until(lambda: log.exists() and log.read_text() == "step one\n", "the line is there")
    assert isinstance(await processes.rail.observe(attempt), Running)


async def test_stdout_and_stderr_are_in_order(processes: ProcessBench) -> None:
    """They are one stream."""
    attempt = new_attempt()
    await processes.rail.offer(processes.script(attempt, "echo 1; echo 2 >&2; echo 3"))
    assert (await ended(processes.rail, attempt)).log.read_text() == "1\n2\n3\n"


async def test_a_secret_printed_in_two_writes_does_not_reach_the_log(processes: ProcessBench) -> None:
    """Not even for the time between them."""
    attempt = new_attempt()
    order = processes.script(attempt, "printf 'x canary-01'; sleep 0.3; printf 23456789; echo ' y'; env")
    await processes.rail.offer(replace(order, env={**order.env, "FORGE_TOKEN": CANARY}))
    log = processes.root / attempt / "output.log"
    await until(lambda: log.exists() and log.read_bytes(), "the first piece is there")
    assert log.read_text() == "x "
    end = await ended(processes.rail, attempt)
    text = end.log.read_text()
    assert text.startswith("x [redacted:FORGE_TOKEN] y\n")
    assert "FORGE_TOKEN=[redacted:FORGE_TOKEN]\n" in text
    assert CANARY not in text


async def test_what_is_printed_just_before_the_end_is_in_the_log(processes: ProcessBench) -> None:
    """The pipe is emptied after the last process is gone."""
    attempt = new_attempt()
    await processes.rail.offer(processes.script(attempt, "head -c 900000 /dev/zero; exit 1"))
    end = await ended(processes.rail, attempt)
    assert end.log_bytes == end.log.stat().st_size == 900_000


async def test_a_worker_that_closes_its_output_goes_on(processes: ProcessBench) -> None:
    """The end is its exit, not the end of its output."""
    attempt = new_attempt()
    await processes.rail.offer(processes.script(attempt, "exec >&- 2>&-; sleep 0.3; exit 8"))
    assert (await ended(processes.rail, attempt)).exit_code == 8


ON_A_SMALL_DISK = """
import asyncio, json, os, sys
from pathlib import Path
from mosaic_rails.base import *
from mosaic_rails.process.rail import ProcessRail

async def main(disk, work):
    rail = ProcessRail(Path(disk) / "attempts")
    env = {"PATH": os.environ["PATH"], "MOSAIC_ATTEMPT": sys.argv[3]}
    script = "head -c 3000000 /dev/zero; head -c 8 /dev/zero > ../work/mark; sleep 0.1; echo last; exit 4"
    await rail.offer(Order(sys.argv[3], ("sh", "-c", script), env, Path(work)))
    while not isinstance(seen := await rail.observe(sys.argv[3]), Ended | Lost):
        await asyncio.sleep(0.01)
    print(json.dumps([seen.cause, seen.exit_code, seen.log_bytes, seen.detail, seen.log.stat().st_size]))

asyncio.run(main(sys.argv[1], sys.argv[2]))
"""


def test_a_full_disk_costs_the_log_and_nothing_else(tmp_path: Path) -> None:
    """The worker ends as it would have, its end is recorded, and what the log lacks is named."""
    disk, work = tmp_path / "disk", tmp_path / "work"
    disk.mkdir()
    work.mkdir()
    mount = f'mount -t tmpfs -o size=1M none "{disk}" && exec "$@"'
    inside = ["unshare", "--map-root-user", "--mount", "sh", "-c", mount, "sh"]
    if subprocess.run([*inside, "true"], check=False, capture_output=True).returncode:
        pytest.skip("no user and mount namespaces here")
    run = subprocess.run(
        [*inside, sys.executable, "-c", ON_A_SMALL_DISK, str(disk), str(work), new_attempt()],
        check=True,
        capture_output=True,
        timeout=60,
    )
    cause, exit_code, log_bytes, detail, size = json.loads(run.stdout)
    assert (cause, exit_code) == ("exit", 4)
    assert log_bytes == 3_000_000 + len("last\n")
    found = re.fullmatch(r"exit 4; (\d+) bytes of its output could not be logged: No space left on device", detail)
    assert found, detail
    assert int(found[1]) + size == log_bytes
    assert size > 500_000
    assert (work / "mark").stat().st_size == 8
