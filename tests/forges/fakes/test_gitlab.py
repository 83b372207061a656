"""The fake GitLab does what GitLab does."""

from __future__ import annotations

import httpx
import pytest

from tests.forges.fakes.fake import Fake

PROJECT = "/projects/acme%2Fwidget"
MRS = f"{PROJECT}/merge_requests"


pytestmark = pytest.mark.parametrize("fake", ["gitlab"], indirect=True)


def proposed(fake: Fake, client: httpx.Client) -> tuple[int, str]:
    """A merge request's iid and head."""
    head = fake.push("task", {"new.txt": "new\n"})
    made = client.post(MRS, json={"title": "Add", "source_branch": "task", "target_branch": "main", "squash": True})
    assert made.status_code == 201, made.text
    return int(made.json()["iid"]), head


def merge(client: httpx.Client, number: int, head: str) -> httpx.Response:
    body = {"squash": True, "sha": head, "squash_commit_message": "Add (t1)\n\nMosaic-Task: t1"}
    return client.put(f"{MRS}/{number}/merge", json=body | {"should_remove_source_branch": False})


@pytest.mark.parametrize("method", ["merge", "ff", "rebase_merge"])
def test_the_main_road(fake: Fake, client: httpx.Client, method: str) -> None:
    """Create, wait until it is known to merge, merge into one or two commits, CI, comment, close."""
    fake.settings.merge_method = method
    base = fake.sha()
    issue = fake.issue("Broken")
    number, head = proposed(fake, client)
    asked = [client.get(f"{MRS}/{number}").json()["detailed_merge_status"] for _ in range(2)]
    assert asked == ["checking", "mergeable"]
    merged = merge(client, number, head)
    assert (merged.status_code, merged.json()["state"]) == (200, "merged")
    commit = fake.commit(fake.sha())
    assert commit.parents[0] == base
    if method == "ff":
        assert (commit.message, commit.parents) == ("Add (t1)\n\nMosaic-Task: t1", (base,))
        assert (merged.json()["squash_commit_sha"], merged.json()["merge_commit_sha"]) == (commit.sha, None)
    else:
        squash = fake.commit(commit.parents[1])
        assert (squash.message, squash.tree) == ("Add (t1)\n\nMosaic-Task: t1", commit.tree)
        assert (merged.json()["squash_commit_sha"], merged.json()["merge_commit_sha"]) == (squash.sha, commit.sha)

    fake.ci_later(commit.sha, {"build": "green"}, hidden=1, running=1)
    seen = [client.get(f"{PROJECT}/pipelines", params={"sha": commit.sha, "ref": "main"}).json() for _ in range(3)]
    assert [[pipeline["status"] for pipeline in each] for each in seen] == [[], ["running"], ["success"]]

    path = f"{PROJECT}/issues/{issue.number}"
    assert client.post(f"{path}/notes", json={"body": "Landed."}).status_code == 201
    assert client.put(path, json={"state_event": "close"}).json()["state"] == "closed"
    assert [comment.body for comment in fake.comments(issue)] == ["Landed."]


def status(client: httpx.Client, number: int) -> str:
    return str(client.get(f"{MRS}/{number}").json()["detailed_merge_status"])


def test_listing_does_not_start_the_check_and_asking_does(fake: Fake, client: httpx.Client) -> None:
    number, _ = proposed(fake, client)
    query = {"source_branch": "task", "target_branch": "main", "state": "all", "order_by": "created_at", "sort": "desc"}
    listed = [client.get(MRS, params=query).json()[0]["detailed_merge_status"] for _ in range(3)]
    assert listed == ["unchecked"] * 3
    assert [status(client, number) for _ in range(2)] == ["checking", "mergeable"]


def test_reasons_not_to_merge(fake: Fake, client: httpx.Client) -> None:
    fake.settings.mergeable_after = 0
    number, head = proposed(fake, client)
    fake.settings.pipeline_must_succeed = True
    assert status(client, number) == "ci_must_pass"
    assert merge(client, number, head).status_code == 405
    fake.ci(head, {"build": "running"})
    assert status(client, number) == "ci_still_running"
    fake.ci(head, {"build": "green"})
    assert status(client, number) == "mergeable"
    fake.settings.merge_method = "ff"
    fake.push_base()
    assert status(client, number) == "need_rebase"
    refused = merge(client, number, head)
    assert (refused.status_code, refused.json()["message"]) == (422, "Branch cannot be merged")
    fake.settings.version = "15.0.0"
    assert merge(client, number, head).status_code == 406
    fake.settings.can_push = False
    assert merge(client, number, head).status_code == 401


def test_an_old_sha_is_refused_with_the_head(fake: Fake, client: httpx.Client) -> None:
    fake.settings.mergeable_after = 0
    number, head = proposed(fake, client)
    moved = fake.push("task", {"later.txt": "later\n"})
    refused = merge(client, number, head)
    assert (refused.status_code, refused.json()["message"]) == (
        409,
        f"SHA does not match HEAD of source branch: {moved}",
    )


def test_a_merge_while_it_is_still_checked_is_refused(fake: Fake, client: httpx.Client) -> None:
    number, head = proposed(fake, client)
    refused = merge(client, number, head)
    assert (refused.status_code, refused.json()["message"]) == (405, "405 Method Not Allowed")


def test_a_forbidden_squash_is_answered_200_and_opened(fake: Fake, client: httpx.Client) -> None:
    fake.settings.mergeable_after = 0
    fake.settings.allow_squash = False
    assert client.get(PROJECT).json()["squash_option"] == "never"
    number, head = proposed(fake, client)
    answer = merge(client, number, head)
    assert (answer.status_code, answer.json()["state"]) == (200, "opened")
    assert "Squashing not allowed" in answer.json()["merge_error"]


def test_a_merge_that_is_not_finished_is_locked(fake: Fake, client: httpx.Client) -> None:
    fake.settings.mergeable_after = 0
    number, head = proposed(fake, client)
    fake.on("merge").leave_open()
    assert merge(client, number, head).json()["state"] == "locked"
    assert client.get(f"{MRS}/{number}").json()["state"] == "locked"
    fake.core.mark_merged(fake.pulls[0])
    assert client.get(f"{MRS}/{number}").json()["state"] == "merged"


def test_a_second_merge_request_is_told_the_iid_of_the_first(fake: Fake, client: httpx.Client) -> None:
    number, _ = proposed(fake, client)
    again = client.post(MRS, json={"title": "Add", "source_branch": "task", "target_branch": "main"})
    said = f"Another open merge request already exists for this source branch: !{number}"
    assert (again.status_code, again.json()["message"]) == (409, [said])


def test_a_merge_request_of_nothing_is_made_and_cannot_merge(fake: Fake, client: httpx.Client) -> None:
    made = client.post(MRS, json={"title": "Add", "source_branch": "none", "target_branch": "main"})
    assert (made.status_code, made.json()["sha"]) == (201, None)
    assert status(client, made.json()["iid"]) == "commits_status"


def test_a_merge_request_is_changed_and_closed(fake: Fake, client: httpx.Client) -> None:
    number, _ = proposed(fake, client)
    changed = client.put(f"{MRS}/{number}", json={"description": "marked", "state_event": "close"})
    assert (changed.json()["description"], changed.json()["state"]) == ("marked", "closed")
    assert client.post(f"{MRS}/{number}/notes", json={"body": "closed by hand"}).status_code == 201
    assert [note["body"] for note in client.get(f"{MRS}/{number}/notes").json()] == ["closed by hand"]


def test_pipelines_of_a_commit_a_branch_and_a_merge_request(fake: Fake, client: httpx.Client) -> None:
    number, head = proposed(fake, client)
    base = fake.sha()
    fake.ci(base, {"build": "green"})
    fake.ci(base, {"deploy": "running"}, again=True)
    fake.ci(head, {"build": "red"})
    of_main = client.get(f"{PROJECT}/pipelines", params={"ref": "main", "sha": base}).json()
    assert [pipeline["status"] for pipeline in of_main] == ["running", "success"]
    active = client.get(f"{PROJECT}/pipelines", params={"ref": "main", "scope": "running"}).json()
    assert [pipeline["sha"] for pipeline in active] == [base]
    of_change = client.get(f"{MRS}/{number}/pipelines").json()
    assert [(pipeline["sha"], pipeline["ref"], pipeline["status"]) for pipeline in of_change] == [
        (head, "task", "failed")
    ]
    assert client.get(f"{MRS}/{number}").json()["head_pipeline"]["id"] == of_change[0]["id"]
    assert client.get(f"{PROJECT}/repository/commits/{base}").json()["last_pipeline"]["status"] == "running"
    jobs = client.get(f"{PROJECT}/pipelines/{of_change[0]['id']}/jobs").json()
    assert [(job["name"], job["status"]) for job in jobs] == [("build", "failed")]


def test_a_failed_pipeline_is_retried(fake: Fake, client: httpx.Client) -> None:
    sha = fake.sha()
    fake.ci(sha, {"build": "red"})
    fake.rerun_gives({"build": "green"})
    ident = client.get(f"{PROJECT}/pipelines").json()[0]["id"]
    assert client.post(f"{PROJECT}/pipelines/{ident}/retry").json()["status"] == "running"
    seen = [client.get(f"{PROJECT}/pipelines/{ident}").json()["status"] for _ in range(2)]
    assert seen == ["running", "success"]


def test_statuses_of_others_are_listed_and_a_failure_may_be_allowed(fake: Fake, client: httpx.Client) -> None:
    sha = fake.sha()
    fake.ci(sha, {"jenkins": "red"}, kind="status")
    fake.core.ci.of(sha)[0].allow_failure = True
    listed = client.get(f"{PROJECT}/repository/commits/{sha}/statuses").json()
    assert [(entry["name"], entry["status"], entry["allow_failure"]) for entry in listed] == [
        ("jenkins", "failed", True)
    ]
    assert client.get(f"{PROJECT}/pipelines", params={"sha": sha}).json()[0]["source"] == "external"


def test_the_server_the_token_and_the_project(fake: Fake, client: httpx.Client) -> None:
    assert client.get("/version").json()["version"] == fake.settings.version
    assert client.get("/personal_access_tokens/self").json()["scopes"] == ["api"]
    assert httpx.get(f"{fake.api}/personal_access_tokens/self").status_code == 401
    shown = client.get("/projects/4711").json()
    assert (shown["path_with_namespace"], shown["merge_method"]) == ("acme/widget", "merge")
    branch = client.get(f"{PROJECT}/repository/branches/main").json()
    assert (branch["commit"]["id"], branch["protected"]) == (fake.sha(), True)
    assert client.get(f"{PROJECT}/repository/branches/no%2Fsuch").status_code == 404
    assert client.get(f"{PROJECT}/protected_branches/main").json()["name"] == "main"
    refused = client.get("/projects/acme%2Fgadget")
    assert (refused.status_code, refused.json()["message"]) == (404, "404 Project Not Found")


def test_every_way_to_send_the_token(fake: Fake) -> None:
    for name, value in (
        ("PRIVATE-TOKEN", fake.token),
        ("Authorization", f"Bearer {fake.token}"),
        ("JOB-TOKEN", fake.token),
    ):
        assert httpx.get(f"{fake.api}{PROJECT}", headers={name: value}).status_code == 200


def test_issues_with_labels_by_name_and_a_milestone_by_global_id(fake: Fake, client: httpx.Client) -> None:
    """Unknown labels are made; iids of issues and merge requests are numbered apart."""
    number, _ = proposed(fake, client)
    milestone = client.post(f"{PROJECT}/milestones", json={"title": "m1"}).json()
    assert milestone["id"] != milestone["iid"]
    assert client.post(f"{PROJECT}/milestones", json={"title": "m1"}).status_code == 400
    body = {"title": "Broken", "description": "marker", "labels": "bug,late", "milestone_id": milestone["id"]}
    made = client.post(f"{PROJECT}/issues", json=body).json()
    assert made["iid"] == number == 1
    shown = client.get(f"{PROJECT}/issues/1").json()
    assert (shown["labels"], shown["milestone"]["title"]) == (["bug", "late"], "m1")
    assert [label["name"] for label in client.get(f"{PROJECT}/labels").json()] == ["bug", "late"]
    found = client.get(f"{PROJECT}/issues", params={"search": "marker", "in": "description", "state": "opened"}).json()
    assert [issue["iid"] for issue in found] == [1]
    closed = client.put(f"{PROJECT}/milestones/{milestone['id']}", json={"state_event": "close"}).json()
    assert closed["state"] == "closed"
    assert client.get(f"{PROJECT}/milestones", params={"title": "m1"}).json()[0]["state"] == "closed"


def test_a_label_is_made_once(fake: Fake, client: httpx.Client) -> None:
    body = {"name": "bug", "color": "#ff0000"}
    assert [client.post(f"{PROJECT}/labels", json=body).status_code for _ in range(2)] == [201, 409]


def test_notes_come_newest_first(fake: Fake, client: httpx.Client) -> None:
    issue = fake.issue()
    for text in ("one", "two"):
        client.post(f"{PROJECT}/issues/{issue.number}/notes", json={"body": text})
    assert [note["body"] for note in client.get(f"{PROJECT}/issues/{issue.number}/notes").json()] == ["two", "one"]


def test_a_release_is_made_once(fake: Fake, client: httpx.Client) -> None:
    body = {"tag_name": "v1", "ref": fake.sha(), "name": "One", "description": "first", "milestones": []}
    assert client.get(f"{PROJECT}/releases/v1").status_code == 404
    assert client.post(f"{PROJECT}/releases", json=body).status_code == 201
    assert client.post(f"{PROJECT}/releases", json=body).status_code == 409
    assert client.get(f"{PROJECT}/releases/v1").json()["commit"]["id"] == fake.sha()
    unknown = client.post(f"{PROJECT}/releases", json=body | {"tag_name": "v2", "milestones": ["none"]})
    assert unknown.status_code == 404


def test_a_branch_is_deleted_once(fake: Fake, client: httpx.Client) -> None:
    fake.push("feat/gone", {"new.txt": "new\n"})
    assert client.delete(f"{PROJECT}/repository/branches/feat%2Fgone").status_code == 204
    assert client.delete(f"{PROJECT}/repository/branches/feat%2Fgone").status_code == 404
