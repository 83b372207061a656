"""The CI of a slow forge costs requests, not correctness: how many."""

from __future__ import annotations

from itertools import pairwise

import pytest

from mosaic_daemon.nouns.gate import Step
from mosaic_daemon.nouns.task import Status
from mosaic_daemon.stages.gate import GatePolicy
from tests.forges.fakes.exchange import Entry
from tests.forges.rest_gates import REQUESTS, Daemon, distinct

CONDITIONAL = ("github", "gitlab")

SHORTEST_SEC, LONGEST_SEC = 4.0, 24.0
"""Between two polls: five seconds at first, then up to thirty, less a fifth at random."""


async def polls(daemon: Daemon, looks: int = 75) -> list[tuple[float, list[Entry]]]:
    """Looks every other second; when there were requests, and which."""
    found = []
    for _ in range(looks):
        before = len(daemon.fake.log)
        await daemon.look()
        if asked := daemon.fake.log[before:]:
            found.append((daemon.time.seconds, asked))
        daemon.time.seconds += 2.0
    return found


def check_polls(daemon: Daemon, found: list[tuple[float, list[Entry]]]) -> None:
    """One request each, further and further apart, and unchanged ones cost nothing where the forge can say so."""
    assert len(found) > 3
    assert [len(asked) for _, asked in found] == [1] * len(found)
    pauses = [later - earlier for (earlier, _), (later, _) in pairwise(found)]
    assert min(pauses) >= SHORTEST_SEC
    assert max(pauses) >= LONGEST_SEC
    if daemon.world.dialect in CONDITIONAL:
        assert {entry.status for _, asked in found for entry in asked} == {304}


PLACES = [(Step.MAIN_CLEAR, "job"), (Step.MERGEABLE, "job"), (Step.MAIN_CI, "job"), (Step.MAIN_CI, "status")]


@distinct
@pytest.mark.parametrize(("step", "kind"), PLACES)
async def test_while_ci_runs_a_poll_is_one_request(daemon: Daemon, step: Step, kind: str) -> None:
    await daemon.run(until=step)
    sha = daemon.head if step is Step.MERGEABLE else daemon.fake.sha()
    daemon.fake.ci(sha, {"build": "running"}, kind=kind)
    await daemon.look()
    check_polls(daemon, await polls(daemon))


@distinct
async def test_while_a_required_check_runs_a_poll_is_one_request(daemon: Daemon) -> None:
    """Although the forge says of the pull request that it is blocked."""
    daemon.fake.settings.required_contexts = ["build"]
    daemon.fake.settings.pipeline_must_succeed = True
    await daemon.run(until=Step.MERGEABLE)
    daemon.fake.ci(daemon.head, {"build": "running"})
    await daemon.look()
    check_polls(daemon, await polls(daemon))
    daemon.fake.ci(daemon.head, {"build": "green"})
    assert await daemon.run() is Status.DONE


@distinct
@pytest.mark.parametrize("state", ["red", "green"])
async def test_while_the_base_branch_is_not_clear_a_poll_is_one_request(daemon: Daemon, state: str) -> None:
    """It is red, or green with an older run that goes on."""
    older = daemon.fake.sha()
    newest = daemon.fake.push_base()
    daemon.fake.ci(newest, {"build": state})
    if state == "green":
        daemon.fake.ci(older, {"slow": "running"}, kind="job", branch="main")
    await daemon.run(until=Step.MAIN_CLEAR)
    await daemon.look()
    await daemon.look()
    check_polls(daemon, await polls(daemon))
    assert daemon.step is Step.MAIN_CLEAR


@pytest.mark.parametrize("length", [0, 3, 9])
async def test_a_delivery_costs_so_many_requests_and_one_for_each_poll(daemon: Daemon, length: int) -> None:
    """Three commits have CI: the base branch's newest, the change's, the merge's. Whatever time it takes.

    The pull request is looked at before the merge, after it, and once more when its CI took a while.
    """
    daemon.policy = GatePolicy("main")
    daemon.fake.ci_always({"build": "green"}, running=length)
    while daemon.step:
        if not await daemon.look():
            daemon.time.seconds += 10.0
    assert daemon.status is Status.DONE
    daemon.check_once()
    took_a_while = int(length > 0)
    assert daemon.fake.count("get_pull") == 2 + took_a_while
    assert len(daemon.fake.log) <= REQUESTS[daemon.world.dialect] + took_a_while + 3 * length
