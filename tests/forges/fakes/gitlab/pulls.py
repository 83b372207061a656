"""GitLab: the server, the project, merge requests and their merge."""

from __future__ import annotations

from tests.forges.fakes.core import Core
from tests.forges.fakes.dialect import Answer, Call, Json, Refused, Routes
from tests.forges.fakes.gitlab import shapes
from tests.forges.fakes.state import Pull

routes = Routes()
_MRS = "/projects/{project}/merge_requests"

_NOT_SQUASHED = "Squashing not allowed: This project doesn't allow you to squash commits when merging."

TEXTS = {
    "head_moved": shapes.error(409, f"SHA does not match HEAD of source branch: {'0' * 40}"),
    "base_moved": shapes.error(422, "Branch cannot be merged"),
    "not_mergeable": shapes.error(422, "Branch cannot be merged"),
    "old_not_mergeable": shapes.error(406, "Branch cannot be merged"),
    "not_ready": shapes.error(405, "405 Method Not Allowed"),
    "no_push": shapes.error(401, "401 Unauthorized"),
    "branch_gone": shapes.error(404, "404 Not Found"),
}


@routes.get("/version", "version", "user")
@routes.get("/metadata", "version", "user")
def version(call: Call) -> Answer:
    return Answer(200, {"version": call.core.state.settings.version, "revision": "f00d"})


@routes.get("/user", "user", "user")
def user(call: Call) -> Answer:
    return Answer(200, shapes.user(call.core))


@routes.get("/personal_access_tokens/self", "token", "")
def token(call: Call) -> Answer:
    """What a token says of itself."""
    headers = call.request.headers
    given = headers.get("private-token") or headers.get("authorization", "").removeprefix("Bearer ")
    if not given:
        raise Refused(TEXTS["no_push"])
    scopes = sorted(call.core.state.tokens.get(given, ()))
    return Answer(200, {
        "id": 1, "name": "mosaic", "revoked": False, "active": True, "user_id": 7, "scopes": scopes, "expires_at": None,
        "created_at": shapes.time("2026-01-01T00:00:00Z"), "last_used_at": None,
    })  # fmt: skip


@routes.get("/projects/{project}", "repo")
def project(call: Call) -> Answer:
    return Answer(200, shapes.project(call.core))


def _status(core: Core, pull: Pull, *, asked: bool) -> str:
    """The detailed merge status; asking for one merge request starts the check."""
    settings = core.state.settings
    if pull.state != "open":
        return "not_open"
    if not pull.head_sha or not core.origin.branch(pull.head) or core.origin.count(pull.base_sha, pull.head_sha) == 0:
        return "commits_status"
    if pull.draft:
        return "draft_status"
    if pull.unknown and not asked:
        return "unchecked"
    mergeable = core.mergeable(pull) if asked else core.tree(pull) is not None
    if mergeable is None:
        return "checking"
    if not mergeable:
        return "conflict"
    if settings.merge_method != "merge" and core.origin.merge_base(pull.base_sha, pull.head_sha) != pull.base_sha:
        return "need_rebase"
    if settings.pipeline_must_succeed:
        states = [check.state for check in core.ci.latest(pull.head_sha)]
        if any(state in ("queued", "pending", "running") for state in states):
            return "ci_still_running"
        if not states or core.ci.missing(pull.head_sha, [check.name for check in core.ci.latest(pull.head_sha)]):
            return "ci_must_pass"
    return "mergeable"


def _listed(call: Call, pull: Pull) -> Json:
    return shapes.merge_request(call.core, pull, _status(call.core, pull, asked=False))


@routes.get(_MRS, "list_pulls")
def list_merge_requests(call: Call) -> Answer:
    query = call.query
    found = [
        pull
        for pull in call.core.pulls()
        if query.get("state", "all") in ("all", shapes.state(pull))
        and query.get("source_branch", pull.head) == pull.head
        and query.get("target_branch", pull.base) == pull.base
        and query.get("search", "").lower() in f"{pull.title}\n{pull.body}".lower()
    ]
    if query.get("order_by") == "updated_at":
        found.sort(key=lambda pull: (pull.updated_at, pull.number), reverse=True)
    if query.get("sort") == "asc":
        found.reverse()
    return shapes.paged(call, [_listed(call, pull) for pull in found])


@routes.get("/projects/{project}/repository/commits/{sha}/merge_requests", "commit_pulls")
def merge_requests_of_commit(call: Call) -> Answer:
    sha = call.params["sha"]
    found = [p for p in call.core.pulls() if sha in (p.head_sha, p.merge_sha, p.squash_sha)]
    return shapes.paged(call, [_listed(call, pull) for pull in found])


@routes.post(_MRS, "create_pull")
def create_merge_request(call: Call) -> Answer:
    """One without a source branch, or without commits, is made all the same."""
    core, body = call.core, call.body
    head, base = body["source_branch"], body["target_branch"]
    if head == base:
        raise Refused(shapes.error(422, ["You can't use same project/branch for source and target"]))
    old = core.open_pull(head, base)
    if old:
        text = f"Another open merge request already exists for this source branch: !{old.number}"
        raise Refused(shapes.error(409, [text]))
    draft = body["title"].startswith("Draft:")
    made = core.create_pull(head, base, body["title"], body.get("description") or "", draft=draft)
    made.labels = label_names(core, body.get("labels"))
    milestone = core.milestone(body.get("milestone_id"))
    made.milestone = milestone.id if milestone else None
    return Answer(201, shapes.merge_request(core, made, "preparing"))


def label_names(core: Core, labels: object) -> list[str]:
    """A list or a text with commas; unknown ones are made."""
    names = labels.split(",") if isinstance(labels, str) else labels if isinstance(labels, list) else []
    return [core.label(name.strip()).name for name in names if name.strip()]


def merge_request(call: Call) -> Pull:
    pull = call.core.pull(call.params["iid"])
    if pull is None:
        raise shapes.missing()
    return pull


@routes.get(_MRS + "/{iid}", "get_pull")
def get_merge_request(call: Call) -> Answer:
    core, pull = call.core, merge_request(call)
    result = f"refs/merge-requests/{pull.number}/merge"
    suites = (jobs for jobs in core.ci.suites(None) if pull.head_sha == jobs[0].sha or result == jobs[0].branch)
    jobs = next(suites, None)
    more = {"head_pipeline": shapes.pipeline(core, jobs) if jobs else None, "diff_refs": None, "changes_count": "1"}
    return Answer(200, shapes.merge_request(core, pull, _status(core, pull, asked=True)) | more)


@routes.put(_MRS + "/{iid}", "update_pull")
def update_merge_request(call: Call) -> Answer:
    core, pull, body = call.core, merge_request(call), call.body
    pull.title, pull.base = body.get("title", pull.title), body.get("target_branch", pull.base)
    pull.body = body.get("description", pull.body)
    if "labels" in body:
        pull.labels = label_names(core, body["labels"])
    if "milestone_id" in body:
        pull.milestone = body["milestone_id"] or None
    core.touch(pull)
    match body.get("state_event"):
        case "close" if not pull.merged_at:
            core.close(pull)
        case "reopen" if not pull.merged_at:
            core.reopen(pull)
    return Answer(200, _listed(call, pull))


@routes.put(_MRS + "/{iid}/merge", "merge")
def merge(call: Call) -> Answer:
    core, pull, body = call.core, merge_request(call), call.body
    refusal = _refusal(core, pull, body)
    if refusal:
        raise Refused(refusal)
    if "unmerged" in call.twists or (body.get("squash") and not core.state.settings.allow_squash):
        pull.merge_error = _NOT_SQUASHED
        return Answer(200, _listed(call, pull))
    message = body.get("squash_commit_message") or pull.title
    if _merge(core, pull, body, message, wrong_tree="wrong_tree" in call.twists) is None:
        raise Refused(TEXTS["not_mergeable"])
    if "leave_open" in call.twists:
        pull.locked = True
        return Answer(200, _listed(call, pull))
    core.mark_merged(pull, message)
    if body.get("should_remove_source_branch"):
        core.origin.delete_branch(pull.head)
    return Answer(200, _listed(call, pull))


def _merge(core: Core, pull: Pull, body: Json, message: str, *, wrong_tree: bool) -> str | None:
    if core.state.settings.merge_method == "ff":
        return core.squash(pull, message, wrong_tree=wrong_tree)
    ours = f"Merge branch '{pull.head}' into '{pull.base}'\n\n{pull.title}\n\nSee merge request !{pull.number}"
    squash = message if body.get("squash") else None
    return core.merge_commit(pull, squash, body.get("merge_commit_message") or ours, wrong_tree=wrong_tree)


def _refusal(core: Core, pull: Pull, body: Json) -> Answer | None:
    """In the order in which GitLab looks: an old sha can look like a conflict."""
    if not core.state.settings.can_push:
        return TEXTS["no_push"]
    status = _status(core, pull, asked=True)
    if status in ("conflict", "need_rebase"):
        old = core.state.settings.version < "15.6"
        return TEXTS["old_not_mergeable" if old else "not_mergeable"]
    if status != "mergeable" or pull.locked:
        return TEXTS["not_ready"]
    if body.get("sha") not in (None, "", pull.head_sha):
        return shapes.error(409, f"SHA does not match HEAD of source branch: {pull.head_sha}")
    return None


@routes.get(_MRS + "/{iid}/notes", "list_comments", "issue")
def list_notes(call: Call) -> Answer:
    found = call.core.comments(merge_request(call))
    if call.query.get("sort", "desc") == "desc":
        found.reverse()
    return shapes.paged(call, [shapes.note(call.core, note) for note in found])


@routes.post(_MRS + "/{iid}/notes", "comment", "issue")
def create_note(call: Call) -> Answer:
    return Answer(201, shapes.note(call.core, call.core.comment(merge_request(call), call.body["body"])))
