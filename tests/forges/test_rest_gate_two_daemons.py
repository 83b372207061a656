"""Two daemons with clones and ledgers of their own land on one branch of one forge."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from itertools import cycle

import pytest

from mosaic_daemon.nouns.record import Done
from mosaic_daemon.nouns.task import Status
from tests.forges.rest_gates import Daemon, World, distinct
from tests.samples import task

Pair = tuple[Daemon, Daemon]

TAKEN = {"landed_elsewhere", "head_moved", "tree_mismatch", "conflict"}
"""What a task is told whose gate's name another daemon has used."""


@pytest.fixture
async def pair(world: World) -> AsyncIterator[Pair]:
    """Different tasks on different files."""
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(world.daemon())
        other = world.daemon(task("T-2", issue="#6"), {"b.txt": "other\n"}, name="other.git")
        yield one, await stack.enter_async_context(other)


@pytest.fixture
async def namesakes(world: World) -> AsyncIterator[Pair]:
    """The same task in two ledgers, with different work."""
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(world.daemon())
        other = world.daemon(files={"b.txt": "other\n"}, name="other.git")
        yield one, await stack.enter_async_context(other)


async def interleaved(daemons: Pair, head_start: int, turns: tuple[int, int]) -> None:
    """The first one looks so often before the second starts; then they look in turns, so many looks each."""
    for _ in range(head_start):
        if daemons[0].step:
            await daemons[0].look()
    for number in cycle((0, 1)):
        for _ in range(turns[number]):
            if daemons[number].step:
                await daemons[number].look()
        daemons[0].time.seconds += 5.0
        if not (daemons[0].step or daemons[1].step):
            break
    for daemon in daemons:
        daemon.check()


@distinct
@pytest.mark.parametrize("turns", [(1, 1), (1, 3)])
@pytest.mark.parametrize("head_start", [0, 5, 7, 9])
async def test_two_tasks_land_once_each(pair: Pair, head_start: int, turns: tuple[int, int]) -> None:
    """Whoever finds the base branch moved goes back to the queue guard and loses nothing."""
    await interleaved(pair, head_start, turns)
    assert [daemon.status for daemon in pair] == [Status.DONE, Status.DONE]
    assert pair[0].world.landed() == {"T-1.1": 1, "T-2.1": 1}
    assert [len(daemon.fake.comments(daemon.issue)) for daemon in pair] == [1, 1]
    assert len(pair[0].fake.pulls) == 2


async def test_two_tasks_land_once_each_when_both_act_at_once(pair: Pair) -> None:
    """Request by request, as it comes."""
    await asyncio.gather(pair[0].drive(), pair[1].drive())
    for daemon in pair:
        daemon.check()
    assert [daemon.status for daemon in pair] == [Status.DONE, Status.DONE]
    assert pair[0].world.landed() == {"T-1.1": 1, "T-2.1": 1}


@distinct
@pytest.mark.parametrize("head_start", [0, 3, 5, 7, 9, 30])
async def test_a_gate_whose_name_another_daemon_has_used_blocks(namesakes: Pair, head_start: int) -> None:
    """One of them lands; the other says so, also when it is asked again, and touches nothing of the first one's."""
    await interleaved(namesakes, head_start, (1, 1))
    assert namesakes[0].world.landed() == {"T-1.1": 1}
    statuses = sorted(daemon.status for daemon in namesakes)
    assert statuses == [Status.BLOCKED, Status.DONE]
    [blocked] = [daemon for daemon in namesakes if daemon.status is Status.BLOCKED]
    for _ in range(2):
        assert blocked.failure.code in TAKEN
        blocked.ask()
        assert await blocked.run() is Status.BLOCKED
    assert blocked.world.landed() == {"T-1.1": 1}


async def test_the_same_work_under_the_same_name_lands_once_for_both(world: World) -> None:
    """Two clones of one queue: the commit, the pull request and the comment are each other's."""
    async with world.daemon() as one, world.daemon(name="other.git") as other:
        await interleaved((one, other), 0, (1, 1))
        for daemon in (one, other):
            daemon.check_once()


async def at_once(one: Daemon, other: Daemon, act: str) -> None:
    """Both go on until this act of each is with the forge, and then the forge goes on."""
    meet = threading.Barrier(2)
    one.fake.on(act, times=2).before(lambda: meet.wait(timeout=10))
    await asyncio.gather(one.drive(), other.drive())
    assert not meet.broken
    assert one.fake.count(act) >= 2
    assert one.world.landed() == {"T-1.1": 1}


@pytest.mark.parametrize("act", ["create_pull", "merge"])
async def test_the_same_gate_sent_at_the_same_instant_lands_once_and_both_see_it(world: World, act: str) -> None:
    """The forge merges a pull request once and opens one for a branch; the other daemon finds what is there."""
    async with world.daemon() as one, world.daemon(name="other.git") as other:
        await at_once(one, other, act)
        assert len(world.fake.pulls) == 1
        assert one.issue.state == "closed"
        for daemon in (one, other):
            assert isinstance(daemon.record.state, Done), daemon.record.state
            evidence = daemon.record.state.evidence
            assert (evidence["merge_sha"], evidence["ci"]) == (world.fake.sha(), "green")
            assert evidence["tree"] == world.fake.commit(world.fake.sha()).tree


@distinct
async def test_other_work_under_the_same_name_opened_at_the_same_instant_does_not_land(namesakes: Pair) -> None:
    """No forge would refuse the second merge, so its daemon does: both see whose pull request was first."""
    await at_once(*namesakes, "create_pull")
    assert sorted(daemon.status for daemon in namesakes) == [Status.BLOCKED, Status.DONE]
    [blocked] = [daemon for daemon in namesakes if daemon.status is Status.BLOCKED]
    assert blocked.failure.code == "head_moved"
    assert blocked.fake.count("merge") == 1
