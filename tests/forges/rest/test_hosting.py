"""What every dialect does alike, over real HTTP; the fakes check each request against the published descriptions."""

from __future__ import annotations

from contextlib import suppress

import pytest
from loguru import logger

from mosaic_daemon.forges.base import Delayed, Forbidden, IssueText, Moved, Rejected, Sent
from mosaic_daemon.forges.rest.hosting import (
    Job,
    Outcome,
    Pull,
    PullState,
    PullText,
    Readiness,
    ReleaseText,
    SquashOrder,
)
from mosaic_daemon.ground.errors import Unavailable
from mosaic_daemon.nouns.attempt import FailureClass
from tests.forges.rest.conftest import Bench, MakeBench

BRANCH = "task/t-1"
TEXT = PullText(BRANCH, "main", "Add a thing", "Refs #1\n\n<!-- mosaic-gate:T-1.1 -->")


async def opened(bench: Bench) -> tuple[int, SquashOrder]:
    """An open pull request, judged by the forge, and the order to merge it."""
    head = bench.change(BRANCH)
    assert isinstance(await bench.forge.create_pull(TEXT), Sent)
    number = (await bench.forge.pulls((BRANCH,), "main"))[0].number
    await bench.forge.pull(number)
    return number, SquashOrder(head, "Add a thing (#1)", "Mosaic-Task: T-1\nMosaic-Gate: T-1.1")


def refused(answer: object) -> Forbidden:
    assert isinstance(answer, Forbidden), answer
    assert answer.failure.command.startswith("curl ")
    assert answer.failure.status
    return answer


# --- pull requests ----------------------------------------------------------------------------------------------------


async def test_a_pull_request_is_made_and_found(bench: Bench) -> None:
    head = bench.change(BRANCH)
    assert await bench.forge.pulls((BRANCH,), "main") == []
    assert isinstance(await bench.forge.create_pull(TEXT), Sent)
    (pull,) = await bench.forge.pulls((BRANCH,), "main")
    assert (pull.branch, pull.target, pull.head_sha) == (BRANCH, "main", head)
    assert (pull.title, pull.body) == (TEXT.title, TEXT.body)
    assert pull.state == PullState.OPEN
    assert pull.own
    assert not pull.draft
    assert pull.url.startswith("http")
    assert pull.merge_sha is None


async def test_old_pull_requests_of_the_branch_are_listed_after_the_new_one(bench: Bench) -> None:
    head = bench.change(BRANCH)
    bench.fake.old_pull(BRANCH, merged=True)
    bench.fake.old_pull(BRANCH, merged=False)
    bench.change("task/other")
    bench.fake.open_pull("task/other")
    await bench.forge.create_pull(TEXT)
    pulls = await bench.forge.pulls((BRANCH,), "main")
    assert [pull.state for pull in pulls] == [PullState.OPEN, PullState.CLOSED, PullState.MERGED]
    assert pulls[0].head_sha == head


async def test_making_it_twice_gives_one_pull_request(bench: Bench) -> None:
    bench.change(BRANCH)
    await bench.forge.create_pull(TEXT)
    assert isinstance(await bench.forge.create_pull(TEXT), Sent)
    assert len(await bench.forge.pulls((BRANCH,), "main")) == 1


async def test_a_pull_request_is_changed_and_closed(bench: Bench) -> None:
    number, _ = await opened(bench)
    assert isinstance(await bench.forge.update_pull(number, title="Other", body="words"), Sent)
    pull = await bench.forge.pull(number)
    assert (pull.title, pull.body) == ("Other", "words")
    assert isinstance(await bench.forge.close_pull(number), Sent)
    assert (await bench.forge.pull(number)).state == PullState.CLOSED


async def test_a_pull_request_that_does_not_exist_is_rejected(bench: Bench) -> None:
    with pytest.raises(Rejected) as error:
        await bench.forge.pull(4711)
    assert error.value.failure.code == "not_found"


async def test_readiness_is_unknown_before_it_is_known(bench: Bench) -> None:
    bench.fake.settings.mergeable_after = 2
    bench.change(BRANCH)
    number = bench.fake.open_pull(BRANCH).number
    seen = [(await bench.forge.pull(number)).readiness for _ in range(3)]
    assert seen == [Readiness.UNKNOWN, Readiness.UNKNOWN, Readiness.READY]


async def test_readiness_that_sticks_stays_unknown_and_says_so(bench: Bench) -> None:
    bench.fake.settings.mergeable_after = -1
    bench.change(BRANCH)
    number = bench.fake.open_pull(BRANCH).number
    for _ in range(3):
        pull = await bench.forge.pull(number)
    assert pull.readiness == Readiness.UNKNOWN
    assert pull.reason


async def test_a_conflict_is_never_ready(bench: Bench) -> None:
    bench.change(BRANCH, **{"README.md": "mine\n"})
    bench.fake.push_base({"README.md": "theirs\n"})
    number = bench.fake.open_pull(BRANCH).number
    await bench.forge.pull(number)
    assert (await bench.forge.pull(number)).readiness in (Readiness.CONFLICT, Readiness.UNKNOWN)


# --- merge ------------------------------------------------------------------------------------------------------------


async def test_a_squash_merge_lands_one_commit_and_leaves_the_branch(bench: Bench) -> None:
    number, order = await opened(bench)
    base = bench.fake.sha()
    assert isinstance(await bench.forge.merge(number, order), Sent)
    pull = await bench.forge.pull(number)
    commit = bench.fake.commit(bench.fake.sha())
    assert pull.state == PullState.MERGED
    assert pull.merge_sha == commit.sha
    assert commit.parents[0] == base
    assert bench.fake.sha(BRANCH) == order.head_sha
    assert "Mosaic-Gate: T-1.1" in commit.message
    assert "Add a thing" in commit.message


@pytest.mark.parametrize("way", ["answers 500", "drops the connection"])
async def test_a_merge_whose_answer_is_lost_is_sent_once_and_unclear(bench: Bench, way: str) -> None:
    number, order = await opened(bench)
    fault = bench.fake.on("merge")
    _ = fault.then_answer(500) if way == "answers 500" else fault.then_drop()
    assert isinstance(await bench.forge.merge(number, order), Sent)
    assert bench.fake.count("merge") == 1
    assert (await bench.forge.pull(number)).state == PullState.MERGED


@pytest.mark.parametrize("way", ["answers 500", "drops the connection"])
async def test_a_merge_that_was_not_done_and_has_no_clear_answer_is_not_repeated(bench: Bench, way: str) -> None:
    number, order = await opened(bench)
    fault = bench.fake.on("merge")
    _ = fault.answer(500) if way == "answers 500" else fault.drop()
    assert isinstance(await bench.forge.merge(number, order), Sent)
    assert bench.fake.count("merge") == 1
    assert (await bench.forge.pull(number)).state == PullState.OPEN


async def test_a_moved_head_is_not_merged(bench: Bench) -> None:
    number, order = await opened(bench)
    bench.fake.push(BRANCH, {"more.txt": "more\n"})
    await bench.forge.pull(number)
    base = bench.fake.sha()
    assert isinstance(await bench.forge.merge(number, order), Moved)
    assert bench.fake.sha() == base


async def test_a_moved_head_is_moved_even_when_the_forge_has_not_judged_it_yet(bench: Bench) -> None:
    number, order = await opened(bench)
    bench.fake.push(BRANCH, {"more.txt": "more\n"})
    bench.fake.settings.mergeable_after = -1
    assert isinstance(await bench.forge.merge(number, order), Moved)


async def test_a_moved_base_is_moved_or_later(bench: Bench) -> None:
    """GitLab has no words of its own for it."""
    number, order = await opened(bench)
    bench.fake.on("merge").refuse("base_moved")
    later = bench.forge.name == "gitlab"
    assert isinstance(await bench.forge.merge(number, order), Delayed if later else Moved)


async def test_a_merge_that_conflicts_is_not_done(bench: Bench) -> None:
    bench.change(BRANCH, **{"README.md": "mine\n"})
    bench.fake.push_base({"README.md": "theirs\n"})
    pull = bench.fake.open_pull(BRANCH)
    for _ in range(2):
        await bench.forge.pull(pull.number)
    answer = await bench.forge.merge(pull.number, SquashOrder(pull.head_sha, "t", "m"))
    if isinstance(answer, Forbidden):
        assert (answer.failure.code, answer.failure.kind) == ("conflict", FailureClass.CONFLICT)
    else:
        assert isinstance(answer, Delayed)


async def test_a_merge_that_comes_before_the_forge_has_looked_is_delayed_or_done(bench: Bench) -> None:
    number, order = await opened(bench)
    bench.fake.push_base()
    bench.fake.settings.mergeable_after = -1
    answer = await bench.forge.merge(number, order)
    merged = (await bench.forge.pull(number)).state == PullState.MERGED
    assert isinstance(answer, Sent if merged else Delayed)


async def test_merging_what_is_merged_is_unclear_for_the_probe(bench: Bench) -> None:
    number, order = await opened(bench)
    await bench.forge.merge(number, order)
    base = bench.fake.sha()
    assert isinstance(await bench.forge.merge(number, order), Sent)
    assert bench.fake.sha() == base


async def test_merging_what_somebody_closed_is_refused(bench: Bench) -> None:
    number, order = await opened(bench)
    await bench.forge.close_pull(number)
    assert refused(await bench.forge.merge(number, order)).failure.code == "closed"


async def test_a_repository_that_allows_no_squash_refuses(bench: Bench) -> None:
    number, order = await opened(bench)
    bench.fake.settings.allow_squash = False
    assert refused(await bench.forge.merge(number, order)).failure.code == "squash_not_allowed"


async def test_a_user_who_may_not_merge_is_refused(bench: Bench) -> None:
    number, order = await opened(bench)
    bench.fake.settings.can_push = False
    assert refused(await bench.forge.merge(number, order)).failure.code == "permission"


async def test_an_answer_of_200_without_a_merge_is_never_a_refusal(bench: Bench) -> None:
    number, order = await opened(bench)
    bench.fake.on("merge").unmerged()
    assert isinstance(await bench.forge.merge(number, order), Sent | Forbidden)
    assert (await bench.forge.pull(number)).state == PullState.OPEN


async def test_a_rate_limited_merge_is_delayed(bench: Bench) -> None:
    number, order = await opened(bench)
    bench.fake.on("merge").rate_limited(headers=False)
    assert isinstance(await bench.forge.merge(number, order), Delayed)
    assert bench.fake.count("merge") == 1


# --- CI ---------------------------------------------------------------------------------------------------------------


async def all_jobs(bench: Bench, sha: str) -> list[Job]:
    return [job for source in bench.forge.sources for job in await bench.forge.jobs(source, sha)]


async def test_a_commit_without_ci_has_no_jobs(bench: Bench) -> None:
    assert await all_jobs(bench, bench.fake.sha()) == []


@pytest.mark.parametrize(
    ("state", "outcomes"),
    [
        ("green", {Outcome.PASSED}),
        ("red", {Outcome.FAILED}),
        ("running", {Outcome.PENDING}),
        ("queued", {Outcome.PENDING}),
        ("cancelled", {Outcome.CANCELLED}),
        ("skipped", {Outcome.SKIPPED, Outcome.PASSED}),
        ("something new", {Outcome.PENDING}),
    ],
)
async def test_the_outcome_of_a_job(bench: Bench, state: str, outcomes: set[Outcome]) -> None:
    sha = bench.fake.sha()
    bench.fake.ci(sha, {"build": state})
    bench.fake.violations.clear()  # a word that nobody has described
    jobs = await all_jobs(bench, sha)
    bench.fake.violations.clear()
    assert jobs
    assert {job.outcome for job in jobs} <= outcomes
    assert all(job.state for job in jobs)


async def test_statuses_of_other_ci_are_seen(bench: Bench) -> None:
    sha = bench.fake.sha()
    bench.fake.ci(sha, {"jenkins": "red"}, kind="status")
    assert Outcome.FAILED in {job.outcome for job in await all_jobs(bench, sha)}


async def test_more_jobs_than_a_page_holds_are_all_seen(bench: Bench) -> None:
    bench.fake.settings.page_max = 2
    sha = bench.fake.sha()
    bench.fake.ci(sha, {f"job-{n}": "green" for n in range(7)})
    assert {f"job-{n}" for n in range(7)} <= {job.name for job in await all_jobs(bench, sha)}


async def test_the_newest_run_of_a_job_has_the_highest_number(bench: Bench) -> None:
    sha = bench.fake.sha()
    bench.fake.ci(sha, {"build": "red"})
    bench.fake.ci(sha, {"build": "green"}, again=True)
    newest: dict[tuple[str, str], Job] = {}
    for job in await all_jobs(bench, sha):
        kept = newest.setdefault((job.source, job.name), job)
        newest[job.source, job.name] = max(kept, job, key=lambda each: each.number)
    assert {job.outcome for job in newest.values()} == {Outcome.PASSED}


async def test_running_ci_of_the_base_branch_is_listed_whatever_its_commit(bench: Bench) -> None:
    old = bench.fake.sha()
    bench.fake.ci(old, {"build": "running"})
    new = bench.fake.push_base()
    bench.fake.ci(new, {"build": "green"})
    other = bench.change(BRANCH)
    bench.fake.ci(other, {"build": "running"}, branch=BRANCH)
    running = await bench.forge.running("main")
    assert [job.sha for job in running] == [old]
    assert running[0].outcome == Outcome.PENDING
    bench.fake.ci(old, {"build": "green"})
    assert await bench.forge.running("main") == []


# --- rules ------------------------------------------------------------------------------------------------------------


async def test_rules_of_an_open_repository(bench: Bench) -> None:
    rules = await bench.forge.rules("main")
    assert rules.squash
    assert not rules.queue
    assert rules.required == ()


async def test_rules_name_what_is_demanded(bench: Bench) -> None:
    bench.fake.settings.allow_squash = False
    bench.fake.settings.required_contexts = ["build", "lint"]
    bench.fake.settings.pipeline_must_succeed = True
    rules = await bench.forge.rules("main")
    assert not rules.squash
    assert rules.required in (("build", "lint"), ("(any)",))


async def test_about_names_version_and_user(bench: Bench) -> None:
    about = await bench.forge.about()
    assert about.version.split()[0] in ("github", "gitea", "forgejo", "gitlab")
    assert about.user


async def test_doctor_finds_nothing_wrong_with_a_good_repository_and_changes_nothing(bench: Bench) -> None:
    found = await bench.forge.doctor("main")
    assert [one for one in found if not one.ok] == []
    assert {entry.method for entry in bench.fake.log} == {"GET"}


async def test_doctor_names_what_is_wrong_and_what_to_do(bench: Bench) -> None:
    bench.fake.settings.allow_squash = False
    bench.fake.settings.can_push = False
    wrong = {one.name: one for one in await bench.forge.doctor("main") if not one.ok}
    assert {"squash", "write"} <= set(wrong)
    assert all(one.remedy for one in wrong.values())


async def test_doctor_with_a_token_that_is_not_valid_says_so(bench: Bench, make_bench: MakeBench) -> None:
    stranger = make_bench(bench.fake, "not-a-token-of-this-forge")
    found = await stranger.forge.doctor("main")
    assert any("401" in one.detail and not one.ok for one in found)


# --- issues, milestones, releases -------------------------------------------------------------------------------------


async def test_an_issue_is_made_with_labels_and_milestone_that_did_not_exist(bench: Bench) -> None:
    text = IssueText("Broken", "It is.\n\n<!-- mosaic-issue:T-1 -->", ("bug", "Fix me"), "v1")
    answer = await bench.forge.create_issue(text)
    assert isinstance(answer, Sent)
    assert "warning" not in answer.answer
    found = await bench.forge.find_issue("mosaic-issue:T-1")
    assert found is not None
    assert (found.title, found.body, found.closed) == (text.title, text.body, False)
    assert sorted(found.labels) == ["Fix me", "bug"]
    assert found.milestone == "v1"
    assert await bench.forge.issue(found.number) == found


async def test_labels_and_milestones_that_exist_are_used(bench: Bench) -> None:
    bench.fake.issue("Old", labels=["bug"], milestone="v1")
    await bench.forge.create_issue(IssueText("New", "words", ("bug",), "v1"))
    assert len(bench.fake.milestones) == 1
    assert [label.name for label in bench.fake.core.state.labels] == ["bug"]
    assert bench.fake.issues[-1].milestone == bench.fake.milestones[0].id


async def test_labels_that_are_dropped_without_a_word_are_a_warning(bench: Bench) -> None:
    bench.fake.issue("Old", labels=["bug"], milestone="v1")
    bench.fake.settings.can_push = False
    answer = await bench.forge.create_issue(IssueText("New", "words", ("bug",), "v1"))
    if isinstance(answer, Sent):
        assert "warning" in answer.answer
        assert "'bug'" in answer.answer
        assert "'v1'" in answer.answer
    else:
        refused(answer)


async def test_an_issue_that_does_not_exist_is_not_found(bench: Bench) -> None:
    assert await bench.forge.find_issue("mosaic-issue:none") is None
    with pytest.raises(Rejected):
        await bench.forge.issue(4711)


async def test_an_issue_is_commented_and_closed_twice(bench: Bench) -> None:
    number = bench.fake.issue("Broken").number
    for text in ("first", "second"):
        assert isinstance(await bench.forge.comment(number, text), Sent)
    assert await bench.forge.comments(number) == ["first", "second"]
    for _ in range(2):
        assert isinstance(await bench.forge.close_issue(number), Sent)
    assert (await bench.forge.issue(number)).closed


async def test_all_comments_are_read(bench: Bench) -> None:
    bench.fake.settings.page_max = 3
    number = bench.fake.issue("Long").number
    for n in range(8):
        bench.fake.core.comment(bench.fake.issues[0], f"comment {n}")
    assert await bench.forge.comments(number) == [f"comment {n}" for n in range(8)]


async def test_an_issue_whose_answer_is_lost_is_made_once(bench: Bench) -> None:
    bench.fake.on("create_issue").then_drop()
    assert isinstance(await bench.forge.create_issue(IssueText("t", "b")), Sent)
    assert len(bench.fake.issues) == 1


async def test_an_act_that_cannot_read_what_it_needs_is_delayed_and_has_done_nothing(bench: Bench) -> None:
    bench.fake.on("list_labels", times=9).answer(503)
    bench.fake.on("list_milestones", times=9).answer(503)
    answer = await bench.forge.create_issue(IssueText("t", "b", ("bug",), "v1"))
    assert isinstance(answer, Delayed)
    assert bench.fake.issues == []


async def test_a_milestone_is_made_found_and_closed(bench: Bench) -> None:
    assert await bench.forge.find_milestone("v1") is None
    assert isinstance(await bench.forge.create_milestone("v1", "first"), Sent)
    await bench.forge.create_milestone("v1.1", "second")
    await bench.forge.create_issue(IssueText("t", "b", (), "v1"))
    milestone = await bench.forge.find_milestone("v1")
    assert milestone is not None
    assert (milestone.title, milestone.closed, milestone.open_issues) == ("v1", False, 1)
    assert isinstance(await bench.forge.close_milestone(milestone), Sent)
    closed = await bench.forge.find_milestone("v1")
    assert closed is not None
    assert closed.closed


async def test_a_release_is_made_once(bench: Bench) -> None:
    sha = bench.fake.sha()
    text = ReleaseText("v1.0", sha, "One", "notes")
    assert await bench.forge.find_release("v1.0") is None
    for _ in range(2):
        assert isinstance(await bench.forge.create_release(text), Sent)
    release = await bench.forge.find_release("v1.0")
    assert release is not None
    assert (release.tag, release.sha) == ("v1.0", sha)
    assert len(bench.fake.releases) == 1


# --- whatever the answer is -------------------------------------------------------------------------------------------


READS = ["get_pull", "list_pulls", "get_issue", "list_comments", "list_milestones", "get_release", "repo", "branch"]


async def read(bench: Bench, operation: str) -> object:
    forge = bench.forge
    match operation:
        case "get_pull":
            return await forge.pull(1)
        case "list_pulls":
            return await forge.pulls((BRANCH,), "main")
        case "get_issue":
            return await forge.issue(1)
        case "list_comments":
            return await forge.comments(1)
        case "list_milestones":
            return await forge.find_milestone("v1")
        case "get_release":
            return await forge.find_release("v1")
        case _:
            return await forge.rules("main")  # GitLab's come from the project and the protected branch


def furnish(bench: Bench) -> None:
    bench.fake.issue("t", milestone="v1")
    bench.change(BRANCH)
    pull = bench.fake.open_pull(BRANCH)
    pull.number = 1
    bench.fake.core.comment(bench.fake.issues[0], "words")
    bench.fake.core.create_release("v1", bench.fake.sha(), "One", "notes")


@pytest.mark.parametrize("operation", READS)
@pytest.mark.parametrize("body", [None, [], {}, "text", 7, [None], [{}], [7], {"message": 1}])
async def test_an_answer_of_another_shape_is_named_and_nothing_worse(
    bench: Bench, operation: str, body: object
) -> None:
    """Whatever stands there instead of what should: a value with less in it, or Unavailable that names the place."""
    furnish(bench)
    bench.fake.on(operation, times=9).edit(lambda _: body)
    with suppress(Unavailable):
        await read(bench, operation)
    bench.fake.violations.clear()


@pytest.mark.parametrize("operation", READS)
async def test_a_read_that_is_refused_for_a_time_is_unavailable(bench: Bench, operation: str) -> None:
    furnish(bench)
    if (bench.forge.name, operation) == ("gitlab", "branch"):
        operation = "protection"
    bench.fake.on(operation, times=9).answer(503)
    with pytest.raises(Unavailable):
        await read(bench, operation)


async def test_a_pull_request_whose_fork_is_gone_is_read(bench: Bench) -> None:
    furnish(bench)

    def orphaned(body: dict[str, object]) -> dict[str, object]:
        if "head" in body:
            return {**body, "head": {**body["head"], "repo": None}}  # type: ignore[dict-item]
        return {**body, "source_project_id": None}

    bench.fake.on("get_pull").edit(orphaned)
    pull: Pull = await bench.forge.pull(1)
    assert not pull.own
    bench.fake.violations.clear()


async def test_the_token_is_in_no_answer_and_no_log_line(bench: Bench) -> None:
    number, order = await opened(bench)
    bench.fake.settings.can_push = False
    told: list[object] = []
    sink = logger.add(lambda line: told.append(str(line)), level=0)
    try:
        told.append(await bench.forge.merge(number, order))
        for body in (f"the token is {bench.fake.token}", "plain"):
            bench.fake.on("create_issue").answer(422, {"message": body})
            told.append(await bench.forge.create_issue(IssueText("t", body)))
        told += await bench.forge.doctor("main")
    finally:
        logger.remove(sink)
    assert any("curl" in repr(one) for one in told)
    assert bench.fake.token not in repr(told)
