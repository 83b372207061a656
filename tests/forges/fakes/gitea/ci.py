"""Gitea and Forgejo: commit statuses, Actions runs, branches and their protection."""

from __future__ import annotations

from tests.forges.fakes.ci import ENDED, overall
from tests.forges.fakes.core import Core
from tests.forges.fakes.dialect import Answer, Call, Json, Routes
from tests.forges.fakes.gitea import shapes
from tests.forges.fakes.state import Check

routes = Routes()
gitea_runs = Routes()
forgejo_runs = Routes()
_REPO = "/repos/{owner}/{repo}"

_STATES = {
    "green": "success", "red": "failure", "error": "error", "cancelled": "failure", "timed_out": "failure",
    "neutral": "success", "warning": "warning", "skipped": "skipped", "action_required": "pending",
}  # fmt: skip
_UNENDED = ("queued", "pending", "running", "manual", "stale")
_CONCLUSIONS = {"green": "success", "red": "failure", "error": "failure", "timed_out": "failure", "neutral": "success"}
#: worst first
_RANKS = ("error", "failure", "warning", "pending", "success", "skipped")


def _state(core: Core, check: Check) -> str:
    if check.state == "skipped" and core.state.settings.version.startswith(("1.22", "1.23")):
        return "success"
    return "pending" if check.state in _UNENDED else _STATES.get(check.state, check.state)


def _polled(call: Call, operation: str) -> str:
    sha = call.core.origin.sha(call.params["ref"])
    if sha is None:
        raise shapes.missing()
    call.core.poll(sha, operation)
    return sha


def _status(core: Core, check: Check) -> Json:
    return {
        "id": check.id, "status": _state(core, check), "context": check.name, "description": check.state,
        "target_url": f"{core.url}/ci/{check.id}", "created_at": check.started_at, "updated_at": check.updated_at,
        "url": f"{core.url}/api/v1/repos/{core.state.repo}/statuses/{check.sha}", "creator": shapes.user(core),
    }  # fmt: skip


@routes.get(f"{_REPO}/commits/{{ref*}}/status", "status")
def combined_status(call: Call) -> Answer:
    """The newest of each context; an empty state where there is none."""
    core, sha = call.core, _polled(call, "status")
    found = [_status(core, check) for check in core.ci.latest(sha)]
    states = {status["status"] for status in found}
    state = next((word for word in _RANKS if word in states), "pending" if states else "")
    url = f"{core.url}/api/v1/repos/{core.state.repo}/commits/{sha}"
    body = {"state": state, "sha": sha, "total_count": len(found), "statuses": found or None, "commit_url": url}
    return Answer(200, body | {"repository": shapes.repo(core), "url": f"{url}/status"})


@routes.get(f"{_REPO}/commits/{{ref*}}/statuses", "statuses")
@routes.get(f"{_REPO}/statuses/{{ref}}", "statuses")
def statuses(call: Call) -> Answer:
    """Every entry, several per context, newest first."""
    core, sha = call.core, _polled(call, "statuses")
    entries = sorted(core.ci.of(sha), key=lambda check: check.id, reverse=call.query.get("sort") != "leastindex")
    found = [_status(core, check) for check in entries]
    if "state" in call.query:
        found = [status for status in found if status["status"] == call.query["state"]]
    return shapes.paged(call, found)


def _suites(call: Call, *filters: str) -> list[list[Check]]:
    """Runs, newest first; none on servers too old to list them."""
    core = call.core
    if not core.state.settings.actions_listed:
        raise shapes.missing()
    sha = call.query.get("head_sha")
    if sha:
        core.poll(sha, "runs")
    wanted = {name: call.query[name] for name in filters if name in call.query}
    keys = {"branch": "branch", "event": "event", "head_sha": "sha"}
    return [
        jobs
        for jobs in core.ci.suites()
        if all(getattr(jobs[0], keys[name]) == value for name, value in wanted.items())
    ]


@gitea_runs.get(f"{_REPO}/actions/runs", "runs")
def runs(call: Call) -> Answer:
    found = [_run(call.core, jobs) for jobs in _suites(call, "branch", "event", "head_sha")]
    if "status" in call.query:
        found = [run for run in found if call.query["status"] in (run["status"], run["conclusion"])]
    return shapes.paged(call, found, "workflow_runs")


@gitea_runs.get(f"{_REPO}/actions/runs/{{run}}", "run")
def run(call: Call) -> Answer:
    return Answer(200, _run(call.core, _suite(call)))


def _suite(call: Call) -> list[Check]:
    jobs = next((jobs for jobs in _suites(call) if str(jobs[0].suite) == call.params["run"]), None)
    if jobs is None:
        raise shapes.missing()
    return jobs


def _run(core: Core, jobs: list[Check]) -> Json:
    word, one = overall(job.state for job in jobs), jobs[0]
    ended = word in ENDED
    phase = "completed" if ended else {"running": "in_progress"}.get(word, "queued")
    url = f"{core.url}/api/v1/repos/{core.state.repo}/actions/runs/{one.suite}"
    return {
        "id": one.suite, "url": url, "html_url": f"{core.url}/{core.state.repo}/actions/runs/{one.suite}",
        "display_title": "CI", "path": "ci.yml@refs/heads/main", "event": one.event, "run_number": one.suite,
        "run_attempt": max(job.attempt for job in jobs), "head_sha": one.sha, "head_branch": one.branch,
        "status": phase, "conclusion": _CONCLUSIONS.get(word, word) if ended else "", "started_at": one.started_at,
        "completed_at": max(job.updated_at for job in jobs) if ended else one.started_at, "repository_id": 4711,
        "repository": shapes.repo(core), "actor": shapes.user(core), "trigger_actor": shapes.user(core),
    }  # fmt: skip


_FORGEJO_WORDS = {"running": "running", "queued": "waiting", "pending": "waiting", "manual": "blocked"}


@forgejo_runs.get(f"{_REPO}/actions/runs", "runs")
def forgejo_run_list(call: Call) -> Answer:
    found = [_forgejo_run(call.core, jobs) for jobs in _suites(call, "event", "head_sha")]
    if "status" in call.query:
        found = [run for run in found if run["status"] == call.query["status"]]
    return shapes.paged(call, found, "workflow_runs")


@forgejo_runs.get(f"{_REPO}/actions/runs/{{run}}", "run")
def forgejo_run(call: Call) -> Answer:
    return Answer(200, _forgejo_run(call.core, _suite(call)))


def _forgejo_run(core: Core, jobs: list[Check]) -> Json:
    """One word for phase and outcome, and `head_branch` says which."""
    word, one = overall(job.state for job in jobs), jobs[0]
    return {
        "id": one.suite, "name": "CI", "head_branch": one.branch, "head_sha": one.sha, "run_number": one.suite,
        "event": one.event, "status": _FORGEJO_WORDS.get(word) or _CONCLUSIONS.get(word, word), "workflow_id": "ci.yml",
        "url": f"{core.url}/{core.state.repo}/actions/runs/{one.suite}", "triggering_actor": shapes.user(core),
    }  # fmt: skip


@routes.get(f"{_REPO}/branches/{{branch*}}", "branch")
def branch(call: Call) -> Answer:
    core, name = call.core, call.params["branch"]
    sha = core.origin.branch(name)
    if sha is None:
        raise shapes.missing()
    commit, contexts = core.origin.commit(sha), core.state.settings.required_contexts
    person = {"name": commit.author, "email": commit.email, "username": ""}
    shown = {
        "id": sha, "message": commit.message, "url": f"{core.url}/{core.state.repo}/commit/{sha}", "author": person,
        "committer": person, "timestamp": commit.date, "verification": None, "added": None, "removed": None,
        "modified": None,
    }  # fmt: skip
    return Answer(200, {
        "name": name, "commit": shown, "protected": bool(contexts), "required_approvals": 0,
        "enable_status_check": bool(contexts), "status_check_contexts": contexts or None,
        "user_can_push": core.state.settings.can_push, "user_can_merge": core.state.settings.can_push,
        "effective_branch_protection_name": name if contexts else "",
    })  # fmt: skip


@routes.delete(f"{_REPO}/branches/{{branch*}}", "delete_ref")
def delete_branch(call: Call) -> Answer:
    if call.core.origin.branch(call.params["branch"]) is None:
        raise shapes.missing()
    call.core.origin.delete_branch(call.params["branch"])
    return Answer(204)


def _protections(core: Core) -> list[Json]:
    contexts = core.state.settings.required_contexts
    rule = {"rule_name": "main", "branch_name": "main", "enable_status_check": True, "status_check_contexts": contexts}
    return [rule | {"required_approvals": 0, "enable_push": False}] if contexts else []


@routes.get(f"{_REPO}/branch_protections", "list_protections")
def list_protections(call: Call) -> Answer:
    return Answer(200, _protections(call.core))


@routes.get(f"{_REPO}/branch_protections/{{name*}}", "protection")
def protection(call: Call) -> Answer:
    found = next((rule for rule in _protections(call.core) if rule["rule_name"] == call.params["name"]), None)
    if found is None:
        raise shapes.missing()
    return Answer(200, found)
