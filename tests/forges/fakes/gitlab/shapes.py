"""GitLab's bodies."""

from __future__ import annotations

from typing import Any

from tests.forges.fakes.ci import overall
from tests.forges.fakes.core import Core
from tests.forges.fakes.dialect import Answer, Call, Json, Page, Refused
from tests.forges.fakes.state import Check, Comment, Issue, Label, Milestone, Pull, Release

PROJECT = 4711
_WORDS = {
    "queued": "created", "green": "success", "red": "failed", "error": "failed", "cancelled": "canceled",
    "neutral": "success", "warning": "success", "timed_out": "failed", "action_required": "manual", "stale": "canceled",
}  # fmt: skip


def error(status: int, message: object) -> Answer:
    return Answer(status, {"message": message})


def missing(what: str = "") -> Refused:
    return Refused(error(404, f"404 {what} Not Found" if what else "404 Not Found"))


def paged(call: Call, items: list[Any]) -> Answer:
    page = Page.cut(call, items, "per_page")
    following = page.number + 1 if page.number < page.pages else ""
    headers = {
        "X-Page": str(page.number), "X-Per-Page": str(page.size), "X-Total": str(page.total),
        "X-Total-Pages": str(page.pages), "X-Next-Page": str(following), "Link": page.links,
        "X-Prev-Page": str(page.number - 1) if page.number > 1 else "",
    }  # fmt: skip
    return Answer(200, page.items, headers)


def word(state: str) -> str:
    return _WORDS.get(state, state)


def time(stamp: str | None) -> str | None:
    """GitLab writes milliseconds."""
    return stamp and stamp.replace("Z", ".000Z")


def web(core: Core) -> str:
    return f"{core.url}/{core.state.repo}"


def user(core: Core) -> Json:
    return {
        "id": 7, "username": core.user, "name": core.user, "state": "active", "locked": False,
        "avatar_url": None, "web_url": f"{core.url}/{core.user}",
    }  # fmt: skip


def project(core: Core) -> Json:
    settings, name = core.state.settings, core.state.repo.split("/")[1]
    access = {"access_level": 40 if settings.can_push else 20, "notification_level": 3}
    return {
        "id": PROJECT, "description": None, "name": name, "path": name, "path_with_namespace": core.state.repo,
        "default_branch": "main", "web_url": web(core), "http_url_to_repo": f"{web(core)}.git",
        "ssh_url_to_repo": f"{web(core)}.git", "visibility": "private", "archived": settings.archived,
        "issues_enabled": settings.issues_enabled, "merge_requests_enabled": True, "jobs_enabled": True,
        "issues_access_level": "enabled" if settings.issues_enabled else "disabled",
        "merge_method": settings.merge_method, "squash_option": "default_off" if settings.allow_squash else "never",
        "only_allow_merge_if_pipeline_succeeds": settings.pipeline_must_succeed,
        "allow_merge_on_skipped_pipeline": None, "remove_source_branch_after_merge": False,
        "only_allow_merge_if_all_discussions_are_resolved": False, "merge_pipelines_enabled": False,
        "merge_trains_enabled": False, "permissions": {"project_access": access, "group_access": None},
    }  # fmt: skip


def label(core: Core, it: Label) -> Json:
    mine = [i for i in core.state.issues if it.name in i.labels]
    return {
        "id": it.id, "name": it.name, "color": f"#{it.color}", "description": it.description or None,
        "text_color": "#FFFFFF", "subscribed": False, "priority": None, "is_project_label": True, "archived": False,
        "open_issues_count": sum(i.state == "open" for i in mine),
    }  # fmt: skip


def milestone(core: Core, it: Milestone | None) -> Json | None:
    if it is None:
        return None
    return {
        "id": it.id, "iid": it.number, "project_id": PROJECT, "title": it.title, "description": it.description,
        "state": "active" if it.state == "open" else "closed", "created_at": time(it.created_at),
        "updated_at": time(it.closed_at or it.created_at), "due_date": None, "start_date": None, "expired": False,
        "web_url": f"{web(core)}/-/milestones/{it.number}",
    }  # fmt: skip


def _common(core: Core, it: Issue) -> Json:
    return {
        "id": it.id, "iid": it.number, "project_id": PROJECT, "title": it.title, "description": it.body,
        "state": "opened" if it.state == "open" else "closed", "created_at": time(it.created_at),
        "updated_at": time(it.updated_at), "closed_at": time(it.closed_at), "labels": list(it.labels),
        "milestone": milestone(core, core.milestone(it.milestone)), "author": user(core), "assignees": [],
        "user_notes_count": len(core.comments(it)), "references": {"short": f"#{it.number}"},
    }  # fmt: skip


def issue(core: Core, it: Issue) -> Json:
    return _common(core, it) | {
        "closed_by": user(core) if it.closed_at else None, "type": "ISSUE", "confidential": False,
        "issue_type": "issue", "web_url": f"{web(core)}/-/issues/{it.number}", "due_date": None, "severity": "UNKNOWN",
    }  # fmt: skip


def note(core: Core, it: Comment) -> Json:
    return {
        "id": it.id, "body": it.body, "author": user(core), "created_at": time(it.created_at), "system": False,
        "updated_at": time(it.created_at), "noteable_type": "Issue" if it.on == "issue" else "MergeRequest",
        "noteable_iid": it.number, "resolvable": False, "confidential": False, "internal": False, "type": None,
    }  # fmt: skip


def state(it: Pull) -> str:
    if it.merged_at:
        return "merged"
    return "locked" if it.locked else "opened" if it.state == "open" else "closed"


def merge_request(core: Core, it: Pull, status: str) -> Json:
    """`status`: the detailed merge status. A merge commit's sha exists only where the project makes one."""
    old = {"mergeable": "can_be_merged", "conflict": "cannot_be_merged"}
    old |= {word: word for word in ("unchecked", "checking")}
    alone = core.state.settings.merge_method == "ff"
    return _common(core, it) | {
        "state": state(it), "source_branch": it.head, "target_branch": it.base, "sha": it.head_sha or None,
        "merge_status": old.get(status, "can_be_merged"), "detailed_merge_status": status,
        "has_conflicts": status == "conflict", "draft": it.draft, "work_in_progress": it.draft,
        "merged_at": time(it.merged_at), "merge_user": user(core) if it.merged_at else None,
        "merge_commit_sha": it.merge_sha if it.merged_at and not alone else None,
        "squash_commit_sha": it.squash_sha if it.merged_at else None, "merge_error": it.merge_error,
        "squash": True, "squash_on_merge": True, "source_project_id": PROJECT, "target_project_id": PROJECT,
        "merge_when_pipeline_succeeds": False, "should_remove_source_branch": None, "prepared_at": time(it.created_at),
        "force_remove_source_branch": False, "web_url": f"{web(core)}/-/merge_requests/{it.number}",
        "references": {"short": f"!{it.number}"}, "blocking_discussions_resolved": True,
    }  # fmt: skip


def pipeline(core: Core, jobs: list[Check]) -> Json:
    one = jobs[0]
    return {
        "id": one.suite, "iid": one.suite, "project_id": PROJECT, "sha": one.sha, "ref": one.branch,
        "status": word(overall(job.state for job in jobs if not job.allow_failure)), "created_at": time(one.started_at),
        "source": "external" if one.kind == "status" else one.event,
        "updated_at": time(max(job.updated_at for job in jobs)), "web_url": f"{web(core)}/-/pipelines/{one.suite}",
    }  # fmt: skip


def job(core: Core, it: Check, jobs: list[Check]) -> Json:
    return {
        "id": it.id, "name": it.name, "status": word(it.state), "stage": "test", "ref": it.branch, "tag": False,
        "allow_failure": it.allow_failure, "created_at": time(it.started_at), "started_at": time(it.started_at),
        "finished_at": time(it.updated_at), "web_url": f"{web(core)}/-/jobs/{it.id}", "user": user(core),
        "pipeline": pipeline(core, jobs), "failure_reason": "script_failure" if word(it.state) == "failed" else None,
    }  # fmt: skip


def commit_status(core: Core, it: Check) -> Json:
    return {
        "id": it.id, "sha": it.sha, "ref": it.branch, "status": word(it.state), "name": it.name, "description": None,
        "target_url": f"{web(core)}/-/jobs/{it.id}", "created_at": time(it.started_at), "coverage": None,
        "started_at": time(it.started_at), "finished_at": time(it.updated_at), "allow_failure": it.allow_failure,
        "author": user(core), "pipeline_id": it.suite,
    }  # fmt: skip


def commit(core: Core, sha: str) -> Json:
    found = core.origin.commit(sha)
    return {
        "id": sha, "short_id": sha[:8], "title": found.message.split("\n")[0], "message": found.message,
        "parent_ids": list(found.parents), "created_at": found.date, "committed_date": found.date,
        "authored_date": found.date, "author_name": found.author, "author_email": found.email,
        "committer_name": found.author, "committer_email": found.email, "trailers": {}, "extended_trailers": {},
        "web_url": f"{web(core)}/-/commit/{sha}",
    }  # fmt: skip


def release(core: Core, it: Release) -> Json:
    return {
        "tag_name": it.tag, "name": it.name, "description": it.body, "created_at": time(it.created_at),
        "released_at": time(it.created_at), "author": user(core), "commit": commit(core, it.sha),
        "upcoming_release": False, "milestones": [], "assets": {"count": 0, "sources": [], "links": []},
        "tag_path": f"/{core.state.repo}/-/tags/{it.tag}", "commit_path": f"/{core.state.repo}/-/commit/{it.sha}",
        "_links": {"self": f"{web(core)}/-/releases/{it.tag}"},
    }  # fmt: skip
