"""The gate over every REST dialect, whatever the forge does: one commit, one pull request, one comment, or a reason."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mosaic_daemon.nouns import events as ev
from mosaic_daemon.nouns.gate import STEPS, Step
from mosaic_daemon.nouns.task import Status
from tests.forges.fakes.faults import Order
from tests.forges.fakes.fixtures import DIALECTS
from tests.forges.rest_gates import REQUESTS, Daemon, World, distinct

BRANCH = "task/t-1"
ACTS = ("create_pull", "merge", "comment", "update_issue")


def instants(every: int) -> pytest.MarkDecorator:
    """The requests of a delivery: each of them on GitHub, and some here, some there on the others."""
    spread = [("github", n) for n in range(0, REQUESTS["github"], every)]
    spread += [("gitea", n) for n in range(0, REQUESTS["gitea"], 2 * every)]
    spread += [("gitlab", n) for n in range(1, REQUESTS["gitlab"], 2 * every)]
    return pytest.mark.parametrize(("world", "instant"), spread, indirect=["world"])


async def test_the_way_through(daemon: Daemon) -> None:
    """Eight steps, each act sent once, evidence of each, and no more requests than are needed."""
    await daemon.run()
    daemon.check_once()
    assert [event.step for event in daemon.events(ev.GateStepped)] == list(STEPS[:-1])
    assert {act: daemon.fake.count(act) for act in ACTS} == dict.fromkeys(ACTS, 1)
    assert daemon.fake.pulls[0].merged_at
    assert len(daemon.fake.log) <= REQUESTS[daemon.world.dialect]
    assert daemon.held == []


LOST: dict[str, Callable[[Order], object]] = {
    "500": lambda order: order.then_answer(500),
    "dropped": lambda order: order.then_drop(),
    "404": lambda order: order.then_answer(404),
    "403": lambda order: order.then_answer(403),
}


@distinct
@pytest.mark.parametrize("answer", LOST)
@pytest.mark.parametrize("act", ACTS)
async def test_an_act_that_is_done_and_answered_badly_is_not_done_again(daemon: Daemon, act: str, answer: str) -> None:
    LOST[answer](daemon.fake.on(act))
    await daemon.run()
    if daemon.status is Status.BLOCKED:  # a refusal in so many words is believed until somebody looks again
        daemon.ask()
        await daemon.run()
    daemon.check_once()
    assert daemon.fake.count(act) == 1


NOT_DONE: dict[str, Callable[[Order], object]] = {
    "500": lambda order: order.answer(500),
    "dropped": lambda order: order.drop(),
    "limited": lambda order: order.rate_limited(seconds=40),
    "limited without headers": lambda order: order.rate_limited(headers=False),
}


@distinct
@pytest.mark.parametrize("answer", NOT_DONE)
@pytest.mark.parametrize("act", ACTS)
async def test_an_act_that_was_not_done_is_done_later(daemon: Daemon, act: str, answer: str) -> None:
    NOT_DONE[answer](daemon.fake.on(act))
    await daemon.run()
    daemon.check_once()
    assert daemon.fake.count(act) == 2
    assert daemon.record.tries == {}


@distinct
@pytest.mark.parametrize("act", ACTS)
async def test_an_act_that_arrives_late_is_not_sent_again_before(daemon: Daemon, act: str) -> None:
    """Its answer is lost; a minute later the forge has done it. However often somebody looks in between."""
    daemon.fake.on(act).delay()
    while not daemon.fake.count(act):
        await daemon.look()
    for _ in range(20):
        daemon.time.seconds += 3.0
        await daemon.look()
    daemon.fake.catch_up()
    await daemon.run()
    daemon.check_once()
    assert daemon.fake.count(act) == 1


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("world", ["github"], indirect=True)
@pytest.mark.parametrize("seconds", [1, None])
async def test_a_secondary_limit_is_waited_for(daemon: Daemon, act: str, seconds: int | None) -> None:
    daemon.fake.on(act).secondary_limit(seconds=seconds)
    await daemon.run()
    daemon.check_once()
    assert daemon.fake.count(act) == 2


TEXTS = [(name, why) for name, dialect in DIALECTS.items() if name != "forgejo" for why in dialect.texts]


@pytest.mark.parametrize(("world", "why"), TEXTS, indirect=["world"])
async def test_a_merge_that_is_refused_in_any_words_is_tried_again_or_blocked(daemon: Daemon, why: str) -> None:
    daemon.fake.on("merge").refuse(why)
    await daemon.run()
    if daemon.status is Status.BLOCKED:
        assert not daemon.world.landed()
        assert "PUT" in daemon.failure.command or "POST" in daemon.failure.command
        daemon.ask()
        await daemon.run()
    daemon.check_once()
    assert daemon.fake.count("merge") == 2


async def test_a_merge_that_is_answered_200_and_not_done(daemon: Daemon) -> None:
    """GitLab says why; elsewhere it is looked for, and then sent again."""
    daemon.fake.on("merge").unmerged()
    await daemon.run()
    if daemon.world.dialect == "gitlab":
        assert (daemon.status, daemon.failure.code) == (Status.BLOCKED, "squash_not_allowed")
        daemon.ask()
        await daemon.run()
    daemon.check_once()


async def test_a_squash_of_a_wrong_tree_is_blocked_for_good(daemon: Daemon) -> None:
    daemon.fake.on("merge").wrong_tree()
    for _ in range(2):
        assert await daemon.run() is Status.BLOCKED
        assert (daemon.failure.code, daemon.failure.step) == ("tree_mismatch", "gate:verify")
        daemon.ask()
    assert daemon.fake.count("merge") == 1


@pytest.mark.parametrize("status", [200, 403, 404, 500])
async def test_a_merge_that_leaves_the_pull_request_open_is_a_merge(daemon: Daemon, status: int) -> None:
    """And the pull request is closed in the end; Gitea lets itself be told that it was merged."""
    order = daemon.fake.on("merge").leave_open()
    if status != 200:
        order.then_answer(status)
    await daemon.run()
    daemon.check_once()
    [pull] = daemon.fake.pulls
    told = [call for call in daemon.fake.calls("merge") if call.body.get("Do") == "manually-merged"]
    assert pull.state in ("closed", "merged")
    assert daemon.fake.count("merge") - len(told) == 1
    if told:
        assert (pull.merge_sha, bool(pull.merged_at)) == (daemon.fake.sha(), True)
    assert bool(told) == (daemon.world.dialect in ("gitea", "forgejo"))


@pytest.mark.parametrize("world", ["gitea"], indirect=True)
async def test_a_gitea_that_does_not_let_itself_be_told_of_a_merge(daemon: Daemon) -> None:
    """The pull request is closed, and a comment says which commit it is."""
    daemon.fake.settings.autodetect = False
    daemon.fake.on("merge").leave_open()
    await daemon.run()
    daemon.check_once()
    [pull] = daemon.fake.pulls
    assert (pull.state, pull.merged_at) == ("closed", None)
    assert [comment.body for comment in daemon.fake.comments(pull)] == [f"Merged as {daemon.fake.sha()}."]


# --- the pull request -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("times", [1, 3, -1])
async def test_a_forge_that_does_not_know_whether_it_merges(daemon: Daemon, times: int) -> None:
    """So many times, or never: then git decides, and a forge that still says no blocks."""
    daemon.fake.settings.mergeable_after = times
    status = await daemon.run()
    assert "the forge says of pull request" in daemon.held[0]
    if times == -1 and status is Status.BLOCKED:
        assert (daemon.failure.code, daemon.failure.step) == ("put_off", "gate:merge")
        daemon.fake.settings.mergeable_after = 0
        daemon.fake.pulls[0].judged = ("", "")
        daemon.fake.pulls[0].unknown = 0
        daemon.ask()
        await daemon.run()
    daemon.check_once()


async def test_an_old_merged_pull_request_of_the_branch_is_not_this_one(daemon: Daemon) -> None:
    daemon.fake.push(BRANCH, {"old.txt": "old\n"})
    daemon.fake.old_pull(BRANCH)
    daemon.fake.core.origin.delete_branch(BRANCH)
    assert await daemon.run() is Status.DONE
    assert daemon.gate is None
    assert [pull.merged_at is not None for pull in daemon.fake.pulls] == [True, True]


async def test_a_branch_that_holds_other_work_is_left_alone(daemon: Daemon) -> None:
    """The change goes by another one."""
    theirs = daemon.fake.push(BRANCH, {"other.txt": "other\n"})
    await daemon.run()
    daemon.check_once()
    assert daemon.fake.sha(BRANCH) == theirs
    assert daemon.fake.pulls[0].head == f"{BRANCH}-T-1.1"


async def test_somebody_elses_pull_request_of_the_same_commit_is_adopted(daemon: Daemon) -> None:
    """With its words kept."""
    assert await daemon.clone.push_branch(daemon.head, BRANCH)
    daemon.fake.open_pull(BRANCH, title="Theirs", body="Their words.")
    await daemon.run()
    daemon.check_once()
    assert daemon.fake.count("create_pull") == 0
    [pull] = daemon.fake.pulls
    assert pull.title == "Theirs"
    assert pull.body.startswith("Their words.")


@distinct
async def test_closing_words_of_an_adopted_pull_request_close_nothing(daemon: Daemon) -> None:
    """They stand there, and no forge obeys them: the issue waits for CI of the merge."""
    assert await daemon.clone.push_branch(daemon.head, BRANCH)
    daemon.fake.open_pull(BRANCH, title="Fixes #7 at last", body="Their words.\n\nCloses #7")
    await check_the_issue_stays_open(daemon)
    [pull] = daemon.fake.pulls
    assert pull.title == "Fixes (see) #7 at last"
    assert pull.body.startswith("Their words.\n\nCloses (see) #7")


@distinct
async def test_closing_words_that_somebody_writes_just_before_the_merge_close_nothing(daemon: Daemon) -> None:
    await daemon.run(until=Step.MERGE)
    daemon.fake.pulls[0].body += "\n\nResolves #7"
    daemon.time.seconds += 1.0
    await check_the_issue_stays_open(daemon)


async def check_the_issue_stays_open(daemon: Daemon) -> None:
    """CI of the merge is red: nothing may have closed it."""
    daemon.fake.ci_rule(lambda _: {"build": "red" if daemon.fake.count("merge") else "green"})
    assert await daemon.run() is Status.BLOCKED
    assert daemon.failure.code == "main_ci_failed"
    assert daemon.issue.state == "open"
    assert daemon.fake.count("merge") == 1


async def test_a_pull_request_that_a_person_closes_blocks_until_it_is_open_again(daemon: Daemon) -> None:
    await daemon.run(until=Step.MERGE)
    [pull] = daemon.fake.pulls
    daemon.fake.core.close(pull)
    daemon.time.seconds += 1.0
    for _ in range(2):
        assert await daemon.run() is Status.BLOCKED
        assert daemon.failure.code == "closed_by_person"
        assert f"/{pull.number}" in daemon.failure.command
        daemon.ask()
    daemon.fake.core.reopen(pull)
    await daemon.run()
    daemon.check_once()


@pytest.mark.parametrize("step", [Step.MERGEABLE, Step.MERGE])
@pytest.mark.parametrize("message", ["By hand", "By hand\n\nMosaic-Gate: T-1.1"])
async def test_a_pull_request_that_a_person_merges_is_judged_like_our_own(
    daemon: Daemon, step: Step, message: str
) -> None:
    await daemon.run(until=step)
    [pull] = daemon.fake.pulls
    daemon.fake.core.squash(pull, message)
    daemon.fake.core.mark_merged(pull)
    daemon.time.seconds += 1.0
    assert await daemon.run() is Status.DONE
    assert daemon.fake.count("merge") == 0
    assert daemon.record.state.evidence["merge_sha"] == daemon.fake.sha()  # type: ignore[union-attr]


async def test_a_token_that_is_revoked_blocks_and_a_new_one_goes_on(daemon: Daemon) -> None:
    """At every step, with what was asked as a line to paste."""
    for step in (Step.PR, Step.MERGEABLE, Step.MERGE, Step.MAIN_CI, Step.CLOSE):
        await daemon.run(until=step)
        daemon.fake.revoke(daemon.fake.token)
        assert await daemon.run() is Status.BLOCKED
        assert daemon.failure.code == "unauthorized"
        assert daemon.failure.step == f"gate:{step}"
        assert "$TOKEN" in daemon.failure.command
        daemon.fake.grant(daemon.fake.token)
        daemon.ask()
    await daemon.run()
    daemon.check_once()


@distinct
async def test_while_the_token_is_refused_what_is_asked_again_waits(daemon: Daemon) -> None:
    """As every other task does that wants to the base branch, without a try; and it goes on when the token is good."""
    daemon.fake.revoke(daemon.fake.token)
    assert await daemon.run() is Status.BLOCKED
    assert daemon.failure.step == "gate:main-clear"
    tries = daemon.record.tries
    daemon.ask()
    await daemon.run()
    assert daemon.step is Step.MAIN_CLEAR
    daemon.fake.grant(daemon.fake.token)
    await daemon.run()
    daemon.check_once()
    assert daemon.record.tries == tries


async def test_a_squash_that_is_not_allowed_blocks(daemon: Daemon) -> None:
    daemon.fake.settings.allow_squash = False
    assert await daemon.run() is Status.BLOCKED
    assert (daemon.failure.code, daemon.failure.step) == ("squash_not_allowed", "gate:merge")
    daemon.fake.settings.allow_squash = True
    daemon.ask()
    await daemon.run()
    daemon.check_once()


@pytest.mark.parametrize("world", ["github"], indirect=True)
async def test_a_merge_queue_that_is_required_blocks_before_anything_is_sent(daemon: Daemon) -> None:
    daemon.fake.settings.merge_queue = True
    assert await daemon.run() is Status.BLOCKED
    assert daemon.failure.code == "merge_queue_required"
    assert daemon.fake.count("merge") == 0


async def test_a_required_check_that_never_comes_blocks(daemon: Daemon) -> None:
    """In the end, and with few requests; when it is there the merge goes on."""
    if daemon.world.dialect == "gitlab":
        daemon.fake.ci_always({})
        daemon.fake.settings.pipeline_must_succeed = True
    else:
        daemon.fake.settings.required_contexts = ["slow"]
    assert await daemon.run() is Status.BLOCKED
    assert daemon.failure.code in ("put_off", "protection")
    assert not daemon.world.landed()
    assert daemon.fake.count("merge") <= 10
    daemon.fake.ci(daemon.head, {"slow": "green"})
    daemon.fake.ci_always({"slow": "green"})
    daemon.ask()
    await daemon.run()
    daemon.check_once()


# --- between any two calls --------------------------------------------------------------------------------------------


@instants(1)
async def test_somebody_commits_before_any_request(daemon: Daemon, instant: int) -> None:
    daemon.fake.on("*", skip=instant).before(daemon.fake.push_base)
    await daemon.run()
    daemon.check_once()


@instants(2)
async def test_somebody_commits_a_conflict_before_any_request(daemon: Daemon, instant: int) -> None:
    """Landed before it, or back to a worker with the file named; never both, never by force."""
    daemon.fake.on("*", skip=instant).before(lambda: daemon.fake.push_base({"a.txt": "theirs\n"}))
    await daemon.run()
    assert (daemon.status is Status.DONE) == bool(daemon.world.landed())
    if daemon.status is not Status.DONE:
        assert daemon.failure.code == "conflict"
        assert daemon.failure.command


@instants(2)
async def test_somebody_pushes_to_the_branch_before_any_request(world: World, daemon: Daemon, instant: int) -> None:
    """What was accepted lands or nothing does, and the task says that its pull request is another one."""
    daemon.fake.on("*", skip=instant).before(lambda: daemon.fake.push(BRANCH, {"more.txt": "more\n"}))
    await daemon.run()
    assert world.landed() == ({"T-1.1": 1} if daemon.status is Status.DONE else {})
    if daemon.status is Status.BLOCKED:
        assert daemon.failure.code == "head_moved"
        origin = daemon.fake.core.origin
        origin.move(BRANCH, daemon.head, origin.branch(BRANCH))
        daemon.ask()
        await daemon.run()
    daemon.check_once()
