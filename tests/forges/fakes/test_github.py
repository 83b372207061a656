"""The fake GitHub does what GitHub does."""

from __future__ import annotations

import httpx
import pytest

from tests.forges.fakes.fake import Fake

REPO = "/repos/acme/widget"
PULLS = f"{REPO}/pulls"


pytestmark = pytest.mark.parametrize("fake", ["github"], indirect=True)


def proposed(fake: Fake, client: httpx.Client) -> tuple[int, str]:
    """A pull request's number and head."""
    head = fake.push("task", {"new.txt": "new\n"})
    made = client.post(PULLS, json={"title": "Add", "head": "task", "base": "main", "body": "Refs #1"})
    assert made.status_code == 201, made.text
    return int(made.json()["number"]), head


def merge(client: httpx.Client, number: int, head: str) -> httpx.Response:
    body = {"merge_method": "squash", "sha": head, "commit_title": "Add (t1)", "commit_message": "Mosaic-Task: t1"}
    return client.put(f"{PULLS}/{number}/merge", json=body)


def test_the_main_road(fake: Fake, client: httpx.Client) -> None:
    """Create, wait until it is known to merge, merge, CI, comment, close."""
    base = fake.sha()
    issue = fake.issue("Broken")
    number, head = proposed(fake, client)
    assert client.get(f"{PULLS}/{number}").json()["mergeable"] is None
    assert client.get(f"{PULLS}/{number}").json()["mergeable"] is True
    merged = merge(client, number, head)
    assert merged.status_code == 200, merged.text
    commit = fake.commit(fake.sha())
    assert merged.json() == {"sha": commit.sha, "merged": True, "message": "Pull Request successfully merged"}
    assert (commit.parents, commit.message) == ((base,), "Add (t1)\n\nMosaic-Task: t1")
    assert client.get(f"{PULLS}/{number}/merge").status_code == 204

    fake.ci_later(commit.sha, {"build": "green"}, hidden=1, running=1)
    seen = [client.get(f"{REPO}/commits/{commit.sha}/check-runs").json() for _ in range(3)]
    assert [[(run["name"], run["status"], run["conclusion"]) for run in each["check_runs"]] for each in seen] == [
        [],
        [("build", "in_progress", None)],
        [("build", "completed", "success")],
    ]

    path = f"{REPO}/issues/{issue.number}"
    assert client.post(f"{path}/comments", json={"body": "Landed."}).status_code == 201
    assert client.patch(path, json={"state": "closed", "state_reason": "completed"}).json()["state"] == "closed"
    assert [comment.body for comment in fake.comments(issue)] == ["Landed."]


def test_a_list_of_pull_requests_says_nothing_of_mergeability(fake: Fake, client: httpx.Client) -> None:
    """`head` is a filter only with its owner, and searches all states when asked to."""
    number, _ = proposed(fake, client)
    fake.push("other", {"other.txt": "other\n"})
    fake.open_pull("other")
    fake.old_pull("task")
    query = {"state": "all", "base": "main", "sort": "created", "direction": "desc"}
    found = client.get(PULLS, params=query | {"head": "acme:task"}).json()
    assert [pull["number"] for pull in found] == [number + 2, number]
    assert [pull["merged_at"] is None for pull in found] == [False, True]
    assert not {"mergeable", "merged"} & set(found[0])
    assert len(client.get(PULLS, params=query | {"head": "task"}).json()) == 3


@pytest.mark.parametrize(
    ("head", "said"),
    [("main", "No commits between main and main"), ("nowhere", "invalid")],
)
def test_a_pull_request_of_nothing_is_refused(fake: Fake, client: httpx.Client, head: str, said: str) -> None:
    made = client.post(PULLS, json={"title": "Add", "head": head, "base": "main"})
    error = made.json()["errors"][0]
    assert (made.status_code, error.get("message", error["code"])) == (422, said)


def test_a_pull_request_is_changed_and_closed(fake: Fake, client: httpx.Client) -> None:
    number, _ = proposed(fake, client)
    changed = client.patch(f"{PULLS}/{number}", json={"body": "marked", "state": "closed"})
    assert (changed.status_code, changed.json()["body"], changed.json()["state"]) == (200, "marked", "closed")


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"allow_squash": False}, (405, "Squash merges are not allowed on this repository.")),
        ({"merge_queue": True}, (405, "Changes must be made through the merge queue")),
        ({"required_contexts": ["lint"]}, (405, 'Required status check "lint" is expected.')),
        ({"can_push": False}, (405, "You're not authorized to push to this branch.")),
    ],
)
def test_a_merge_that_is_not_allowed(
    fake: Fake, client: httpx.Client, setting: dict[str, object], said: tuple[int, str]
) -> None:
    number, head = proposed(fake, client)
    for name, value in setting.items():
        setattr(fake.settings, name, value)
    refused = merge(client, number, head)
    assert (refused.status_code, refused.json()["message"]) == said


def test_words_that_only_an_order_brings_about(fake: Fake, client: httpx.Client) -> None:
    number, head = proposed(fake, client)
    for why, status, said in (
        ("base_moved", 405, "Base branch was modified. Review and try the merge again."),
        ("in_progress", 405, "Merge already in progress"),
        ("in_queue", 405, "Pull Request is in the merge queue"),
    ):
        fake.on("merge").refuse(why)
        refused = merge(client, number, head)
        assert (refused.status_code, refused.json()["message"]) == (status, said)
    fake.on("merge").secondary_limit(seconds=9)
    limited = merge(client, number, head)
    assert (limited.status_code, limited.headers["retry-after"]) == (403, "9")
    assert "secondary rate limit" in limited.json()["message"]


def test_a_merged_pull_request_does_not_merge_again(fake: Fake, client: httpx.Client) -> None:
    number, head = proposed(fake, client)
    assert merge(client, number, head).status_code == 200
    assert merge(client, number, head).status_code == 405
    assert client.get(f"{REPO}/commits/{fake.sha()}/pulls").json()[0]["number"] == number


def test_merge_async_is_there_when_switched_on(fake: Fake, client: httpx.Client) -> None:
    number, head = proposed(fake, client)
    body = {"merge_method": "squash", "sha": head, "commit_title": "Add (t1)"}
    assert client.put(f"{PULLS}/{number}/merge-async", json=body).status_code == 404
    fake.settings.merge_async = True
    asked = client.put(f"{PULLS}/{number}/merge-async", json=body)
    assert (asked.status_code, asked.json()["status"]) == (202, "pending")
    path = f"{PULLS}/{number}/merge-async/{asked.json()['details']['uuid']}"
    assert client.get(path).json()["status"] == "merged"
    assert client.put(f"{PULLS}/{number}/merge-async", json=body).status_code == 200


def test_statuses_and_check_runs_are_two_lists(fake: Fake, client: httpx.Client) -> None:
    sha = fake.sha()
    empty = client.get(f"{REPO}/commits/{sha}/status").json()
    assert (empty["state"], empty["total_count"]) == ("pending", 0)
    fake.ci(sha, {"jenkins": "pending"}, kind="status")
    fake.ci(sha, {"jenkins": "red"}, kind="status")
    fake.ci(sha, {"build": "skipped"})
    combined = client.get(f"{REPO}/commits/{sha}/status").json()
    assert (combined["state"], [status["context"] for status in combined["statuses"]]) == ("failure", ["jenkins"])
    assert [status["state"] for status in client.get(f"{REPO}/commits/{sha}/statuses").json()] == ["failure", "pending"]
    runs = client.get(f"{REPO}/commits/{sha}/check-runs", params={"filter": "latest"}).json()["check_runs"]
    assert [(run["name"], run["conclusion"]) for run in runs] == [("build", "skipped")]


def test_workflow_runs_are_listed_and_filtered_listings_lag(fake: Fake, client: httpx.Client) -> None:
    sha = fake.sha()
    fake.ci(sha, {"build": "running"})
    fake.settings.runs_lag = True
    assert client.get(f"{REPO}/actions/runs", params={"branch": "main"}).json()["total_count"] == 0
    run = client.get(f"{REPO}/actions/runs", params={"per_page": 100}).json()["workflow_runs"][0]
    assert (run["head_sha"], run["head_branch"], run["status"]) == (sha, "main", "in_progress")


def test_failed_jobs_run_again(fake: Fake, client: httpx.Client) -> None:
    sha = fake.sha()
    fake.ci(sha, {"build": "red", "lint": "green"})
    fake.rerun_gives({"build": "green"})
    run = client.get(f"{REPO}/actions/runs").json()["workflow_runs"][0]["id"]
    assert client.post(f"{REPO}/actions/runs/{run}/rerun-failed-jobs").status_code == 201
    assert client.post(f"{REPO}/actions/runs/{run}/rerun-failed-jobs").status_code == 403
    path = f"{REPO}/commits/{sha}/check-runs"
    seen = [{r["name"]: r["conclusion"] for r in client.get(path).json()["check_runs"]} for _ in range(2)]
    assert seen == [{"build": None, "lint": "success"}, {"build": "success", "lint": "success"}]
    assert client.get(f"{REPO}/actions/runs/{run}").json()["run_attempt"] == 2


def test_the_server_the_user_and_the_repository(fake: Fake, client: httpx.Client) -> None:
    assert client.get("/meta").status_code == 200
    assert client.get("/user").headers["x-oauth-scopes"] == "read:org, repo, workflow"
    fake.grant("fine", "fine-grained")
    assert "x-oauth-scopes" not in client.get("/user", headers={"Authorization": "Bearer fine"}).headers
    assert client.get("/rate_limit").json()["resources"]["core"]["limit"] == 5000
    assert client.get(REPO).json()["allow_squash_merge"] is True
    assert client.get(f"{REPO}/branches/main").json()["commit"]["sha"] == fake.sha()
    assert client.get(f"{REPO}/branches/no/such").status_code == 404
    assert client.get(f"{REPO}/git/ref/heads/main").json()["object"]["sha"] == fake.sha()


def test_protection_of_the_base_branch(fake: Fake, client: httpx.Client) -> None:
    path = f"{REPO}/branches/main/protection/required_status_checks"
    assert client.get(path).status_code == 404
    assert client.get(f"{REPO}/rules/branches/main").json() == []
    fake.settings.required_contexts = ["build"]
    fake.settings.merge_queue = True
    assert client.get(path).json()["contexts"] == ["build"]
    kinds = [rule["type"] for rule in client.get(f"{REPO}/rules/branches/main").json()]
    assert kinds == ["required_status_checks", "merge_queue"]
    assert client.get(f"{REPO}/branches/main").json()["protected"] is True


def test_issues_with_labels_and_a_milestone(fake: Fake, client: httpx.Client) -> None:
    assert client.post(f"{REPO}/labels", json={"name": "bug", "color": "ff0000"}).status_code == 201
    assert client.post(f"{REPO}/labels", json={"name": "bug", "color": "ff0000"}).status_code == 422
    assert [label["name"] for label in client.get(f"{REPO}/labels").json()] == ["bug"]
    milestone = client.post(f"{REPO}/milestones", json={"title": "m1"}).json()
    again = client.post(f"{REPO}/milestones", json={"title": "m1"})
    assert (again.status_code, again.json()["errors"][0]["code"]) == (422, "already_exists")
    body = {"title": "Broken", "body": "marker", "labels": ["bug"], "milestone": milestone["number"]}
    made = client.post(f"{REPO}/issues", json=body)
    assert made.status_code == 201
    shown = client.get(f"{REPO}/issues/{made.json()['number']}").json()
    assert ([label["name"] for label in shown["labels"]], shown["milestone"]["title"]) == (["bug"], "m1")
    fake.settings.can_push = False
    weak = client.post(f"{REPO}/issues", json=body).json()
    assert (weak["labels"], weak["milestone"]) == ([], None)
    fake.settings.issues_enabled = False
    assert client.post(f"{REPO}/issues", json=body).status_code == 410
    closed = client.patch(f"{REPO}/milestones/{milestone['number']}", json={"state": "closed"}).json()
    assert (closed["state"], closed["open_issues"]) == ("closed", 1)
    assert client.get(f"{REPO}/milestones").json() == []
    assert len(client.get(f"{REPO}/milestones", params={"state": "all"}).json()) == 1


def test_a_comment_is_listed_and_changed(fake: Fake, client: httpx.Client) -> None:
    issue = fake.issue()
    made = client.post(f"{REPO}/issues/{issue.number}/comments", json={"body": "one"}).json()
    changed = client.patch(f"{REPO}/issues/comments/{made['id']}", json={"body": "two"})
    assert changed.json()["body"] == "two"
    listed = client.get(f"{REPO}/issues/{issue.number}/comments", params={"since": issue.created_at}).json()
    assert [comment["body"] for comment in listed] == ["two"]
    assert client.get(f"{REPO}/issues/99/comments").status_code == 404


def test_a_release_is_made_once(fake: Fake, client: httpx.Client) -> None:
    body = {"tag_name": "v1", "target_commitish": fake.sha(), "name": "One", "body": "first", "draft": False}
    assert client.get(f"{REPO}/releases/tags/v1").status_code == 404
    assert client.post(f"{REPO}/releases", json=body).status_code == 201
    again = client.post(f"{REPO}/releases", json=body)
    assert (again.status_code, again.json()["errors"][0]["code"]) == (422, "already_exists")
    assert client.get(f"{REPO}/releases/tags/v1").json()["target_commitish"] == fake.sha()
    assert fake.core.origin.sha("v1") == fake.sha()
    fake.push_base()
    nowhere = client.post(f"{REPO}/releases", json=body | {"tag_name": "v2", "target_commitish": "nowhere"})
    assert nowhere.status_code == 422


def test_a_branch_is_deleted_once(fake: Fake, client: httpx.Client) -> None:
    fake.push("gone", {"new.txt": "new\n"})
    assert client.delete(f"{REPO}/git/refs/heads/gone").status_code == 204
    assert client.delete(f"{REPO}/git/refs/heads/gone").status_code == 422
