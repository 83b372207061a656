"""What a worker starts with, and why it may not start."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mosaic_rails.base import Cause, Order
from tests.rails.bench import ProcessBench, new_attempt
from tests.rails.waiting import ended


async def test_the_worker_gets_its_environment_and_nothing_else(processes: ProcessBench) -> None:
    """No locale is added, no descriptor leaks, signals are as a fresh process has them."""
    attempt = new_attempt()
    leaked = os.open("/dev/null", os.O_RDONLY)
    os.set_inheritable(leaked, True)
    seen = (
        "cat /proc/self/environ > environ; ls /proc/self/fd > fds; grep -E '^Sig(Blk|Ign)' /proc/self/status > signals"
    )
    env = {"PATH": os.environ["PATH"], "MOSAIC_ATTEMPT": attempt, "PYTHONPATH": "/nowhere", "ODD": "ü\udcff\n="}
    order = replace(processes.script(attempt, seen), env=env)
    try:
        await processes.rail.offer(order)
        assert (await ended(processes.rail, attempt)).exit_code == 0
    finally:
        os.close(leaked)
    got = (processes.folder / "environ").read_bytes().rstrip(b"\0").split(b"\0")
    added_by_sh = {b"PWD", b"OLDPWD", b"_", b"SHLVL"}
    wanted = {os.fsencode(f"{name}={value}") for name, value in env.items()}
    assert {each for each in got if each.partition(b"=")[0] not in added_by_sh} == wanted
    assert (processes.folder / "fds").read_text().split() == ["0", "1", "2", "3"]
    signals = [int(line.split()[1], 16) for line in (processes.folder / "signals").read_text().splitlines()]
    # 32 and 33 belong to the C library, which ignores them in everything it spawns.
    assert [mask & 0x7FFFFFFF for mask in signals] == [0, 0]


async def test_the_worker_is_nicer_dies_first_and_leaves_no_core(processes: ProcessBench) -> None:
    """And the shim, which has to report it, is not chosen for it."""
    attempt = new_attempt()
    seen = "nice; cat /proc/self/oom_score_adj /proc/$PPID/oom_score_adj; ulimit -c"
    own = int(Path("/proc/self/oom_score_adj").read_text())
    await processes.rail.offer(processes.script(attempt, f"sleep 0.2; {seen}"))
    end = await ended(processes.rail, attempt)
    niceness = min(os.nice(0) + 5, 19)
    assert list(map(int, end.log.read_text().split())) == [niceness, max(own, 500), own, 0]


async def test_standard_input_is_the_given_file_or_empty(processes: ProcessBench) -> None:
    """A prompt is read from its file; without one there is nothing to wait for."""
    prompt = processes.folder / "prompt.md"
    prompt.write_text("do this\n")
    for stdin, text in ((prompt, "do this\n"), (None, "")):
        attempt = new_attempt()
        await processes.rail.offer(replace(processes.command(attempt, "cat"), stdin=stdin))
        assert (await ended(processes.rail, attempt)).log.read_text() == text


async def test_no_secret_of_the_environment_is_written_beside_the_log(processes: ProcessBench) -> None:
    """Nor stands it in an argv; and the folder is private."""
    attempt = new_attempt()
    order = processes.script(attempt, "cat /proc/$PPID/cmdline; sleep 0.1")
    order = replace(order, env={**order.env, "API_TOKEN": "canary-0123456789"})
    await processes.rail.offer(order)
    await ended(processes.rail, attempt)
    home = processes.root / attempt
    assert home.stat().st_mode & 0o777 == 0o700
    assert not [file for file in home.iterdir() if b"canary-0123456789" in file.read_bytes()]


def _not_found(order: Order) -> Order:
    return replace(order, argv=("no-such-command-here",))


def _not_executable(order: Order) -> Order:
    (order.cwd / "plain").write_text("x")
    return replace(order, argv=("./plain",))


def _no_interpreter(order: Order) -> Order:
    script = order.cwd / "script"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    return replace(order, argv=("./script",))


def _no_cwd(order: Order) -> Order:
    return replace(order, cwd=order.cwd / "missing")


def _no_stdin(order: Order) -> Order:
    return replace(order, stdin=order.cwd / "missing")


def _fifo_stdin(order: Order) -> Order:
    os.mkfifo(order.cwd / "fifo")
    return replace(order, stdin=order.cwd / "fifo")


def _empty(order: Order) -> Order:
    return replace(order, argv=())


def _nul(order: Order) -> Order:
    return replace(order, argv=("echo", "a\0b"))


def _too_long(order: Order) -> Order:
    return replace(order, argv=("echo", "x" * (1 << 20)))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (_not_found, "cannot start no-such-command-here: not found on its PATH /"),
        (_not_executable, "not executable"),
        (_no_interpreter, "its interpreter"),
        (_no_cwd, "cannot enter its working directory"),
        (_no_stdin, "cannot open its standard input"),
        (_fifo_stdin, "is not a regular file"),
        (_empty, "its command is empty"),
        (_nul, "embedded null"),
        (_too_long, "too long"),
    ],
)
async def test_a_command_that_cannot_start_says_why(
    processes: ProcessBench, wrong: Callable[[Order], Order], words: str
) -> None:
    """It ends as `spawn`, once; nothing ran."""
    attempt = new_attempt()
    order = wrong(processes.command(attempt, "echo"))
    await processes.rail.offer(order)
    end = await ended(processes.rail, attempt)
    assert (end.cause, end.exit_code, end.signal) == (Cause.SPAWN, None, None)
    assert words in end.detail
    assert end.log.read_bytes() == b""
    await processes.rail.offer(order)
    assert await processes.rail.observe(attempt) == end
