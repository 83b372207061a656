"""GitLab: issues, notes, labels, milestones, releases."""

from __future__ import annotations

from tests.forges.fakes.dialect import Answer, Call, Refused, Routes
from tests.forges.fakes.gitlab import shapes
from tests.forges.fakes.gitlab.pulls import label_names
from tests.forges.fakes.state import Issue, Milestone

routes = Routes()
_PROJECT = "/projects/{project}"
_STATES = {"opened": "open", "active": "open", "closed": "closed"}


@routes.get(f"{_PROJECT}/issues", "list_issues", "issue")
def list_issues(call: Call) -> Answer:
    core, query = call.core, call.query
    fields = query.get("in", "title,description")
    wanted = set(filter(None, query.get("labels", "").split(",")))
    found = []
    for issue in core.state.issues:
        text = (issue.title if "title" in fields else "") + "\n" + (issue.body if "description" in fields else "")
        milestone = core.milestone(issue.milestone)
        fits = (
            query.get("search", "").lower() in text.lower()
            and _STATES.get(query.get("state", ""), issue.state) == issue.state
            and wanted <= set(issue.labels)
            and query.get("milestone", milestone.title if milestone else "") == (milestone.title if milestone else "")
            and query.get("author_username", core.user) == core.user
        )
        found += [issue] if fits else []
    found.sort(key=lambda issue: issue.number, reverse=query.get("sort", "desc") == "desc")
    return shapes.paged(call, [shapes.issue(core, issue) for issue in found])


@routes.post(f"{_PROJECT}/issues", "create_issue", "issue")
def create_issue(call: Call) -> Answer:
    """Unknown labels are made. A milestone is named by its global id; an unknown one is dropped."""
    core, body = call.core, call.body
    if not core.state.settings.issues_enabled:
        raise Refused(shapes.error(403, "403 Forbidden"))
    milestone = core.milestone(body.get("milestone_id"))
    allowed = core.state.settings.can_push
    labels = label_names(core, body.get("labels")) if allowed else []
    ident = milestone.id if milestone and allowed else None
    made = core.create_issue(body["title"], body.get("description") or "", labels, ident)
    return Answer(201, shapes.issue(core, made))


def _issue(call: Call) -> Issue:
    issue = call.core.issue(call.params["iid"])
    if issue is None:
        raise shapes.missing("Issue")
    return issue


@routes.get(f"{_PROJECT}/issues/{{iid}}", "get_issue", "issue")
def get_issue(call: Call) -> Answer:
    return Answer(200, shapes.issue(call.core, _issue(call)))


@routes.put(f"{_PROJECT}/issues/{{iid}}", "update_issue", "issue")
def update_issue(call: Call) -> Answer:
    core, issue, body = call.core, _issue(call), call.body
    issue.title, issue.body = body.get("title", issue.title), body.get("description", issue.body)
    if "labels" in body:
        issue.labels = label_names(core, body["labels"])
    if "add_labels" in body:
        issue.labels = list(dict.fromkeys([*issue.labels, *label_names(core, body["add_labels"])]))
    if "milestone_id" in body:
        milestone = core.milestone(body["milestone_id"])
        issue.milestone = milestone.id if milestone else None
    core.touch(issue)
    match body.get("state_event"):
        case "close":
            core.close(issue)
        case "reopen":
            core.reopen(issue)
    return Answer(200, shapes.issue(core, issue))


@routes.get(f"{_PROJECT}/issues/{{iid}}/notes", "list_comments", "issue")
def list_notes(call: Call) -> Answer:
    """Newest first."""
    found = call.core.comments(_issue(call))
    if call.query.get("sort", "desc") == "desc":
        found.reverse()
    return shapes.paged(call, [shapes.note(call.core, note) for note in found])


@routes.post(f"{_PROJECT}/issues/{{iid}}/notes", "comment", "issue")
def create_note(call: Call) -> Answer:
    return Answer(201, shapes.note(call.core, call.core.comment(_issue(call), call.body["body"])))


@routes.get(f"{_PROJECT}/labels", "list_labels", "issue")
def list_labels(call: Call) -> Answer:
    wanted = call.query.get("search", "").lower()
    found = [label for label in call.core.state.labels if wanted in label.name.lower()]
    return shapes.paged(call, [shapes.label(call.core, label) for label in found])


@routes.post(f"{_PROJECT}/labels", "create_label", "issue")
def create_label(call: Call) -> Answer:
    core, body = call.core, call.body
    if any(label.name == body["name"] for label in core.state.labels):
        raise Refused(shapes.error(409, "Label already exists"))
    return Answer(201, shapes.label(core, core.label(body["name"], body["color"], body.get("description", ""))))


@routes.get(f"{_PROJECT}/milestones", "list_milestones", "issue")
def list_milestones(call: Call) -> Answer:
    query = call.query
    found = [
        milestone
        for milestone in reversed(call.core.state.milestones)
        if query.get("title", milestone.title) == milestone.title
        and query.get("search", "").lower() in milestone.title.lower()
        and _STATES.get(query.get("state", ""), milestone.state) == milestone.state
    ]
    return shapes.paged(call, [shapes.milestone(call.core, milestone) for milestone in found])


@routes.post(f"{_PROJECT}/milestones", "create_milestone", "issue")
def create_milestone(call: Call) -> Answer:
    core, body = call.core, call.body
    if any(milestone.title == body["title"] for milestone in core.state.milestones):
        raise Refused(shapes.error(400, {"title": ["already being used for another group or project milestone."]}))
    return Answer(201, shapes.milestone(core, core.create_milestone(body["title"], body.get("description", ""))))


def _milestone(call: Call) -> Milestone:
    found = next((m for m in call.core.state.milestones if str(m.id) == call.params["id"]), None)
    if found is None:
        raise shapes.missing("Milestone")
    return found


@routes.get(f"{_PROJECT}/milestones/{{id}}", "get_milestone", "issue")
def get_milestone(call: Call) -> Answer:
    return Answer(200, shapes.milestone(call.core, _milestone(call)))


@routes.put(f"{_PROJECT}/milestones/{{id}}", "update_milestone", "issue")
def update_milestone(call: Call) -> Answer:
    found, body = _milestone(call), call.body
    found.title, found.description = body.get("title", found.title), body.get("description", found.description)
    state = {"close": "closed", "activate": "open"}.get(body.get("state_event", ""), found.state)
    call.core.set_milestone_state(found, state)
    return Answer(200, shapes.milestone(call.core, found))


@routes.get(f"{_PROJECT}/releases", "list_releases")
def list_releases(call: Call) -> Answer:
    return shapes.paged(call, [shapes.release(call.core, release) for release in reversed(call.core.state.releases)])


@routes.post(f"{_PROJECT}/releases", "create_release")
def create_release(call: Call) -> Answer:
    core, body = call.core, call.body
    tag = body["tag_name"]
    if core.release(tag):
        raise Refused(shapes.error(409, "Release already exists"))
    if core.origin.sha(tag) is None and not body.get("ref"):
        raise Refused(shapes.error(422, "Ref is not specified"))
    titles = {milestone.title for milestone in core.state.milestones}
    unknown = [title for title in body.get("milestones", []) if title not in titles]
    if unknown:
        raise Refused(shapes.error(404, f"Milestone(s) not found: {', '.join(unknown)}"))
    made = core.create_release(tag, body.get("ref", ""), body.get("name") or tag, body.get("description") or "")
    if made is None:
        raise Refused(shapes.error(400, "Target " + str(body.get("ref")) + " is invalid"))
    return Answer(201, shapes.release(core, made))


@routes.get(f"{_PROJECT}/releases/{{tag}}", "get_release")
def get_release(call: Call) -> Answer:
    found = call.core.release(call.params["tag"])
    if found is None:
        raise shapes.missing()
    return Answer(200, shapes.release(call.core, found))
