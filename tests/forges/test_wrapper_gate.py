"""The gate's machine over scripts: from an accepted commit to `done`, with daemons that die at every instant."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mosaic_daemon.ground.errors import Unavailable
from mosaic_daemon.nouns import events as ev
from mosaic_daemon.nouns.fold import advance as folded
from mosaic_daemon.nouns.gate import Step
from mosaic_daemon.nouns.record import Blocked, Done, Gating, Record
from mosaic_daemon.stages import gate
from mosaic_daemon.stages.gate import GatePolicy, Look
from tests.forges.scripted import ScriptedBench
from tests.repository.repos import git
from tests.samples import added, to_running

POLICY = GatePolicy("main")
_LATER = timedelta(seconds=130)


class Daemons:
    """One after the other, over one ledger of one task; a look is a tick.

    Attributes:
        log: every event, in order.
    """

    def __init__(self, bench: ScriptedBench, head: str) -> None:
        self.bench = bench
        self.now = datetime.now(UTC)
        self.record: Record | None = None
        self.log: list[ev.TaskEvent] = []
        self._has_just_intended = False
        for event in (added("T-1", issue="#7"), *to_running(), ev.ResultAccepted(1, head, 100, "")):
            self._keep(event)

    @classmethod
    async def make(cls, folder: Path) -> Daemons:
        bench = await ScriptedBench.start(folder)
        return cls(bench, await bench.work({"a.txt": "mine\n"}))

    @property
    def state(self) -> object:
        assert self.record is not None
        return self.record.state

    async def look(self) -> ev.TaskEvent | None:
        """One event more, if there is one now."""
        assert self.record is not None
        look = Look(self.now, self._has_just_intended)
        self._has_just_intended = False
        try:
            event = await gate.advance(self.record, self.bench.forge, POLICY, look)
        except Unavailable:
            return None
        if event is not None:
            self._keep(event)
            self._has_just_intended = isinstance(event, ev.GateIntended)
        return event

    async def run(self, *, dies: Callable[[], bool] = lambda: False) -> Record:
        """Until it is over. `dies` after an event: the next daemon goes on, minutes later."""
        async with asyncio.timeout(60):
            while isinstance(self.state, Gating):
                event = await self.look()
                if dies():
                    self.restart()
                elif event is None or isinstance(event, ev.GateHeld):
                    await asyncio.sleep(0.02)
                    self.now = self._next_look()
        assert self.record is not None
        return self.record

    def _next_look(self) -> datetime:
        until = self.state.gate.hold.until if isinstance(self.state, Gating) and self.state.gate.hold else None
        return max(until or self.now, self.now + timedelta(seconds=1))

    def restart(self) -> None:
        self.bench.restart()
        self.now += _LATER
        self._has_just_intended = False

    def retry(self) -> None:
        self.now += _LATER
        self._keep(ev.GateResumed("test"))

    def _keep(self, event: ev.TaskEvent) -> None:
        self.record = folded(self.record, event, self.now)
        self.log.append(event)


@pytest.fixture
async def daemons(tmp_path: Path) -> Daemons:
    return await Daemons.make(tmp_path)


def landed(bench: ScriptedBench) -> list[str]:
    """What was merged, oldest first."""
    return git(bench.repository.base, "log", "--reverse", "--format=%s", f"{bench.first}..main").splitlines()


def blocked(record: Record) -> Blocked:
    assert isinstance(record.state, Blocked), record.state
    return record.state


async def test_a_task_is_done_by_scripts_alone(daemons: Daemons) -> None:
    """In the guide's order, each of them once; looking at the issue may be repeated."""
    record = await daemons.run()
    assert isinstance(record.state, Done)
    bench = daemons.bench
    assert landed(bench) == ["T-1: do T-1 (#10)"]
    calls = {script: len(bench.calls(script)) for script in ("pr-create", "pr-merge", "pr-ci-wait", "issue-close")}
    assert calls == {"pr-create": 1, "pr-merge": 1, "pr-ci-wait": 1, "issue-close": 1}
    assert len(bench.calls("ci-queue-wait")) == 2, "before the merge and after it"
    assert bench.content("a.txt") == "mine\n"
    assert record.state.evidence["ci"] == "green"


@pytest.mark.parametrize("every", [2, 3, 5])
async def test_daemons_that_die_all_the_time(daemons: Daemons, every: int) -> None:
    """Nothing is done twice, and nothing is left out."""
    looks = iter(range(1, 10_000))
    record = await daemons.run(dies=lambda: next(looks) % every == 0)
    assert isinstance(record.state, Done)
    assert landed(daemons.bench) == ["T-1: do T-1 (#10)"]
    for script in ("pr-create", "pr-merge", "issue-close"):
        assert len(daemons.bench.calls(script)) == 1


@pytest.mark.parametrize("script", ["pr-create", "pr-merge", "issue-close"])
async def test_a_daemon_that_dies_when_the_script_was_run(daemons: Daemons, script: str) -> None:
    """Whatever came of it was never written down; the next one finds it."""
    bench = daemons.bench
    while not bench.calls(script):
        before, log = daemons.record, len(daemons.log)
        await daemons.look()
        if bench.calls(script):
            daemons.record = before
            del daemons.log[log:]
    daemons.restart()
    assert isinstance((await daemons.run()).state, Done)
    assert len(bench.calls(script)) == 1
    assert landed(bench) == ["T-1: do T-1 (#10)"]


@pytest.mark.parametrize(
    ("script", "step"),
    [
        ("pr-create", Step.PR),
        ("pr-merge", Step.MERGE),
        ("issue-close", Step.CLOSE),
    ],
)
async def test_a_script_that_fails_blocks_the_task_with_its_command(daemons: Daemons, script: str, step: Step) -> None:
    """In the notes as well. A retry runs it again, and only a retry."""
    bench = daemons.bench
    bench.tell(script, "before", "echo 'not allowed'; exit 2")
    record = await daemons.run()
    failure = blocked(record).failure
    assert (failure.step, failure.status, failure.tail) == (f"gate:{step}", "exit 2", "not allowed")
    assert failure.command.startswith(bench.tool(f"{script}.sh") + " -")
    assert " ".join(failure.command.split()) in record.notes[-1]
    assert len(bench.calls(script)) == 1
    bench.forget(script, "before")
    daemons.retry()
    assert isinstance((await daemons.run()).state, Done)
    assert len(bench.calls(script)) == 2


@pytest.mark.parametrize("script", ["pr-create", "pr-merge"])
async def test_a_script_that_was_busy_twice(daemons: Daemons, script: str) -> None:
    """No try is used."""
    bench = daemons.bench
    bench.tell(script, "before", f'test "$(wc -l < "$state/{script}.calls")" -gt 2 || exit 75')
    assert isinstance((await daemons.run()).state, Done)
    assert len(bench.calls(script)) == 3


async def test_a_merge_that_says_yes_and_does_nothing(daemons: Daemons) -> None:
    """It is looked for a while, and then the task is blocked with the command."""
    bench = daemons.bench
    bench.tell("pr-merge", "before", "exit 0")
    failure = blocked(await daemons.run()).failure
    assert (failure.code, failure.command) == ("merge_not_found", f"{bench.tool('pr-merge.sh')} -n 10 -m squash")
    assert len(bench.calls("pr-merge")) == 1


async def test_a_merge_of_something_else(daemons: Daemons) -> None:
    """It is not taken for the task's, whatever the script says."""
    bench = daemons.bench
    swap = 'head=other; git -C "$origin" branch -q -f other main~0'
    bench.tell("pr-merge", "before", f"{swap}; printf other > $state/pulls/10")
    failure = blocked(await daemons.run()).failure
    assert failure.code == "merge_not_found"


async def test_a_merge_with_its_trailer_and_another_tree(daemons: Daemons) -> None:
    """The alarm, and no second merge."""
    bench = daemons.bench
    odd = r'printf "T-1\n\nMosaic-Gate: $MOSAIC_GATE_ID\n" | git -C "$origin" commit-tree main^{tree} -p main'
    bench.tell("pr-merge", "before", f'git -C "$origin" update-ref refs/heads/main $({odd}); exit 0')
    assert blocked(await daemons.run()).failure.code == "tree_mismatch"
    daemons.retry()
    assert blocked(await daemons.run()).failure.code == "tree_mismatch"
    assert len(bench.calls("pr-merge")) == 1


async def test_red_ci_after_the_merge(daemons: Daemons) -> None:
    """The task is blocked, with the command and what it said; later, CI is asked anew."""
    bench = daemons.bench
    bench.tell("ci-queue-wait", "after", 'case "$MOSAIC_ATTEMPT" in main-*) echo "3 failed"; exit 1;; esac')
    failure = blocked(await daemons.run()).failure
    assert failure.code == "main_ci_failed"
    assert failure.command == f"{bench.tool('ci-queue-wait.sh')} --purpose merge -B main"
    assert re.search(r"3 failed$", failure.tail)
    assert len(landed(bench)) == 1


async def test_a_base_that_moves_before_the_merge(daemons: Daemons) -> None:
    """The queue is asked again, and the merge is made once, on top of it."""
    bench = daemons.bench
    while daemons.state.gate.step is not Step.MERGE:  # type: ignore[attr-defined]
        await daemons.look()
    bench.push({"c.txt": "theirs\n"})
    assert isinstance((await daemons.run()).state, Done)
    assert landed(bench) == ["by somebody", "T-1: do T-1 (#10)"]
    assert len(bench.calls("pr-create")) == 1
