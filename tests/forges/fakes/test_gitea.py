"""The fake Gitea, and Forgejo, do what Gitea does."""

from __future__ import annotations

import httpx
import pytest

from tests.forges.fakes.fake import Fake

REPO = "/repos/acme/widget"


pytestmark = pytest.mark.parametrize("fake", ["gitea", "forgejo"], indirect=True)


def proposed(fake: Fake, client: httpx.Client) -> tuple[int, str]:
    """A pull request's index and head."""
    head = fake.push("task", {"new.txt": "new\n"})
    made = client.post(f"{REPO}/pulls", json={"title": "Add", "head": "task", "base": "main", "body": "Refs #1"})
    assert made.status_code == 201, made.text
    return int(made.json()["number"]), head


def merge(client: httpx.Client, number: int, head: str) -> httpx.Response:
    body = {
        "Do": "squash",
        "head_commit_id": head,
        "MergeTitleField": "Add (t1)",
        "MergeMessageField": "Mosaic-Task: t1",
    }
    return client.post(f"{REPO}/pulls/{number}/merge", json=body | {"delete_branch_after_merge": False})


def test_the_main_road(fake: Fake, client: httpx.Client) -> None:
    """Create, wait until it is known to merge, merge, CI, comment, close."""
    base = fake.sha()
    issue = fake.issue("Broken")
    number, head = proposed(fake, client)
    assert client.get(f"{REPO}/pulls/{number}").json()["mergeable"] is False
    assert client.get(f"{REPO}/pulls/{number}").json()["mergeable"] is True
    merged = merge(client, number, head)
    assert (merged.status_code, merged.content) == (200, b"")
    commit = fake.commit(fake.sha())
    assert (commit.parents, commit.message) == ((base,), "Add (t1)\n\nMosaic-Task: t1")
    assert client.get(f"{REPO}/pulls/{number}").json()["merge_commit_sha"] == commit.sha
    assert client.get(f"{REPO}/pulls/{number}/merge").status_code == 204

    fake.ci_later(commit.sha, {"build": "green"}, hidden=1, running=1)
    seen = [client.get(f"{REPO}/commits/{commit.sha}/status").json() for _ in range(3)]
    assert [(each["state"], each["total_count"]) for each in seen] == [("", 0), ("pending", 1), ("success", 1)]

    path = f"{REPO}/issues/{issue.number}"
    assert client.post(f"{path}/comments", json={"body": "Landed."}).status_code == 201
    closed = client.patch(path, json={"state": "closed"})
    assert (closed.status_code, closed.json()["state"]) == (201, "closed")
    assert [comment.body for comment in fake.comments(issue)] == ["Landed."]


def test_not_known_yet_and_conflicting_are_both_false(fake: Fake, client: httpx.Client) -> None:
    """A merge in either case is refused with the same words; the second look knows."""
    number, head = proposed(fake, client)
    early = merge(client, number, head)
    assert (early.status_code, early.json()["message"]) == (405, "Please try again later")
    assert merge(client, number, head).status_code == 200
    fake.push("other", {"README.md": "mine\n"})
    fake.push_base({"README.md": "theirs\n"})
    other = fake.open_pull("other")
    assert [client.get(f"{REPO}/pulls/{other.number}").json()["mergeable"] for _ in range(3)] == [False] * 3
    refused = merge(client, other.number, fake.sha("other"))
    assert (refused.status_code, refused.json()["message"]) == (405, "Please try again later")


def test_the_pull_request_of_a_branch_may_be_an_old_merged_one(fake: Fake, client: httpx.Client) -> None:
    fake.push("feat/task", {"new.txt": "new\n"})
    old, new = fake.old_pull("feat/task"), fake.open_pull("feat/task")
    assert client.get(f"{REPO}/pulls/main/feat/task").json()["number"] == old.number
    listed = client.get(f"{REPO}/pulls", params={"state": "all", "sort": "recentupdate", "limit": 50}).json()
    assert {pull["number"] for pull in listed} == {old.number, new.number}
    assert all(pull["head"]["ref"] == "feat/task" for pull in listed)
    assert client.get(f"{REPO}/pulls/main/none").status_code == 404


@pytest.mark.parametrize(
    ("changed", "status"),
    [({"head": "main"}, 422), ({"head": "none"}, 404), ({"base": "none"}, 404), ({"milestone": 99}, 404)],
)
def test_a_pull_request_of_nothing_is_refused(
    fake: Fake, client: httpx.Client, changed: dict[str, object], status: int
) -> None:
    fake.push("task", {"new.txt": "new\n"})
    body = {"title": "Add", "head": "task", "base": "main"} | changed
    assert client.post(f"{REPO}/pulls", json=body).status_code == status


def test_a_second_pull_request_is_told_the_index_of_the_first(fake: Fake, client: httpx.Client) -> None:
    number, _ = proposed(fake, client)
    again = client.post(f"{REPO}/pulls", json={"title": "Add", "head": "task", "base": "main"})
    assert again.status_code == 409
    assert f"issue_id: {number}," in again.json()["message"]


def test_a_pull_request_is_changed_with_201_and_not_closed_once_merged(fake: Fake, client: httpx.Client) -> None:
    number, head = proposed(fake, client)
    changed = client.patch(f"{REPO}/pulls/{number}", json={"body": "marked"})
    assert (changed.status_code, changed.json()["body"]) == (201, "marked")
    fake.settings.mergeable_after = 0
    client.get(f"{REPO}/pulls/{number}")
    assert merge(client, number, head).status_code == 200
    assert client.patch(f"{REPO}/pulls/{number}", json={"state": "closed"}).status_code == 412


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"allow_squash": False}, (405, "Invalid merge style")),
        ({"required_contexts": ["lint"]}, (405, "Not all required status checks successful")),
        ({"can_push": False}, (405, "User not allowed to merge PR")),
        ({"archived": True}, (423, "Repo is archived")),
    ],
)
def test_a_merge_that_is_not_allowed(
    fake: Fake, client: httpx.Client, setting: dict[str, object], said: tuple[int, str]
) -> None:
    fake.settings.mergeable_after = 0
    number, head = proposed(fake, client)
    for name, value in setting.items():
        setattr(fake.settings, name, value)
    refused = merge(client, number, head)
    assert (refused.status_code, refused.json()["message"]) == said


def test_merged_and_closed_pull_requests_do_not_merge_again(fake: Fake, client: httpx.Client) -> None:
    """Merged is a 405 with an empty message, closed a 404, an open dependency a 500."""
    fake.settings.mergeable_after = 0
    number, head = proposed(fake, client)
    assert merge(client, number, head).status_code == 200
    again = merge(client, number, head)
    assert (again.status_code, again.json()["message"]) == (405, "")
    assert client.get(f"{REPO}/commits/{fake.sha()}/pull").json()["number"] == number
    closed = fake.old_pull("task", merged=False)
    assert merge(client, closed.number, head).status_code == 404
    fake.push("task", {"more.txt": "more\n"})
    waiting = fake.open_pull("task")
    waiting.blocked = True
    assert merge(client, waiting.number, fake.sha("task")).status_code == 500


def test_merge_when_checks_succeed_answers_201_and_merges_nothing(fake: Fake, client: httpx.Client) -> None:
    fake.settings.mergeable_after, base = 0, fake.sha()
    number, head = proposed(fake, client)
    fake.settings.required_contexts = ["build"]
    body = {"Do": "squash", "head_commit_id": head, "merge_when_checks_succeed": True}
    assert client.post(f"{REPO}/pulls/{number}/merge", json=body).status_code == 201
    assert fake.sha() == base


def test_a_commit_that_is_on_main_is_declared_merged_by_hand(fake: Fake, client: httpx.Client) -> None:
    fake.settings.mergeable_after = 0
    number, head = proposed(fake, client)
    fake.on("merge").leave_open()
    assert merge(client, number, head).status_code == 200
    body = {"Do": "manually-merged", "MergeCommitID": fake.sha()}
    assert client.post(f"{REPO}/pulls/{number}/merge", json=body).status_code == 200
    assert client.get(f"{REPO}/pulls/{number}").json()["merge_commit_sha"] == fake.sha()


def test_words_that_only_an_order_brings_about(fake: Fake, client: httpx.Client) -> None:
    number, head = proposed(fake, client)
    for why, status, said in (
        ("base_moved", 409, "merge push out of date"),
        ("head_moved", 409, "head out of date"),
        ("hook", 409, "PushRejected with remote message: the hook says no"),
    ):
        fake.on("merge").refuse(why)
        refused = merge(client, number, head)
        assert (refused.status_code, refused.json()["message"]) == (status, said)
    fake.on("merge").refuse("conflict")
    assert "StdErr" in merge(client, number, head).json()


def test_statuses_repeat_a_name_and_the_newest_counts(fake: Fake, client: httpx.Client) -> None:
    sha = fake.sha()
    fake.ci(sha, {"build": "red"}, kind="status")
    fake.ci(sha, {"build": "green", "lint": "warning"}, kind="status")
    combined = client.get(f"{REPO}/commits/{sha}/status").json()
    assert (combined["state"], combined["total_count"]) == ("warning", 2)
    listed = client.get(f"{REPO}/commits/{sha}/statuses", params={"limit": 50}).json()
    assert [(status["context"], status["status"]) for status in listed] == [
        ("lint", "warning"),
        ("build", "success"),
        ("build", "failure"),
    ]
    assert client.get(f"{REPO}/commits/{'0' * 40}/status").status_code == 404


def test_actions_runs_are_listed_where_the_server_is_new_enough(fake: Fake, client: httpx.Client) -> None:
    """Gitea says how a run ended in `conclusion`; Forgejo in `status`, and it knows no branch filter."""
    sha = fake.sha()
    fake.ci(sha, {"build": "green"})
    run = client.get(f"{REPO}/actions/runs", params={"head_sha": sha}).json()["workflow_runs"][0]
    assert (run["head_sha"], run["head_branch"]) == (sha, "main")
    assert run.get("conclusion", run["status"]) == "success"
    if fake.dialect.name == "gitea":
        assert client.get(f"{REPO}/actions/runs", params={"branch": "other"}).json()["total_count"] == 0
    one = client.get(f"{REPO}/actions/runs/{run['id']}").json()
    assert one["status"] == ("completed" if fake.dialect.name == "gitea" else "success")
    fake.settings.actions_listed = False
    assert client.get(f"{REPO}/actions/runs").status_code == 404


def test_the_server_the_user_and_the_repository(fake: Fake, client: httpx.Client) -> None:
    assert client.get("/version").json() == {"version": fake.settings.version}
    assert client.get("/settings/api").json()["max_response_items"] == 50
    assert client.get("/user").json()["login"] == "mosaic-bot"
    assert client.get(REPO).json()["allow_squash_merge"] is True
    shown = client.get(f"{REPO}/branches/main").json()
    assert (shown["commit"]["id"], shown["enable_status_check"]) == (fake.sha(), False)
    assert client.get(f"{REPO}/branches/no/such").status_code == 404


def test_protection_of_the_base_branch(fake: Fake, client: httpx.Client) -> None:
    assert client.get(f"{REPO}/branch_protections").json() == []
    assert client.get(f"{REPO}/branch_protections/main").status_code == 404
    fake.settings.required_contexts = ["build"]
    shown = client.get(f"{REPO}/branches/main").json()
    assert (shown["enable_status_check"], shown["status_check_contexts"]) == (True, ["build"])
    assert client.get(f"{REPO}/branch_protections/main").json()["status_check_contexts"] == ["build"]


def test_issues_with_labels_and_a_milestone_by_id(fake: Fake, client: httpx.Client) -> None:
    """What is not known is dropped without a word; labels are also added by name."""
    bug = client.post(f"{REPO}/labels", json={"name": "bug", "color": "#ff0000"}).json()
    milestone = client.post(f"{REPO}/milestones", json={"title": "m1"}).json()
    body = {"title": "Broken", "body": "marker", "labels": [bug["id"], 1], "milestone": milestone["id"]}
    made = client.post(f"{REPO}/issues", json=body)
    assert made.status_code == 201
    shown = client.get(f"{REPO}/issues/{made.json()['number']}").json()
    assert ([label["name"] for label in shown["labels"]], shown["milestone"]["title"]) == (["bug"], "m1")
    assert client.post(f"{REPO}/issues", json={"title": "x", "milestone": 99}).json()["milestone"] is None
    fake.core.label("late")
    added = client.post(f"{REPO}/issues/{shown['number']}/labels", json={"labels": ["late"]})
    assert [label["name"] for label in added.json()] == ["bug", "late"]
    found = client.get(f"{REPO}/issues", params={"q": "marker", "type": "issues", "state": "all"}).json()
    assert [issue["number"] for issue in found] == [shown["number"]]


def test_a_milestone_is_found_by_name_and_closed(fake: Fake, client: httpx.Client) -> None:
    """Two of one title are made without complaint."""
    made = [client.post(f"{REPO}/milestones", json={"title": "m1"}).json()["id"] for _ in range(2)]
    assert len(set(made)) == 2
    closed = client.patch(f"{REPO}/milestones/{made[0]}", json={"state": "closed"})
    assert (closed.status_code, closed.json()["state"]) == (200, "closed")
    found = client.get(f"{REPO}/milestones", params={"name": "m1", "state": "all"}).json()
    assert [milestone["state"] for milestone in found] == ["closed", "open"]


def test_an_issue_with_open_dependencies_does_not_close(fake: Fake, client: httpx.Client) -> None:
    issue = fake.issue()
    issue.blocked = True
    assert client.patch(f"{REPO}/issues/{issue.number}", json={"state": "closed"}).status_code == 412


def test_a_release_is_made_once(fake: Fake, client: httpx.Client) -> None:
    body = {"tag_name": "v1", "target_commitish": fake.sha(), "name": "One", "body": "first"}
    assert client.get(f"{REPO}/releases/tags/v1").status_code == 404
    assert client.post(f"{REPO}/releases", json=body).status_code == 201
    assert client.post(f"{REPO}/releases", json=body).status_code == 409
    assert client.get(f"{REPO}/releases/tags/v1").json()["name"] == "One"
    assert fake.core.origin.sha("v1") == fake.sha()


def test_a_branch_is_deleted_once(fake: Fake, client: httpx.Client) -> None:
    fake.push("gone", {"new.txt": "new\n"})
    assert client.delete(f"{REPO}/branches/gone").status_code == 204
    assert client.delete(f"{REPO}/branches/gone").status_code == 404
