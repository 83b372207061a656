"""`kill -9` of the daemon at moments nobody chose, over and over, until a hundred tasks are done."""

from __future__ import annotations

import os
import random
import sys
import time

import pytest

from tests.crash import oracle
from tests.support import ledger
from tests.support.daemon import Daemon
from tests.support.fixtures import Start
from tests.support.repo import GATE, Repo
from tests.support.waiting import until

TASKS = 100
LIFE_SEC = (0.2, 3.0)
IN_START_UP = 0.15
"""How many of the lives are counted from the start of the process, not from the daemon's first line."""
IN_VAIN = 10
"""How many lives in a row may pass without anything happening."""


@pytest.mark.slow
def test_a_hundred_tasks_survive_a_daemon_that_is_killed_all_the_time(repo: Repo, start: Start) -> None:
    """Every attempt started at most once, one squash commit a task, every task done, nothing left running."""
    seed = int(os.environ.get("MOSAIC_TEST_SEED", random.SystemRandom().randrange(1 << 32)))
    chance = random.Random(seed)
    tasks = [f"T-{number}" for number in range(TASKS)]
    repo.configure(f"{GATE}[tracking]\ninterval_sec = 1\n")
    repo.write_tasks(*(repo.task(task, f"sleep {chance.choice([0, 0, 0.05, 0.3])}") for task in tasks))
    kills = in_vain = 0
    while True:
        seen = events(repo)
        daemon = start(repo, "--until-idle")
        live_a_while(daemon, chance)
        if in_vain == IN_VAIN:  # a busy machine: every life is too short to get anywhere
            daemon.until(lambda: events(repo) > seen or not daemon.is_alive, "something to happen")  # noqa: B023
        if not daemon.is_alive:
            break
        daemon.kill()
        kills += 1
        in_vain = in_vain + 1 if events(repo) == seen else 0
    sys.stdout.write(f"{kills} kills, seed {seed}\n")
    assert daemon.wait() == 0, f"seed {seed}\n{daemon.log[-4000:]}"
    assert kills >= TASKS // 5, f"only {kills} kills: little was tried (seed {seed})"
    oracle.check(repo, tasks, attempts_each=1)


def events(repo: Repo) -> int:
    """How much has happened."""
    return ledger.length(repo.state_db)


def live_a_while(daemon: Daemon, chance: random.Random) -> None:
    """Until it ends by itself, or it is time for it to die."""
    if chance.random() > IN_START_UP:
        until(lambda: daemon.log_file.stat().st_size or not daemon.is_alive, "the daemon to be up")
    end = time.monotonic() + chance.uniform(*LIFE_SEC)
    while daemon.is_alive and time.monotonic() < end:
        time.sleep(0.005)
