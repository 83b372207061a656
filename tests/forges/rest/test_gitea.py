"""What only Gitea and Forgejo do."""

from __future__ import annotations

import pytest

from mosaic_daemon.forges.base import Delayed, Forbidden, IssueText, Moved, Rejected, Sent
from mosaic_daemon.forges.rest import gitea
from mosaic_daemon.forges.rest.hosting import Job, Outcome, PullState, PullText, Readiness, SquashOrder
from mosaic_daemon.nouns.attempt import FailureClass
from tests.forges.rest.conftest import Bench, MakeBench

BRANCH = "task/t-1"


@pytest.fixture(params=["gitea", "forgejo"])
def bench(request: pytest.FixtureRequest, make_bench: MakeBench) -> Bench:
    return make_bench(request.param)


async def opened(bench: Bench) -> tuple[int, SquashOrder]:
    head = bench.change(BRANCH)
    number = bench.fake.open_pull(BRANCH).number
    await bench.forge.pull(number)
    return number, SquashOrder(head, "Add a thing", "Mosaic-Gate: T-1.1")


@pytest.mark.parametrize(
    "server", ["https://git.example.org", "https://git.example.org/", "https://git.example.org/api/v1"]
)
def test_the_api_of_a_server(server: str) -> None:
    assert gitea.api_of(server) == "https://git.example.org/api/v1"


@pytest.mark.parametrize(
    ("text", "kind", "code"),
    [
        ("head_moved", Moved, ""),
        ("base_moved", Moved, ""),
        ("conflict", Forbidden, "conflict"),
        ("not_mergeable", Delayed, ""),
        ("draft", Forbidden, "draft"),
        ("squash_off", Forbidden, "squash_not_allowed"),
        ("no_push", Forbidden, "permission"),
        ("hook", Forbidden, "hook_rejected"),
        ("closed", Forbidden, "not_found"),
        ("dependency", Sent, ""),
        ("archived", Forbidden, "archived"),
    ],
)
async def test_what_a_refused_merge_means_is_in_its_words(bench: Bench, text: str, kind: type, code: str) -> None:
    number, order = await opened(bench)
    bench.fake.on("merge").refuse(text)
    answer = await bench.forge.merge(number, order)
    assert isinstance(answer, kind)
    if isinstance(answer, Forbidden):
        assert answer.failure.code == code
        assert (answer.failure.kind == FailureClass.CONFLICT) == (code == "conflict")
    assert bench.fake.count("merge") == 1


async def test_a_good_merge_that_answers_404_is_unclear(bench: Bench) -> None:
    number, order = await opened(bench)
    bench.fake.on("merge").then_answer(404)
    assert isinstance(await bench.forge.merge(number, order), Sent)
    assert (await bench.forge.pull(number)).state == PullState.MERGED


async def test_an_empty_405_of_what_is_merged_is_unclear(bench: Bench) -> None:
    number, order = await opened(bench)
    bench.fake.on("merge").then_answer(405)
    assert isinstance(await bench.forge.merge(number, order), Sent)


async def test_required_checks_that_run_are_waited_for(bench: Bench) -> None:
    number, order = await opened(bench)
    bench.fake.settings.required_contexts = ["build"]
    assert isinstance(await bench.forge.merge(number, order), Delayed)
    bench.fake.ci(order.head_sha, {"build": "running"})
    assert isinstance(await bench.forge.merge(number, order), Delayed)
    bench.fake.ci(order.head_sha, {"build": "red"})
    answer = await bench.forge.merge(number, order)
    assert isinstance(answer, Forbidden)
    assert answer.failure.code == "protection"
    bench.fake.ci(order.head_sha, {"build": "green"})
    assert isinstance(await bench.forge.merge(number, order), Sent)


async def test_mergeable_false_proves_nothing(bench: Bench) -> None:
    number, _ = await opened(bench)
    bench.fake.on("get_pull").edit(lambda body: {**body, "mergeable": False})
    assert (await bench.forge.pull(number)).readiness == Readiness.UNKNOWN


async def test_an_open_pull_request_is_found_behind_many_others(bench: Bench) -> None:
    bench.fake.settings.page_max = 2
    bench.change(BRANCH)
    wanted = bench.fake.open_pull(BRANCH).number
    wanted_time = bench.fake.pulls[0].updated_at
    for n in range(5):
        bench.change(f"task/other-{n}")
        bench.fake.open_pull(f"task/other-{n}").updated_at = "2099-01-01T00:00:00Z"
    assert wanted_time < "2099"
    (pull,) = await bench.forge.pulls((BRANCH,), "main")
    assert pull.number == wanted


async def test_a_branch_that_is_not_there_yet_is_waited_for_and_other_404s_are_refusals(bench: Bench) -> None:
    assert isinstance(await bench.forge.create_pull(PullText("not/yet", "main", "t", "b")), Delayed)
    bench.change(BRANCH)
    bench.fake.on("create_pull").answer(404)
    assert isinstance(await bench.forge.create_pull(PullText(BRANCH, "main", "t", "b")), Forbidden)


async def test_all_entries_of_a_commits_statuses_are_read(bench: Bench) -> None:
    sha = bench.fake.sha()
    bench.fake.ci(sha, {"build": "running"}, kind="status")
    bench.fake.ci(sha, {"build": "green"}, kind="status")
    jobs = sorted(await bench.forge.jobs("status", sha), key=lambda job: job.number)
    assert [job.outcome for job in jobs] == [Outcome.PENDING, Outcome.PASSED]


async def test_a_warning_is_no_success(bench: Bench) -> None:
    sha = bench.fake.sha()
    bench.fake.ci(sha, {"lint": "warning"})
    (job,) = await bench.forge.jobs("status", sha)
    assert job.outcome == Outcome.FAILED


async def test_a_server_that_lists_no_runs_lists_none(bench: Bench) -> None:
    bench.fake.settings.actions_listed = False
    bench.fake.ci(bench.fake.sha(), {"build": "running"})
    assert await bench.forge.running("main") == []


async def test_links_that_name_another_address_are_not_followed(bench: Bench) -> None:
    """Behind a proxy, Gitea's links may name the address it believes it has."""
    bench.fake.settings.page_max = 1
    sha = bench.fake.sha()
    bench.fake.ci(sha, {"a": "green", "b": "green"})
    bench.fake.core.url = "http://localhost:3000"
    assert {job.name for job in await bench.forge.jobs("status", sha)} == {"a", "b"}


async def test_a_milestone_is_not_made_a_second_time(bench: Bench) -> None:
    for _ in range(2):
        assert isinstance(await bench.forge.create_milestone("v1", ""), Sent)
    assert len(bench.fake.milestones) == 1


async def test_an_issue_with_open_dependencies_stays_open(bench: Bench) -> None:
    issue = bench.fake.issue("t")
    issue.blocked = True
    answer = await bench.forge.close_issue(issue.number)
    assert isinstance(answer, Forbidden)
    assert answer.failure.code == "dependencies"


async def test_an_issue_is_found_when_the_search_does_not_know_it_yet(bench: Bench) -> None:
    await bench.forge.create_issue(IssueText("t", "marker-1"))
    bench.fake.on("list_issues").edit(lambda _: [])
    assert await bench.forge.find_issue("marker-1") is not None


async def test_a_token_without_the_scope_for_issues_is_refused_in_its_words(
    bench: Bench, make_bench: MakeBench
) -> None:
    bench.fake.grant("a-weak-token", "read:repository", "read:user")
    weak = make_bench(bench.fake, "a-weak-token")
    with pytest.raises(Rejected, match="required scope") as error:
        await weak.forge.issue(1)
    assert error.value.failure.code == "permission"


async def test_a_token_that_may_not_read_its_user_is_good_enough(bench: Bench, make_bench: MakeBench) -> None:
    bench.fake.grant("a-narrow-token", "write:repository", "write:issue")
    narrow = make_bench(bench.fake, "a-narrow-token")
    assert (await narrow.forge.about()).user == ""
    assert [one for one in await narrow.forge.doctor("main") if not one.ok] == []


async def test_jobs_cannot_be_run_again(bench: Bench) -> None:
    answer = await bench.forge.rerun(Job("status", "build", Outcome.FAILED, "failure", 1))
    assert isinstance(answer, Forbidden)
    assert answer.failure.code == "unsupported"
