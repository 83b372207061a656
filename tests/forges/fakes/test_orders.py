"""Every fake forge can be told to do what the real ones do wrong."""

from __future__ import annotations

import httpx
import pytest

from tests.forges.fakes.fake import Fake
from tests.forges.fakes.roads import Road


@pytest.fixture
def ready(way: Road) -> tuple[int, str]:
    """A pull request that is known to merge: its number and head."""
    head = way.fake.push("task", {"new.txt": "new\n"})
    made = way.propose()
    assert made.status_code == 201, made.text
    number = way.number(made)
    assert not way.knows(way.pull(number))
    assert way.knows(way.pull(number))
    return number, head


def landed(fake: Fake, base: str) -> bool:
    """Whether the base branch has a commit more than `base`."""
    return fake.commit(fake.sha()).parents[:1] == (base,)


def test_merged_and_answered_500(way: Road, ready: tuple[int, str]) -> None:
    base = way.fake.sha()
    way.fake.on("merge").then_answer(500)
    assert way.merge(*ready).status_code == 500
    assert landed(way.fake, base)
    assert way.merged(ready[0])


def test_merged_and_the_socket_dropped(way: Road, ready: tuple[int, str]) -> None:
    base = way.fake.sha()
    way.fake.on("merge").then_drop()
    with pytest.raises(httpx.RemoteProtocolError):
        way.merge(*ready)
    assert landed(way.fake, base)
    assert way.merged(ready[0])
    assert way.fake.calls("merge")[0].status == 0


def test_the_socket_dropped_before_anything_was_done(way: Road, ready: tuple[int, str]) -> None:
    base = way.fake.sha()
    way.fake.on("merge").drop()
    with pytest.raises(httpx.RemoteProtocolError):
        way.merge(*ready)
    assert way.fake.sha() == base
    assert way.merge(*ready).status_code == 200, "the order is spent"
    assert landed(way.fake, base)


def test_answered_200_unmerged(way: Road, ready: tuple[int, str]) -> None:
    base = way.fake.sha()
    way.fake.on("merge").unmerged()
    assert way.merge(*ready).status_code == 200
    assert way.fake.sha() == base
    assert not way.merged(ready[0])


@pytest.mark.parametrize("status", [200, 403, 404, 500])
def test_the_commit_is_on_main_and_the_pull_request_stays_open(way: Road, ready: tuple[int, str], status: int) -> None:
    base = way.fake.sha()
    order = way.fake.on("merge").leave_open()
    if status != 200:
        order.then_answer(status)
    assert way.merge(*ready).status_code == status
    assert landed(way.fake, base)
    assert not way.merged(ready[0])


def test_squashed_a_wrong_tree(way: Road, ready: tuple[int, str]) -> None:
    base = way.fake.sha()
    expected = way.fake.core.origin.merged_tree(base, ready[1])
    way.fake.on("merge").wrong_tree()
    assert way.merge(*ready).status_code == 200
    assert way.fake.commit(way.fake.sha()).tree not in (expected, way.fake.commit(base).tree)


def test_mergeability_is_unknown_for_so_many_polls_after_each_move(way: Road) -> None:
    way.fake.settings.mergeable_after = 3
    way.fake.push("task", {"new.txt": "new\n"})
    number = way.number(way.propose())
    assert [way.knows(way.pull(number)) for _ in range(4)] == [False, False, False, True]
    way.fake.push_base()
    assert [way.knows(way.pull(number)) for _ in range(4)] == [False, False, False, True]


def test_mergeability_can_be_stuck(way: Road) -> None:
    way.fake.settings.mergeable_after = -1
    way.fake.push("task", {"new.txt": "new\n"})
    number = way.number(way.propose())
    assert not any(way.knows(way.pull(number)) for _ in range(6))


def test_a_conflict_does_not_merge(way: Road) -> None:
    way.fake.push("task", {"README.md": "mine\n"})
    base = way.fake.push_base({"README.md": "theirs\n"})
    number = way.number(way.propose())
    assert not any(way.knows(way.pull(number)) for _ in range(3))
    assert way.merge(number, way.fake.sha("task")).status_code in (405, 409, 422)
    assert way.fake.sha() == base


def test_the_head_moved_between_two_calls(way: Road, ready: tuple[int, str]) -> None:
    base, number = way.fake.sha(), ready[0]
    way.fake.settings.mergeable_after = 0
    way.fake.on("merge").before(lambda: way.fake.push("task", {"later.txt": "later\n"}))
    assert way.merge(*ready).status_code == 409
    assert way.fake.sha() == base
    assert not way.merged(number)


def test_the_base_moved_between_two_calls_and_the_merge_lands_on_it(way: Road, ready: tuple[int, str]) -> None:
    """Nobody's API takes an expected base."""
    way.fake.settings.mergeable_after = 0
    moved: list[str] = []
    way.fake.on("merge").before(lambda: moved.append(way.fake.push_base()))
    assert way.merge(*ready).status_code == 200
    assert landed(way.fake, moved[0])


def test_a_hook_after_the_act_runs_before_the_answer(way: Road, ready: tuple[int, str]) -> None:
    base = way.fake.sha()
    seen: list[bool] = []
    way.fake.on("merge").after(lambda: seen.append(landed(way.fake, base)))
    way.merge(*ready)
    assert seen == [True]


def test_an_old_merged_pull_request_is_on_the_same_branch(way: Road) -> None:
    way.fake.push("task", {"new.txt": "new\n"})
    old = way.fake.old_pull("task")
    made = way.propose()
    assert made.status_code == 201
    assert way.number(made) == old.number + 1
    assert way.merged(old.number)
    assert not way.merged(way.number(made))


def test_a_second_pull_request_of_a_branch_is_refused_with_the_number_of_the_first(
    way: Road, ready: tuple[int, str]
) -> None:
    again = way.propose()
    assert again.status_code == (422 if way.fake.dialect.name == "github" else 409)
    assert "already exists" in again.text


def test_ci_is_listed_late_runs_and_ends(way: Road) -> None:
    sha = way.fake.sha()
    way.fake.ci_later(sha, {"build": "green"}, hidden=2, running=1)
    lengths = [len(way.checks(way.ci(sha))) for _ in range(4)]
    assert lengths == [0, 0, 1, 1]
    assert way.checks(way.ci(sha)) == ["success"]


def test_ci_can_take_its_time_whatever_is_polled(way: Road) -> None:
    sha = way.fake.sha()
    way.fake.ci_later(sha, {"build": "green"}, seconds=3600)
    assert not any("success" in way.checks(way.ci(sha)) for _ in range(5))


def test_every_commit_gets_ci_by_itself_or_by_a_rule(way: Road) -> None:
    way.fake.ci_always({"build": "green"}, hidden=1)
    first = way.fake.sha()
    assert [way.checks(way.ci(first)) for _ in range(2)] == [[], ["success"]]
    second = way.fake.push_base()
    way.fake.ci_rule(lambda sha: {"build": "red"} if sha == second else None)
    assert [word[:4] for word in way.checks(way.ci(second))] == ["fail"]
    assert way.checks(way.ci(way.fake.push_base())) == []


def test_green_turns_red_in_a_new_run_of_the_same_name(way: Road) -> None:
    sha = way.fake.sha()
    way.fake.ci(sha, {"build": "green"})
    way.fake.ci(sha, {"build": "red"}, again=True)
    newest, oldest = way.checks(way.ci(sha))
    assert (newest[:4], oldest) == ("fail", "success")
    assert way.fake.checks(sha) == {"build": "red"}


def test_too_many_requests_with_and_without_headers(way: Road) -> None:
    way.fake.on("*").rate_limited(seconds=7)
    told = way.issues(1, 10)
    assert told.status_code in (403, 429)
    assert "7" in (told.headers.get("retry-after"), "7" if told.headers.get("x-ratelimit-remaining") == "0" else "")
    way.fake.on("list_issues").rate_limited(headers=False, status=429)
    silent = way.issues(1, 10)
    assert silent.status_code == 429
    assert not {"retry-after", "x-ratelimit-reset", "ratelimit-reset"} & set(silent.headers)
    assert way.issues(1, 10).status_code == 200


def test_a_comment_is_made_and_its_answer_lost(way: Road) -> None:
    issue = way.fake.issue("Broken")
    way.fake.on("comment").then_drop()
    with pytest.raises(httpx.RemoteProtocolError):
        way.comment(issue.number, "Landed.")
    assert [comment.body for comment in way.fake.comments(issue)] == ["Landed."]


def test_a_pull_request_is_made_and_its_answer_lost(way: Road) -> None:
    way.fake.push("task", {"new.txt": "new\n"})
    way.fake.on("create_pull").then_answer(502)
    assert way.propose().status_code == 502
    assert [pull.head for pull in way.fake.pulls] == ["task"]


def test_orders_skip_and_repeat_and_heal(way: Road) -> None:
    way.fake.on("list_issues", skip=1, times=2).answer(503)
    assert [way.issues(1, 10).status_code for _ in range(4)] == [200, 503, 503, 200]
    way.fake.on("list_issues", times=99).answer(503)
    assert way.fake.unmet() == ["list_issues"]
    way.fake.heal()
    assert way.issues(1, 10).status_code == 200


def test_an_answer_can_be_edited(way: Road) -> None:
    sha = way.fake.sha()
    way.fake.ci(sha, {"build": "green"})
    operation = {"github": "check_runs", "gitlab": "pipelines"}.get(way.fake.dialect.name, "statuses")
    way.fake.on(operation).edit(lambda body: {"check_runs": []} if isinstance(body, dict) else [])
    assert way.checks(way.ci(sha)) == []


def test_a_required_check_that_is_missing_stops_the_merge(way: Road, ready: tuple[int, str]) -> None:
    way.fake.settings.required_contexts = ["build"]
    way.fake.settings.pipeline_must_succeed = True
    base = way.fake.sha()
    assert way.merge(*ready).status_code == 405
    way.fake.ci(ready[1], {"build": "green"})
    assert way.merge(*ready).status_code == 200
    assert landed(way.fake, base)


def test_a_closing_word_closes_the_issue_at_the_merge(way: Road) -> None:
    issue = way.fake.issue("Broken")
    way.fake.push("task", {"new.txt": "new\n"})
    made = way.propose(body=f"Closes #{issue.number}")
    way.fake.settings.mergeable_after = 0
    way.pull(way.number(made))
    assert way.merge(way.number(made), way.fake.sha("task")).status_code == 200
    assert issue.state == "closed"
