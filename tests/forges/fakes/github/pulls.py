"""GitHub: the repository, its branches, pull requests and their merge."""

from __future__ import annotations

import uuid

from tests.forges.fakes.core import Core
from tests.forges.fakes.dialect import Answer, Call, Json, Refused, Routes
from tests.forges.fakes.github import shapes
from tests.forges.fakes.state import Pull

routes = Routes()
_REPO = "/repos/{owner}/{repo}"

TEXTS = {
    "head_moved": shapes.error(409, "Head branch was modified. Review and try the merge again."),
    "base_moved": shapes.error(405, "Base branch was modified. Review and try the merge again."),
    "in_progress": shapes.error(405, "Merge already in progress"),
    "not_mergeable": shapes.error(405, "Pull Request is not mergeable"),
    "draft": shapes.error(405, "Pull Request is still a draft"),
    "squash_off": shapes.error(405, "Squash merges are not allowed on this repository."),
    "required_check": shapes.error(405, 'Required status check "build" is expected.'),
    "review": shapes.error(405, "At least 1 approving review is required by reviewers with write access."),
    "queue": shapes.error(405, "Changes must be made through the merge queue"),
    "in_queue": shapes.error(405, "Pull Request is in the merge queue"),
    "no_push": shapes.error(405, "You're not authorized to push to this branch."),
    "forbidden": shapes.error(403, "Resource not accessible by personal access token"),
}


@routes.get("/meta", "version", "")
def meta(call: Call) -> Answer:
    version = call.core.state.settings.version
    body: Json = {"verifiable_password_authentication": True}
    return Answer(200, body | ({"installed_version": version} if version else {}))


@routes.get("/rate_limit", "rate_limit", "user")
def rate_limit(call: Call) -> Answer:
    state = call.core.state
    left = max(0, state.settings.rate_limit - state.requests)
    core = {"limit": state.settings.rate_limit, "remaining": left, "used": state.requests, "reset": 4_000_000_000}
    return Answer(200, {"resources": {"core": core, "search": core}, "rate": core})


@routes.get("/user", "user", "user")
def user(call: Call) -> Answer:
    counts = dict.fromkeys(("public_repos", "public_gists", "followers", "following"), 0)
    names = dict.fromkeys(("name", "company", "blog", "location", "email", "hireable", "bio"))
    times = dict.fromkeys(("created_at", "updated_at"), "2026-01-01T00:00:00Z")
    return Answer(200, shapes.user(call.core) | counts | names | times)


@routes.get(_REPO, "repo")
def repo(call: Call) -> Answer:
    return Answer(200, shapes.repo(call.core) | {"network_count": 0, "subscribers_count": 0})


@routes.get(f"{_REPO}/branches/{{branch*}}/protection/required_status_checks", "protection")
def required_status_checks(call: Call) -> Answer:
    contexts = call.core.state.settings.required_contexts
    if not contexts:
        raise Refused(shapes.error(404, "Branch not protected"))
    url = f"{call.core.url}{call.request.path}"
    checks = [{"context": name, "app_id": None} for name in contexts]
    return Answer(
        200, {"url": url, "contexts_url": f"{url}/contexts", "strict": False, "contexts": contexts, "checks": checks}
    )


@routes.get(f"{_REPO}/rules/branches/{{branch*}}", "rules")
def rules(call: Call) -> Answer:
    settings = call.core.state.settings
    found: list[Json] = []
    source = {"ruleset_source_type": "Repository", "ruleset_source": call.core.state.repo, "ruleset_id": 42}
    if settings.required_contexts:
        checks = [{"context": name} for name in settings.required_contexts]
        demanded = {"required_status_checks": checks, "strict_required_status_checks_policy": False}
        found.append({"type": "required_status_checks", "parameters": demanded} | source)
    if settings.merge_queue:
        numbers = (
            "check_response_timeout_minutes max_entries_to_build max_entries_to_merge min_entries_to_merge "
            "min_entries_to_merge_wait_minutes"
        )
        wanted = {"grouping_strategy": "ALLGREEN", "merge_method": "SQUASH"} | dict.fromkeys(numbers.split(), 5)
        found.append({"type": "merge_queue", "parameters": wanted} | source)
    return shapes.paged(call, found)


@routes.get(f"{_REPO}/pulls", "list_pulls")
def list_pulls(call: Call) -> Answer:
    query = call.query
    owner, colon, branch = query.get("head", "").partition(":")
    found = [
        pull
        for pull in call.core.pulls()
        if query.get("state", "open") in ("all", pull.state)
        and query.get("base", pull.base) == pull.base
        and (not colon or (owner, branch) == (call.params["owner"], pull.head))
    ]
    if query.get("sort") == "updated":
        found.sort(key=lambda pull: pull.updated_at, reverse=True)
    if query.get("direction", "asc" if "sort" in query else "desc") == "asc":
        found.reverse()
    return shapes.paged(call, [shapes.pull_in_list(call.core, pull) for pull in found])


@routes.get(f"{_REPO}/commits/{{sha}}/pulls", "commit_pulls")
def pulls_of_commit(call: Call) -> Answer:
    found = [p for p in call.core.pulls() if call.params["sha"] in (p.head_sha, p.merge_sha)]
    return shapes.paged(call, [shapes.pull_in_list(call.core, pull) for pull in found])


@routes.post(f"{_REPO}/pulls", "create_pull")
def create_pull(call: Call) -> Answer:
    core, body, owner = call.core, call.body, call.params["owner"]
    head, base = str(body.get("head")).removeprefix(f"{owner}:"), str(body.get("base"))
    base_sha, head_sha = core.origin.branch(base), core.origin.branch(head)
    if not base_sha:
        raise shapes.invalid("PullRequest", "base", "invalid")
    if not head_sha:
        raise shapes.invalid("PullRequest", "head", "invalid")
    if core.open_pull(head, base):
        text = f"A pull request already exists for {owner}:{head}."
        raise Refused(shapes.error(422, "Validation Failed", [_custom(text)]))
    if core.origin.count(base_sha, head_sha) == 0:
        raise Refused(shapes.error(422, "Validation Failed", [_custom(f"No commits between {base} and {head}")]))
    title = str(body.get("title") or head)
    made = core.create_pull(head, base, title, body.get("body") or "", draft=bool(body.get("draft")))
    return Answer(201, shapes.pull(core, made, None, "unknown"))


def _custom(message: str) -> Json:
    return {"resource": "PullRequest", "code": "custom", "message": message}


def _pull(call: Call) -> Pull:
    pull = call.core.pull(call.params["number"])
    if pull is None:
        raise shapes.missing()
    return pull


def _state(core: Core, pull: Pull, mergeable: bool | None) -> str:
    if mergeable is None:
        return "unknown"
    if not mergeable:
        return "dirty"
    if pull.draft:
        return "draft"
    if core.missing_checks(pull) or core.state.settings.merge_queue:
        return "blocked"
    return "clean" if not core.ci.missing(pull.head_sha, [c.name for c in core.ci.of(pull.head_sha)]) else "unstable"


@routes.get(f"{_REPO}/pulls/{{number}}", "get_pull")
def get_pull(call: Call) -> Answer:
    pull = _pull(call)
    if pull.state != "open":
        return Answer(200, shapes.pull(call.core, pull, None, "unknown"))
    mergeable = call.core.mergeable(pull)
    return Answer(200, shapes.pull(call.core, pull, mergeable, _state(call.core, pull, mergeable)))


@routes.patch(f"{_REPO}/pulls/{{number}}", "update_pull")
def update_pull(call: Call) -> Answer:
    pull, body, core = _pull(call), call.body, call.core
    if body.get("state") == "open" and pull.merged_at:
        raise Refused(shapes.error(422, "Validation Failed", [_custom("Cannot reopen a merged pull request")]))
    if "base" in body and not core.origin.branch(body["base"]):
        raise shapes.invalid("PullRequest", "base", "invalid")
    pull.title, pull.base = body.get("title", pull.title), body.get("base", pull.base)
    pull.body = body.get("body", pull.body) or ""
    core.touch(pull)
    if "state" in body:
        (core.close if body["state"] == "closed" else core.reopen)(pull)
    return Answer(200, shapes.pull(core, pull, None, "unknown"))


@routes.get(f"{_REPO}/pulls/{{number}}/merge", "is_merged")
def is_merged(call: Call) -> Answer:
    return Answer(204) if _pull(call).merged_at else shapes.error(404, "Not Found")


@routes.put(f"{_REPO}/pulls/{{number}}/merge", "merge")
def merge(call: Call) -> Answer:
    pull, body, core = _pull(call), call.body, call.core
    refusal = _refusal(core, pull, body)
    if refusal:
        raise Refused(refusal)
    if "unmerged" in call.twists:
        return Answer(200, {"sha": "", "merged": False, "message": "Pull Request could not be merged"})
    title = body.get("commit_title") or f"{pull.title} (#{pull.number})"
    message = f"{title}\n\n{body.get('commit_message', pull.body)}".rstrip()
    sha = core.squash(pull, message, wrong_tree="wrong_tree" in call.twists)
    if sha is None:
        raise Refused(TEXTS["not_mergeable"])
    if "leave_open" not in call.twists:
        core.mark_merged(pull, message)
    return Answer(200, {"sha": sha, "merged": True, "message": "Pull Request successfully merged"})


def _refusal(core: Core, pull: Pull, body: Json) -> Answer | None:
    settings = core.state.settings
    if not settings.can_push:
        return TEXTS["no_push"]
    if pull.state != "open":
        return TEXTS["not_mergeable"]
    if pull.draft:
        return TEXTS["draft"]
    if body.get("merge_method", "merge") != "squash" or not settings.allow_squash:
        return TEXTS["squash_off"]
    if body.get("sha") not in (None, pull.head_sha):
        return TEXTS["head_moved"]
    if core.tree(pull) is None:
        return TEXTS["not_mergeable"]
    if settings.merge_queue:
        return TEXTS["queue"]
    names = core.missing_checks(pull)
    if names:
        return shapes.error(405, f'Required status check "{names[0]}" is expected.')
    return None


@routes.put(f"{_REPO}/pulls/{{number}}/merge-async", "merge_async")
def merge_async(call: Call) -> Answer:
    """The merge happens before this answers `pending`: a client may not rely on either order."""
    if not call.core.state.settings.merge_async:
        raise shapes.missing()
    pull = _pull(call)
    ident = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{pull.id}/{pull.head_sha}"))
    if not pull.merged_at:
        refusal = _refusal(call.core, pull, call.body)
        if refusal:
            raise Refused(refusal)
        title = call.body.get("commit_title") or f"{pull.title} (#{pull.number})"
        message = f"{title}\n\n{call.body.get('commit_message', pull.body)}".rstrip()
        call.core.squash(pull, message)
        call.core.mark_merged(pull, message)
        return Answer(202, _async_result("pending", ident, pull))
    return Answer(200, _async_result("merged", ident, pull))


@routes.get(f"{_REPO}/pulls/{{number}}/merge-async/{{uuid}}", "merge_async_result")
def merge_async_result(call: Call) -> Answer:
    pull = _pull(call)
    if not call.core.state.settings.merge_async or not pull.merged_at:
        raise shapes.missing()
    return Answer(200, _async_result("merged", call.params["uuid"], pull))


def _async_result(status: str, ident: str, pull: Pull) -> Json:
    if status == "merged":
        return {"status": status, "details": {"message": "Pull Request successfully merged", "sha": pull.merge_sha}}
    asked = {"uuid": ident, "merge_method": "squash", "merge_action": "direct_merge"}
    return {"status": status, "details": asked | {"message": "Merge requested", "expected_head_sha": pull.head_sha}}
