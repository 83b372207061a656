"""Gitea: issues, comments, labels, milestones, releases."""

from __future__ import annotations

from tests.forges.fakes.dialect import Answer, Call, Refused, Routes
from tests.forges.fakes.gitea import shapes
from tests.forges.fakes.state import Issue, Label, Milestone, Release

routes = Routes()
_REPO = "/repos/{owner}/{repo}"


@routes.get(f"{_REPO}/issues", "list_issues", "issue")
def list_issues(call: Call) -> Answer:
    """Newest first; pull requests are issues too, but for `type=issues`."""
    core, query = call.core, call.query
    issues: list[Issue] = [] if query.get("type") == "pulls" else [*core.state.issues]
    pulls: list[Issue] = [] if query.get("type") == "issues" else [*core.pulls()]
    milestones = {m.id for m in core.state.milestones if m.title in query.get("milestones", "").split(",")}
    found = [
        issue
        for issue in issues + pulls
        if query.get("state", "open") in ("all", issue.state)
        and query.get("q", "").lower() in f"{issue.title}\n{issue.body}".lower()
        and set(filter(None, query.get("labels", "").split(","))) <= set(issue.labels)
        and query.get("since", "") <= issue.updated_at
        and ("milestones" not in query or issue.milestone in milestones)
        and query.get("created_by", core.user) == core.user
    ]
    found.sort(key=lambda issue: issue.number, reverse=True)
    return shapes.paged(call, [shapes.issue(core, issue) for issue in found])


@routes.post(f"{_REPO}/issues", "create_issue", "issue")
def create_issue(call: Call) -> Answer:
    """Unknown label ids and an unknown milestone are dropped without a word."""
    core, body = call.core, call.body
    if core.state.settings.archived:
        raise Refused(shapes.error(423, "Repo is archived"))
    names = [label.name for label in core.state.labels if label.id in (body.get("labels") or [])]
    milestone = core.milestone(body.get("milestone"))
    if not core.state.settings.can_push:
        names, milestone = [], None
    ident = milestone.id if milestone else None
    return Answer(201, shapes.issue(core, core.create_issue(body["title"], body.get("body", ""), names, ident)))


def _issue(call: Call) -> Issue:
    issue = call.core.issue_or_pull(call.params["index"])
    if issue is None:
        raise shapes.missing()
    return issue


@routes.get(f"{_REPO}/issues/{{index}}", "get_issue", "issue")
def get_issue(call: Call) -> Answer:
    return Answer(200, shapes.issue(call.core, _issue(call)))


@routes.patch(f"{_REPO}/issues/{{index}}", "update_issue", "issue")
def update_issue(call: Call) -> Answer:
    core, issue, body = call.core, _issue(call), call.body
    if body.get("state") == "closed" and issue.blocked:
        raise Refused(shapes.error(412, "cannot close this issue because it still has open dependencies"))
    issue.title, issue.body = body.get("title", issue.title), body.get("body", issue.body)
    if "milestone" in body:
        milestone = core.milestone(body["milestone"])
        issue.milestone = milestone.id if milestone else None
    core.touch(issue)
    if "state" in body:
        (core.close if body["state"] == "closed" else core.reopen)(issue)
    return Answer(201, shapes.issue(core, issue))


@routes.get(f"{_REPO}/issues/{{index}}/comments", "list_comments", "issue")
def list_comments(call: Call) -> Answer:
    """All of them: this list has no pages."""
    found = [c for c in call.core.comments(_issue(call)) if call.query.get("since", "") <= c.created_at]
    return Answer(200, [shapes.comment(call.core, comment) for comment in found])


@routes.post(f"{_REPO}/issues/{{index}}/comments", "comment", "issue")
def create_comment(call: Call) -> Answer:
    return Answer(201, shapes.comment(call.core, call.core.comment(_issue(call), call.body["body"])))


@routes.get(f"{_REPO}/issues/{{index}}/labels", "issue_labels", "issue")
def issue_labels(call: Call) -> Answer:
    return Answer(200, [shapes.label(call.core, label) for label in call.core.labels(_issue(call).labels)])


@routes.post(f"{_REPO}/issues/{{index}}/labels", "add_labels", "issue")
@routes.put(f"{_REPO}/issues/{{index}}/labels", "replace_labels", "issue")
def add_labels(call: Call) -> Answer:
    """Takes ids or names."""
    core, issue = call.core, _issue(call)
    wanted = call.body.get("labels") or []
    found = [label for label in core.state.labels if label.id in wanted or label.name in wanted]
    kept = issue.labels if call.request.method == "POST" else []
    issue.labels = list(dict.fromkeys([*kept, *(label.name for label in found)]))
    core.touch(issue)
    return Answer(200, [shapes.label(core, label) for label in core.labels(issue.labels)])


@routes.get(f"{_REPO}/labels", "list_labels", "issue")
def list_labels(call: Call) -> Answer:
    return shapes.paged(call, [shapes.label(call.core, label) for label in call.core.state.labels])


@routes.post(f"{_REPO}/labels", "create_label", "issue")
def create_label(call: Call) -> Answer:
    """A second label of one name is made without complaint."""
    core, body = call.core, call.body
    made = Label(core.state.new_id(), body["name"], body["color"].lstrip("#"), body.get("description", ""))
    core.state.labels.append(made)
    return Answer(201, shapes.label(core, made))


@routes.get(f"{_REPO}/milestones", "list_milestones", "issue")
def list_milestones(call: Call) -> Answer:
    query = call.query
    found = [
        milestone
        for milestone in call.core.state.milestones
        if query.get("state", "open") in ("all", milestone.state)
        and query.get("name", "").lower() in milestone.title.lower()
    ]
    return shapes.paged(call, [shapes.milestone(call.core, milestone) for milestone in found])


@routes.post(f"{_REPO}/milestones", "create_milestone", "issue")
def create_milestone(call: Call) -> Answer:
    made = call.core.create_milestone(call.body.get("title", ""), call.body.get("description", ""))
    call.core.set_milestone_state(made, call.body.get("state", "open"))
    return Answer(201, shapes.milestone(call.core, made))


def _milestone(call: Call) -> Milestone:
    wanted = call.params["id"]
    found = next((m for m in call.core.state.milestones if wanted in (str(m.id), m.title)), None)
    if found is None:
        raise shapes.missing()
    return found


@routes.get(f"{_REPO}/milestones/{{id}}", "get_milestone", "issue")
def get_milestone(call: Call) -> Answer:
    return Answer(200, shapes.milestone(call.core, _milestone(call)))


@routes.patch(f"{_REPO}/milestones/{{id}}", "update_milestone", "issue")
def update_milestone(call: Call) -> Answer:
    found, body = _milestone(call), call.body
    found.title, found.description = body.get("title", found.title), body.get("description", found.description)
    call.core.set_milestone_state(found, body.get("state", found.state))
    return Answer(200, shapes.milestone(call.core, found))


@routes.get(f"{_REPO}/releases", "list_releases")
def list_releases(call: Call) -> Answer:
    return shapes.paged(call, [shapes.release(call.core, release) for release in reversed(call.core.state.releases)])


@routes.post(f"{_REPO}/releases", "create_release")
def create_release(call: Call) -> Answer:
    core, body = call.core, call.body
    tag = body["tag_name"]
    if core.release(tag):
        raise Refused(shapes.error(409, "Release is already exist"))
    target = body.get("target_commitish") or "main"
    made = core.create_release(tag, target, body.get("name", ""), body.get("body", ""), draft=bool(body.get("draft")))
    if made is None:
        raise shapes.missing()
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
