"""GitLab's API as its documentation (docs.gitlab.com/api, GitLab 18) tells of it: paths, query and body.

GitLab publishes no usable machine-readable description of these paths, so this table is written by hand.
Of a name: `!` it must be there; after a colon the type (text without one), or its possible words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.forges.fakes.dialect import Answer, Request, Route

_PAGE = "page:int per_page:int"
_DATES = "created_after created_before updated_after updated_before"
_SORT = "sort:asc|desc"
_PIPELINE_STATES = (
    "created|waiting_for_resource|preparing|pending|running|success|failed|canceling|canceled|skipped|manual|scheduled"
)

#: route: (query, body)
_TABLE = {
    "GET /version": ("", ""),
    "GET /metadata": ("", ""),
    "GET /user": ("", ""),
    "GET /personal_access_tokens/self": ("", ""),
    "GET /projects/{}": ("license:bool statistics:bool with_custom_attributes:bool", ""),
    "GET /projects/{}/merge_requests": (
        f"{_PAGE} {_DATES} {_SORT} state:opened|closed|locked|merged|all source_branch target_branch search iids[]:int "
        "in order_by:created_at|updated_at|merged_at|title|label_priority|priority|milestone_due|popularity labels "
        "milestone author_id:int author_username scope:created_by_me|assigned_to_me|all view wip:yes|no "
        "with_merge_status_recheck:bool",
        "",
    ),
    "POST /projects/{}/merge_requests": (
        "",
        "source_branch! target_branch! title! description labels:labels milestone_id:int squash:bool assignee_id:int "
        "assignee_ids:list reviewer_ids:list remove_source_branch:bool allow_collaboration:bool target_project_id:int",
    ),
    "GET /projects/{}/merge_requests/{}": (
        "include_diverged_commits_count:bool include_rebase_in_progress:bool render_html:bool",
        "",
    ),
    "PUT /projects/{}/merge_requests/{}": (
        "",
        "title target_branch description state_event:close|reopen labels:labels add_labels:labels remove_labels:labels "
        "milestone_id:int squash:bool remove_source_branch:bool assignee_id:int discussion_locked:bool",
    ),
    "PUT /projects/{}/merge_requests/{}/merge": (
        "",
        "sha squash:bool squash_commit_message merge_commit_message should_remove_source_branch:bool auto_merge:bool "
        "merge_when_pipeline_succeeds:bool skip_merge_train:bool",
    ),
    "GET /projects/{}/merge_requests/{}/pipelines": (_PAGE, ""),
    "GET /projects/{}/merge_requests/{}/notes": (f"{_PAGE} {_SORT} order_by:created_at|updated_at", ""),
    "POST /projects/{}/merge_requests/{}/notes": ("", "body! internal:bool created_at merge_request_diff_head_sha"),
    "GET /projects/{}/pipelines": (
        f"{_PAGE} {_DATES} {_SORT} scope:running|pending|finished|branches|tags status:{_PIPELINE_STATES} ref sha "
        "source yaml_errors:bool username name order_by:id|status|ref|updated_at|user_id",
        "",
    ),
    "GET /projects/{}/pipelines/{}": ("", ""),
    "GET /projects/{}/pipelines/{}/jobs": (f"{_PAGE} include_retried:bool scope scope[]", ""),
    "POST /projects/{}/pipelines/{}/retry": ("", ""),
    "GET /projects/{}/repository/commits/{}": ("stats:bool", ""),
    "GET /projects/{}/repository/commits/{}/statuses": (
        f"{_PAGE} {_SORT} all:bool name order_by:id|pipeline_id pipeline_id:int ref stage",
        "",
    ),
    "GET /projects/{}/repository/commits/{}/merge_requests": (f"{_PAGE} state:opened|closed|locked|merged", ""),
    "GET /projects/{}/repository/branches/{}": ("", ""),
    "DELETE /projects/{}/repository/branches/{}": ("", ""),
    "GET /projects/{}/protected_branches/{}": ("", ""),
    "GET /projects/{}/issues": (
        f"{_PAGE} {_DATES} {_SORT} state:opened|closed|all labels milestone search in iids[]:int author_id:int "
        "author_username scope:created_by_me|assigned_to_me|all issue_type "
        "order_by:created_at|due_date|label_priority|milestone_due|popularity|priority|relative_position|title|updated_at|weight",
        "",
    ),
    "POST /projects/{}/issues": (
        "",
        "title! description labels:labels milestone_id:int assignee_id:int assignee_ids:list confidential:bool "
        "due_date iid:int issue_type created_at",
    ),
    "GET /projects/{}/issues/{}": ("", ""),
    "PUT /projects/{}/issues/{}": (
        "",
        "title description state_event:close|reopen labels:labels add_labels:labels remove_labels:labels "
        "milestone_id:int assignee_ids:list confidential:bool due_date discussion_locked:bool",
    ),
    "GET /projects/{}/issues/{}/notes": (f"{_PAGE} {_SORT} order_by:created_at|updated_at activity_filter", ""),
    "POST /projects/{}/issues/{}/notes": ("", "body! internal:bool created_at"),
    "GET /projects/{}/labels": (f"{_PAGE} with_counts:bool include_ancestor_groups:bool search archived:bool", ""),
    "POST /projects/{}/labels": ("", "name! color! description priority:int"),
    "GET /projects/{}/milestones": (
        f"{_PAGE} iids[]:int state:active|closed title search include_ancestors:bool updated_before updated_after",
        "",
    ),
    "POST /projects/{}/milestones": ("", "title! description due_date start_date"),
    "GET /projects/{}/milestones/{}": ("", ""),
    "PUT /projects/{}/milestones/{}": ("", "title description due_date start_date state_event:close|activate"),
    "GET /projects/{}/releases": (f"{_PAGE} {_SORT} order_by:released_at|created_at include_html_description:bool", ""),
    "POST /projects/{}/releases": (
        "",
        "tag_name! tag_message name description ref milestones:list assets:any released_at",
    ),
    "GET /projects/{}/releases/{}": ("include_html_description:bool", ""),
}


@dataclass(frozen=True, slots=True)
class _Field:
    kind: str
    required: bool

    def refuses(self, value: Any) -> str:
        """What the value should have been; empty when it is. Texts may hold numbers and truth, as in a query."""
        match self.kind:
            case "":
                return "" if isinstance(value, str) else "a text"
            case "int":
                return "" if type(value) is int or re.fullmatch(r"\d+", str(value)) else "an integer"
            case "bool":
                return "" if value in (True, False, "true", "false") else "a boolean"
            case "list":
                return "" if isinstance(value, list) else "a list"
            case "labels":
                return "" if isinstance(value, (str, list)) else "a text with commas or a list"
            case "any":
                return ""
            case words:
                return "" if value in words.split("|") else f"one of {words}"


def _fields(text: str) -> dict[str, _Field]:
    parts = (word.partition(":") for word in text.split())
    return {name.rstrip("!"): _Field(kind, name.endswith("!")) for name, _, kind in parts}


class WrittenDescription:
    def request(self, route: Route, request: Request, params: Mapping[str, str]) -> list[str]:
        where = f"{request.method} {request.path}"
        entry = _TABLE.get(f"{route.method} " + re.sub(r"\{\w+\*?\}", "{}", route.template))
        if entry is None:
            return [f"{where}: not in the description"]
        query, body = entry
        found = [*_complaints("query parameter", _fields(query), request.query)]
        if request.body is not None and not isinstance(request.body, dict):
            found.append("the body is no object")
        else:
            found += _complaints("property", _fields(body), request.body or {})
        return [f"{where}: {complaint}" for complaint in found]

    def answer(self, route: Route, answer: Answer) -> list[str]:
        return []


def _complaints(what: str, fields: Mapping[str, _Field], given: Mapping[str, Any]) -> Iterator[str]:
    for name, value in given.items():
        if name not in fields:
            yield f"no {what} {name!r}"
        elif value is not None and (wrong := fields[name].refuses(value)):
            yield f"{what} {name}={value!r} is not {wrong}"
    for name, it in fields.items():
        if it.required and given.get(name) is None:
            yield f"{what} {name!r} is missing"


DESCRIPTION = WrittenDescription()
