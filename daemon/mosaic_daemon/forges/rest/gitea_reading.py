"""Gitea's and Forgejo's answers as values of `hosting`, and what their refusals mean."""

from __future__ import annotations

from mosaic_daemon.forges.rest.acts import Means, Rule
from mosaic_daemon.forges.rest.hosting import Job, Outcome, Pull, PullState, Readiness
from mosaic_daemon.forges.rest.parsing import Value
from mosaic_daemon.nouns.attempt import FailureClass

MERGE = (
    Rule(405, "not allowed to merge", Means.REFUSED, "permission"),
    Rule(405, "work in progress", Means.REFUSED, "draft"),
    Rule(405, "merge style", Means.REFUSED, "squash_not_allowed"),
    Rule(405, "try again later", Means.LOOK),
    Rule(405, "", Means.LOOK, "protection"),
    Rule(409, "head out of date", Means.MOVED),
    Rule(409, "push out of date", Means.MOVED),
    Rule(409, "remote message", Means.REFUSED, "hook_rejected"),
    Rule(409, "pushrejected", Means.REFUSED, "hook_rejected"),
    Rule(409, "conflict", Means.REFUSED, "conflict", FailureClass.CONFLICT),
    Rule(409, "style: ", Means.REFUSED, "conflict", FailureClass.CONFLICT),
    Rule(409, "", Means.LOOK, "conflicting_state"),
    Rule(403, "", Means.REFUSED_UNLESS_DONE, "permission"),
    Rule(404, "", Means.REFUSED_UNLESS_DONE, "not_found"),
)
CREATE_PULL = (
    Rule(409, "", Means.UNCLEAR),
    Rule(422, "no changes between", Means.REFUSED, "no_commits", FailureClass.NO_CHANGES),
)
UPDATE = (Rule(400, "", Means.LATER), Rule(409, "", Means.LATER))
CLOSE_ISSUE = (Rule(412, "", Means.REFUSED, "dependencies"),)

_STATUSES = {
    "success": Outcome.PASSED,
    "failure": Outcome.FAILED,
    "error": Outcome.FAILED,
    "warning": Outcome.FAILED,  # a required check that warns blocks a merge there
    "pending": Outcome.PENDING,
    "skipped": Outcome.SKIPPED,
}
_CANCELLED = ("has been cancelled", "cancelled", "canceled")
_ENDED = ("completed", "success", "failure", "cancelled", "skipped")


def pull_of(value: Value) -> Pull:
    head, base, state = value["head"], value["base"], value["state"].text
    if value["merged"].flag or not value["merged_at"].missing:
        state = "merged"
    pull_state = {"closed": PullState.CLOSED, "merged": PullState.MERGED}.get(state, PullState.OPEN)
    draft, mergeable = value["draft"].flag or False, value["mergeable"].flag
    readiness, code = (Readiness.READY, "") if mergeable else (Readiness.UNKNOWN, "")
    if draft:
        readiness, code = Readiness.FORBIDDEN, "draft"
    if pull_state != PullState.OPEN:
        readiness, code = Readiness.UNKNOWN, ""
    told = "draft" if draft else f"mergeable {str(mergeable).lower()}: checking, a conflict, or an error"
    return Pull(
        number=value["number"].number,
        state=pull_state,
        head_sha=head["sha"].word,
        branch=head["ref"].text,
        target=base["ref"].text,
        url=value["html_url"].text,
        title=value["title"].text,
        body=value["body"].text,
        own=not head["repo"].missing and head["repo_id"].number == base["repo_id"].number,
        draft=draft,
        merge_sha=value["merge_commit_sha"].text or None if pull_state == PullState.MERGED else None,
        readiness=readiness,
        reason="mergeable" if readiness == Readiness.READY else told if pull_state == PullState.OPEN else state,
        code=code,
    )


def status_of(value: Value, sha: str) -> Job:
    state, told = value["status"].text or value["state"].text, value["description"].text
    outcome = _STATUSES.get(state, Outcome.PENDING)
    if outcome == Outcome.FAILED and told.lower().rstrip(".") in _CANCELLED:  # it has no word of its own for that
        outcome = Outcome.CANCELLED
    ended = outcome != Outcome.PENDING
    return Job(
        source="status",
        name=value["context"].text or "default",
        outcome=outcome,
        state=f"{state} ({told})" if outcome == Outcome.CANCELLED else state,
        number=value["id"].number,
        url=value["target_url"].text,
        sha=sha,
        started_at=value["created_at"].time,
        ended_at=value["updated_at"].time if ended else None,
    )


def is_running(value: Value, branch: str) -> bool:
    return (
        value["head_branch"].text == branch and value["status"].text not in _ENDED and value["event"].text != "schedule"
    )


def run_of(value: Value) -> Job:
    """A run that has not ended. Gitea names its file, Forgejo the workflow."""
    path = value["path"].text.partition("@")[0]
    return Job(
        source="run",
        name=value["workflow_id"].text or path or value["name"].text or "workflow",
        outcome=Outcome.PENDING,
        state=value["status"].text,
        number=value["id"].number,
        url=value["html_url"].text or value["url"].text,
        sha=value["head_sha"].text,
        started_at=value["started_at"].time,
    )
