"""GitHub: commit statuses, check runs, workflow runs, branches and refs."""

from __future__ import annotations

from tests.forges.fakes.ci import ENDED, overall
from tests.forges.fakes.core import Core
from tests.forges.fakes.dialect import Answer, Call, Json, Refused, Routes
from tests.forges.fakes.github import shapes
from tests.forges.fakes.state import Check

routes = Routes()
_REPO = "/repos/{owner}/{repo}"

_CONCLUSIONS = {"green": "success", "red": "failure", "error": "failure", "warning": "neutral"}
_STATUSES = {"running": "in_progress", "pending": "pending", "queued": "queued", "manual": "waiting"}
_CONTEXT_STATES = {"green": "success", "skipped": "success", "neutral": "success", "red": "failure", "error": "error"}


def _sha(call: Call) -> str:
    sha = call.core.origin.sha(call.params["ref"])
    if sha is None:
        raise Refused(shapes.error(422, f"No commit found for SHA: {call.params['ref']}"))
    return sha


def _polled(call: Call, operation: str) -> str:
    sha = _sha(call)
    call.core.poll(sha, operation)
    return sha


def _phase(state: str) -> Json:
    """`status` and `conclusion` of a state."""
    if state in _STATUSES:
        return {"status": _STATUSES[state], "conclusion": None}
    return {"status": "completed", "conclusion": _CONCLUSIONS.get(state, state)}


def _status(core: Core, check: Check) -> Json:
    return {
        "url": f"{shapes.repo_url(core)}/statuses/{check.sha}", "avatar_url": None, "id": check.id,
        "node_id": shapes.node(check.id), "state": _CONTEXT_STATES.get(check.state, "pending"), "context": check.name,
        "description": check.state, "target_url": f"{core.url}/ci/{check.id}", "created_at": check.started_at,
        "updated_at": check.updated_at,
    }  # fmt: skip


@routes.get(f"{_REPO}/commits/{{ref*}}/status", "status")
def combined_status(call: Call) -> Answer:
    core, sha = call.core, _polled(call, "status")
    found = [_status(core, check) for check in core.ci.latest(sha, "status")]
    states = {status["state"] for status in found}
    state = "failure" if states & {"failure", "error"} else "success" if states == {"success"} else "pending"
    url = f"{shapes.repo_url(core)}/commits/{sha}"
    extra = {
        "state": state,
        "sha": sha,
        "repository": shapes.small_repo(core),
        "commit_url": url,
        "url": f"{url}/status",
    }
    return shapes.paged(call, found, "statuses", extra)


@routes.get(f"{_REPO}/commits/{{ref*}}/statuses", "statuses")
def statuses(call: Call) -> Answer:
    core, sha = call.core, _polled(call, "statuses")
    found = [_status(core, check) | {"creator": shapes.user(core)} for check in reversed(core.ci.of(sha, "status"))]
    return shapes.paged(call, found)


@routes.get(f"{_REPO}/commits/{{ref*}}/check-runs", "check_runs")
def check_runs(call: Call) -> Answer:
    core, sha = call.core, _polled(call, "check_runs")
    found = [_check_run(core, check) for check in reversed(core.ci.of(sha, "job"))]
    for name, key in (("check_name", "name"), ("status", "status")):
        found = [run for run in found if call.query.get(name, run[key]) == run[key]]
    return shapes.paged(call, found, "check_runs")


def _check_run(core: Core, check: Check) -> Json:
    url = f"{shapes.repo_url(core)}/check-runs/{check.id}"
    output = dict.fromkeys(("title", "summary", "text"))
    return _phase(check.state) | {
        "id": check.id, "node_id": shapes.node(check.id), "head_sha": check.sha, "name": check.name, "url": url,
        "html_url": f"{core.url}/ci/{check.id}", "details_url": f"{core.url}/ci/{check.id}",
        "started_at": check.started_at, "completed_at": check.updated_at if check.state in ENDED else None,
        "external_id": "", "check_suite": {"id": check.suite}, "app": None, "pull_requests": [],
        "output": output | {"annotations_count": 0, "annotations_url": f"{url}/annotations"},
    }  # fmt: skip


@routes.get(f"{_REPO}/actions/runs", "runs")
def workflow_runs(call: Call) -> Answer:
    core, query = call.core, call.query
    filtered = {"branch", "event", "status", "head_sha"} & set(query)
    found = [] if filtered and core.state.settings.runs_lag else [_run(core, jobs) for jobs in core.ci.suites()]
    for name, key in (("branch", "head_branch"), ("event", "event"), ("head_sha", "head_sha")):
        found = [run for run in found if query.get(name, run[key]) == run[key]]
    if "status" in query:
        found = [run for run in found if query["status"] in (run["status"], run["conclusion"])]
    return shapes.paged(call, found, "workflow_runs")


@routes.get(f"{_REPO}/actions/runs/{{run_id}}", "run")
def workflow_run(call: Call) -> Answer:
    jobs = next((jobs for jobs in call.core.ci.suites() if str(jobs[0].suite) == call.params["run_id"]), None)
    if jobs is None:
        raise shapes.missing()
    return Answer(200, _run(call.core, jobs))


def _run(core: Core, jobs: list[Check]) -> Json:
    one, ident = jobs[0], jobs[0].suite
    url, commit = f"{shapes.repo_url(core)}/actions/runs/{ident}", core.origin.commit(jobs[0].sha)
    person = {"name": commit.author, "email": commit.email}
    links = ("jobs", "logs", "check_suite", "cancel", "rerun", "artifacts", "workflow")
    return _phase(overall(job.state for job in jobs)) | {f"{name}_url": f"{url}/{name}" for name in links} | {
        "id": ident, "node_id": shapes.node(ident), "name": "CI", "head_branch": one.branch, "head_sha": one.sha,
        "run_number": ident, "run_attempt": max(job.attempt for job in jobs), "display_title": "CI", "event": one.event,
        "path": ".github/workflows/ci.yml", "workflow_id": 1, "url": url, "html_url": f"{core.url}/ci/{ident}",
        "created_at": one.started_at, "updated_at": max(job.updated_at for job in jobs), "pull_requests": [],
        "check_suite_id": ident, "run_started_at": one.started_at, "head_repository": shapes.small_repo(core),
        "repository": shapes.small_repo(core), "head_commit": {
            "id": one.sha, "tree_id": commit.tree, "message": commit.message, "timestamp": commit.date,
            "author": person, "committer": person,
        },
    }  # fmt: skip


@routes.post(f"{_REPO}/actions/runs/{{run_id}}/rerun-failed-jobs", "rerun")
@routes.post(f"{_REPO}/actions/runs/{{run_id}}/rerun", "rerun")
def rerun(call: Call) -> Answer:
    jobs = next((jobs for jobs in call.core.ci.suites() if str(jobs[0].suite) == call.params["run_id"]), None)
    if jobs is None:
        raise shapes.missing()
    if any(job.state not in ENDED for job in jobs):
        raise Refused(shapes.error(403, "This workflow is already running"))
    call.core.ci.rerun(jobs[0].suite)
    return Answer(201, {})


@routes.get(f"{_REPO}/branches/{{branch*}}", "branch")
def branch(call: Call) -> Answer:
    core, name = call.core, call.params["branch"]
    sha = core.origin.branch(name)
    if sha is None:
        raise Refused(shapes.error(404, "Branch not found"))
    url, contexts = f"{shapes.repo_url(core)}/branches/{name}", core.state.settings.required_contexts
    protected = bool(contexts) or core.state.settings.merge_queue
    required = {"contexts": contexts, "checks": [], "enforcement_level": "non_admins" if contexts else "off"}
    return Answer(200, {
        "name": name, "commit": _commit(core, sha), "_links": {"html": url, "self": url}, "protected": protected,
        "protection": {"enabled": protected, "required_status_checks": required}, "protection_url": f"{url}/protection",
    })  # fmt: skip


def _commit(core: Core, sha: str) -> Json:
    commit, url = core.origin.commit(sha), f"{shapes.repo_url(core)}/commits/{sha}"
    person = {"name": commit.author, "email": commit.email, "date": commit.date}
    tree = {"sha": commit.tree, "url": f"{shapes.repo_url(core)}/git/trees/{commit.tree}"}
    return {
        "sha": sha, "node_id": "C_1", "url": url, "html_url": url, "comments_url": f"{url}/comments",
        "author": None, "committer": None, "parents": [{"sha": parent, "url": url} for parent in commit.parents],
        "commit": {
            "url": url, "author": person, "committer": person, "message": commit.message, "comment_count": 0,
            "tree": tree,
        },
    }  # fmt: skip


@routes.get(f"{_REPO}/git/ref/{{ref*}}", "ref")
def ref(call: Call) -> Answer:
    name = call.params["ref"]
    sha = call.core.origin.branch(name.removeprefix("heads/")) if name.startswith("heads/") else None
    if sha is None:
        raise shapes.missing()
    url = f"{shapes.repo_url(call.core)}/git/refs/{name}"
    target = {"type": "commit", "sha": sha, "url": f"{shapes.repo_url(call.core)}/git/commits/{sha}"}
    return Answer(200, {"ref": f"refs/{name}", "node_id": "R_1", "url": url, "object": target})


@routes.delete(f"{_REPO}/git/refs/{{ref*}}", "delete_ref")
def delete_ref(call: Call) -> Answer:
    name = call.params["ref"].removeprefix("heads/")
    if call.core.origin.branch(name) is None:
        raise Refused(shapes.error(422, "Reference does not exist"))
    call.core.origin.delete_branch(name)
    return Answer(204)
