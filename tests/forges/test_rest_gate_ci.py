"""CI over every REST dialect: late, flaky, superseded, red, or none at all. Nothing heard is never green."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from mosaic_daemon.nouns.gate import Step
from mosaic_daemon.nouns.record import NotStarted
from mosaic_daemon.nouns.task import Status
from tests.forges.fakes.state import Plan
from tests.forges.rest_gates import Daemon, World, distinct
from tests.samples import task

CI_FILES = {"github": ".github/workflows/ci.yml", "gitea": ".gitea/workflows/ci.yml", "gitlab": ".gitlab-ci.yml"}
CI_FILES["forgejo"] = ".forgejo/workflows/ci.yml"
LISTINGS = [("github", "check_runs"), ("github", "status"), ("github", "runs"), ("gitea", "statuses")]
LISTINGS += [("forgejo", "runs"), ("gitlab", "pipelines"), ("gitlab", "statuses")]
TRACKING = "chore(orchestrator): T-1 in-progress [skip ci]"

without_reruns = pytest.mark.parametrize("world", ["gitea", "forgejo"], indirect=True)
with_reruns = pytest.mark.parametrize("world", ["github", "gitlab"], indirect=True)


def test_the_table_of_ci_files_is_whole(world: World) -> None:
    assert world.dialect in CI_FILES


@distinct
@pytest.mark.parametrize("kind", ["status", "job"])
@pytest.mark.parametrize(("hidden", "running"), [(1, 0), (3, 0), (0, 3), (2, 2)])
async def test_ci_that_is_listed_late_is_waited_for(daemon: Daemon, kind: str, hidden: int, running: int) -> None:
    """Whichever of its listings it shows up in."""
    await daemon.run(until=Step.MAIN_CI)
    daemon.pause_sec = 15.0
    daemon.fake.ci_rule(lambda _: Plan({"build": "green"}, hidden, running, kind))
    assert await daemon.run() is Status.DONE
    assert {check["state"] for check in daemon.evidence(Step.MAIN_CI)["checks"]} == {"success"}


async def test_red_ci_of_the_change_goes_back_to_a_worker_and_then_blocks(daemon: Daemon) -> None:
    daemon.fake.ci_rule(lambda sha: {"build": "red" if sha == daemon.head else "green", "lint": "green"})
    await daemon.run()
    assert isinstance(daemon.record.state, NotStarted)
    assert "fail" in daemon.record.state.reason
    daemon.accept({"a.txt": "again\n"})
    assert await daemon.run() is Status.BLOCKED
    assert daemon.failure.code == "ci_failed"
    assert not daemon.world.landed()


async def test_red_ci_of_the_merge_commit_blocks_and_holds_the_others(daemon: Daemon) -> None:
    """One commit of one gate; green again, the task is done and others pass."""
    world, fake = daemon.world, daemon.fake
    await daemon.run(until=Step.MAIN_CI)
    fake.ci(fake.sha(), {"build": "red"})
    assert await daemon.run() is Status.BLOCKED
    assert (daemon.failure.code, daemon.failure.step) == ("main_ci_failed", "gate:main-ci")
    async with world.daemon(task("T-2"), {"b.txt": "other\n"}, name="other.git") as other:
        await other.run()
        assert other.step is Step.MAIN_CLEAR
        assert other.record.tries == {}
        assert "red" in other.held[-1]
        async with world.daemon(task("T-3", fixes_main=True), {"c.txt": "mends\n"}, name="third.git") as mender:
            assert await mender.run() is Status.DONE
        assert await other.run() is Status.DONE
    fake.ci(world.fake.core.origin.git("rev-parse", "main~2"), {"build": "green"})
    daemon.ask()
    assert await daemon.run() is Status.DONE
    assert world.landed() == {"T-1.1": 1, "T-2.1": 1, "T-3.1": 1}


@pytest.mark.parametrize("kind", ["status", "job"])
async def test_green_that_turns_red_when_it_is_run_again_is_red(daemon: Daemon, kind: str) -> None:
    """The newest run counts, also while it runs."""
    await daemon.run(until=Step.MAIN_CI)
    merged = daemon.fake.sha()
    daemon.fake.ci(merged, {"build": "green"}, kind=kind)
    daemon.fake.ci(merged, {"build": "running"}, kind=kind, again=True)
    await daemon.look()
    assert daemon.step is Step.MAIN_CI
    daemon.fake.ci(merged, {"build": "red"}, kind=kind)
    assert await daemon.run() is Status.BLOCKED
    assert daemon.failure.code == "main_ci_failed"


@with_reruns
@pytest.mark.parametrize("step", [Step.MERGEABLE, Step.MAIN_CI])
@pytest.mark.parametrize("turns", ["green", "red"])
async def test_red_jobs_are_run_again_once(daemon: Daemon, step: Step, turns: str) -> None:
    daemon.policy = replace(daemon.policy, reruns=1)
    await daemon.run(until=step)
    daemon.fake.ci(daemon.head if step is Step.MERGEABLE else daemon.fake.sha(), {"build": "red", "lint": "green"})
    daemon.fake.rerun_gives({"build": turns}, running=2)
    await daemon.run()
    assert daemon.fake.count("rerun") == 1
    if turns == "green":
        assert daemon.status is Status.DONE
    elif step is Step.MERGEABLE:
        assert isinstance(daemon.record.state, NotStarted)
    else:
        assert (daemon.status, daemon.failure.code) == (Status.BLOCKED, "main_ci_failed")


@with_reruns
async def test_a_re_run_that_meets_a_limit_is_asked_for_later(daemon: Daemon) -> None:
    daemon.policy = replace(daemon.policy, reruns=1)
    await daemon.run(until=Step.MAIN_CI)
    daemon.fake.ci(daemon.fake.sha(), {"build": "red"})
    daemon.fake.rerun_gives({"build": "green"})
    daemon.fake.on("rerun").rate_limited(seconds=100)
    assert await daemon.run() is Status.DONE


@without_reruns
async def test_where_jobs_cannot_be_run_again_red_is_red(daemon: Daemon) -> None:
    daemon.policy = replace(daemon.policy, reruns=1)
    await daemon.run(until=Step.MAIN_CI)
    daemon.fake.ci(daemon.fake.sha(), {"build": "red"})
    assert await daemon.run() is Status.BLOCKED
    assert daemon.failure.code == "main_ci_failed"


def cancelled(daemon: Daemon) -> str:
    """The merge commit's CI was cancelled. Gitea has no word for it: the status's description tells."""
    merged = daemon.fake.sha()
    daemon.fake.ci(merged, {"build": "cancelled"})
    return merged


@pytest.mark.parametrize(("state", "status"), [("green", Status.DONE), ("red", Status.BLOCKED)])
async def test_ci_that_was_cancelled_for_a_newer_commit_is_judged_by_that(
    daemon: Daemon, state: str, status: Status
) -> None:
    """Also when the newer one's is listed late, and when a commit without any CI lies in between."""
    await daemon.run(until=Step.MAIN_CI)
    cancelled(daemon)
    daemon.fake.ci_always({})
    daemon.fake.push_base(message=TRACKING)
    newer = daemon.fake.push_base()
    daemon.fake.ci_later(newer, {"build": state}, hidden=1, running=2)
    assert await daemon.run() is status
    if status is Status.DONE:
        assert daemon.evidence(Step.MAIN_CI)["judged"] == newer
    else:
        assert daemon.failure.code == "main_ci_failed"
        assert newer in daemon.failure.message


async def test_a_chain_of_cancelled_runs_is_judged_by_its_end(daemon: Daemon) -> None:
    await daemon.run(until=Step.MAIN_CI)
    for _ in range(3):
        cancelled(daemon)
        end = daemon.fake.push_base()
    assert await daemon.run() is Status.DONE
    assert daemon.evidence(Step.MAIN_CI)["judged"] == end


@pytest.mark.parametrize("newer", [False, True])
async def test_ci_that_was_cancelled_and_not_for_anything_that_ran_is_red(daemon: Daemon, newer: bool) -> None:
    """By a person, or for a commit whose own never started."""
    await daemon.run(until=Step.MAIN_CI)
    cancelled(daemon)
    daemon.fake.ci_always({})
    if newer:
        daemon.fake.push_base()
    assert await daemon.run() is Status.BLOCKED
    assert daemon.failure.code == "main_ci_failed"


# --- the base branch --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["red", "running"])
async def test_a_base_branch_that_is_not_clear_holds_the_gate(daemon: Daemon, state: str) -> None:
    """No try is used, and clear again it opens."""
    daemon.fake.ci(daemon.fake.sha(), {"build": state})
    daemon.policy = replace(daemon.policy, queue_timeout=timedelta(hours=2))
    await daemon.run()
    assert daemon.step is Step.MAIN_CLEAR
    assert (daemon.record.tries, len(daemon.held), daemon.fake.count("create_pull")) == ({}, 1, 0)
    daemon.fake.ci(daemon.fake.sha(), {"build": "green"})
    assert await daemon.run() is Status.DONE


async def test_a_base_branch_that_never_gets_clear_blocks(daemon: Daemon) -> None:
    daemon.fake.ci(daemon.fake.sha(), {"build": "running"})
    assert await daemon.run() is Status.BLOCKED
    assert daemon.failure.code == "queue_timeout"


async def test_an_older_run_that_goes_on_holds_the_gate(daemon: Daemon) -> None:
    """Although the newest commit is green."""
    older = daemon.fake.sha()
    daemon.fake.push_base()
    daemon.fake.ci(older, {"slow": "running"}, kind="job", branch="main")
    await daemon.look()
    await daemon.look()
    assert daemon.step is Step.MAIN_CLEAR
    assert "slow" not in daemon.held[0]
    daemon.fake.ci(older, {"slow": "green"}, kind="job", branch="main")
    assert await daemon.run() is Status.DONE


async def test_a_tracking_commit_on_top_is_looked_through(daemon: Daemon) -> None:
    """It has no CI of its own: the commit below it speaks for the branch."""
    judged = daemon.fake.sha()
    daemon.fake.ci_rule(lambda sha: None if sha == top else {"build": "green"})
    top = daemon.fake.push_base(message=TRACKING)
    assert await daemon.run() is Status.DONE
    assert [call.path.count(judged) for call in daemon.fake.log][:1] == [1] or daemon.fake.log[0].query["sha"] == judged
    assert daemon.held == []


# --- no CI ------------------------------------------------------------------------------------------------------------


async def test_a_repository_without_ci_is_done_with_the_proof(daemon: Daemon) -> None:
    """After the time in which a first run must have shown up."""
    daemon.fake.ci_always({})
    assert await daemon.run() is Status.DONE
    evidence = daemon.evidence(Step.MAIN_CI)
    assert evidence["verdict"] == "absent"
    assert evidence["detail"] == "no check appeared, no CI file is in the commit, and none is required"
    assert "no check of the merge commit was heard of yet" in daemon.held


async def test_ci_that_never_starts_blocks_where_a_file_says_it_should(world: World) -> None:
    world.fake.ci_always({})
    async with world.daemon(files={CI_FILES[world.dialect]: "on: push\n"}) as daemon:
        assert await daemon.run() is Status.BLOCKED
        assert (daemon.failure.code, daemon.failure.step) == ("ci_never_started", "gate:main-ci")
        assert CI_FILES[world.dialect] in daemon.failure.message
        world.fake.ci(world.fake.sha(), {"build": "green"})
        daemon.ask()
        assert await daemon.run() is Status.DONE


async def test_ci_that_never_starts_blocks_where_it_is_required(daemon: Daemon) -> None:
    daemon.policy = replace(daemon.policy, ci="required")
    daemon.fake.ci_always({})
    daemon.fake.ci(daemon.fake.sha(), {"build": "green"})
    assert await daemon.run() is Status.BLOCKED
    assert (daemon.failure.code, daemon.failure.step) == ("ci_never_started", "gate:main-ci")


async def test_ci_that_never_ends_blocks(daemon: Daemon) -> None:
    await daemon.run(until=Step.MAIN_CI)
    daemon.fake.ci(daemon.fake.sha(), {"build": "running"})
    assert await daemon.run() is Status.BLOCKED
    assert (daemon.failure.code, daemon.failure.step) == ("ci_timeout", "gate:main-ci")


async def test_where_ci_is_declared_to_be_none_it_is_not_asked(daemon: Daemon) -> None:
    """Not even on a forge whose token may not read it."""
    daemon.policy = replace(daemon.policy, ci="none")
    asked = ("check_runs", "status", "statuses", "pipelines", "runs")
    await daemon.run()
    assert daemon.fake.count(*asked) == 0
    assert daemon.record.state.evidence["ci"] == "absent"  # type: ignore[union-attr]


@pytest.mark.parametrize(("world", "operation"), LISTINGS, indirect=["world"])
@pytest.mark.parametrize("fault", ["500", "429", "drop"])
async def test_an_outage_of_ci_is_waited_for(daemon: Daemon, operation: str, fault: str) -> None:
    """Nothing is concluded from it, and no try is used."""
    daemon.policy = replace(daemon.policy, queue_timeout=timedelta(hours=2), ci_timeout=timedelta(hours=2))
    order = daemon.fake.on(operation, times=7 if fault != "429" else 2, skip=1)
    {"500": lambda: order.answer(500), "429": lambda: order.rate_limited(headers=False), "drop": order.drop}[fault]()
    daemon.fake.ci_always({"build": "green"}, running=2)
    assert await daemon.run() is Status.DONE
    assert daemon.record.tries == {}


@pytest.mark.parametrize("world", ["gitlab"], indirect=True)
@pytest.mark.parametrize(("end", "code"), [("green", ""), ("red", "ci_failed")])
async def test_ci_of_what_a_merge_gives_is_the_changes_own(daemon: Daemon, end: str, code: str) -> None:
    """No commit of the branch has it: only the merge request tells, and while it runs a poll is one request."""
    fake, origin = daemon.fake, daemon.fake.core.origin
    fake.ci_rule(lambda sha: None if sha == daemon.head else {"build": "green"})
    await daemon.run(until=Step.MERGEABLE)
    tree = origin.merged_tree(fake.sha(), daemon.head)
    assert tree
    result, ref = (
        origin.make_commit(tree, (fake.sha(), daemon.head), "result"),
        f"refs/merge-requests/{fake.pulls[0].number}/merge",
    )
    fake.ci(result, {"build": "running"}, branch=ref)
    await daemon.look()
    before = len(fake.log)
    for _ in range(5):
        daemon.time.seconds += 40.0
        await daemon.look()
    assert len(fake.log) - before == 5
    assert daemon.step is Step.MERGEABLE
    fake.ci(result, {"build": end}, branch=ref)
    await daemon.run()
    assert (daemon.failure.code if daemon.record.last_failure else "") == code
    assert daemon.world.landed() == ({} if code else {"T-1.1": 1})
