"""GitHub: issues, comments, labels, milestones, releases."""

from __future__ import annotations

from tests.forges.fakes.dialect import Answer, Call, Refused, Routes
from tests.forges.fakes.github import shapes
from tests.forges.fakes.state import Comment, Issue, Milestone, Release

routes = Routes()
_REPO = "/repos/{owner}/{repo}"


@routes.get(f"{_REPO}/issues", "list_issues", "issue")
def list_issues(call: Call) -> Answer:
    """Newest first; pull requests are issues too."""
    core, query = call.core, call.query
    milestone = core.milestone_numbered(query.get("milestone"))
    wanted = set(filter(None, query.get("labels", "").split(",")))
    found = [
        issue
        for issue in [*core.state.issues, *core.pulls()]
        if query.get("state", "open") in ("all", issue.state)
        and query.get("creator", core.user) == core.user
        and query.get("since", "") <= issue.updated_at
        and wanted <= set(issue.labels)
        and ("milestone" not in query or (milestone is not None and issue.milestone == milestone.id))
    ]
    found.sort(key=lambda issue: issue.number, reverse=query.get("direction", "desc") == "desc")
    return shapes.paged(call, [shapes.issue(core, issue) for issue in found])


@routes.post(f"{_REPO}/issues", "create_issue", "issue")
def create_issue(call: Call) -> Answer:
    """Without push access labels and milestone are dropped without a word."""
    core, body, settings = call.core, call.body, call.core.state.settings
    if not settings.issues_enabled:
        raise Refused(shapes.error(410, "Issues has been disabled in this repository."))
    if not body.get("title"):
        raise shapes.invalid("Issue", "title", "missing_field")
    milestone = core.milestone_numbered(body.get("milestone"))
    if body.get("milestone") is not None and milestone is None and settings.can_push:
        raise shapes.invalid("Issue", "milestone", "invalid")
    names = [name if isinstance(name, str) else name["name"] for name in body.get("labels", [])]
    labels = [core.label(name).name for name in names] if settings.can_push else []
    ident = milestone.id if milestone and settings.can_push else None
    made = core.create_issue(str(body["title"]), body.get("body") or "", labels, ident)
    return Answer(201, shapes.issue(core, made))


def _issue(call: Call) -> Issue:
    issue = call.core.issue_or_pull(call.params["number"])
    if issue is None:
        raise shapes.missing()
    return issue


@routes.get(f"{_REPO}/issues/{{number}}", "get_issue", "issue")
def get_issue(call: Call) -> Answer:
    return Answer(200, shapes.issue(call.core, _issue(call)))


@routes.patch(f"{_REPO}/issues/{{number}}", "update_issue", "issue")
def update_issue(call: Call) -> Answer:
    core, issue, body = call.core, _issue(call), call.body
    issue.title, issue.body = body.get("title", issue.title), body.get("body", issue.body) or ""
    if core.state.settings.can_push:
        if "labels" in body:
            issue.labels = [core.label(name).name for name in body["labels"]]
        if "milestone" in body:
            milestone = core.milestone_numbered(body["milestone"])
            issue.milestone = milestone.id if milestone else None
    core.touch(issue)
    if "state" in body:
        (core.close if body["state"] == "closed" else core.reopen)(issue)
    return Answer(200, shapes.issue(core, issue))


@routes.get(f"{_REPO}/issues/{{number}}/comments", "list_comments", "issue")
def list_comments(call: Call) -> Answer:
    found = [c for c in call.core.comments(_issue(call)) if call.query.get("since", "") <= c.created_at]
    return shapes.paged(call, [shapes.comment(call.core, comment) for comment in found])


@routes.post(f"{_REPO}/issues/{{number}}/comments", "comment", "issue")
def create_comment(call: Call) -> Answer:
    if not call.body.get("body"):
        raise shapes.invalid("IssueComment", "body", "missing_field")
    return Answer(201, shapes.comment(call.core, call.core.comment(_issue(call), call.body["body"])))


def _comment(call: Call) -> Comment:
    found = next((c for c in call.core.state.comments if str(c.id) == call.params["id"]), None)
    if found is None:
        raise shapes.missing()
    return found


@routes.get(f"{_REPO}/issues/comments/{{id}}", "get_comment", "issue")
def get_comment(call: Call) -> Answer:
    return Answer(200, shapes.comment(call.core, _comment(call)))


@routes.patch(f"{_REPO}/issues/comments/{{id}}", "update_comment", "issue")
def update_comment(call: Call) -> Answer:
    comment = _comment(call)
    comment.body = call.body["body"]
    return Answer(200, shapes.comment(call.core, comment))


@routes.get(f"{_REPO}/labels", "list_labels", "issue")
def list_labels(call: Call) -> Answer:
    return shapes.paged(call, [shapes.label(call.core, label) for label in call.core.state.labels])


@routes.post(f"{_REPO}/labels", "create_label", "issue")
def create_label(call: Call) -> Answer:
    core, body = call.core, call.body
    if any(label.name.lower() == body["name"].lower() for label in core.state.labels):
        raise shapes.invalid("Label", "name", "already_exists")
    made = core.label(body["name"], body.get("color", "ededed"), body.get("description", ""))
    return Answer(201, shapes.label(core, made))


@routes.get(f"{_REPO}/labels/{{name}}", "get_label", "issue")
def get_label(call: Call) -> Answer:
    found = next((x for x in call.core.state.labels if x.name.lower() == call.params["name"].lower()), None)
    if found is None:
        raise shapes.missing()
    return Answer(200, shapes.label(call.core, found))


@routes.get(f"{_REPO}/milestones", "list_milestones", "issue")
def list_milestones(call: Call) -> Answer:
    wanted = call.query.get("state", "open")
    found = [m for m in call.core.state.milestones if wanted in ("all", m.state)]
    return shapes.paged(call, [shapes.milestone(call.core, milestone) for milestone in found])


@routes.post(f"{_REPO}/milestones", "create_milestone", "issue")
def create_milestone(call: Call) -> Answer:
    core, body = call.core, call.body
    if any(milestone.title == body.get("title") for milestone in core.state.milestones):
        raise shapes.invalid("Milestone", "title", "already_exists")
    if not body.get("title"):
        raise shapes.invalid("Milestone", "title", "missing_field")
    made = core.create_milestone(body["title"], body.get("description", ""))
    core.set_milestone_state(made, body.get("state", "open"))
    return Answer(201, shapes.milestone(core, made))


def _milestone(call: Call) -> Milestone:
    found = call.core.milestone_numbered(call.params["number"])
    if found is None:
        raise shapes.missing()
    return found


@routes.get(f"{_REPO}/milestones/{{number}}", "get_milestone", "issue")
def get_milestone(call: Call) -> Answer:
    return Answer(200, shapes.milestone(call.core, _milestone(call)))


@routes.patch(f"{_REPO}/milestones/{{number}}", "update_milestone", "issue")
def update_milestone(call: Call) -> Answer:
    found, body = _milestone(call), call.body
    found.title = body.get("title", found.title)
    found.description = body.get("description", found.description)
    call.core.set_milestone_state(found, body.get("state", found.state))
    return Answer(200, shapes.milestone(call.core, found))


@routes.get(f"{_REPO}/releases", "list_releases")
def list_releases(call: Call) -> Answer:
    return shapes.paged(call, [shapes.release(call.core, release) for release in reversed(call.core.state.releases)])


@routes.post(f"{_REPO}/releases", "create_release")
def create_release(call: Call) -> Answer:
    core, body = call.core, call.body
    if core.release(body["tag_name"]) and not body.get("draft"):
        raise shapes.invalid("Release", "tag_name", "already_exists")
    if not core.state.settings.can_push:
        raise shapes.missing()
    target = body.get("target_commitish", "main")
    name, text, draft = body.get("name") or body["tag_name"], body.get("body") or "", bool(body.get("draft"))
    made = core.create_release(body["tag_name"], target, name, text, draft=draft)
    if made is None:
        raise shapes.invalid("Release", "target_commitish", "invalid")
    return Answer(201, shapes.release(core, made))


def _shown(call: Call, release: Release | None) -> Answer:
    if release is None:
        raise shapes.missing()
    return Answer(200, shapes.release(call.core, release))


@routes.get(f"{_REPO}/releases/tags/{{tag*}}", "get_release")
def get_release(call: Call) -> Answer:
    return _shown(call, call.core.release(call.params["tag"]))


@routes.get(f"{_REPO}/releases/{{id}}", "get_release_by_id")
def get_release_by_id(call: Call) -> Answer:
    return _shown(call, next((r for r in call.core.state.releases if str(r.id) == call.params["id"]), None))
