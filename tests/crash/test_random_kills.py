"""`kill -9` of the daemon at moments nobody chose, over and over, until a hundred tasks are done."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import pytest

from tests.crash import oracle
from tests.support.fixtures import Start
from tests.support.repo import Repo

pytestmark = pytest.mark.slow

_TASKS = 100
_SHORTEST_SEC, _LONGEST_SEC = 0.4, 2.0
_PATIENCE_SEC = 400


def test_a_hundred_tasks_survive_a_daemon_that_is_killed_all_the_time(
    repo: Repo, start: Start, record_property: Callable[[str, object], None]
) -> None:
    """Every attempt started at most once, one squash commit a task, every task done, nothing left running."""
    seed = random.SystemRandom().randrange(1 << 32)
    chance = random.Random(seed)
    tasks = [f"T-{number}" for number in range(_TASKS)]
    repo.write_tasks(*(repo.task(task, "sleep 0.05") for task in tasks))
    kills = 0
    deadline = time.monotonic() + _PATIENCE_SEC
    while time.monotonic() < deadline:
        daemon = start(repo, "--until-idle")
        until = time.monotonic() + chance.uniform(_SHORTEST_SEC, _LONGEST_SEC)
        while daemon.is_alive and time.monotonic() < until:
            time.sleep(0.01)
        if not daemon.is_alive:
            assert daemon.wait() == 0, daemon.log[-4000:]
            break
        daemon.kill()
        kills += 1
    else:
        pytest.fail(f"not done after {_PATIENCE_SEC} s and {kills} kills (seed {seed})")
    record_property("kills", kills)
    record_property("seed", seed)
    assert kills >= 10, f"only {kills} kills: nothing was tried (seed {seed})"
    oracle.check(repo, tasks)
