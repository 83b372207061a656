"""Gitea: the server, the repository, pull requests and their merge."""

from __future__ import annotations

from tests.forges.fakes.core import Core
from tests.forges.fakes.dialect import Answer, Call, Json, Refused, Routes
from tests.forges.fakes.gitea import shapes
from tests.forges.fakes.origin import GitError
from tests.forges.fakes.state import Pull

routes = Routes()
_REPO = "/repos/{owner}/{repo}"

TEXTS = {
    "head_moved": shapes.error(409, "head out of date"),
    "base_moved": shapes.error(409, "merge push out of date"),
    "conflict": Answer(409, {"Style": "squash", "StdOut": "", "StdErr": "CONFLICT", "Err": {}}),
    "not_mergeable": shapes.error(405, "Please try again later"),
    "draft": shapes.error(405, "Work in progress PRs cannot be merged"),
    "squash_off": shapes.error(405, "Invalid merge style"),
    "required_check": shapes.error(405, "Not all required status checks successful"),
    "no_push": shapes.error(405, "User not allowed to merge PR"),
    "hook": shapes.error(409, "PushRejected with remote message: the hook says no"),
    "merged": shapes.error(405, ""),
    "closed": shapes.error(404, "The target couldn't be found."),
    "dependency": shapes.error(500, "pull request has open dependencies"),
    "archived": shapes.error(423, "Repo is archived"),
}


@routes.get("/version", "version", "")
def version(call: Call) -> Answer:
    return Answer(200, {"version": call.core.state.settings.version})


@routes.get("/settings/api", "api_settings", "")
def api_settings(call: Call) -> Answer:
    settings = call.core.state.settings
    paging = {"max_response_items": settings.page_max, "default_paging_num": settings.page_default}
    return Answer(200, paging | {"default_git_trees_per_page": 1000, "default_max_blob_size": 10485760})


@routes.get("/user", "user", "user")
def user(call: Call) -> Answer:
    return Answer(200, shapes.user(call.core))


@routes.get(_REPO, "repo")
def repo(call: Call) -> Answer:
    return Answer(200, shapes.repo(call.core))


def _mergeable(core: Core, pull: Pull) -> bool:
    """There is no null: not known yet is false as well."""
    return pull.state == "open" and not pull.draft and core.mergeable(pull) is True


def _listed(core: Core, pull: Pull) -> Json:
    return shapes.pull(core, pull, pull.state == "open" and not pull.unknown and core.tree(pull) is not None)


@routes.get(f"{_REPO}/pulls", "list_pulls")
def list_pulls(call: Call) -> Answer:
    query = call.query
    found = [
        pull
        for pull in call.core.pulls()
        if query.get("state", "open") in ("all", pull.state) and query.get("base_branch", pull.base) == pull.base
    ]
    if query.get("sort") == "recentupdate":
        found.sort(key=lambda pull: (pull.updated_at, pull.number), reverse=True)
    return shapes.paged(call, [_listed(call.core, pull) for pull in found])


@routes.post(f"{_REPO}/pulls", "create_pull")
def create_pull(call: Call) -> Answer:
    core, body = call.core, call.body
    head, base = str(body.get("head")), str(body.get("base"))
    _writable(core)
    if head == base:
        raise Refused(shapes.error(422, "Invalid PullRequest: There are no changes between the head and the base"))
    for name in (head, base):
        if not core.origin.branch(name):
            raise Refused(shapes.error(422, f"{name} is not a branch")) if core.origin.sha(name) else shapes.missing()
    if body.get("milestone") and core.milestone(body["milestone"]) is None:
        raise shapes.missing()
    old = core.open_pull(head, base)
    if old:
        ids = f"id: {old.id}, issue_id: {old.number}, head_repo_id: 4711, base_repo_id: 4711"
        text = f"pull request already exists for these targets [{ids}, head_branch: {head}, base_branch: {base}]"
        raise Refused(shapes.error(409, text))
    title = str(body.get("title") or "")
    made = core.create_pull(head, base, title, body.get("body") or "", draft=title.startswith(("WIP:", "[WIP]")))
    made.labels = _label_names(core, body.get("labels", []))
    made.milestone = body.get("milestone") or None
    return Answer(201, shapes.pull(core, made, mergeable=False))


def _writable(core: Core) -> None:
    if core.state.settings.archived:
        raise Refused(TEXTS["archived"])


def _label_names(core: Core, ids: list[int]) -> list[str]:
    """Ids that are not of this repository are dropped without a word."""
    return [label.name for label in core.state.labels if label.id in ids]


def _pull(call: Call) -> Pull:
    pull = call.core.pull(call.params["index"])
    if pull is None:
        raise shapes.missing()
    return pull


@routes.get(f"{_REPO}/pulls/{{index}}", "get_pull")
def get_pull(call: Call) -> Answer:
    pull = _pull(call)
    return Answer(200, shapes.pull(call.core, pull, _mergeable(call.core, pull)))


@routes.patch(f"{_REPO}/pulls/{{index}}", "update_pull")
def update_pull(call: Call) -> Answer:
    core, pull, body = call.core, _pull(call), call.body
    if body.get("state") and pull.merged_at:
        raise Refused(shapes.error(412, "cannot change state of this pull request, it was already merged"))
    pull.title, pull.base = body.get("title", pull.title), body.get("base", pull.base)
    pull.body = body.get("body", pull.body)
    if "labels" in body:
        pull.labels = _label_names(core, body["labels"])
    if "milestone" in body:
        pull.milestone = body["milestone"] or None
    core.touch(pull)
    if body.get("state"):
        (core.close if body["state"] == "closed" else core.reopen)(pull)
    return Answer(201, _listed(core, pull))


@routes.get(f"{_REPO}/commits/{{sha}}/pull", "commit_pulls")
def pull_of_commit(call: Call) -> Answer:
    found = next((p for p in call.core.pulls() if p.merged_at and p.merge_sha == call.params["sha"]), None)
    if found is None:
        raise shapes.missing()
    return Answer(200, _listed(call.core, found))


@routes.get(f"{_REPO}/pulls/{{index}}/merge", "is_merged")
def is_merged(call: Call) -> Answer:
    return Answer(204) if _pull(call).merged_at else shapes.error(404, "")


@routes.post(f"{_REPO}/pulls/{{index}}/merge", "merge")
def merge(call: Call) -> Answer:
    core, pull, body = call.core, _pull(call), call.body
    if body.get("Do") == "manually-merged":
        return _manually_merged(core, pull, body)
    refusal = _refusal(core, pull, body)
    if refusal:
        raise Refused(refusal)
    if body.get("merge_when_checks_succeed") and core.missing_checks(pull):
        return Answer(201)
    if "unmerged" in call.twists:
        return Answer(200)
    title = body.get("MergeTitleField") or f"{pull.title} (#{pull.number})"
    message = f"{title}\n\n{body.get('MergeMessageField', '')}".rstrip()
    if core.squash(pull, message, wrong_tree="wrong_tree" in call.twists) is None:
        raise Refused(TEXTS["conflict"])
    if "leave_open" not in call.twists:
        core.mark_merged(pull, message)
    if body.get("delete_branch_after_merge"):
        core.origin.delete_branch(pull.head)
    return Answer(200)


def _refusal(core: Core, pull: Pull, body: Json) -> Answer | None:
    """In the order in which Gitea looks."""
    _writable(core)
    settings = core.state.settings
    if pull.merged_at:
        return TEXTS["merged"]
    if pull.state != "open":
        return TEXTS["closed"]
    if not settings.can_push:
        return TEXTS["no_push"]
    if pull.draft:
        return TEXTS["draft"]
    if pull.blocked:
        return TEXTS["dependency"]
    if core.mergeable(pull) is not True:
        return TEXTS["not_mergeable"]
    if core.missing_checks(pull) and not body.get("merge_when_checks_succeed"):
        return TEXTS["required_check"]
    if body.get("Do") != "squash" or not settings.allow_squash:
        return TEXTS["squash_off"]
    if body.get("head_commit_id") not in (None, "", pull.head_sha):
        return TEXTS["head_moved"]
    return None


def _manually_merged(core: Core, pull: Pull, body: Json) -> Answer:
    """Gitea believes it when the commit is on the base branch."""
    commit = str(body.get("MergeCommitID", ""))
    if pull.merged_at:
        raise Refused(TEXTS["merged"])
    if not core.state.settings.autodetect:
        raise Refused(TEXTS["squash_off"])
    try:
        core.origin.git("merge-base", "--is-ancestor", commit, pull.base)
    except GitError:
        raise Refused(shapes.error(405, "Wrong commit ID")) from None
    core.mark_merged(pull)
    pull.merge_sha = commit
    return Answer(200)


@routes.get(f"{_REPO}/pulls/{{base}}/{{head*}}", "pull_of_branch")
def pull_of_branch(call: Call) -> Answer:
    """Knows neither states nor an order: an old merged one may come first."""
    wanted = (call.params["base"], call.params["head"])
    found = next((p for p in reversed(call.core.pulls()) if (p.base, p.head) == wanted), None)
    if found is None:
        raise shapes.missing()
    return Answer(200, _listed(call.core, found))
