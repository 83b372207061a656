"""GitHub and GitHub Enterprise Server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, urlsplit

from mosaic_daemon.forges.base import Answer, IssueText
from mosaic_daemon.forges.rest import acts, github_like
from mosaic_daemon.forges.rest import github_reading as reading
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
    PullText,
    Readiness,
    Rules,
    SquashOrder,
)
from mosaic_daemon.forges.rest.pace import Budget
from mosaic_daemon.forges.rest.transport import Transport
from mosaic_daemon.ground.secrets import Secret

_BUDGET = Budget(per_second=5000 / 3600, burst=300, write_gap_sec=1.0)
_LABEL_COLOR = "ededed"
_SEARCHED_PAGES = 3


def api_of(server: str) -> str:
    """The API of a GitHub server: `https://github.com`, an Enterprise Server's address, or an API's own."""
    url = urlsplit(server.rstrip("/"))
    if url.netloc in ("github.com", "www.github.com"):
        return "https://api.github.com"
    if url.netloc.endswith(".ghe.com") and not url.netloc.startswith("api."):
        return f"https://api.{url.netloc}"
    if url.netloc.startswith("api.") or url.path.endswith("/api/v3"):
        return server.rstrip("/")
    return f"{server.rstrip('/')}/api/v3"


def host(api: str, token: Secret | None, ca_file: Path | None = None) -> Host:
    headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
    return Host(api, _BUDGET, token, headers=headers, ca_file=ca_file)


class GitHub(GitHubLike):
    """One repository, `owner/name`."""

    name = "github"
    ci_files = (".github/workflows/", *CI_FILES)
    sources = ("check-run", "status")
    tests_results = False

    def __init__(self, transport: Transport, repo: str) -> None:
        super().__init__(transport, repo)
        self._repo = repo
        self._owner = repo.partition("/")[0]

    def ci_command(self, sha: str) -> str:
        return self._transport.curl(f"{self._path}/commits/{quote(sha)}/check-runs")

    async def about(self) -> About:
        meta, user = await self._transport.get("/meta"), await whoami(self._transport)
        version = meta.value["installed_version"].text or meta.headers.get("x-github-enterprise-version", "")
        scopes = tuple(filter(None, meta.headers.get("x-oauth-scopes", "").replace(" ", "").split(",")))
        return About(f"github {version or 'cloud'}", user["login"].text, scopes)

    async def rules(self, branch: str) -> Rules:
        """Protection and rulesets together; reading the classic protection itself would need an administrator."""
        repo = (await self._transport.get(self._path)).value
        protected = (await self._transport.get(f"{self._path}/branches/{_quoted(branch)}")).value
        listed = await self._transport.find(f"{self._path}/rules/branches/{_quoted(branch)}", {"per_page": 100})
        checks = protected["protection"]["required_status_checks"]
        required = [] if checks["enforcement_level"].text == "off" else [name.text for name in checks["contexts"]]
        squash, kinds = repo["allow_squash_merge"].flag is not False, set()
        for rule in listed.value if listed else ():
            kinds.add(rule["type"].text)
            parameters = rule["parameters"]
            required += [check["context"].text for check in parameters["required_status_checks"]]
            methods = [method.text for method in parameters["allowed_merge_methods"]]
            squash = squash and (not methods or "squash" in methods)
        required += ["(any)"] if kinds & {"workflows", "required_deployments"} and not required else []
        return Rules(
            squash=squash,
            queue="merge_queue" in kinds,
            required=tuple(dict.fromkeys(filter(None, required))),
            guards_pushes=bool(protected["protected"].flag) or bool(kinds & {"pull_request", "update"}),
        )

    async def doctor(self, branch: str) -> list[Diagnosis]:
        checkup = Checkup(self, branch)
        await checkup.common()
        await checkup.repository(lambda: self._transport.get(self._path))
        if checkup.scopes and not {"repo", "public_repo"} & set(checkup.scopes):
            checkup.note("scopes", False, f"the token has {', '.join(checkup.scopes)}", "it needs the scope `repo`")
        return checkup.found

    # pull requests

    async def pulls(self, branches: Sequence[str], target: str) -> list[Pull]:
        found: list[Pull] = []
        for branch in branches:
            query = {"state": "all", "head": f"{self._owner}:{branch}", "base": target, "sort": "created"}
            listed = await self._transport.get(f"{self._path}/pulls", {**query, "direction": "desc", "per_page": 30})
            pulls = [reading.pull_of(value, self._repo) for value in listed.value]
            found += [pull for pull in pulls if (pull.branch, pull.target) == (branch, target)]
        return sorted(found, key=lambda pull: pull.number, reverse=True)

    async def pull(self, number: int) -> Pull:
        value = (await self._transport.get(f"{self._path}/pulls/{number}")).value
        pull = reading.pull_of(value, self._repo)
        return await self._awaited(pull) if pull.code == "protection" else pull

    async def _awaited(self, pull: Pull) -> Pull:
        """`blocked` says nothing of why: a required check that has not ended ends by itself, other rules do not."""
        rules = await self.rules(pull.target)
        if rules.queue:
            return replace(pull, code="merge_queue_required", reason="only the merge queue may merge")
        jobs = [job for source in self.sources for job in await self.jobs(source, pull.head_sha)]
        ended = {job.name for job in jobs if job.outcome != Outcome.PENDING}
        awaited = [name for name in rules.required if name not in ended and name != "(any)"]
        awaited = awaited or [job.name for job in jobs if job.outcome == Outcome.PENDING and rules.required]
        if not awaited:
            return pull
        return replace(pull, readiness=Readiness.UNKNOWN, code="", reason=f"waits for {', '.join(awaited)}")

    @act
    async def create_pull(self, text: PullText) -> Answer:
        body = {"title": text.title, "head": text.branch, "base": text.target, "body": text.body, "draft": False}
        return await self._acts.do(acts.PR, ("POST", f"{self._path}/pulls"), body, reading.CREATE_PULL)

    @act
    async def update_pull(self, number: int, *, title: str, body: str) -> Answer:
        changed = {"title": title, "body": body}
        return await self._acts.do(acts.PR, ("PATCH", f"{self._path}/pulls/{number}"), changed)

    @act
    async def close_pull(self, number: int, landed: str = "") -> Answer:
        return await self._acts.do(acts.PR, ("PATCH", f"{self._path}/pulls/{number}"), {"state": "closed"})

    @act
    async def merge(self, number: int, order: SquashOrder) -> Answer:
        body = {"merge_method": "squash", "sha": order.head_sha, "commit_title": order.title}
        body["commit_message"] = order.message
        reply = await self._transport.send("PUT", f"{self._path}/pulls/{number}/merge", body)
        if not isinstance(reply, Reply):
            return reply
        return await self._acts.merge(self, number, order, reply, reading.MERGE)

    # CI

    async def jobs(self, source: str, sha: str) -> list[Job]:
        path = f"{self._path}/commits/{quote(sha)}"
        if source == "status":
            listed = self._transport.pages(f"{path}/status", {"per_page": 100})
            return [reading.status_of(value, sha) async for page in listed for value in page.value["statuses"]]
        listed = self._transport.pages(f"{path}/check-runs", {"filter": "latest", "per_page": 100})
        found = [reading.check_run_of(value) async for page in listed for value in page.value["check_runs"]]
        if not reading.namesakes(found):
            return [each.job for each in found]
        return reading.told_apart(found, await self._workflows())

    async def running(self, branch: str) -> list[Job]:
        """Filters of this list are late by minutes, so it is read without any."""
        listed = await self._runs()
        runs = listed.value["workflow_runs"] if listed else ()
        return [reading.run_of(value) for value in runs if reading.runs_on(value, branch, self._repo)]

    async def _runs(self) -> Reply | None:
        return await self._transport.find(f"{self._path}/actions/runs", {"per_page": 100})

    async def _workflows(self) -> Mapping[int, str]:
        """The workflow and event of each check suite among the last runs."""
        listed = await self._runs()
        runs = listed.value["workflow_runs"] if listed else ()
        return {
            run["check_suite_id"].number: reading.workflow_of(run) for run in runs if not run["check_suite_id"].missing
        }

    @act
    async def rerun(self, job: Job) -> Answer:
        run = job.run
        if run.startswith("suite:"):
            path, suite = f"{self._path}/actions/runs", run.removeprefix("suite:")
            runs = (await self._transport.get(path, {"check_suite_id": suite})).value["workflow_runs"]
            run = next((str(one["id"].number) for one in runs if str(one["check_suite_id"].number) == suite), "")
        if not run:
            return self._acts.unsupported(acts.RERUN, f"GitHub Actions has no run of {job.name!r}")
        path = f"{self._path}/actions/runs/{run}/rerun-failed-jobs"
        return await self._acts.do(acts.RERUN, ("POST", path), None, reading.RERUN)

    # issues, milestones, releases

    async def find_issue(self, marker: str) -> Issue | None:
        """Read from the newest down: the search of GitHub knows new issues only later."""
        query = {"state": "all", "sort": "created", "direction": "desc", "per_page": 100}
        pages = self._transport.pages(f"{self._path}/issues", query, limit=_SEARCHED_PAGES, partial=True)
        async for page in pages:
            for value in page.value:
                if value["pull_request"].missing and marker in value["body"].text:
                    return github_like.issue_of(value)
        return None

    @act
    async def create_issue(self, text: IssueText) -> Answer:
        ids = await filed(self, text)
        if not isinstance(ids, Filed):
            return ids
        body: dict[str, object] = {"title": text.title, "body": text.body, "labels": list(ids.labels)}
        if ids.milestone:
            body["milestone"] = ids.milestone.id
        return await self._acts.create_issue(self, f"{self._path}/issues", body, text)

    @act
    async def close_issue(self, number: int) -> Answer:
        body = {"state": "closed", "state_reason": "completed"}
        return await self._acts.do(acts.CLOSE, ("PATCH", f"{self._path}/issues/{number}"), body)

    async def comments(self, number: int) -> list[str]:
        pages = self._transport.pages(f"{self._path}/issues/{number}/comments", {"per_page": 100})
        return [value["body"].text async for page in pages for value in page.value]

    async def label_ids(self) -> Mapping[str, int]:
        pages = self._transport.pages(f"{self._path}/labels", {"per_page": 100})
        return {value["name"].word: value["id"].number async for page in pages for value in page.value}

    @act
    async def create_label(self, name: str) -> Answer:
        body = {"name": name, "color": _LABEL_COLOR}
        return await self._acts.do(acts.ISSUE, ("POST", f"{self._path}/labels"), body, github_like.EXISTS)

    async def find_milestone(self, title: str) -> Milestone | None:
        pages = self._transport.pages(f"{self._path}/milestones", {"state": "all", "per_page": 100})
        async for page in pages:
            for value in page.value:
                if value["title"].text == title:
                    return github_like.milestone_of(value, "number")
        return None

    @act
    async def create_milestone(self, title: str, description: str) -> Answer:
        body = {"title": title, "description": description}
        return await self._acts.do(acts.MILESTONE, ("POST", f"{self._path}/milestones"), body, github_like.EXISTS)


def _quoted(name: str) -> str:
    """A branch or tag as one piece of a path, slashes kept as GitHub wants them."""
    return quote(name, safe="/")
