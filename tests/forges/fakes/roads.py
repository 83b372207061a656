"""One client per dialect with the same few acts, so that one test can go down every forge's road."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import httpx

from tests.forges.fakes.fake import Fake

TITLE = "Add (t1)"
MESSAGE = "Mosaic-Task: t1"


class Road(Protocol):
    """What answers come back is the forge's own; `checks` are the states in a CI answer, in its own words."""

    fake: Fake
    http: httpx.Client

    def propose(self, branch: str = "task", body: str = "Refs #1") -> httpx.Response: ...
    def pull(self, number: int) -> httpx.Response: ...
    def knows(self, pull: httpx.Response) -> bool: ...
    def merged(self, number: int) -> bool: ...
    def merge(self, number: int, head: str) -> httpx.Response: ...
    def ci(self, sha: str, tag: str = "") -> httpx.Response: ...
    def checks(self, answer: httpx.Response) -> list[str]: ...
    def rerun(self, run: int) -> httpx.Response: ...
    def issues(self, page: int, size: int) -> httpx.Response: ...
    def comment(self, number: int, text: str) -> httpx.Response: ...
    def number(self, answer: httpx.Response) -> int: ...


@dataclass
class GithubRoad:
    fake: Fake
    http: httpx.Client
    repo: str = "/repos/acme/widget"

    def propose(self, branch: str = "task", body: str = "Refs #1") -> httpx.Response:
        return self.http.post(f"{self.repo}/pulls", json={"title": "Add", "head": branch, "base": "main", "body": body})

    def pull(self, number: int) -> httpx.Response:
        return self.http.get(f"{self.repo}/pulls/{number}")

    def knows(self, pull: httpx.Response) -> bool:
        return bool(pull.json()["mergeable"])

    def merged(self, number: int) -> bool:
        return self.http.get(f"{self.repo}/pulls/{number}/merge").status_code == 204

    def merge(self, number: int, head: str) -> httpx.Response:
        body = {"merge_method": "squash", "sha": head, "commit_title": TITLE, "commit_message": MESSAGE}
        return self.http.put(f"{self.repo}/pulls/{number}/merge", json=body)

    def ci(self, sha: str, tag: str = "") -> httpx.Response:
        headers = {"If-None-Match": tag} if tag else {}
        return self.http.get(f"{self.repo}/commits/{sha}/check-runs", headers=headers)

    def checks(self, answer: httpx.Response) -> list[str]:
        return [run["conclusion"] or run["status"] for run in answer.json()["check_runs"]]

    def rerun(self, run: int) -> httpx.Response:
        return self.http.post(f"{self.repo}/actions/runs/{run}/rerun-failed-jobs")

    def issues(self, page: int, size: int) -> httpx.Response:
        return self.http.get(f"{self.repo}/issues", params={"page": page, "per_page": size, "state": "all"})

    def comment(self, number: int, text: str) -> httpx.Response:
        return self.http.post(f"{self.repo}/issues/{number}/comments", json={"body": text})

    def number(self, answer: httpx.Response) -> int:
        return int(answer.json()["number"])


class GiteaRoad(GithubRoad):
    def merge(self, number: int, head: str) -> httpx.Response:
        body = {"Do": "squash", "head_commit_id": head, "MergeTitleField": TITLE, "MergeMessageField": MESSAGE}
        return self.http.post(f"{self.repo}/pulls/{number}/merge", json=body | {"delete_branch_after_merge": False})

    def ci(self, sha: str, tag: str = "") -> httpx.Response:
        headers = {"If-None-Match": tag} if tag else {}
        return self.http.get(f"{self.repo}/commits/{sha}/statuses", headers=headers)

    def checks(self, answer: httpx.Response) -> list[str]:
        return [status["status"] for status in answer.json()]

    def issues(self, page: int, size: int) -> httpx.Response:
        return self.http.get(f"{self.repo}/issues", params={"page": page, "limit": size, "state": "all"})


@dataclass
class GitlabRoad:
    fake: Fake
    http: httpx.Client
    repo: str = "/projects/acme%2Fwidget"

    def propose(self, branch: str = "task", body: str = "Refs #1") -> httpx.Response:
        made: dict[str, Any] = {"title": "Add", "source_branch": branch, "target_branch": "main", "description": body}
        return self.http.post(f"{self.repo}/merge_requests", json=made | {"squash": True})

    def pull(self, number: int) -> httpx.Response:
        return self.http.get(f"{self.repo}/merge_requests/{number}")

    def knows(self, pull: httpx.Response) -> bool:
        return bool(pull.json()["detailed_merge_status"] == "mergeable")

    def merged(self, number: int) -> bool:
        return bool(self.pull(number).json()["state"] == "merged")

    def merge(self, number: int, head: str) -> httpx.Response:
        body = {"squash": True, "sha": head, "squash_commit_message": f"{TITLE}\n\n{MESSAGE}"}
        return self.http.put(f"{self.repo}/merge_requests/{number}/merge", json=body)

    def ci(self, sha: str, tag: str = "") -> httpx.Response:
        headers = {"If-None-Match": tag} if tag else {}
        return self.http.get(f"{self.repo}/pipelines", params={"sha": sha}, headers=headers)

    def checks(self, answer: httpx.Response) -> list[str]:
        return [pipeline["status"] for pipeline in answer.json()]

    def rerun(self, run: int) -> httpx.Response:
        return self.http.post(f"{self.repo}/pipelines/{run}/retry")

    def issues(self, page: int, size: int) -> httpx.Response:
        return self.http.get(f"{self.repo}/issues", params={"page": page, "per_page": size, "state": "all"})

    def comment(self, number: int, text: str) -> httpx.Response:
        return self.http.post(f"{self.repo}/issues/{number}/notes", json={"body": text})

    def number(self, answer: httpx.Response) -> int:
        return int(answer.json()["iid"])


def road(fake: Fake, http: httpx.Client) -> Road:
    roads: dict[str, type[GithubRoad | GitlabRoad]] = {"github": GithubRoad, "gitlab": GitlabRoad}
    return roads.get(fake.dialect.name, GiteaRoad)(fake, http)
