"""Gitea and Forgejo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from mosaic_daemon.forges.base import Answer, Forbidden, IssueText, Sent
from mosaic_daemon.forges.rest import acts, github_like
from mosaic_daemon.forges.rest import gitea_reading as reading
from mosaic_daemon.forges.rest.acts import act
from mosaic_daemon.forges.rest.answers import Reply
from mosaic_daemon.forges.rest.checkup import CI_FILES, Checkup, whoami
from mosaic_daemon.forges.rest.filing import Filed, filed
from mosaic_daemon.forges.rest.github_like import GitHubLike
from mosaic_daemon.forges.rest.host import Host
from mosaic_daemon.forges.rest.hosting import (
    About,
    Diagnosis,
    Issue,
    Job,
    Milestone,
    Outcome,
    Pull,
    PullState,
    PullText,
    Rules,
    SquashOrder,
)
from mosaic_daemon.forges.rest.pace import Budget
from mosaic_daemon.forges.rest.transport import Transport
from mosaic_daemon.ground.secrets import Secret

_BUDGET = Budget(per_second=10.0, burst=100)
_LABEL_COLOR = "#ededed"
_PAGE = {"limit": 50}
_SEARCHED_PAGES = 5


def api_of(server: str) -> str:
    """The API of a server: `https://git.example.org`, or its API's own address."""
    bare = server.rstrip("/")
    return bare if bare.endswith("/api/v1") else f"{bare}/api/v1"


def host(api: str, token: Secret | None, ca_file: Path | None = None) -> Host:
    headers = {"Accept": "application/json"}
    # Links in answers are made from the server's ROOT_URL, which need not be the address that it was asked at.
    return Host(api, _BUDGET, token, scheme="token ", headers=headers, counted_pages=True, ca_file=ca_file)


class Gitea(GitHubLike):
    """One repository, `owner/name`."""

    name = "gitea"
    ci_files = (".gitea/workflows/", ".forgejo/workflows/", ".github/workflows/", *CI_FILES)
    sources = ("status",)
    tests_results = False

    def __init__(self, transport: Transport, repo: str) -> None:
        super().__init__(transport, repo)
        self._version = ""

    def ci_command(self, sha: str) -> str:
        return self._transport.curl(f"{self._path}/commits/{quote(sha)}/statuses")

    async def about(self) -> About:
        version, user = await self._asked_version(), await whoami(self._transport)
        return About(f"{'forgejo' if _is_forgejo(version) else 'gitea'} {version}", user["login"].text)

    async def _asked_version(self) -> str:
        if not self._version:
            self._version = (await self._transport.get("/version")).value["version"].word
        return self._version

    async def rules(self, branch: str) -> Rules:
        repo = (await self._transport.get(self._path)).value
        found = (await self._transport.get(f"{self._path}/branches/{quote(branch)}")).value
        contexts = tuple(context.text for context in found["status_check_contexts"])
        return Rules(
            squash=repo["allow_squash_merge"].flag is not False,
            required=(contexts or ("(any)",)) if found["enable_status_check"].flag else (),
            guards_pushes=bool(found["protected"].flag) and found["user_can_push"].flag is False,
        )

    async def doctor(self, branch: str) -> list[Diagnosis]:
        checkup = Checkup(self, branch)
        await checkup.common()
        await checkup.repository(lambda: self._transport.get(self._path))
        return checkup.found

    # pull requests

    async def pulls(self, branches: Sequence[str], target: str) -> list[Pull]:
        """The call for one branch knows neither states nor an order, so the list is read, to the open one at most."""
        query = {"state": "all", "sort": "recentupdate", **_PAGE}
        found: list[Pull] = []
        pages = self._transport.pages(f"{self._path}/pulls", query, limit=_SEARCHED_PAGES, partial=True)
        async for page in pages:
            listed = [reading.pull_of(value) for value in page.value]
            found += [pull for pull in listed if pull.branch in branches and pull.target == target]
            if any(pull.state == PullState.OPEN and pull.own for pull in found):
                break
        return sorted(found, key=lambda pull: pull.number, reverse=True)

    async def pull(self, number: int) -> Pull:
        return reading.pull_of((await self._transport.get(f"{self._path}/pulls/{number}")).value)

    @act
    async def create_pull(self, text: PullText) -> Answer:
        body = {"title": text.title, "head": text.branch, "base": text.target, "body": text.body}
        reply = await self._transport.send("POST", f"{self._path}/pulls", body)
        if not isinstance(reply, Reply):
            return reply
        if reply.ok:
            return Sent(acts.done(reply))
        if reply.status == 404 and await self._transport.find(f"{self._path}/branches/{quote(text.branch)}") is None:
            return self._acts.later(f"the branch {text.branch} is not there yet: {reply.summary}")
        return self._acts.judged(reply, acts.PR, acts.rule_of(reply, reading.CREATE_PULL))

    @act
    async def update_pull(self, number: int, *, title: str, body: str) -> Answer:
        changed = {"title": title, "body": body}
        return await self._acts.do(acts.PR, ("PATCH", f"{self._path}/pulls/{number}"), changed, reading.UPDATE)

    @act
    async def close_pull(self, number: int, landed: str = "") -> Answer:
        """Between its push and its database Gitea may die: it is told of the commit, where it lets itself be told."""
        path = f"{self._path}/pulls/{number}"
        if landed:
            told = {"Do": "manually-merged", "MergeCommitID": landed}
            answer = await self._acts.do(acts.PR, ("POST", f"{path}/merge"), told)
            if not isinstance(answer, Forbidden):
                return answer
            await self.comment(number, f"Merged as {landed}.")
        return await self._acts.do(acts.PR, ("PATCH", path), {"state": "closed"})

    @act
    async def merge(self, number: int, order: SquashOrder) -> Answer:
        """Its 405 `status checks` may mean one that runs, which is only a matter of time."""
        body: dict[str, object] = {"Do": "squash", "head_commit_id": order.head_sha, "delete_branch_after_merge": False}
        body |= {"MergeTitleField": order.title, "MergeMessageField": order.message}
        reply = await self._transport.send("POST", f"{self._path}/pulls/{number}/merge", body)
        if not isinstance(reply, Reply):
            return reply
        answer = await self._acts.merge(self, number, order, reply, reading.MERGE)
        refused = isinstance(answer, Forbidden) and answer.failure.code == "protection"
        if refused and "status check" in reply.said and await self._waits_for_ci(order.head_sha):
            return self._acts.later(reply.summary)
        return answer

    async def _waits_for_ci(self, sha: str) -> bool:
        newest: dict[str, Job] = {}
        for job in sorted(await self.jobs("status", sha), key=lambda each: each.number):
            newest[job.name] = job
        return not newest or any(job.outcome == Outcome.PENDING for job in newest.values())

    # CI

    async def jobs(self, source: str, sha: str) -> list[Job]:
        """Every entry of the commit's statuses; Actions writes them too. The combined status is not asked."""
        listed = self._transport.pages(f"{self._path}/commits/{quote(sha)}/statuses", _PAGE)
        return [reading.status_of(value, sha) async for page in listed for value in page.value]

    async def running(self, branch: str) -> list[Job]:
        """None on servers that are too old to list runs: the statuses of commits are what is left there."""
        query: dict[str, object] = dict(_PAGE)
        if not _is_forgejo(await self._asked_version()):
            query["branch"] = branch
        listed = await self._transport.find(f"{self._path}/actions/runs", query)
        runs = listed.value["workflow_runs"] if listed else ()
        return [reading.run_of(value) for value in runs if reading.is_running(value, branch)]

    async def rerun(self, job: Job) -> Answer:
        return self._acts.unsupported(acts.RERUN, "the API of Gitea and Forgejo cannot run a job again")

    # issues, milestones, releases

    async def find_issue(self, marker: str) -> Issue | None:
        """By search, and from the newest down: the search may not know new issues yet."""
        query = {"state": "all", "type": "issues", **_PAGE}
        for searched in ({**query, "q": marker}, query):
            pages = self._transport.pages(f"{self._path}/issues", searched, limit=_SEARCHED_PAGES, partial=True)
            async for page in pages:
                for value in page.value:
                    if marker in value["body"].text:
                        return github_like.issue_of(value)
        return None

    @act
    async def create_issue(self, text: IssueText) -> Answer:
        ids = await filed(self, text)
        if not isinstance(ids, Filed):
            return ids
        body: dict[str, object] = {"title": text.title, "body": text.body, "labels": list(ids.labels.values())}
        if ids.milestone:
            body["milestone"] = ids.milestone.id
        return await self._acts.create_issue(self, f"{self._path}/issues", body, text)

    @act
    async def close_issue(self, number: int) -> Answer:
        request = ("PATCH", f"{self._path}/issues/{number}")
        return await self._acts.do(acts.CLOSE, request, {"state": "closed"}, reading.CLOSE_ISSUE)

    async def comments(self, number: int) -> list[str]:
        """This list has no pages."""
        listed = await self._transport.get(f"{self._path}/issues/{number}/comments")
        return [value["body"].text for value in listed.value]

    async def label_ids(self) -> Mapping[str, int]:
        pages = self._transport.pages(f"{self._path}/labels", _PAGE)
        return {value["name"].word: value["id"].number async for page in pages for value in page.value}

    @act
    async def create_label(self, name: str) -> Answer:
        body = {"name": name, "color": _LABEL_COLOR}
        return await self._acts.do(acts.ISSUE, ("POST", f"{self._path}/labels"), body)

    async def find_milestone(self, title: str) -> Milestone | None:
        """`name` finds parts of titles as well; of several with one title an open one is taken."""
        query = {"state": "all", "name": title, **_PAGE}
        pages = self._transport.pages(f"{self._path}/milestones", query)
        listed = [github_like.milestone_of(value, "id") async for page in pages for value in page.value]
        found = [milestone for milestone in listed if milestone.title == title]
        return min(found, key=lambda milestone: milestone.closed, default=None)

    @act
    async def create_milestone(self, title: str, description: str) -> Answer:
        """A second one of the same title would be made without complaint, so it is looked for first."""
        if await self.find_milestone(title) is not None:
            return Sent("it exists")
        body = {"title": title, "description": description}
        return await self._acts.do(acts.MILESTONE, ("POST", f"{self._path}/milestones"), body)


def _is_forgejo(version: str) -> bool:
    return "+gitea" in version or "forgejo" in version.lower()
