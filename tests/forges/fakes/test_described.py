"""Requests and answers are held against the descriptions that the forges publish."""

from __future__ import annotations

import os

import httpx
import pytest

from tests.forges.fakes.described import FOLDER
from tests.forges.fakes.fake import Fake

REPO = "/repos/acme/widget"

pytestmark = [
    pytest.mark.skipif(FOLDER not in os.environ, reason=f"{FOLDER} does not name the folder of API descriptions"),
    pytest.mark.parametrize("fake", ["github", "gitea", "forgejo"], indirect=True),
]


def complaints(fake: Fake) -> str:
    """All so far, and forget them."""
    found = "\n".join(fake.violations)
    fake.violations.clear()
    return found


def test_an_unknown_query_parameter(fake: Fake, client: httpx.Client) -> None:
    client.get(f"{REPO}/issues", params={"stat": "open"})
    assert "no query parameter 'stat'" in complaints(fake)


def test_a_query_parameter_of_another_type(fake: Fake, client: httpx.Client) -> None:
    client.get(f"{REPO}/issues", params={"page": "two", "state": "opened"})
    found = complaints(fake)
    assert "page='two' is not an integer" in found
    assert "state='opened' is not one of" in found


def test_a_path_parameter_of_another_type(fake: Fake, client: httpx.Client) -> None:
    client.get(f"{REPO}/issues/abc")
    assert "'abc' is not an integer" in complaints(fake)


def test_an_unknown_property(fake: Fake, client: httpx.Client) -> None:
    client.post(f"{REPO}/issues", json={"title": "x", "labelz": []})
    assert "no property 'labelz'" in complaints(fake)


def test_a_property_of_another_type(fake: Fake, client: httpx.Client) -> None:
    """A property of a known object, in an entry of a list."""
    issue = fake.issue()
    client.patch(f"{REPO}/issues/{issue.number}", json={"body": ["x"]})
    assert "$.body" in complaints(fake)


def test_a_missing_property(fake: Fake, client: httpx.Client) -> None:
    issue = fake.issue()
    fake.on("comment").answer(422)
    client.post(f"{REPO}/issues/{issue.number}/comments", json={})
    assert "'body' is a required property" in complaints(fake)


def test_a_body_where_there_is_none(fake: Fake, client: httpx.Client) -> None:
    fake.push("gone", {"new.txt": "new\n"})
    path = f"{REPO}/git/refs/heads/gone" if fake.dialect.name == "github" else f"{REPO}/branches/gone"
    client.request("DELETE", path, json={"why": "done"})
    assert "takes no body" in complaints(fake)


def test_an_answer_of_the_fake_that_is_not_as_described(fake: Fake, client: httpx.Client) -> None:
    """The fake is held to it as well."""
    issue = fake.issue()
    issue.title = 3  # type: ignore[assignment]
    client.get(f"{REPO}/issues/{issue.number}")
    assert "$.title: 3 is not of type 'string'" in complaints(fake)


def test_a_request_is_judged_whatever_is_answered(fake: Fake, client: httpx.Client) -> None:
    fake.on("list_issues").answer(500)
    client.get(f"{REPO}/issues", params={"stat": "open"})
    assert complaints(fake)
