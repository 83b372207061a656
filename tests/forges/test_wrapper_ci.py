"""CI as scripts tell it: they wait over the rail, and nothing waits for them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mosaic_daemon.forges.base import CiReport, Forbidden, Proposal, Rejected, Verdict
from mosaic_daemon.forges.wrappers.forge import WrappersForge
from mosaic_rails.base import Cause
from mosaic_rails.memory import End, MemoryRail
from tests.forges.benches import proposal
from tests.forges.scripted import ScriptedBench

WAYS = ["queue", "change", "commit"]
NOTHING = [
    {"exit_code": 75},
    {"exit_code": 69},
    {"exit_code": None, "signal": 9},
    {"cause": Cause.REVOKED, "exit_code": None, "signal": 15},
]


class Ci:
    """A forge whose scripts the test ends, at a time that it chooses."""

    def __init__(self, bench: ScriptedBench, change: Proposal) -> None:
        self.bench, self.change = bench, change
        self.ago = timedelta()
        self.rail = MemoryRail(bench.repository.folder, now=lambda: datetime.now(UTC) - self.ago)
        bench.conduct = replace(bench.conduct, rail=self.rail)
        self.forge: WrappersForge = bench.wrappers()

    async def ask(self, way: str) -> CiReport:
        head = self.bench.head()
        match way:
            case "queue":
                return await self.forge.queue(head)
            case "change":
                return await self.forge.change_ci(self.change, head)
            case _:
                return await self.forge.commit_ci(head)

    @property
    def runs(self) -> list[str]:
        return list(self.rail.orders)

    def end(self, *, ago: float = 0.0, **end: Any) -> None:
        """The newest run ends, so many seconds ago."""
        self.ago = timedelta(seconds=ago)
        self.rail.start(self.runs[-1])
        self.rail.finish(self.runs[-1], End(**end))


@pytest.fixture
async def ci(tmp_path: Path) -> Ci:
    bench = await ScriptedBench.start(tmp_path)
    return Ci(bench, replace(proposal("T-1.1", await bench.work({"a.txt": "mine\n"})), change="10"))


@pytest.mark.parametrize("way", WAYS)
async def test_it_is_pending_while_the_script_runs_and_green_when_it_says_so(ci: Ci, way: str) -> None:
    """One run, however often it is asked, and by the next daemon as well."""
    for _ in range(2):
        report = await ci.ask(way)
        assert (report.verdict, len(ci.runs)) == (Verdict.PENDING, 1)
        ci.forge = ci.bench.wrappers()
    ci.end(output=b"ok\n")
    for _ in range(2):
        report = await ci.ask(way)
        assert report.verdict is Verdict.GREEN
        assert report.checks[0].state == "exit 0"
    assert len(ci.runs) == 1


async def test_the_commands_and_their_time(ci: Ci) -> None:
    """In the person's repository, under a name that says what for."""
    head = ci.bench.head()
    for way in WAYS:
        await ci.ask(way)
    orders = list(ci.rail.orders.values())
    assert [each.attempt for each in orders] == [
        f"queue-{head[:12]}.1",
        f"T-1.1-ci-{ci.change.head_sha[:12]}.1",
        f"main-{head[:12]}.1",
    ]
    queue = (ci.bench.tool("ci-queue-wait.sh"), "--purpose", "merge", "-B", "main")
    assert [each.argv for each in orders] == [queue, (ci.bench.tool("pr-ci-wait.sh"), "-n", "10"), queue]
    assert {each.cwd for each in orders} == {ci.bench.repository.root}
    assert {each.limits.timeout_sec for each in orders} == {3600.0}
    assert {each.limits.stall_sec for each in orders} == {0.0}
    assert orders[2].env["MOSAIC_HEAD_SHA"] == head


@pytest.mark.parametrize("way", WAYS)
async def test_any_other_end_is_red(ci: Ci, way: str) -> None:
    """With the command and what it said last."""
    await ci.ask(way)
    ci.end(exit_code=1, output=b"x" * 100_000 + b"\n2 checks failed\n")
    report = await ci.ask(way)
    assert report.verdict is Verdict.RED
    assert report.detail.endswith("\n2 checks failed")
    assert len(report.detail) <= 8192
    assert report.command == report.checks[0].name
    assert report.checks[0].state == "exit 1"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("end", NOTHING)
async def test_an_end_that_says_nothing_is_asked_again(ci: Ci, way: str, end: dict[str, Any]) -> None:
    """Five times in a row; then it is the script that is at fault, not the commit."""
    for run in range(1, 6):
        assert (await ci.ask(way)).verdict is Verdict.PENDING
        assert len(ci.runs) == run
        ci.end(**end)
    with pytest.raises(Rejected) as caught:
        await ci.ask(way)
    assert caught.value.failure.code == "ci_unreadable"
    assert caught.value.failure.command
    assert len(ci.runs) == 5


async def test_a_lost_run_is_asked_again(ci: Ci) -> None:
    await ci.ask("commit")
    ci.rail.start(ci.runs[-1])
    ci.rail.lose(ci.runs[-1])
    assert (await ci.ask("commit")).verdict is Verdict.PENDING
    assert len(ci.runs) == 2


async def test_between_two_runs_there_is_a_pause(ci: Ci) -> None:
    ci.bench.conduct = replace(ci.bench.conduct, pause_sec=30.0)
    ci.forge = ci.bench.wrappers()
    await ci.ask("commit")
    ci.end(exit_code=75)
    for _ in range(2):
        assert (await ci.ask("commit")).verdict is Verdict.PENDING
    assert len(ci.runs) == 1


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("end", "code"),
    [
        ({"cause": Cause.TIMEOUT, "exit_code": 0}, "ci_timeout"),
        ({"cause": Cause.SPAWN, "exit_code": None, "detail": "no such file"}, "ci_unreadable"),
        ({"exit_code": 127}, "ci_unreadable"),
    ],
)
async def test_a_script_that_cannot_say_is_not_a_red_commit(ci: Ci, way: str, end: dict[str, Any], code: str) -> None:
    """It blocks the task, with its command. Asked later, it is tried again."""
    await ci.ask(way)
    ci.end(**end)
    for _ in range(2):
        with pytest.raises(Rejected) as caught:
            await ci.ask(way)
        assert caught.value.failure.code == code
    assert len(ci.runs) == 1


@pytest.mark.parametrize("end", [{"exit_code": 1}, {"exit_code": 127}, {"cause": Cause.TIMEOUT, "exit_code": 0}])
@pytest.mark.parametrize("way", ["change", "commit"])
async def test_whoever_asks_a_minute_later_asks_anew(ci: Ci, way: str, end: dict[str, Any]) -> None:
    """A person has retried the task, and CI may have been run again."""
    await ci.ask(way)
    ci.end(**end, ago=61)
    assert (await ci.ask(way)).verdict is Verdict.PENDING
    assert len(ci.runs) == 2
    ci.end()
    assert (await ci.ask(way)).verdict is Verdict.GREEN


async def test_a_green_commit_stays_green(ci: Ci) -> None:
    for way in ("change", "commit"):
        await ci.ask(way)
        ci.end(ago=10_000)
        assert (await ci.ask(way)).verdict is Verdict.GREEN
    assert len(ci.runs) == 2


async def test_a_red_branch_stays_red_until_it_is_heard_to_be_green(ci: Ci) -> None:
    """It is asked every minute; gates hold all the while, and do not run into their time limit."""
    await ci.ask("queue")
    for run in range(2, 4):
        ci.end(exit_code=1, ago=61)
        for _ in range(2):
            assert (await ci.ask("queue")).verdict is Verdict.RED
            assert len(ci.runs) == run
    ci.end()
    assert (await ci.ask("queue")).verdict is Verdict.GREEN


async def test_a_branch_that_was_clear_long_ago_is_asked_again(ci: Ci) -> None:
    await ci.ask("queue")
    ci.end(ago=301)
    assert (await ci.ask("queue")).verdict is Verdict.PENDING
    assert len(ci.runs) == 2


async def test_a_commit_of_the_table_has_no_ci_of_its_own(ci: Ci) -> None:
    """The queue is judged at the commit below."""
    below = ci.bench.head()
    ci.bench.repository.push({"docs/TASKS.md": "x\n"}, "chore(orchestrator): tracking [skip ci]")
    assert await ci.forge.base() == ci.bench.head()
    await ci.ask("queue")
    assert ci.runs == [f"queue-{below[:12]}.1"]


async def test_what_a_verdict_of_the_branch_is_worth_is_said(ci: Ci) -> None:
    await ci.ask("commit")
    ci.end()
    assert f"started with {ci.bench.head()} on it" in (await ci.ask("commit")).detail


async def test_without_a_command_there_is_no_ci(ci: Ci) -> None:
    """And never a green one."""
    ci.bench.commands = replace(ci.bench.commands, pr_ci_wait=(), ci_queue_wait=())
    ci.forge = ci.bench.wrappers()
    for way in WAYS:
        report = await ci.ask(way)
        assert (report.verdict, report.checks) == (Verdict.ABSENT, ())
        assert "forge.commands." in report.detail
    assert ci.runs == []


async def test_a_gate_that_is_over_waits_for_nothing(ci: Ci) -> None:
    """Its script is stopped."""
    await ci.ask("change")
    ci.rail.start(ci.runs[-1])
    await ci.forge.tidy(ci.change)
    assert (await ci.ask("change")).verdict is Verdict.PENDING
    assert len(ci.runs) == 2


async def test_red_jobs_cannot_be_run_again(ci: Ci) -> None:
    assert isinstance(await ci.forge.rerun(ci.bench.head()), Forbidden)
