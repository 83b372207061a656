"""Attempts on a worker's machine: code comes and goes by git, what runs outlives the host's program."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from mosaic_rails.base import Absent, Cause, Ended, Errand, Limits, Lost, Order, RailError, Running
from mosaic_rails.leased.book import Book
from mosaic_rails.leased.contract import Terms
from mosaic_rails.leased.hands import Abilities
from mosaic_rails.leased.jobs import Jobs
from mosaic_rails.leased.memory import MemoryServer
from mosaic_rails.leased.rail import LeasedRail
from mosaic_rails.leased.worker import Worker
from mosaic_rails.worker.code import check
from mosaic_rails.worker.hands import Desk, ProcessHands
from tests.rails.leased.site import Life
from tests.rails.waiting import ended, observed, until

_WHO = ("-c", "user.name=A", "-c", "user.email=a@example.org")


def git(where: Path, *args: str) -> str:
    done = subprocess.run(("git", *_WHO, *args), cwd=where, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def relay(tmp_path: Path) -> Path:
    """A bare repository with one commit on main."""
    bare, first = tmp_path / "relay.git", tmp_path / "first"
    git(tmp_path, "init", "--quiet", "--bare", "-b", "main", str(bare))
    git(tmp_path, "init", "--quiet", "-b", "main", str(first))
    (first / "file").write_text("one\n")
    git(first, "add", "file")
    git(first, "commit", "--quiet", "-m", "First")
    git(first, "push", "--quiet", str(bare), "main")
    return bare


def errand_for(relay: Path, script: str, attempt: str = "T.1") -> Errand:
    task, _, fence = attempt.rpartition(".")
    return Errand(
        attempt=attempt,
        task=task,
        url=str(relay),
        base_ref="refs/heads/main",
        base_sha=git(relay, "rev-parse", "main"),
        branch="task/t",
        ref=f"refs/heads/mosaic/{task}/a{fence}",
        runtime="shell",
        prompt="Do it.\n",
        command=("sh", "-c", script),
        labels=("runtime=shell",),
        limits=Limits(timeout_sec=60.0, stall_sec=0.0, grace_sec=1.0),
    )


def call(errand: Errand, desk: Desk) -> Order:
    env = {"PATH": "/usr/bin:/bin", "RESULT": str(desk.result), "HOME": str(desk.tree.parent)}
    return Order(desk.key, errand.command, env, desk.tree, desk.prompt, errand.limits)


class Place:
    """A daemon's rail and one worker host around a carrier in memory."""

    def __init__(self, folder: Path) -> None:
        self.server = MemoryServer()
        self.folder = folder
        self.book = Book(folder / "rail.db")
        terms = Terms("leased", self.book.daemon, lease_sec=60.0, reoffer_sec=0.1)
        self.rail = LeasedRail(self.book, terms, folder / "attempts", self.server.transport("daemon"))
        self._daemon = Life(self.rail.run)
        self.start()

    def start(self) -> None:
        root = self.folder / "host"
        self.hands = ProcessHands(root, call, pause_sec=0.01)
        abilities = Abilities(("runtime=shell",), retry_sec=0.1)
        self.worker = Worker(self.server.transport("w1"), self.hands, Jobs(root / "jobs"), abilities)
        self._life = Life(self.worker.run)

    async def kill(self) -> None:
        await self._life.end()
        await self.hands.close()

    async def close(self) -> None:
        await self.kill()
        await self._daemon.end()
        self.book.close()


@pytest_asyncio.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    made = Place(tmp_path)
    yield made
    await made.close()


COMMIT = "echo two >> file; git -c user.name=W -c user.email=w@example.org commit -qam Second; echo '{}' > $RESULT"


async def test_what_was_committed_is_pushed_to_the_attempts_ref_alone(place: Place, relay: Path) -> None:
    """And named in the result; the working directory goes when the daemon has it."""
    before = git(relay, "for-each-ref", "--format=%(refname)").split()
    await place.rail.offer(errand_for(relay, f"{COMMIT}; cat; echo bye"))
    end = await ended(place.rail, "T.1")
    assert (end.cause, end.exit_code) == (Cause.EXIT, 0)
    assert end.log.read_text() == "Do it.\nbye\n"
    assert end.delivery is not None
    assert end.delivery.result == "{}\n"
    assert end.delivery.head == git(relay, "rev-parse", "refs/heads/mosaic/T/a1")
    assert git(relay, "show", f"{end.delivery.head}:file") == "one\ntwo"
    assert set(git(relay, "for-each-ref", "--format=%(refname)").split()) - set(before) == {"refs/heads/mosaic/T/a1"}
    await until(lambda: not place.worker.jobs, "it is forgotten")
    assert not list((place.folder / "host" / "code").iterdir())


async def test_what_commits_nothing_pushes_nothing(place: Place, relay: Path) -> None:
    """Its exit code and its words come through."""
    await place.rail.offer(errand_for(relay, "echo no; exit 3"))
    end = await ended(place.rail, "T.1")
    assert (end.exit_code, end.log.read_text()) == (3, "no\n")
    assert end.delivery is not None
    assert end.delivery.head == ""


async def test_a_host_that_dies_takes_up_what_runs(place: Place, relay: Path) -> None:
    """The same process, started once."""
    await place.rail.offer(errand_for(relay, f"echo start; until [ -e ../go ]; do sleep 0.02; done; {COMMIT}"))
    log = place.folder / "host" / "attempts" / f"{place.book.daemon}.T.1"
    await until((log / "started").exists, "it runs")
    await place.kill()
    place.start()
    assert isinstance(await observed(place.rail, "T.1", Running), Running)
    (place.folder / "host" / "code" / f"{place.book.daemon}.T.1" / "go").touch()
    end = await ended(place.rail, "T.1")
    assert end.log.read_text() == "start\n"
    assert end.delivery is not None
    assert end.delivery.head


async def test_a_revoked_attempt_ends(place: Place, relay: Path) -> None:
    """With its process tree."""
    await place.rail.offer(errand_for(relay, "sleep 600"))
    log = place.folder / "host" / "attempts" / f"{place.book.daemon}.T.1"
    await until((log / "started").exists, "it runs")
    await place.rail.revoke("T.1")
    assert (await ended(place.rail, "T.1")).cause is Cause.REVOKED


async def test_code_that_cannot_be_had_is_told(place: Place, relay: Path) -> None:
    """After some tries; the host goes on with others."""
    await place.rail.offer(replace(errand_for(relay, "true"), url=str(relay.parent / "none.git")))
    end = await observed(place.rail, "T.1", Ended, Lost)
    assert isinstance(end, Ended)
    assert end.cause is Cause.SPAWN
    assert "git fetch" in end.detail
    await place.rail.offer(errand_for(relay, "true", "U.1"))
    assert (await ended(place.rail, "U.1")).exit_code == 0


@pytest.mark.parametrize(
    "changed",
    [
        {"ref": "refs/heads/main"},
        {"ref": "refs/heads/mosaic/T/a1:refs/heads/main"},
        {"ref": "refs/tags/v1"},
        {"url": "--upload-pack=touch pwned"},
        {"url": ""},
        {"base_ref": "--all"},
        {"base_sha": ""},
    ],
)
async def test_an_errand_that_would_go_elsewhere_is_refused(
    relay: Path, tmp_path: Path, changed: dict[str, str]
) -> None:
    """Nothing of it is fetched or started."""
    errand = replace(errand_for(relay, "true"), **changed)  # type: ignore[arg-type]
    with pytest.raises(RailError):
        check(errand)
    hands = ProcessHands(tmp_path / "host", call)
    with pytest.raises(RailError):
        await hands.start("d.T.1", errand)
    assert isinstance(await hands.observe("d.T.1"), Absent)


async def test_what_an_agent_configures_is_not_run_by_the_host(place: Place, relay: Path) -> None:
    """Its hooks and its pack program stay in its own repository."""
    evil = (
        "for each in pre-push post-checkout reference-transaction; do "
        f"printf '#!/bin/sh\\ntouch {place.folder}/pwned\\n' > .git/hooks/$each; chmod +x .git/hooks/$each; done; "
        f"git config uploadpack.packObjectsHook 'touch {place.folder}/pwned'; "
        f"git config core.fsmonitor 'touch {place.folder}/pwned'"
    )
    await place.rail.offer(errand_for(relay, f"{COMMIT}; rm -f {place.folder}/pwned; {evil}"))
    end = await ended(place.rail, "T.1")
    assert end.delivery is not None
    assert end.delivery.head
    assert not (place.folder / "pwned").exists()
