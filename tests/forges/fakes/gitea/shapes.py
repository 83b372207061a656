"""Gitea's and Forgejo's bodies."""

from __future__ import annotations

from typing import Any

from tests.forges.fakes.core import Core
from tests.forges.fakes.dialect import Answer, Call, Json, Page, Refused
from tests.forges.fakes.state import Comment, Issue, Label, Milestone, Pull, Release

SINCE = "2026-01-01T00:00:00Z"


def error(status: int, message: str = "") -> Answer:
    return Answer(status, {"message": message, "url": "https://forge.example.org/api/swagger"})


def missing() -> Refused:
    return Refused(error(404, "The target couldn't be found."))


def paged(call: Call, items: list[Any], wrap: str = "") -> Answer:
    page = Page.cut(call, items, "limit")
    headers = {"X-Total-Count": str(page.total)} | ({"Link": page.links} if page.links else {})
    return Answer(200, {wrap: page.items, "total_count": page.total} if wrap else page.items, headers)


def user(core: Core) -> Json:
    url = f"{core.url}/{core.user}"
    return {
        "id": 7, "login": core.user, "login_name": "", "source_id": 0, "full_name": "", "email": "bot@example.org",
        "avatar_url": f"{core.url}/avatar", "html_url": url, "language": "", "is_admin": False, "created": SINCE,
        "last_login": SINCE, "restricted": False, "active": True, "prohibit_login": False, "location": "",
        "website": "", "description": "", "visibility": "public", "followers_count": 0, "following_count": 0,
        "starred_repos_count": 0,
    }  # fmt: skip


def repo(core: Core) -> Json:
    settings, web = core.state.settings, f"{core.url}/{core.state.repo}"
    return {
        "id": 4711, "owner": user(core), "name": core.state.repo.split("/")[1], "full_name": core.state.repo,
        "description": "", "empty": False, "private": True, "fork": False, "template": False, "parent": None,
        "mirror": False, "size": 1, "html_url": web, "url": f"{core.url}/api/v1/repos/{core.state.repo}",
        "clone_url": f"{web}.git", "ssh_url": f"{web}.git", "original_url": "", "website": "", "default_branch": "main",
        "archived": settings.archived, "created_at": SINCE, "updated_at": SINCE, "has_pull_requests": True,
        "permissions": {"admin": False, "push": settings.can_push, "pull": True}, "has_issues": settings.issues_enabled,
        "allow_merge_commits": True, "allow_rebase": True, "allow_squash_merge": settings.allow_squash,
        "default_merge_style": "merge", "default_delete_branch_after_merge": False, "has_actions": True,
        "object_format_name": "sha1",
    }  # fmt: skip


def label(core: Core, it: Label) -> Json:
    url = f"{core.url}/api/v1/repos/{core.state.repo}/labels/{it.id}"
    own = {"id": it.id, "name": it.name, "color": it.color, "description": it.description, "url": url}
    return own | {"exclusive": False, "is_archived": False}


def milestone(core: Core, it: Milestone | None) -> Json | None:
    if it is None:
        return None
    mine = [i for i in core.state.issues if i.milestone == it.id]
    return {
        "id": it.id, "title": it.title, "description": it.description, "state": it.state, "created_at": it.created_at,
        "open_issues": sum(i.state == "open" for i in mine), "closed_issues": sum(i.state == "closed" for i in mine),
        "updated_at": it.closed_at or it.created_at, "closed_at": it.closed_at, "due_on": None,
    }  # fmt: skip


def _common(core: Core, it: Issue) -> Json:
    return {
        "id": it.id, "number": it.number, "title": it.title, "body": it.body, "state": it.state, "user": user(core),
        "labels": [label(core, x) for x in core.labels(it.labels)], "assignee": None, "assignees": None,
        "milestone": milestone(core, core.milestone(it.milestone)), "is_locked": False, "due_date": None,
        "comments": len(core.comments(it)), "created_at": it.created_at, "updated_at": it.updated_at,
        "closed_at": it.closed_at, "pin_order": 0,
    }  # fmt: skip


def issue(core: Core, it: Issue) -> Json:
    web, kind = f"{core.url}/{core.state.repo}", core.kind(it) + "s"
    owner, name = core.state.repo.split("/")
    merged = None
    if isinstance(it, Pull):
        merged = {"merged": it.merged_at is not None, "merged_at": it.merged_at, "draft": it.draft}
    return _common(core, it) | {
        "url": f"{core.url}/api/v1/repos/{core.state.repo}/issues/{it.number}", "html_url": f"{web}/{kind}/{it.number}",
        "ref": "", "original_author": "", "original_author_id": 0, "assets": [], "pull_request": merged,
        "repository": {"id": 4711, "name": name, "owner": owner, "full_name": core.state.repo},
    }  # fmt: skip


def comment(core: Core, it: Comment) -> Json:
    web = f"{core.url}/{core.state.repo}/{it.on}s/{it.number}"
    return {
        "id": it.id, "html_url": f"{web}#issuecomment-{it.id}", "body": it.body, "user": user(core), "assets": [],
        "issue_url": web if it.on == "issue" else "", "pull_request_url": web if it.on == "pull" else "",
        "original_author": "", "original_author_id": 0, "created_at": it.created_at, "updated_at": it.created_at,
    }  # fmt: skip


def pull(core: Core, it: Pull, mergeable: bool) -> Json:
    web = f"{core.url}/{core.state.repo}/pulls/{it.number}"
    sides = {
        side: {"label": branch, "ref": branch, "sha": sha, "repo_id": 4711, "repo": repo(core)}
        for side, branch, sha in (("head", it.head, it.head_sha), ("base", it.base, it.base_sha))
    }
    return _common(core, it) | sides | {
        "url": web, "html_url": web, "diff_url": f"{web}.diff", "patch_url": f"{web}.patch", "draft": it.draft,
        "mergeable": mergeable, "merged": it.merged_at is not None, "merged_at": it.merged_at,
        "merge_commit_sha": it.merge_sha if it.merged_at else None,
        "merge_base": core.origin.merge_base(it.base_sha, it.head_sha) or "",
        "merged_by": user(core) if it.merged_at else None, "allow_maintainer_edit": False, "requested_reviewers": None,
        "requested_reviewers_teams": None, "review_comments": 0, "additions": 1, "deletions": 0, "changed_files": 1,
    }  # fmt: skip


def release(core: Core, it: Release) -> Json:
    web = f"{core.url}/{core.state.repo}"
    url = f"{core.url}/api/v1/repos/{core.state.repo}/releases/{it.id}"
    return {
        "id": it.id, "tag_name": it.tag, "target_commitish": it.target, "name": it.name, "body": it.body, "assets": [],
        "url": url, "html_url": f"{web}/releases/tag/{it.tag}", "tarball_url": f"{web}/archive/{it.tag}.tar.gz",
        "zipball_url": f"{web}/archive/{it.tag}.zip", "upload_url": f"{url}/assets", "author": user(core),
        "draft": it.draft, "prerelease": False, "created_at": it.created_at, "published_at": it.created_at,
    }  # fmt: skip
