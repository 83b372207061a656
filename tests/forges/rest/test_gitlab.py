"""What only GitLab does."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from mosaic_daemon.forges.base import Delayed, Forbidden, IssueText, Moved, Sent
from mosaic_daemon.forges.rest import gitlab
from mosaic_daemon.forges.rest.hosting import Job, Outcome, PullState, PullText, Readiness, SquashOrder
from tests.forges.rest.conftest import Bench, MakeBench

BRANCH = "task/t-1"


@pytest.fixture
def bench(make_bench: MakeBench) -> Bench:
    return make_bench("gitlab")


async def opened(bench: Bench) -> tuple[int, SquashOrder]:
    head = bench.change(BRANCH)
    number = bench.fake.open_pull(BRANCH).number
    await bench.forge.pull(number)
    return number, SquashOrder(head, "Add a thing", "Mosaic-Gate: T-1.1")


@pytest.mark.parametrize(
    ("server", "api"),
    [
        ("https://gitlab.com", "https://gitlab.com/api/v4"),
        ("https://git.example.org/gitlab/", "https://git.example.org/gitlab/api/v4"),
        ("https://gitlab.com/api/v4", "https://gitlab.com/api/v4"),
    ],
)
def test_the_api_of_a_server(server: str, api: str) -> None:
    assert gitlab.api_of(server) == api


@pytest.mark.parametrize(
    ("text", "kind", "code"),
    [
        ("head_moved", Moved, ""),
        ("not_mergeable", Delayed, ""),
        ("old_not_mergeable", Delayed, ""),
        ("not_ready", Delayed, ""),
        ("no_push", Forbidden, "permission"),
        ("branch_gone", Forbidden, "not_found"),
    ],
)
async def test_what_a_refused_merge_means_is_asked_of_the_merge_request(
    bench: Bench, text: str, kind: type, code: str
) -> None:
    number, order = await opened(bench)
    bench.fake.on("merge").refuse(text)
    answer = await bench.forge.merge(number, order)
    assert isinstance(answer, kind)
    if isinstance(answer, Forbidden):
        assert answer.failure.code == code
        assert answer.failure.request_id
        assert "PRIVATE-TOKEN: $TOKEN" in answer.failure.command
    assert bench.fake.count("merge") == 1


async def test_a_merge_goes_with_both_messages_and_never_by_itself(bench: Bench) -> None:
    number, order = await opened(bench)
    await bench.forge.merge(number, order)
    (sent,) = bench.fake.calls("merge")
    assert sent.body == {
        "squash": True,
        "sha": order.head_sha,
        "should_remove_source_branch": False,
        "squash_commit_message": "Add a thing\n\nMosaic-Gate: T-1.1",
        "merge_commit_message": "Add a thing\n\nMosaic-Gate: T-1.1",
    }


async def test_a_project_without_merge_commits_lands_the_squash_alone(bench: Bench) -> None:
    bench.fake.settings.merge_method = "ff"
    assert not (await bench.forge.rules("main")).two_commits
    number, order = await opened(bench)
    assert isinstance(await bench.forge.merge(number, order), Sent)
    assert (await bench.forge.pull(number)).merge_sha == bench.fake.sha()
    bench.fake.settings.merge_method = "merge"
    assert (await bench.forge.rules("main")).two_commits


async def test_200_with_a_merge_error_is_a_refusal_in_its_words(bench: Bench) -> None:
    number, order = await opened(bench)
    bench.fake.on("merge").edit(lambda body: {**body, "state": "opened", "merge_error": "a hook said no"})
    answer = await bench.forge.merge(number, order)
    assert isinstance(answer, Forbidden)
    assert (answer.failure.code, answer.failure.message) == ("merge_failed", "a hook said no")


async def test_a_locked_merge_request_is_still_being_merged(bench: Bench) -> None:
    number, order = await opened(bench)
    bench.fake.on("merge").leave_open()
    assert isinstance(await bench.forge.merge(number, order), Sent)
    pull = await bench.forge.pull(number)
    assert (pull.state, pull.readiness, pull.reason) == (PullState.OPEN, Readiness.UNKNOWN, "locked")


@pytest.mark.parametrize(
    ("word", "readiness", "code"),
    [
        ("mergeable", Readiness.READY, ""),
        ("unchecked", Readiness.UNKNOWN, ""),
        ("checking", Readiness.UNKNOWN, ""),
        ("preparing", Readiness.UNKNOWN, ""),
        ("approvals_syncing", Readiness.UNKNOWN, ""),
        ("ci_still_running", Readiness.UNKNOWN, ""),
        ("never heard of", Readiness.UNKNOWN, ""),
        ("conflict", Readiness.CONFLICT, "conflict"),
        ("need_rebase", Readiness.FORBIDDEN, "need_rebase"),
        ("draft_status", Readiness.FORBIDDEN, "draft"),
        ("not_approved", Readiness.FORBIDDEN, "protection"),
        ("discussions_not_resolved", Readiness.FORBIDDEN, "protection"),
        ("commits_status", Readiness.FORBIDDEN, "no_commits"),
    ],
)
async def test_readiness_by_gitlabs_words(bench: Bench, word: str, readiness: Readiness, code: str) -> None:
    number, _ = await opened(bench)
    bench.fake.on("get_pull").edit(lambda body: {**body, "detailed_merge_status": word})
    pull = await bench.forge.pull(number)
    assert (pull.readiness, pull.code, pull.reason) == (readiness, code, word)


async def test_readiness_of_servers_without_the_detailed_word(bench: Bench) -> None:
    number, _ = await opened(bench)
    for word, readiness in (("can_be_merged", Readiness.READY), ("cannot_be_merged", Readiness.CONFLICT)):
        old = {"detailed_merge_status": None, "merge_status": word}
        bench.fake.on("get_pull").edit(partial(_changed, old))
        assert (await bench.forge.pull(number)).readiness == readiness


def _changed(fields: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    return {**body, **fields}


async def test_a_pipeline_that_must_succeed_is_waited_for_until_it_has_failed(bench: Bench) -> None:
    number, order = await opened(bench)
    bench.fake.settings.pipeline_must_succeed = True
    assert (await bench.forge.pull(number)).readiness == Readiness.UNKNOWN
    assert isinstance(await bench.forge.merge(number, order), Delayed)
    bench.fake.ci(order.head_sha, {"build": "running"}, branch=BRANCH)
    assert (await bench.forge.pull(number)).readiness == Readiness.UNKNOWN
    bench.fake.ci(order.head_sha, {"build": "red"}, branch=BRANCH)
    assert (await bench.forge.pull(number)).code == "protection"
    bench.fake.ci(order.head_sha, {"build": "green"}, branch=BRANCH)
    assert (await bench.forge.pull(number)).readiness == Readiness.READY


async def test_a_job_that_may_fail_is_no_obstacle(bench: Bench) -> None:
    sha = bench.fake.sha()
    bench.fake.ci(sha, {"lint": "red"})
    bench.fake.core.ci.of(sha)[0].allow_failure = True
    (job,) = await bench.forge.jobs("status", sha)
    assert (job.outcome, job.state) == (Outcome.SKIPPED, "failed (allowed)")


async def test_pipelines_of_different_sources_are_told_apart(bench: Bench) -> None:
    """A merge request's pipeline may be trivial: its green must not hide the branch's red."""
    sha = bench.fake.sha()
    bench.fake.ci(sha, {"build": "red"})
    with bench.fake.core.lock:
        ci = bench.fake.core.ci
        ci.set(sha, {"trivial": "green"}, kind="job", branch="main", again=True, event="merge_request_event")
    jobs = await bench.forge.jobs("pipeline", sha)
    assert {(job.name, job.outcome) for job in jobs} == {
        ("push main", Outcome.FAILED),
        ("merge_request_event main", Outcome.PASSED),
    }


async def test_what_waits_for_a_person_does_not_hold_the_queue(bench: Bench) -> None:
    bench.fake.ci(bench.fake.sha(), {"deploy": "manual"})
    assert await bench.forge.running("main") == []


async def test_a_pipeline_is_run_again(bench: Bench) -> None:
    sha = bench.fake.sha()
    bench.fake.ci(sha, {"build": "red"})
    bench.fake.rerun_gives({"build": "green"})
    (job,) = await bench.forge.jobs("pipeline", sha)
    assert isinstance(await bench.forge.rerun(job), Sent)
    for _ in range(4):
        jobs = await bench.forge.jobs("pipeline", sha)
    assert {job.outcome for job in jobs} == {Outcome.PASSED}
    answer = await bench.forge.rerun(Job("status", "jenkins", Outcome.FAILED, "failed", 1))
    assert isinstance(answer, Forbidden)
    assert answer.failure.code == "unsupported"


async def test_text_is_never_a_command(bench: Bench) -> None:
    """`/close` at the start of a line would close the issue, `/merge` would merge."""
    text = "See /etc/hosts\n/close\n/merge\n\n/ alone\n  /label ~x"
    inert = "See /etc/hosts\n\\/close\n\\/merge\n\n/ alone\n  /label ~x"
    await bench.forge.create_issue(IssueText("t", text))
    number = bench.fake.issues[0].number
    await bench.forge.comment(number, text)
    bench.change(BRANCH)
    await bench.forge.create_pull(PullText(BRANCH, "main", "t", text))
    await bench.forge.update_pull(bench.fake.pulls[0].number, title="t", body=text)
    assert (await bench.forge.issue(number)).body == inert
    assert await bench.forge.comments(number) == [inert]
    assert (await bench.forge.pull(bench.fake.pulls[0].number)).body == inert


async def test_notes_of_the_system_are_no_comments(bench: Bench) -> None:
    issue = bench.fake.issue("t")
    bench.fake.core.comment(issue, "changed the milestone")
    bench.fake.on("list_comments").edit(lambda notes: [{**note, "system": True} for note in notes])
    assert await bench.forge.comments(issue.number) == []


async def test_an_issue_is_found_when_the_search_does_not_know_it_yet(bench: Bench) -> None:
    await bench.forge.create_issue(IssueText("t", "marker-1"))
    bench.fake.on("list_issues").edit(lambda _: [])
    assert await bench.forge.find_issue("marker-1") is not None


async def test_unchanged_reads_are_conditional(bench: Bench) -> None:
    sha = bench.fake.sha()
    bench.fake.ci(sha, {"build": "running"})
    for _ in range(3):
        await bench.forge.jobs("pipeline", sha)
    assert bench.fake.count("pipelines", status=304) == 2


async def test_a_token_that_only_reads_is_named_by_doctor(bench: Bench, make_bench: MakeBench) -> None:
    bench.fake.grant("a-token-that-reads", "read_api")
    weak = make_bench(bench.fake, "a-token-that-reads")
    wrong = {one.name: one for one in await weak.forge.doctor("main") if not one.ok}
    assert "`api`" in wrong["scopes"].remedy
