"""The daemon, and the shims, killed at random moments: no attempt has its effect twice, none is forgotten."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from mosaic_rails.base import Ended, Lost
from mosaic_rails.process.rail import ProcessRail
from tests.rails.waiting import observed

DAEMON = Path(__file__).with_name("dispatching.py")
KILLS = 40
TASKS = 4 * KILLS


@pytest.mark.slow
@pytest.mark.parametrize("shims_die_too", [False, True])
async def test_a_daemon_killed_at_any_moment_repeats_and_loses_nothing(tmp_path: Path, shims_die_too: bool) -> None:
    """Every attempt's effect happens at most once, every task ends, no process is left."""
    chance = random.Random(7 + shims_die_too)
    prefix = f"K-{uuid.uuid4().hex[:8]}-"
    kills = 0
    while not _finished(tmp_path, prefix, chance if kills < KILLS else None):
        kills += 1
        if shims_die_too:
            _kill_a_shim(tmp_path / "attempts", chance)
    effects = Counter((tmp_path / "effects").read_text().split())
    attempts = {home.name for home in (tmp_path / "attempts").iterdir()}
    assert kills == KILLS, "the work was done too soon to learn anything"
    assert set(effects.values()) == {1}
    assert {name.rpartition(".")[0] for name in effects} == {f"{prefix}{task}" for task in range(TASKS)}
    assert shims_die_too or effects.keys() == attempts
    rail = ProcessRail(tmp_path / "attempts")
    for name in attempts:
        await observed(rail, name, Ended, Lost)
    assert [each for each in Path("/proc").glob("[0-9]*") if _marked(each, prefix)] == []


def _marked(process: Path, prefix: str) -> bool:
    try:
        return f"MOSAIC_ATTEMPT={prefix}".encode() in (process / "environ").read_bytes()
    except OSError:
        return False


def _finished(folder: Path, prefix: str, chance: random.Random | None) -> bool:
    """Run the daemon until everything is done, or kill it a moment after it has made some progress."""
    journal = folder / "journal"
    journal.touch()
    with subprocess.Popen([sys.executable, str(DAEMON), str(folder), prefix, str(TASKS)]) as daemon:
        try:
            if chance:
                enough = journal.stat().st_size + chance.choice([0, 1, 10, 30])
                while daemon.poll() is None and journal.stat().st_size < enough:
                    time.sleep(0.001)
                time.sleep(chance.uniform(0, 0.04))
                return daemon.poll() == 0
            return daemon.wait() == 0
        finally:
            daemon.kill()


def _kill_a_shim(attempts: Path, chance: random.Random) -> None:
    homes = [each for each in attempts.glob("*") if not (each / "exit.json").exists() and (each / "pid.json").exists()]
    for home in chance.sample(homes, min(1, len(homes))):
        pid = json.loads((home / "pid.json").read_text())["pid"]
        with suppress(FileNotFoundError, ProcessLookupError):
            if os.fsencode(home) in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGKILL)
