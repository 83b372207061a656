"""What the API of GitHub and that of Gitea, which took after it, have word for word in common."""

from __future__ import annotations

from urllib.parse import quote

from mosaic_daemon.forges.base import Answer
from mosaic_daemon.forges.rest import acts
from mosaic_daemon.forges.rest.acts import Acts, Means, Rule, act
from mosaic_daemon.forges.rest.hosting import Issue, Milestone, Release, ReleaseText
from mosaic_daemon.forges.rest.parsing import Value
from mosaic_daemon.forges.rest.transport import Transport

EXISTS = (Rule(409, "", Means.UNCLEAR), Rule(422, "already_exists", Means.UNCLEAR))


class GitHubLike:
    """One repository, `owner/name`."""

    def __init__(self, transport: Transport, repo: str) -> None:
        self._transport = transport
        self._acts = Acts(transport)
        self._path = f"/repos/{quote(repo)}"

    @property
    def is_refused(self) -> bool:
        return self._transport.is_refused

    async def aclose(self) -> None:
        await self._transport.aclose()

    def pull_command(self, number: int) -> str:
        return self._transport.curl(f"{self._path}/pulls/{number}")

    async def issue(self, number: int) -> Issue:
        return issue_of((await self._transport.get(f"{self._path}/issues/{number}")).value)

    @act
    async def comment(self, number: int, body: str) -> Answer:
        return await self._acts.do(acts.CLOSE, ("POST", f"{self._path}/issues/{number}/comments"), {"body": body})

    @act
    async def close_milestone(self, milestone: Milestone) -> Answer:
        path = f"{self._path}/milestones/{milestone.id}"
        return await self._acts.do(acts.MILESTONE, ("PATCH", path), {"state": "closed"})

    async def find_release(self, tag: str) -> Release | None:
        found = await self._transport.find(f"{self._path}/releases/tags/{quote(tag)}")
        return release_of(found.value) if found else None

    @act
    async def create_release(self, text: ReleaseText) -> Answer:
        body = {"tag_name": text.tag, "target_commitish": text.sha, "name": text.title, "body": text.body}
        return await self._acts.do(acts.RELEASE, ("POST", f"{self._path}/releases"), body, EXISTS)


def issue_of(value: Value) -> Issue:
    return Issue(
        number=value["number"].number,
        closed=value["state"].text == "closed",
        title=value["title"].text,
        body=value["body"].text,
        labels=tuple(label["name"].text for label in value["labels"]),
        milestone=value["milestone"]["title"].text,
        url=value["html_url"].text,
    )


def milestone_of(value: Value, key: str) -> Milestone:
    """`key`: under which its calls want it."""
    return Milestone(
        id=value[key].number,
        title=value["title"].text,
        closed=value["state"].text == "closed",
        open_issues=value["open_issues"].number,
    )


def release_of(value: Value) -> Release:
    return Release(tag=value["tag_name"].word, url=value["html_url"].text, sha=value["target_commitish"].text)
