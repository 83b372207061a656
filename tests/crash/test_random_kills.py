"""`kill -9` of the daemon at moments nobody chose, over and over, until a hundred tasks are done."""

from __future__ import annotations

import random
import sys

import pytest

from tests.crash import oracle
from tests.support.fixtures import Start
from tests.support.killing import Killer, seed
from tests.support.repo import GATE, Repo

TASKS = 100
LIFE_SEC = (0.2, 3.0)


@pytest.mark.slow
def test_a_hundred_tasks_survive_a_daemon_that_is_killed_all_the_time(repo: Repo, start: Start) -> None:
    """Every attempt started at most once, one squash commit a task, every task done, nothing left running."""
    drawn = seed()
    chance = random.Random(drawn)
    tasks = [f"T-{number}" for number in range(TASKS)]
    repo.configure(f"{GATE}[tracking]\ninterval_sec = 1\n")
    repo.write_tasks(*(repo.task(task, f"sleep {chance.choice([0, 0, 0.05, 0.3])}") for task in tasks))
    killer = Killer(repo, chance, LIFE_SEC)
    while not killer.outlived(daemon := start(repo, "--until-idle")):
        pass
    sys.stdout.write(f"{killer.kills} kills, seed {drawn}\n")
    assert daemon.wait() == 0, f"seed {drawn}\n{daemon.log[-4000:]}"
    assert killer.kills >= TASKS // 5, f"only {killer.kills} kills: little was tried (seed {drawn})"
    oracle.check(repo, tasks, attempts_each=1)
