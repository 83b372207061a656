"""The fake Gitea, and Forgejo, do what Gitea does."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.forges.fakes.fake import Fake

REPO = "/repos/acme/widget"


@pytest.fixture(params=["gitea", "forgejo"])
def fake(request: pytest.FixtureRequest, make_fake: Callable[[str], Fake]) -> Fake:
    return make_fake(str(request.param))


@pytest.fixture
def client(fake: Fake) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=fake.api, headers={"Authorization": f"token {fake.token}"}) as client:
        yield client


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
