"""What only GitHub does."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from mosaic_daemon.forges.base import Delayed, Forbidden, IssueText, Moved, Sent
from mosaic_daemon.forges.rest import github
from mosaic_daemon.forges.rest.hosting import Job, Outcome, PullText, Readiness, SquashOrder
from mosaic_daemon.nouns.attempt import FailureClass
from tests.forges.rest.conftest import Bench, MakeBench

BRANCH = "task/t-1"


@pytest.fixture
def bench(make_bench: MakeBench) -> Bench:
    return make_bench("github")


async def opened(bench: Bench) -> tuple[int, SquashOrder]:
    head = bench.change(BRANCH)
    number = bench.fake.open_pull(BRANCH).number
    await bench.forge.pull(number)
    return number, SquashOrder(head, "Add a thing", "Mosaic-Gate: T-1.1")


@pytest.mark.parametrize(
    ("server", "api"),
    [
        ("https://github.com", "https://api.github.com"),
        ("https://github.com/", "https://api.github.com"),
        ("https://api.github.com", "https://api.github.com"),
        ("https://git.example.org", "https://git.example.org/api/v3"),
        ("https://git.example.org/api/v3/", "https://git.example.org/api/v3"),
        ("https://acme.ghe.com", "https://api.acme.ghe.com"),
    ],
)
def test_the_api_of_a_server(server: str, api: str) -> None:
    assert github.api_of(server) == api


@pytest.mark.parametrize(
    ("text", "kind", "code"),
    [
        ("base_moved", Moved, ""),
        ("head_moved", Moved, ""),
        ("in_progress", Sent, ""),
        ("not_mergeable", Delayed, ""),
        ("draft", Forbidden, "draft"),
        ("squash_off", Forbidden, "squash_not_allowed"),
        ("review", Forbidden, "protection"),
        ("required_check", Forbidden, "protection"),
        ("queue", Forbidden, "merge_queue_required"),
        ("in_queue", Forbidden, "merge_queue_required"),
        ("no_push", Forbidden, "permission"),
        ("forbidden", Forbidden, "permission"),
    ],
)
async def test_what_a_refused_merge_means_is_in_its_words(bench: Bench, text: str, kind: type, code: str) -> None:
    number, order = await opened(bench)
    bench.fake.on("merge").refuse(text)
    answer = await bench.forge.merge(number, order)
    assert isinstance(answer, kind)
    if isinstance(answer, Forbidden):
        assert answer.failure.code == code
        assert answer.failure.request_id.startswith("F00D")
        assert "commit_title" in answer.failure.command
    assert bench.fake.count("merge") == 1


async def test_a_missing_required_check_is_waited_for_and_another_rule_is_not(bench: Bench) -> None:
    number, order = await opened(bench)
    bench.fake.settings.required_contexts = ["build"]
    pull = await bench.forge.pull(number)
    assert (pull.readiness, pull.reason) == (Readiness.UNKNOWN, "waits for build")
    assert isinstance(await bench.forge.merge(number, order), Delayed)
    bench.fake.ci(order.head_sha, {"build": "running"})
    assert (await bench.forge.pull(number)).readiness == Readiness.UNKNOWN
    bench.fake.ci(order.head_sha, {"build": "red"})
    pull = await bench.forge.pull(number)
    assert (pull.readiness, pull.code) == (Readiness.FORBIDDEN, "protection")
    answer = await bench.forge.merge(number, order)
    assert isinstance(answer, Forbidden)
    assert answer.failure.code == "protection"


async def test_a_required_merge_queue_is_forbidden_and_found_by_doctor(bench: Bench) -> None:
    number, _ = await opened(bench)
    bench.fake.settings.merge_queue = True
    pull = await bench.forge.pull(number)
    assert (pull.readiness, pull.code) == (Readiness.FORBIDDEN, "merge_queue_required")
    assert (await bench.forge.rules("main")).queue
    assert "merge queue" in [one.name for one in await bench.forge.doctor("main") if not one.ok]


@pytest.mark.parametrize(
    ("word", "mergeable", "readiness", "code"),
    [
        ("clean", True, Readiness.READY, ""),
        ("unstable", True, Readiness.READY, ""),
        ("has_hooks", True, Readiness.READY, ""),
        ("clean", None, Readiness.UNKNOWN, ""),
        ("dirty", None, Readiness.UNKNOWN, ""),
        ("unknown", None, Readiness.UNKNOWN, ""),
        ("dirty", False, Readiness.CONFLICT, "conflict"),
        ("behind", True, Readiness.FORBIDDEN, "behind"),
        ("never heard of", True, Readiness.UNKNOWN, ""),
    ],
)
async def test_readiness_by_githubs_words(
    bench: Bench, word: str, mergeable: bool | None, readiness: Readiness, code: str
) -> None:
    number, _ = await opened(bench)
    bench.fake.on("get_pull").edit(lambda body: {**body, "mergeable_state": word, "mergeable": mergeable})
    pull = await bench.forge.pull(number)
    assert (pull.readiness, pull.code) == (readiness, code)
    assert word in pull.reason


async def test_a_branch_without_commits_of_its_own_is_nothing_to_merge(bench: Bench) -> None:
    bench.fake.core.origin.git("branch", "empty", "main")
    answer = await bench.forge.create_pull(PullText("empty", "main", "t", "b"))
    assert isinstance(answer, Forbidden)
    assert (answer.failure.code, answer.failure.kind) == ("no_commits", FailureClass.NO_CHANGES)


async def test_a_branch_that_is_not_visible_yet_is_waited_for(bench: Bench) -> None:
    answer = await bench.forge.create_pull(PullText("not/yet", "main", "t", "b"))
    assert isinstance(answer, Delayed)
    assert answer.until is not None


async def test_unchanged_reads_cost_nothing(bench: Bench) -> None:
    number, _ = await opened(bench)
    sha = bench.fake.sha()
    bench.fake.ci(sha, {"build": "running"})
    for _ in range(4):
        await bench.forge.jobs("check-run", sha)
        await bench.forge.pull(number)
        await bench.forge.running("main")
    assert bench.fake.count("check_runs", status=304) == 3
    assert bench.fake.count("runs", status=304) == 3
    assert bench.transport.counts.unchanged >= 9


async def test_running_ci_is_read_without_the_filters_that_lag(bench: Bench) -> None:
    bench.fake.settings.runs_lag = True
    bench.fake.ci(bench.fake.sha(), {"build": "running"})
    assert len(await bench.forge.running("main")) == 1
    assert "branch" not in bench.fake.calls("runs")[0].query


async def test_runs_that_wait_for_a_person_or_were_not_pushed_do_not_hold_the_queue(bench: Bench) -> None:
    bench.fake.ci(bench.fake.sha(), {"build": "running"})
    for changed in ({"status": "waiting"}, {"event": "schedule"}, {"head_repository": {"full_name": "a/fork"}}):
        bench.fake.on("runs").edit(partial(_edited_runs, changed))
        assert await bench.forge.running("main") == []


def _edited_runs(changed: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "workflow_runs": [{**run, **changed} for run in body["workflow_runs"]]}


async def test_one_workflows_green_does_not_hide_anothers_red(bench: Bench) -> None:
    """Two workflows may both have a job `build`; the same workflow run again is the newer run of the same job."""
    sha = bench.fake.sha()
    bench.fake.ci(sha, {"build": "red"})
    bench.fake.ci(sha, {"build": "green"}, again=True)
    assert {job.name for job in await bench.forge.jobs("check-run", sha)} == {"build"}

    def two_workflows(body: dict[str, Any]) -> dict[str, Any]:
        runs = [{**run, "path": f".github/workflows/{n}.yml"} for n, run in enumerate(body["workflow_runs"])]
        return {**body, "workflow_runs": runs}

    bench.fake.on("runs").edit(two_workflows)
    jobs = await bench.forge.jobs("check-run", sha)
    assert len({job.name for job in jobs}) == 2
    assert {job.outcome for job in jobs} == {Outcome.PASSED, Outcome.FAILED}


async def test_one_apps_green_does_not_hide_anothers_red(bench: Bench) -> None:
    sha = bench.fake.sha()
    bench.fake.ci(sha, {"build": "red"})
    bench.fake.ci(sha, {"build": "green"}, again=True)

    def two_apps(body: dict[str, Any]) -> dict[str, Any]:
        runs = [{**run, "app": {"slug": f"app-{n}"}} for n, run in enumerate(body["check_runs"])]
        return {**body, "check_runs": runs}

    bench.fake.on("check_runs").edit(two_apps)
    jobs = await bench.forge.jobs("check-run", sha)
    assert len({job.name for job in jobs}) == 2


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        ("timed_out", Outcome.FAILED),
        ("action_required", Outcome.FAILED),
        ("neutral", Outcome.SKIPPED),
        ("manual", Outcome.PENDING),
        ("pending", Outcome.PENDING),
    ],
)
async def test_conclusions_of_check_runs(bench: Bench, state: str, outcome: Outcome) -> None:
    sha = bench.fake.sha()
    bench.fake.ci(sha, {"build": state})
    (job,) = await bench.forge.jobs("check-run", sha)
    assert job.outcome == outcome


async def test_a_stale_check_run_is_no_success(bench: Bench) -> None:
    """GitHub gives this conclusion and does not list it in its description: that one answer breaks it, nothing else."""
    sha = bench.fake.sha()
    bench.fake.ci(sha, {"build": "stale"})
    (job,) = await bench.forge.jobs("check-run", sha)
    assert job.outcome == Outcome.CANCELLED
    assert all("conclusion: 'stale'" in violation for violation in bench.fake.violations)
    bench.fake.violations.clear()


async def test_failed_jobs_are_run_again(bench: Bench) -> None:
    sha = bench.fake.sha()
    bench.fake.ci(sha, {"build": "red", "lint": "green"})
    bench.fake.rerun_gives({"build": "green"})
    build = next(job for job in await bench.forge.jobs("check-run", sha) if job.name == "build")
    assert isinstance(await bench.forge.rerun(build), Sent)
    for _ in range(4):
        jobs = await bench.forge.jobs("check-run", sha)
    assert {job.outcome for job in jobs} == {Outcome.PASSED}


async def test_the_run_of_an_actions_job_is_read_from_its_address(bench: Bench) -> None:
    sha = bench.fake.sha()
    bench.fake.ci(sha, {"build": "red"})
    url = "https://github.com/acme/widget/actions/runs/998877/job/1"
    bench.fake.on("check_runs").edit(
        lambda body: {**body, "check_runs": [{**run, "html_url": url} for run in body["check_runs"]]}
    )
    (job,) = await bench.forge.jobs("check-run", sha)
    assert job.run == "998877"


async def test_what_cannot_be_run_again_is_refused_without_asking(bench: Bench) -> None:
    answer = await bench.forge.rerun(Job("status", "jenkins", Outcome.FAILED, "failure", 1))
    assert isinstance(answer, Forbidden)
    assert answer.failure.code == "unsupported"
    assert bench.fake.log == []


async def test_a_repository_without_issues_refuses_them(bench: Bench) -> None:
    bench.fake.settings.issues_enabled = False
    answer = await bench.forge.create_issue(IssueText("t", "b"))
    assert isinstance(answer, Forbidden)
    assert answer.failure.code == "gone"


async def test_a_token_without_scopes_is_named_by_doctor(bench: Bench, make_bench: MakeBench) -> None:
    bench.fake.grant("a-token-for-gists", "gist")
    weak = make_bench(bench.fake, "a-token-for-gists")
    wrong = {one.name: one for one in await weak.forge.doctor("main") if not one.ok}
    assert "repo" in wrong["scopes"].remedy


async def test_a_secondary_limit_delays_writes_by_a_minute_at_least(bench: Bench) -> None:
    number, order = await opened(bench)
    bench.fake.on("merge").secondary_limit()
    answer = await bench.forge.merge(number, order)
    assert isinstance(answer, Delayed)
    assert answer.until is not None
    assert bench.fake.count("merge") == 1


async def test_writes_are_a_second_apart(bench: Bench) -> None:
    number = bench.fake.issue("t").number
    for n in range(3):
        await bench.forge.comment(number, f"comment {n}")
    assert bench.time.seconds >= 2.0


async def test_enterprise_server_tells_its_version(bench: Bench) -> None:
    assert (await bench.forge.about()).version == "github cloud"
    bench.fake.settings.version = "3.12.4"
    assert (await bench.forge.about()).version == "github 3.12.4"
