"""Death of the daemon at any place of a gate over a real HTTP forge, and what is true after the next start."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections.abc import AsyncIterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from mosaic_daemon.nouns import events as ev
from mosaic_daemon.store.sqlite import SqliteJournal
from tests.crash import failpoints
from tests.crash.forking import TASK, Daemons, Run
from tests.crash.oracle import folded
from tests.forges.fakes.fixtures import DIALECTS
from tests.forges.rest_gates import REQUESTS, Daemon, World

EVENTS = 11
"""Of a gate that nothing disturbs, each with a commit of its own in the ledger."""

ACTS = sorted(name for name in failpoints.in_source() if name.startswith("gate.") and name.endswith("-act"))
RERUNS = [name for name in ACTS if name.startswith("gate.rerun")]
ACTS = [name for name in ACTS if name not in RERUNS]
RECORDED = sorted(name for name in failpoints.in_source() if name.startswith("gate.") and name.endswith(".recorded"))
INTENDED = [f"gate.{step}.recorded:2" for step in ("pr", "merge", "close")]  # :1 is the intent, :2 what came of it
COMMITS = [f"store.before-commit:{nth}" for nth in range(1, EVENTS + 1)]

POINTS = [(dialect, point) for dialect in DIALECTS for point in (*ACTS, *INTENDED)]
POINTS += [("github", point) for point in RECORDED]
POINTS += [("github", point) for point in COMMITS]


@dataclass
class Deaths:
    """One task on one forge, and the daemons that come and go."""

    world: World
    daemons: Daemons
    _pid: int = 0
    _is_known: threading.Event = field(default_factory=threading.Event)
    _starts: int = 0

    async def prepare(self) -> None:
        with closing(SqliteJournal(self.world.folder / "state.db")) as journal:
            daemon = Daemon(self.world, await self.world.clone(), TASK, journal)
            daemon.append(ev.TaskAdded(TASK, 0, "test"))
            daemon.accept()
            await daemon.forge.aclose()

    def run(self, failpoint: str = "") -> int:
        """A daemon from its start to its end, some minutes after the one before."""
        self._starts += 1
        now = self.world.time.now() + timedelta(minutes=3 * self._starts)
        spec = f"{failpoint}=kill" if failpoint else ""
        self._pid = self.daemons.start(Run(str(self.world.folder), self.world.place, now.isoformat(), spec))
        self._is_known.set()
        return self.daemons.code()

    def kill(self) -> None:
        """End the first daemon. A request of it may be quicker than the news of its process id."""
        assert self._is_known.wait(30)
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)

    async def check(self) -> None:
        """The rows are the fold of the events, the task is done, and everything was made once."""
        with closing(SqliteJournal(self.world.folder / "state.db")) as journal:
            daemon = Daemon(self.world, await self.world.clone(), TASK, journal)
            await daemon.forge.aclose()
            assert folded(journal) == {TASK.id: daemon.record}
            daemon.check()
            daemon.check_once()


@pytest.fixture
async def deaths(
    request: pytest.FixtureRequest, tmp_path: Path, prepared: Path, daemons: Daemons
) -> AsyncIterator[Deaths]:
    world = World.make(shutil.copytree(prepared, tmp_path / "world"), request.param)
    with world.fake:
        deaths = Deaths(world, daemons)
        await deaths.prepare()
        yield deaths


@pytest.mark.parametrize(("deaths", "point"), POINTS, indirect=["deaths"])
async def test_killed_there_and_started_again_everything_is_done_once(deaths: Deaths, point: str) -> None:
    assert deaths.run(point) == -signal.SIGKILL
    assert deaths.run() == 0
    await deaths.check()


@pytest.mark.parametrize("deaths", ["gitea"], indirect=True)
@pytest.mark.parametrize("first", ACTS)
@pytest.mark.parametrize("second", ["store.before-commit:1", "gate.merge.after-act"])
async def test_killed_twice(deaths: Deaths, first: str, second: str) -> None:
    """Also while the next daemon is picking up the pieces, where it comes by there."""
    assert deaths.run(first) == -signal.SIGKILL
    assert deaths.run(second) in (-signal.SIGKILL, 0)
    assert deaths.run() == 0
    await deaths.check()


@pytest.mark.parametrize("deaths", ["github"], indirect=True)
@pytest.mark.parametrize("instant", range(REQUESTS["github"]))
async def test_killed_when_the_forge_has_done_it_and_not_answered(deaths: Deaths, instant: int) -> None:
    deaths.world.fake.on("*", skip=instant).after(deaths.kill)
    assert deaths.run() == -signal.SIGKILL
    assert deaths.run() == 0
    await deaths.check()


@pytest.mark.parametrize("deaths", ["github", "gitlab"], indirect=True)
@pytest.mark.parametrize("point", RERUNS)
async def test_killed_around_a_re_run(deaths: Deaths, point: str) -> None:
    """It is asked for once, and the task is done."""
    fake = deaths.world.fake
    first = fake.sha()
    fake.ci_rule(lambda sha: {"build": "green" if sha == first or fake.count("merge") else "red"})
    fake.rerun_gives({"build": "green"})
    assert deaths.run(point) == -signal.SIGKILL
    assert deaths.run() == 0
    await deaths.check()
    assert fake.count("rerun") == 1
