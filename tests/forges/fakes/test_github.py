"""The fake GitHub does what GitHub does."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.forges.fakes.fake import Fake

PULLS = "/repos/acme/widget/pulls"


@pytest.fixture
def fake(make_fake: Callable[[str], Fake]) -> Fake:
    return make_fake("github")


@pytest.fixture
def client(fake: Fake) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=fake.api, headers={"Authorization": f"Bearer {fake.token}"}) as client:
        yield client


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
    seen = [client.get(f"/repos/acme/widget/commits/{commit.sha}/check-runs").json() for _ in range(3)]
    assert [[(run["name"], run["status"], run["conclusion"]) for run in each["check_runs"]] for each in seen] == [
        [],
        [("build", "in_progress", None)],
        [("build", "completed", "success")],
    ]

    path = f"/repos/acme/widget/issues/{issue.number}"
    assert client.post(f"{path}/comments", json={"body": "Landed."}).status_code == 201
    assert client.patch(path, json={"state": "closed", "state_reason": "completed"}).json()["state"] == "closed"
    assert [comment.body for comment in fake.comments(issue)] == ["Landed."]
