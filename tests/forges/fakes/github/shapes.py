"""GitHub's bodies."""

from __future__ import annotations

from typing import Any

from tests.forges.fakes.core import Core
from tests.forges.fakes.dialect import Answer, Call, Json, Page, Refused
from tests.forges.fakes.state import Comment, Issue, Label, Milestone, Pull, Release

DOCS = "https://docs.github.com/rest"
_USER_URLS = (
    "followers following{/other_user} gists{/gist_id} starred{/owner}{/repo} subscriptions orgs repos "
    "events{/privacy} received_events"
)
_REPO_URLS = {
    "archive": "{archive_format}{/ref}", "assignees": "assignees{/user}", "blobs": "git/blobs{/sha}",
    "branches": "branches{/branch}", "collaborators": "collaborators{/collaborator}", "comments": "comments{/number}",
    "commits": "commits{/sha}", "compare": "compare/{base}...{head}", "contents": "contents/{+path}",
    "contributors": "contributors", "deployments": "deployments", "downloads": "downloads", "events": "events",
    "forks": "forks", "git_commits": "git/commits{/sha}", "git_refs": "git/refs{/sha}", "git_tags": "git/tags{/sha}",
    "hooks": "hooks", "issue_comment": "issues/comments{/number}", "issue_events": "issues/events{/number}",
    "issues": "issues{/number}", "keys": "keys{/key_id}", "labels": "labels{/name}", "languages": "languages",
    "merges": "merges", "milestones": "milestones{/number}", "notifications": "notifications{?since,all,participating}",
    "pulls": "pulls{/number}", "releases": "releases{/id}", "stargazers": "stargazers", "statuses": "statuses/{sha}",
    "subscribers": "subscribers", "subscription": "subscription", "tags": "tags", "teams": "teams",
    "trees": "git/trees{/sha}",
}  # fmt: skip


def error(status: int, message: str, errors: list[Json] | None = None) -> Answer:
    body: Json = {"message": message, "documentation_url": DOCS}
    return Answer(status, body | ({"errors": errors} if errors else {}))


def missing() -> Refused:
    return Refused(error(404, "Not Found"))


def invalid(resource: str, field: str, code: str, message: str = "") -> Refused:
    """422 with one entry of `errors`."""
    entry = {"resource": resource, "field": field, "code": code} | ({"message": message} if message else {})
    return Refused(error(422, "Validation Failed", [entry]))


def paged(call: Call, items: list[Any], wrap: str = "", extra: Json | None = None) -> Answer:
    """A page of `items`; under the key `wrap` beside `total_count` where there is one."""
    page = Page.cut(call, items, "per_page")
    body: Any = {"total_count": page.total, wrap: page.items} | (extra or {}) if wrap else page.items
    return Answer(200, body, {"Link": page.links} if page.links else {})


def node(ident: int) -> str:
    return f"N_{ident:x}"


def repo_url(core: Core) -> str:
    return f"{core.url}/repos/{core.state.repo}"


def user(core: Core, login: str = "") -> Json:
    login = login or core.user
    url = f"{core.url}/users/{login}"
    links = {f"{part.split('{')[0]}_url": f"{url}/{part}" for part in _USER_URLS.split() if not part.startswith("orgs")}
    return links | {
        "login": login, "id": 77, "node_id": "U_77", "avatar_url": f"{core.url}/avatar", "gravatar_id": "", "url": url,
        "html_url": f"{core.url}/{login}", "organizations_url": f"{url}/orgs", "type": "User", "site_admin": False,
    }  # fmt: skip


def repo(core: Core) -> Json:
    """With the merge settings, which only the repository itself and pull requests show."""
    squash = core.state.settings.allow_squash
    allowed = {"allow_squash_merge": squash, "allow_merge_commit": True, "allow_rebase_merge": True}
    return small_repo(core) | allowed


def small_repo(core: Core) -> Json:
    owner, name = core.state.repo.split("/")
    settings, url, web = core.state.settings, repo_url(core), f"{core.url}/{core.state.repo}"
    since = "2026-01-01T00:00:00Z"
    counts = ("forks", "forks_count", "open_issues", "open_issues_count", "size", "stargazers_count", "watchers")
    flags = dict.fromkeys(("fork", "has_pages", "has_projects", "has_wiki", "has_discussions", "has_downloads"), False)
    return {f"{key}_url": f"{url}/{path}" for key, path in _REPO_URLS.items()} | dict.fromkeys(counts, 0) | flags | {
        "id": 4711, "node_id": "R_4711", "name": name, "full_name": core.state.repo, "owner": user(core, owner),
        "private": True, "url": url, "html_url": web, "description": None, "clone_url": f"{web}.git",
        "git_url": f"{web}.git", "ssh_url": f"{web}.git", "svn_url": web, "mirror_url": None, "homepage": None,
        "language": None, "license": None, "default_branch": "main", "archived": settings.archived, "disabled": False,
        "has_issues": settings.issues_enabled, "watchers_count": 0, "created_at": since, "updated_at": since,
        "pushed_at": since, "delete_branch_on_merge": False,
        "permissions": {"admin": False, "maintain": False, "push": settings.can_push, "triage": True, "pull": True},
    }  # fmt: skip


def label(core: Core, it: Label) -> Json:
    url = f"{repo_url(core)}/labels/{it.name}"
    own = {"id": it.id, "node_id": node(it.id), "url": url, "name": it.name, "color": it.color}
    return own | {"description": it.description or None, "default": False}


def milestone(core: Core, it: Milestone | None) -> Json | None:
    if it is None:
        return None
    url = f"{repo_url(core)}/milestones/{it.number}"
    mine = [i for i in core.state.issues if i.milestone == it.id]
    return {
        "url": url, "html_url": url, "labels_url": f"{url}/labels", "id": it.id, "node_id": node(it.id),
        "number": it.number, "title": it.title, "description": it.description or None, "creator": user(core),
        "open_issues": sum(i.state == "open" for i in mine), "closed_issues": sum(i.state == "closed" for i in mine),
        "state": it.state, "created_at": it.created_at, "updated_at": it.closed_at or it.created_at, "due_on": None,
        "closed_at": it.closed_at,
    }  # fmt: skip


def _common(core: Core, it: Issue) -> Json:
    goal = core.milestone(it.milestone)
    return {
        "id": it.id, "node_id": node(it.id), "number": it.number, "title": it.title, "body": it.body or None,
        "state": it.state, "locked": False, "user": user(core), "assignee": None, "assignees": [],
        "labels": [label(core, x) for x in core.labels(it.labels)], "milestone": milestone(core, goal),
        "created_at": it.created_at, "updated_at": it.updated_at, "closed_at": it.closed_at,
        "author_association": "OWNER",
    }  # fmt: skip


def issue(core: Core, it: Issue) -> Json:
    """A pull request is an issue as well, with a `pull_request` key."""
    url = f"{repo_url(core)}/issues/{it.number}"
    body = _common(core, it) | {
        "url": url, "html_url": url, "repository_url": repo_url(core), "labels_url": f"{url}/labels{{/name}}",
        "comments_url": f"{url}/comments", "events_url": f"{url}/events", "comments": len(core.comments(it)),
        "active_lock_reason": None, "state_reason": "completed" if it.state == "closed" else None, "closed_by": None,
    }  # fmt: skip
    if isinstance(it, Pull):
        pull_url = f"{repo_url(core)}/pulls/{it.number}"
        body["pull_request"] = dict.fromkeys(("url", "html_url", "diff_url", "patch_url"), pull_url)
    return body


def comment(core: Core, it: Comment) -> Json:
    url = f"{repo_url(core)}/issues/comments/{it.id}"
    own = {"id": it.id, "node_id": node(it.id), "url": url, "html_url": url, "body": it.body, "user": user(core)}
    return own | {
        "issue_url": f"{repo_url(core)}/issues/{it.number}", "created_at": it.created_at, "updated_at": it.created_at,
        "author_association": "OWNER",
    }  # fmt: skip


def _side(core: Core, branch: str, sha: str) -> Json:
    owner = core.state.repo.split("/")[0]
    return {"label": f"{owner}:{branch}", "ref": branch, "sha": sha, "user": user(core, owner), "repo": repo(core)}


def pull_in_list(core: Core, it: Pull) -> Json:
    """Without `mergeable` and `merged`, as in lists."""
    url, web = f"{repo_url(core)}/pulls/{it.number}", f"{core.url}/{core.state.repo}/pull/{it.number}"
    issue_url = f"{repo_url(core)}/issues/{it.number}"
    links = {
        "self": url, "html": web, "issue": issue_url, "comments": f"{issue_url}/comments",
        "review_comments": f"{url}/comments", "review_comment": f"{url}/comments{{/number}}",
        "commits": f"{url}/commits", "statuses": f"{repo_url(core)}/statuses/{it.head_sha}",
    }  # fmt: skip
    return _common(core, it) | {
        "url": url, "html_url": web, "diff_url": f"{web}.diff", "patch_url": f"{web}.patch", "issue_url": issue_url,
        "commits_url": f"{url}/commits", "review_comments_url": f"{url}/comments", "draft": it.draft,
        "review_comment_url": f"{url}/comments{{/number}}", "comments_url": f"{issue_url}/comments",
        "statuses_url": links["statuses"], "merged_at": it.merged_at, "merge_commit_sha": it.merge_sha,
        "requested_reviewers": [], "requested_teams": [], "auto_merge": None, "active_lock_reason": None,
        "head": _side(core, it.head, it.head_sha), "base": _side(core, it.base, it.base_sha),
        "_links": {name: {"href": href} for name, href in links.items()},
    }  # fmt: skip


def pull(core: Core, it: Pull, mergeable: bool | None, state: str) -> Json:
    return pull_in_list(core, it) | {
        "merged": it.merged_at is not None, "mergeable": mergeable, "rebaseable": mergeable, "mergeable_state": state,
        "merged_by": user(core) if it.merged_at else None, "comments": len(core.comments(it)), "review_comments": 0,
        "maintainer_can_modify": False, "commits": 1, "additions": 1, "deletions": 0, "changed_files": 1,
    }  # fmt: skip


def release(core: Core, it: Release) -> Json:
    url, web = f"{repo_url(core)}/releases/{it.id}", f"{core.url}/{core.state.repo}/releases/tag/{it.tag}"
    return {
        "url": url, "html_url": web, "assets_url": f"{url}/assets", "upload_url": f"{url}/assets{{?name,label}}",
        "tarball_url": f"{repo_url(core)}/tarball/{it.tag}", "zipball_url": f"{repo_url(core)}/zipball/{it.tag}",
        "id": it.id, "node_id": node(it.id), "tag_name": it.tag, "target_commitish": it.target, "name": it.name,
        "body": it.body, "draft": it.draft, "prerelease": False, "created_at": it.created_at,
        "published_at": None if it.draft else it.created_at, "author": user(core), "assets": [],
    }  # fmt: skip
