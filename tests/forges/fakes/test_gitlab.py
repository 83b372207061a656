"""The fake GitLab does what GitLab does."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.forges.fakes.fake import Fake

PROJECT = "/projects/acme%2Fwidget"
MRS = f"{PROJECT}/merge_requests"


@pytest.fixture
def fake(make_fake: Callable[[str], Fake]) -> Fake:
    return make_fake("gitlab")


@pytest.fixture
def client(fake: Fake) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=fake.api, headers={"PRIVATE-TOKEN": fake.token}) as client:
        yield client


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
