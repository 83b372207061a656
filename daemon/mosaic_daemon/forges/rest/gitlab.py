"""GitLab."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from mosaic_daemon.forges.base import Answer, Forbidden, IssueText, Rejected, Sent
from mosaic_daemon.forges.rest import acts
from mosaic_daemon.forges.rest import gitlab_reading as reading
from mosaic_daemon.forges.rest.acts import Acts, act
from mosaic_daemon.forges.rest.answers import Reply, failure_of
from mosaic_daemon.forges.rest.checkup import CI_FILES, Checkup, whoami
from mosaic_daemon.forges.rest.filing import Filed, filed
from mosaic_daemon.forges.rest.host import Host
from mosaic_daemon.forges.rest.hosting import (
    About,
    Diagnosis,
    Issue,
    Job,
    Milestone,
    Pull,
    PullText,
    Release,
    ReleaseText,
    Rules,
    SquashOrder,
)
from mosaic_daemon.forges.rest.pace import Budget
from mosaic_daemon.forges.rest.transport import Transport
from mosaic_daemon.ground.errors import Unavailable
from mosaic_daemon.ground.secrets import Secret

_BUDGET = Budget(per_second=10.0, burst=100)
_LABEL_COLOR = "#ededed"
_PAGE = {"per_page": 100}
_SEARCHED_PAGES = 3
_DEVELOPER = 30
_QUICK_ACTION = re.compile(r"^/(?=[A-Za-z_])", re.MULTILINE)


def api_of(server: str) -> str:
    """The API of a server: `https://gitlab.com`, one under a path, or its API's own address."""
    bare = server.rstrip("/")
    return bare if bare.endswith("/api/v4") else f"{bare}/api/v4"


def host(api: str, token: Secret | None, ca_file: Path | None = None) -> Host:
    headers = {"Accept": "application/json"}
    return Host(api, _BUDGET, token, auth_header="PRIVATE-TOKEN", scheme="", headers=headers, ca_file=ca_file)


class GitLab:
    """One project, `group/name` with as many groups as there are."""

    name = "gitlab"
    ci_files = CI_FILES
    sources = ("pipeline", "status")
    tests_results = True

    def __init__(self, transport: Transport, repo: str) -> None:
        self._transport = transport
        self._acts = Acts(transport)
        self._path = f"/projects/{quote(repo, safe='')}"
        self._pulls = f"{self._path}/merge_requests"

    @property
    def is_refused(self) -> bool:
        return self._transport.is_refused

    async def aclose(self) -> None:
        await self._transport.aclose()

    def pull_command(self, number: int) -> str:
        return self._transport.curl(f"{self._pulls}/{number}")

    def ci_command(self, sha: str) -> str:
        return self._transport.curl(f"{self._path}/repository/commits/{quote(sha)}/statuses")

    async def about(self) -> About:
        version = (await self._transport.get("/version")).value["version"].word
        user = await whoami(self._transport)
        return About(f"gitlab {version}", user["username"].text, await self._scopes())

    async def _scopes(self) -> tuple[str, ...]:
        """Of a personal, project or group token; other kinds cannot tell."""
        try:
            told = await self._transport.find("/personal_access_tokens/self")
        except Rejected:
            return ()
        return tuple(scope.text for scope in told.value["scopes"]) if told else ()

    async def rules(self, branch: str) -> Rules:
        project = (await self._transport.get(self._path)).value
        protected = await self._transport.find(f"{self._path}/protected_branches/{_quoted(branch)}")
        levels = [level["access_level"] for level in protected.value["push_access_levels"]] if protected else []
        return Rules(
            squash=project["squash_option"].text != "never",
            required=("(any)",) if project["only_allow_merge_if_pipeline_succeeds"].flag else (),
            two_commits=project["merge_method"].text in ("merge", "rebase_merge"),
            guards_pushes=bool(levels) and all(not level.missing and level.number == 0 for level in levels),
        )

    async def doctor(self, branch: str) -> list[Diagnosis]:
        checkup = Checkup(self, branch)
        await checkup.common()
        await checkup.probe("repository", lambda: self._check(checkup))
        if checkup.scopes and "api" not in checkup.scopes:
            checkup.note("scopes", False, f"the token has {', '.join(checkup.scopes)}", "it needs the scope `api`")
        return checkup.found

    async def _check(self, checkup: Checkup) -> None:
        project = (await self._transport.get(self._path)).value
        level, archived = reading.access_of(project), project["archived"].flag is True
        issues = project["issues_access_level"].text != "disabled" and project["issues_enabled"].flag is not False
        checkup.access(write=level >= _DEVELOPER, told=f"access level {level}", archived=archived, issues=issues)

    # merge requests

    async def pulls(self, branches: Sequence[str], target: str) -> list[Pull]:
        found: list[Pull] = []
        for branch in branches:
            query = {"source_branch": branch, "target_branch": target, "state": "all", "order_by": "created_at"}
            listed = await self._transport.get(self._pulls, {**query, "sort": "desc", "per_page": 30})
            pulls = [reading.pull_of(value) for value in listed.value]
            found += [pull for pull in pulls if (pull.branch, pull.target) == (branch, target)]
        return sorted(found, key=lambda pull: pull.number, reverse=True)

    async def pull(self, number: int) -> Pull:
        return reading.pull_of((await self._transport.get(f"{self._pulls}/{number}")).value)

    @act
    async def create_pull(self, text: PullText) -> Answer:
        body = {"source_branch": text.branch, "target_branch": text.target, "title": text.title}
        body |= {"description": _inert(text.body)}
        settings = {"squash": True, "remove_source_branch": False}
        return await self._acts.do(acts.PR, ("POST", self._pulls), {**body, **settings}, reading.EXISTS)

    @act
    async def update_pull(self, number: int, *, title: str, body: str) -> Answer:
        changed = {"title": title, "description": _inert(body)}
        return await self._acts.do(acts.PR, ("PUT", f"{self._pulls}/{number}"), changed)

    @act
    async def close_pull(self, number: int, landed: str = "") -> Answer:
        return await self._acts.do(acts.PR, ("PUT", f"{self._pulls}/{number}"), {"state_event": "close"})

    @act
    async def merge(self, number: int, order: SquashOrder) -> Answer:
        """The message goes into both commits, as a project may make a merge commit on top of the squash."""
        message = f"{order.title}\n\n{order.message}".rstrip()
        body: dict[str, object] = {"squash": True, "sha": order.head_sha, "should_remove_source_branch": False}
        body |= {"squash_commit_message": message, "merge_commit_message": message}
        reply = await self._transport.send("PUT", f"{self._pulls}/{number}/merge", body)
        if not isinstance(reply, Reply):
            return reply
        if reply.ok:
            return _merged(reply)
        return await self._acts.merge(self, number, order, reply, reading.MERGE)

    # CI

    async def jobs(self, source: str, sha: str) -> list[Job]:
        if source == "status":
            listed = self._transport.pages(f"{self._path}/repository/commits/{quote(sha)}/statuses", _PAGE)
            return [reading.status_of(value) async for page in listed for value in page.value]
        query = {"sha": sha, "order_by": "id", "sort": "desc", **_PAGE}
        listed = self._transport.pages(f"{self._path}/pipelines", query)
        return [reading.pipeline_of(value) async for page in listed for value in page.value]

    async def running(self, branch: str) -> list[Job]:
        """One look at the newest pipelines: asking for `running` and for `pending` would be two."""
        query = {"ref": branch, "order_by": "id", "sort": "desc", "per_page": 50}
        listed = await self._transport.get(f"{self._path}/pipelines", query)
        return [reading.pipeline_of(value) for value in listed.value if reading.is_running(value)]

    @act
    async def rerun(self, job: Job) -> Answer:
        if not job.run:
            return self._acts.unsupported(acts.RERUN, f"{job.name!r} is of no pipeline")
        return await self._acts.do(acts.RERUN, ("POST", f"{self._path}/pipelines/{job.run}/retry"))

    # issues, milestones, releases

    async def issue(self, number: int) -> Issue:
        return reading.issue_of((await self._transport.get(f"{self._path}/issues/{number}")).value)

    async def find_issue(self, marker: str) -> Issue | None:
        query = {"order_by": "created_at", "sort": "desc", **_PAGE}
        for searched in ({**query, "search": marker, "in": "description"}, query):
            pages = self._transport.pages(f"{self._path}/issues", searched, limit=_SEARCHED_PAGES, partial=True)
            async for page in pages:
                for value in page.value:
                    if marker in value["description"].text:
                        return reading.issue_of(value)
        return None

    @act
    async def create_issue(self, text: IssueText) -> Answer:
        ids = await filed(self, text)
        if not isinstance(ids, Filed):
            return ids
        body: dict[str, object] = {"title": text.title, "description": _inert(text.body)}
        body["labels"] = ",".join(ids.labels)
        if ids.milestone:
            body["milestone_id"] = ids.milestone.id
        return await self._acts.create_issue(self, f"{self._path}/issues", body, text)

    @act
    async def close_issue(self, number: int) -> Answer:
        return await self._acts.do(acts.CLOSE, ("PUT", f"{self._path}/issues/{number}"), {"state_event": "close"})

    async def comments(self, number: int) -> list[str]:
        query = {"sort": "asc", "order_by": "created_at", **_PAGE}
        pages = self._transport.pages(f"{self._path}/issues/{number}/notes", query)
        return [value["body"].text async for page in pages for value in page.value if not value["system"].flag]

    @act
    async def comment(self, number: int, body: str) -> Answer:
        request = ("POST", f"{self._path}/issues/{number}/notes")
        return await self._acts.do(acts.CLOSE, request, {"body": _inert(body)})

    async def label_ids(self) -> Mapping[str, int]:
        pages = self._transport.pages(f"{self._path}/labels", _PAGE)
        return {value["name"].word: value["id"].number async for page in pages for value in page.value}

    @act
    async def create_label(self, name: str) -> Answer:
        body = {"name": name, "color": _LABEL_COLOR}
        return await self._acts.do(acts.ISSUE, ("POST", f"{self._path}/labels"), body, reading.EXISTS)

    async def find_milestone(self, title: str) -> Milestone | None:
        """The project's or one of its groups': no two of them may have the same title."""
        query = {"title": title, "include_ancestors": True, **_PAGE}
        listed = await self._transport.get(f"{self._path}/milestones", query)
        found = next((value for value in listed.value if value["title"].text == title), None)
        if found is None:
            return None
        query = {"milestone": title, "state": "opened", "per_page": 1}
        issues = await self._transport.get(f"{self._path}/issues", query)
        total = issues.headers.get("x-total", "")
        return reading.milestone_of(found, int(total) if total.isdecimal() else len(list(issues.value)))

    @act
    async def create_milestone(self, title: str, description: str) -> Answer:
        body = {"title": title, "description": description}
        return await self._acts.do(acts.MILESTONE, ("POST", f"{self._path}/milestones"), body, reading.EXISTS)

    @act
    async def close_milestone(self, milestone: Milestone) -> Answer:
        request = ("PUT", f"{self._path}/milestones/{milestone.id}")
        return await self._acts.do(acts.MILESTONE, request, {"state_event": "close"})

    async def find_release(self, tag: str) -> Release | None:
        found = await self._transport.find(f"{self._path}/releases/{_quoted(tag)}")
        return reading.release_of(found.value) if found else None

    @act
    async def create_release(self, text: ReleaseText) -> Answer:
        body: dict[str, object] = {"tag_name": text.tag, "ref": text.sha, "name": text.title, "description": text.body}
        if text.milestone:
            body["milestones"] = [text.milestone]
        return await self._acts.do(acts.RELEASE, ("POST", f"{self._path}/releases"), body, reading.EXISTS)


def _merged(reply: Reply) -> Answer:
    """200 says little: the merge may have failed, and then its error tells why."""
    try:
        state, error = reply.value["state"].text, reply.value["merge_error"].text
    except Unavailable:
        return Sent(f"{reply.status}")
    if state == "opened" and error:
        code = "squash_not_allowed" if "squash" in error.lower() else "merge_failed"
        return Forbidden(failure_of(reply, acts.MERGE, error, code=code))
    return Sent(f"{reply.status} {state}")


def _inert(text: str) -> str:
    r"""A line that starts with `/word` would be a command to GitLab, `/close` or `/merge`; `\/` shows the same."""
    return _QUICK_ACTION.sub(r"\\/", text)


def _quoted(name: str) -> str:
    return quote(name, safe="")
