"""`kill -9` of daemons at moments nobody chose. The seed is printed; `MOSAIC_TEST_SEED` gives one."""

from __future__ import annotations

import os
import random
import time

from tests.support import ledger
from tests.support.daemon import Daemon
from tests.support.repo import Repo
from tests.support.waiting import until

_IN_START_UP = 0.15
"""How many of the lives are counted from the start of the process, not from the daemon's first line."""
_IN_VAIN = 10
"""How many lives in a row may pass without anything happening."""


def seed() -> int:
    return int(os.environ.get("MOSAIC_TEST_SEED", random.SystemRandom().randrange(1 << 32)))


class Killer:
    """Lets the daemons of a repository live for a while.

    Args:
        life_sec: how long, at the least and at the most.

    Attributes:
        kills: how many it has killed.
    """

    def __init__(self, repo: Repo, chance: random.Random, life_sec: tuple[float, float]) -> None:
        self.kills = 0
        self._repo, self._chance, self._life_sec = repo, chance, life_sec
        self._in_vain = 0

    def outlived(self, daemon: Daemon) -> bool:
        """Whether a daemon that has just been started ends by itself; else it is killed."""
        seen = self._events()
        self._live_a_while(daemon)
        if self._in_vain == _IN_VAIN:  # a busy machine: every life is too short to get anywhere
            daemon.until(lambda: self._events() > seen or not daemon.is_alive, "something to happen")
        if not daemon.is_alive:
            return True
        daemon.kill()
        self.kills += 1
        self._in_vain = self._in_vain + 1 if self._events() == seen else 0
        return False

    def _live_a_while(self, daemon: Daemon) -> None:
        if self._chance.random() > _IN_START_UP:
            until(lambda: daemon.log_file.stat().st_size or not daemon.is_alive, "the daemon to be up")
        end = time.monotonic() + self._chance.uniform(*self._life_sec)
        while daemon.is_alive and time.monotonic() < end:
            time.sleep(0.005)

    def _events(self) -> int:
        """How much has happened."""
        return ledger.length(self._repo.state_db)
