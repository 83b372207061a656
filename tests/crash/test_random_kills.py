"""`kill -9` of the daemon at moments nobody chose, over and over, until a hundred tasks are done."""

from __future__ import annotations

import os
import random
import sys
import time

import pytest

from tests.crash import oracle
from tests.support.daemon import Daemon
from tests.support.fixtures import Start
from tests.support.repo import GATE, Repo

TASKS = 100
LIFE_SEC = (0.2, 3.0)
IN_START_UP = 0.15
"""How many of the kills hit while the daemon is still starting."""


@pytest.mark.slow
def test_a_hundred_tasks_survive_a_daemon_that_is_killed_all_the_time(repo: Repo, start: Start) -> None:
    """Every attempt started at most once, one squash commit a task, every task done, nothing left running."""
    seed = int(os.environ.get("MOSAIC_TEST_SEED", random.SystemRandom().randrange(1 << 32)))
    chance = random.Random(seed)
    tasks = [f"T-{number}" for number in range(TASKS)]
    repo.configure(f"{GATE}[tracking]\ninterval_sec = 1\n")
    repo.write_tasks(*(repo.task(task, f"sleep {chance.choice([0, 0, 0.05, 0.3])}") for task in tasks))
    kills = 0
    while (daemon := start(repo, "--until-idle")).is_alive:
        live_a_while(daemon, chance)
        if not daemon.is_alive:
            break
        daemon.kill()
        kills += 1
        assert kills < 10 * TASKS, f"it never ends (seed {seed}): {repo.statuses()}"
    sys.stdout.write(f"{kills} kills, seed {seed}\n")
    assert daemon.wait() == 0, f"seed {seed}\n{daemon.log[-4000:]}"
    assert kills >= TASKS // 10, f"only {kills} kills: little was tried (seed {seed})"
    oracle.check(repo, tasks, attempts_each=1)


def live_a_while(daemon: Daemon, chance: random.Random) -> None:
    """Until it ends by itself, or it is time for it to die."""
    has_to_start = chance.random() > IN_START_UP
    end = time.monotonic() + chance.uniform(*LIFE_SEC)
    while daemon.is_alive and time.monotonic() < end:
        time.sleep(0.005)
        if has_to_start and daemon.log_file.stat().st_size:
            has_to_start = False
            end = time.monotonic() + chance.uniform(*LIFE_SEC)
        elif has_to_start:
            end = time.monotonic() + 1
