"""Tokens, pages, conditions, the log and the state file are the same for every fake forge."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.forges.fakes.control import Remote
from tests.forges.fakes.fake import TOKEN, Fake, enterprise
from tests.forges.fakes.fixtures import DIALECTS, bare_origin
from tests.forges.fakes.roads import Road, road

#: A token that may read everything and write nothing.
READ_ONLY = {
    "github": (),
    "gitea": ("read:repository", "read:issue", "read:user"),
    "forgejo": ("read:repository", "read:issue", "read:user"),
    "gitlab": ("read_api",),
}


def test_no_token_and_a_wrong_one_are_refused(way: Road) -> None:
    assert httpx.get(f"{way.fake.api}/user").status_code == 401
    way.http.headers["Authorization"] = "Bearer wrong"
    assert way.issues(1, 10).status_code == 401


def test_a_revoked_token_is_refused(way: Road) -> None:
    assert way.issues(1, 10).status_code == 200
    way.fake.revoke(way.fake.token)
    assert way.issues(1, 10).status_code == 401


def test_a_token_without_the_scope_may_not_write(way: Road) -> None:
    way.fake.grant("weak", *(READ_ONLY[way.fake.dialect.name] or ("read:org",)))
    way.http.headers["Authorization"] = "Bearer weak"
    issue = way.fake.issue()
    assert way.comment(issue.number, "hello").status_code == 403
    assert way.fake.comments(issue) == []


def test_another_repository_does_not_exist(way: Road) -> None:
    path = way.issues(1, 1).request.url.raw_path.decode().replace("widget", "gadget")
    assert way.http.get(f"{way.fake.url}{path}").status_code == 404


def test_lists_come_in_pages_that_name_the_next(way: Road) -> None:
    """The server's cap counts, whatever size is asked for."""
    way.fake.settings.page_max = 2
    made = [way.fake.issue(f"issue {n}").number for n in range(5)]
    answer, found = way.issues(1, 100), []
    while True:
        found += [issue.get("iid", issue.get("number")) for issue in answer.json()]
        following = answer.links.get("next")
        if following is None:
            break
        answer = way.http.get(following["url"])
    assert sorted(found) == made
    assert way.fake.count("list_issues") == 3
    total = {"gitlab": "x-total", "github": ""}.get(way.fake.dialect.name, "x-total-count")
    assert not total or answer.headers[total] == "5"
    if way.fake.dialect.name == "gitlab":
        assert answer.headers["x-next-page"] == ""
        assert way.issues(1, 2).headers["x-next-page"] == "2"


def test_an_unchanged_answer_is_304_for_its_tag_where_the_forge_has_tags(way: Road) -> None:
    sha = way.fake.sha()
    way.fake.ci(sha, {"build": "running"})
    first = way.ci(sha)
    if way.fake.dialect.name in ("gitea", "forgejo"):
        assert "etag" not in first.headers
        return
    again = way.ci(sha, first.headers["etag"])
    assert (again.status_code, again.content) == (304, b"")
    way.fake.ci(sha, {"build": "green"})
    assert way.ci(sha, first.headers["etag"]).status_code == 200
    assert [entry.status for entry in way.fake.log if entry.conditional] == [304, 200]


def test_rate_headers_count_and_a_304_is_free(way: Road) -> None:
    way.fake.settings.rate_headers = True
    name = {"github": "x-ratelimit-remaining", "gitlab": "ratelimit-remaining"}.get(way.fake.dialect.name)
    if name is None:
        assert not [header for header in way.issues(1, 1).headers if "ratelimit" in header]
        return
    sha = way.fake.sha()
    first = way.ci(sha)
    second = way.ci(sha, first.headers["etag"])
    third = way.ci(sha)
    left = [int(answer.headers[name]) for answer in (first, second, third)]
    assert left == [left[0], left[0], left[0] - 1]


def test_the_log_has_every_request_without_the_token(way: Road) -> None:
    issue = way.fake.issue()
    way.comment(issue.number, "hello")
    entry = way.fake.calls("comment")[0]
    assert (entry.method, entry.status, entry.body) == ("POST", 201, {"body": "hello"})
    assert way.fake.token not in repr(way.fake.log)


@pytest.mark.parametrize("fake", ["gitlab"], indirect=True)
def test_a_request_that_the_description_does_not_know_is_a_violation(way: Road) -> None:
    """GitLab's is always there; see test_described for the published ones."""
    way.http.get("/projects/acme%2Fwidget/issues", params={"stat": "opened", "per_page": "many"})
    way.http.post("/projects/acme%2Fwidget/issues", json={"title": "x", "label": "a", "milestone_id": "m1"})
    with pytest.raises(AssertionError, match="no query parameter 'stat'"):
        way.fake.check()
    assert len(way.fake.violations) == 4
    way.fake.violations.clear()


def test_a_path_that_does_not_exist_is_a_violation(way: Road) -> None:
    assert way.http.get("/nothing/here").status_code == 404
    assert len(way.fake.violations) == 1
    way.fake.violations.clear()


@pytest.mark.parametrize("name", sorted(DIALECTS))
def test_a_forge_remembers_everything_in_its_file(name: str, tmp_path: Path) -> None:
    origin, file = bare_origin(tmp_path), tmp_path / "state"
    with Fake(DIALECTS[name], origin, state_file=file) as fake:
        sha = fake.push("main", {"README.md": "x\n"})
        issue = fake.issue("Broken", labels=["bug"], milestone="m1")
        fake.ci_later(sha, {"build": "green"}, hidden=2)
        with httpx.Client(base_url=fake.api, headers={"Authorization": f"Bearer {fake.token}"}) as http:
            assert road(fake, http).comment(issue.number, "hello").status_code == 201
            assert road(fake, http).checks(road(fake, http).ci(sha)) == []
    with Fake(DIALECTS[name], origin, state_file=file) as fake:
        assert [comment.body for comment in fake.comments(fake.issues[0])] == ["hello"]
        assert fake.issues[0].labels == ["bug"]
        with httpx.Client(base_url=fake.api, headers={"Authorization": f"Bearer {fake.token}"}) as http:
            way = road(fake, http)
            assert [way.checks(way.ci(sha)) for _ in range(2)] == [[], ["success"]]


def test_a_forge_runs_as_a_process_of_its_own_and_is_controlled_over_http(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.forges.fakes", "github", "--origin", str(bare_origin(tmp_path))]
    command += ["--state", str(tmp_path / "state")]
    root = Path(__file__).parents[3]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            remote = Remote(process.stdout.readline().strip())
            sha = remote.call("push", "main", {"README.md": "x\n"})
            remote.call("ci_always", {"build": "green"})
            remote.order("check_runs", [["answer", 502]])
            token = TOKEN
            path = f"{remote.url}/repos/acme/widget/commits/{sha}/check-runs"
            seen = [httpx.get(path, headers={"Authorization": f"Bearer {token}"}).status_code for _ in range(2)]
            assert seen == [502, 200]
            assert [entry["operation"] for entry in remote.log()] == ["check_runs", "check_runs"]
            assert remote.violations() == []
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == -signal.SIGTERM


def test_an_enterprise_server_has_a_prefix_and_tells_its_version(tmp_path: Path) -> None:
    with Fake(enterprise(DIALECTS["github"]), bare_origin(tmp_path)) as fake:
        fake.settings.version = "3.19.1"
        assert fake.api == f"{fake.url}/api/v3"
        answer = httpx.get(f"{fake.api}/meta", headers={"Authorization": f"Bearer {fake.token}"})
        assert (answer.json()["installed_version"], answer.headers["x-github-enterprise-version"]) == ("3.19.1",) * 2
