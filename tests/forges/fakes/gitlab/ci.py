"""GitLab: pipelines and their jobs, commit statuses, branches, commits."""

from __future__ import annotations

from tests.forges.fakes.dialect import Answer, Call, Json, Routes
from tests.forges.fakes.gitlab import shapes
from tests.forges.fakes.gitlab.pulls import merge_request
from tests.forges.fakes.state import Check

routes = Routes()
_PROJECT = "/projects/{project}"
_SCOPES = {"running": ("running",), "pending": ("pending", "created"), "finished": ("success", "failed", "canceled")}


@routes.get(f"{_PROJECT}/pipelines", "pipelines")
def list_pipelines(call: Call) -> Answer:
    """Newest first. Without a sha it is a look at the branch and no poll of a commit."""
    core, query = call.core, call.query
    if "sha" in query:
        core.poll(query["sha"], "pipelines")
    found = [shapes.pipeline(core, jobs) for jobs in core.ci.suites(None)]
    for name in ("sha", "ref", "status", "source"):
        found = [each for each in found if query.get(name, each[name]) == each[name]]
    if query.get("scope") in _SCOPES:
        found = [each for each in found if each["status"] in _SCOPES[query["scope"]]]
    if query.get("sort") == "asc":
        found.reverse()
    return shapes.paged(call, found)


def _jobs(call: Call) -> list[Check]:
    found = next((jobs for jobs in call.core.ci.suites(None) if str(jobs[0].suite) == call.params["pipeline"]), None)
    if found is None:
        raise shapes.missing()
    return found


@routes.get(f"{_PROJECT}/pipelines/{{pipeline}}", "pipeline")
def get_pipeline(call: Call) -> Answer:
    jobs = _jobs(call)
    call.core.poll(jobs[0].sha, "pipeline")
    return Answer(200, shapes.pipeline(call.core, jobs) | {"user": shapes.user(call.core), "tag": False})


@routes.get(f"{_PROJECT}/pipelines/{{pipeline}}/jobs", "jobs")
def list_jobs(call: Call) -> Answer:
    jobs = _jobs(call)
    return shapes.paged(call, [shapes.job(call.core, job, jobs) for job in reversed(jobs)])


@routes.post(f"{_PROJECT}/pipelines/{{pipeline}}/retry", "rerun")
def retry(call: Call) -> Answer:
    jobs = _jobs(call)
    call.core.ci.rerun(jobs[0].suite)
    return Answer(201, shapes.pipeline(call.core, jobs))


@routes.get(f"{_PROJECT}/merge_requests/{{iid}}/pipelines", "pull_pipelines")
def pipelines_of_merge_request(call: Call) -> Answer:
    core, pull = call.core, merge_request(call)
    core.poll(pull.head_sha, "pull_pipelines")
    found = [jobs for jobs in core.ci.suites(None) if jobs[0].sha == pull.head_sha]
    return shapes.paged(call, [shapes.pipeline(core, jobs) for jobs in found])


def _sha(call: Call) -> str:
    sha = call.core.origin.sha(call.params["sha"])
    if sha is None:
        raise shapes.missing("Commit")
    return sha


@routes.get(f"{_PROJECT}/repository/commits/{{sha}}/statuses", "statuses")
def statuses(call: Call) -> Answer:
    """The newest of each name; every one with `all=true`."""
    core, sha = call.core, _sha(call)
    core.poll(sha, "statuses")
    found = core.ci.of(sha) if call.query.get("all") == "true" else core.ci.latest(sha)
    for name, key in (("ref", "branch"), ("name", "name"), ("pipeline_id", "suite")):
        found = [check for check in found if call.query.get(name, str(getattr(check, key))) == str(getattr(check, key))]
    return shapes.paged(call, [shapes.commit_status(core, check) for check in found])


@routes.get(f"{_PROJECT}/repository/commits/{{sha}}", "commit")
def get_commit(call: Call) -> Answer:
    core, sha = call.core, _sha(call)
    core.poll(sha, "commit")
    jobs = next((jobs for jobs in core.ci.suites(None) if jobs[0].sha == sha), None)
    last = shapes.pipeline(core, jobs) if jobs else None
    status = last["status"] if last else None
    return Answer(200, shapes.commit(core, sha) | {"last_pipeline": last, "status": status, "project_id": 4711})


@routes.get(f"{_PROJECT}/repository/branches/{{branch}}", "branch")
def branch(call: Call) -> Answer:
    core, name = call.core, call.params["branch"]
    sha = core.origin.branch(name)
    if sha is None:
        raise shapes.missing("Branch")
    push = core.state.settings.can_push
    flags = {"protected": name == "main", "default": name == "main", "merged": False, "can_push": push}
    own = {"name": name, "commit": shapes.commit(core, sha), "developers_can_push": push, "developers_can_merge": push}
    return Answer(200, own | flags | {"web_url": f"{shapes.web(core)}/-/tree/{name}"})


@routes.delete(f"{_PROJECT}/repository/branches/{{branch}}", "delete_ref")
def delete_branch(call: Call) -> Answer:
    if call.core.origin.branch(call.params["branch"]) is None:
        raise shapes.missing("Branch")
    call.core.origin.delete_branch(call.params["branch"])
    return Answer(204)


@routes.get(f"{_PROJECT}/protected_branches/{{branch}}", "protection")
def protection(call: Call) -> Answer:
    if call.params["branch"] != "main":
        raise shapes.missing()
    level: Json = {"access_level": 40, "access_level_description": "Maintainers", "id": 1}
    return Answer(200, {
        "id": 1, "name": "main", "push_access_levels": [level], "merge_access_levels": [level],
        "allow_force_push": False, "code_owner_approval_required": False,
    })  # fmt: skip
