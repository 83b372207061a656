"""Attempts for workers elsewhere: what they start from, what they push, and what of it is taken."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mosaic_daemon.ground.errors import Refused, Unavailable
from mosaic_daemon.ground.settings import WorkerSettings
from mosaic_daemon.nouns import events as ev
from mosaic_daemon.nouns.attempt import Attempt
from mosaic_daemon.repository.exchange import Exchange, base_ref
from mosaic_daemon.runtimes.base import DEFAULTS
from mosaic_daemon.stages import dispatch
from mosaic_daemon.stages.dispatch import Workplace
from mosaic_rails.base import Cause, Delivery, Ended, Reach
from mosaic_rails.leased.book import Book
from mosaic_rails.leased.contract import Terms
from mosaic_rails.leased.rail import LeasedRail
from tests.repository.repos import commit, git
from tests.samples import at, folded, task
from tests.stages.test_collect import NOW, Bench

RESULT_REF = "refs/heads/mosaic/T-1/a1"


class Elsewhere:
    """A worker's own clone, and the daemon's verdict on what it pushes.

    Attributes:
        relay: the repository that both reach.
    """

    def __init__(self, bench: Bench, relay: Path) -> None:
        self.bench, self.relay = bench, relay
        self.clone = bench.repository.folder / "elsewhere"

    async def start(self) -> None:
        """Fetch what the attempt starts from."""
        await Exchange(self.bench.clone).put(str(self.relay), self.bench.base, base_ref("T-1", 1))
        self.clone.mkdir()
        git(self.clone, "init", "-q", "-b", "work")
        git(self.clone, "fetch", "-q", str(self.relay), base_ref("T-1", 1))
        git(self.clone, "reset", "-q", "--hard", self.bench.base)

    def push(self, files: dict[str, str | bytes | None]) -> str:
        head = commit(self.clone, files)
        git(self.clone, "push", "-q", "-f", str(self.relay), f"HEAD:{RESULT_REF}")
        return head

    async def verdict(self, head: str, *, ref: str = RESULT_REF, url: str = "", says: str | None = None) -> ev.Event:
        log = self.bench.repository.folder / "output.log"
        log.write_text("")
        block = {"task_id": "T-1", "status": "success", "used": "5K", "commit_sha": head, "notes": "well"}
        delivery = Delivery(url or str(self.relay), ref, head, json.dumps(block) if says is None else says)
        end = Ended(Cause.EXIT, 0, None, "exit 0", at(0), at(99), log, 0, delivery)
        (event,) = await self.bench.judge.verdict(self.bench.record, self.bench.runtime, end, NOW)
        return event


@pytest.fixture(params=["relay", "origin"])
async def elsewhere(request: pytest.FixtureRequest, tmp_path: Path) -> Elsewhere:
    bench = await Bench.make(tmp_path)
    relay = tmp_path / "relay.git"
    if request.param == "origin":
        relay = Path(bench.clone.url)
    else:
        git(tmp_path, "init", "-q", "--bare", str(relay))
    place = Elsewhere(bench, relay)
    await place.start()
    return place


async def test_the_head_that_was_pushed_and_named_is_taken(elsewhere: Elsewhere) -> None:
    """It is in the daemon's clone, whatever becomes of the ref."""
    head = elsewhere.push({"a.txt": "mine\n"})
    assert await elsewhere.verdict(head) == ev.ResultAccepted(1, head, 5000, "well")
    assert git(elsewhere.bench.clone.git.directory, "rev-parse", "refs/mosaic/attempts/T-1.1") == head
    exchange = Exchange(elsewhere.bench.clone)
    await exchange.put(str(elsewhere.relay), head, base_ref("T-10", 1))
    for _ in range(2):
        await exchange.clear_task(str(elsewhere.relay), "T-1")
    assert git(elsewhere.relay, "for-each-ref", "--format=%(refname)", "refs/heads/mosaic") == base_ref("T-10", 1)
    assert await elsewhere.bench.clone.git.sha(head) == head


async def test_another_head_than_the_named_one_is_not(elsewhere: Elsewhere) -> None:
    """The worker pushed on, or somebody else did."""
    named = elsewhere.push({"a.txt": "mine\n"})
    pushed = elsewhere.push({"a.txt": "other\n"})
    event = await elsewhere.verdict(named)
    assert isinstance(event, ev.AttemptFailed)
    assert named in event.failure.message
    assert pushed in event.failure.message


async def test_nothing_pushed_is_nothing_delivered(elsewhere: Elsewhere) -> None:
    """With a head that nobody has, and without one."""
    for head, word in (("f" * 40, "there is none"), ("", "without a commit")):
        event = await elsewhere.verdict(head)
        assert isinstance(event, ev.AttemptFailed)
        assert word in event.failure.message


async def test_every_rule_about_paths_holds_for_what_was_pushed(elsewhere: Elsewhere) -> None:
    """As for a worker here."""
    event = await elsewhere.verdict(elsewhere.push({"docs/TASKS.md": "| mine |\n"}))
    assert isinstance(event, ev.AttemptFailed)
    assert "docs/TASKS.md" in event.failure.message


async def test_a_result_in_the_message_is_read_as_strictly_as_a_file(elsewhere: Elsewhere) -> None:
    """Another task's, and no JSON."""
    head = elsewhere.push({"a.txt": "mine\n"})
    for says, word in (('{"task_id": "T-9", "status": "success"}', "T-9"), ("{", "result JSON")):
        event = await elsewhere.verdict(head, says=says)
        assert isinstance(event, ev.AttemptFailed)
        assert word in event.failure.message


async def test_a_repository_that_cannot_be_reached_is_waited_for(elsewhere: Elsewhere) -> None:
    """No attempt is used for it."""
    head = elsewhere.push({"a.txt": "mine\n"})
    with pytest.raises(Unavailable, match="cannot be reached"):
        await elsewhere.verdict(head, url=str(elsewhere.relay.parent / "gone.git"))


async def test_a_relay_that_refuses_says_so(elsewhere: Elsewhere) -> None:
    """With the command that failed."""
    hook = elsewhere.relay / "hooks" / "update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho not here >&2; exit 1\n")
    hook.chmod(0o755)
    with pytest.raises(Refused, match="declined"):
        await Exchange(elsewhere.bench.clone).put(str(elsewhere.relay), elsewhere.bench.base, base_ref("T-1", 2))


@pytest.mark.parametrize("reach", [Reach.REMOTE, Reach.WORKTREE])
async def test_an_errand_says_everything_that_its_worker_has_to_know(elsewhere: Elsewhere, reach: Reach) -> None:
    """A worker elsewhere gets a repository, one here a directory; neither gets a path it cannot see."""
    bench = elsewhere.bench
    book = Book(bench.repository.folder / "rail.db")
    rail = LeasedRail(book, Terms("far", book.daemon, reach), bench.layout.attempts)
    place = Workplace(
        bench.layout,
        bench.clone,
        bench.judge.worktrees,
        {"far": rail},
        DEFAULTS,
        WorkerSettings(timeout_sec=60.0, stall_sec=5.0),
        {},
        elsewhere={"far": str(elsewhere.relay)},
    )
    attempt = Attempt("T-1", 1, "task/t-1", bench.base, "shell", "far")
    record = folded(ev.TaskAdded(task(command=("make", "it")), 0, "test"), ev.AttemptIntended(attempt))
    assert await dispatch.start(record, place) is None
    (row,) = book.unsettled()
    errand = row.errand
    assert (errand.attempt, errand.task, errand.runtime) == ("T-1.1", "T-1", "shell")
    assert (errand.command, errand.labels) == (("make", "it"), ("runtime=shell",))
    assert (errand.limits.timeout_sec, errand.limits.stall_sec) == (60.0, 5.0)
    if reach is Reach.WORKTREE:
        assert (errand.url, errand.ref, errand.worktree) == ("", "", str(bench.tree))
        assert str(bench.tree) in errand.prompt
    else:
        assert (errand.url, errand.ref, errand.worktree) == (str(elsewhere.relay), RESULT_REF, "")
        assert git(elsewhere.relay, "rev-parse", errand.base_ref) == errand.base_sha == bench.base
        assert str(bench.repository.folder) not in errand.prompt.replace(str(elsewhere.relay), "")
    book.close()


@pytest.mark.parametrize("task_id", ["T-1", "T..1", "T-1.", "T.lock"])
async def test_every_task_has_refs_of_its_own(elsewhere: Elsewhere, task_id: str) -> None:
    """Ids may hold what no ref does."""
    ref = base_ref(task_id, 3)
    await Exchange(elsewhere.bench.clone).put(str(elsewhere.relay), elsewhere.bench.base, ref)
    assert git(elsewhere.relay, "rev-parse", ref) == elsewhere.bench.base
