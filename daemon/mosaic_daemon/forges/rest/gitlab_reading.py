"""GitLab's answers as values of `hosting`, and what its refusals mean."""

from __future__ import annotations

from mosaic_daemon.forges.rest.acts import Means, Rule
from mosaic_daemon.forges.rest.hosting import Issue, Job, Milestone, Outcome, Pull, PullState, Readiness, Release
from mosaic_daemon.forges.rest.parsing import Value

MERGE = (
    Rule(401, "", Means.REFUSED, "permission"),
    Rule(403, "", Means.REFUSED, "permission"),
    Rule(404, "", Means.REFUSED_UNLESS_DONE, "not_found"),
    Rule(405, "", Means.LOOK),
    Rule(406, "", Means.LOOK),
    Rule(422, "", Means.LOOK),
    Rule(409, "does not match", Means.MOVED),
    Rule(409, "", Means.LOOK, "conflicting_state"),
)
EXISTS = (Rule(409, "", Means.UNCLEAR), Rule(400, "already", Means.UNCLEAR))

_OUTCOMES = {
    "success": Outcome.PASSED,
    "failed": Outcome.FAILED,
    "canceled": Outcome.CANCELLED,
    "canceling": Outcome.CANCELLED,
    "skipped": Outcome.SKIPPED,
}
_RUNS = ("created", "waiting_for_resource", "preparing", "pending", "running", "scheduled")
_WAITS = ("", "unchecked", "checking", "preparing", "approvals_syncing", "ci_still_running", "merge_time")
_FORBIDS = {
    "not_open": "closed",
    "draft_status": "draft",
    "need_rebase": "need_rebase",
    "commits_status": "no_commits",
    "ci_must_pass": "protection",
    "discussions_not_resolved": "protection",
    "not_approved": "protection",
    "requested_changes": "protection",
    "status_checks_must_pass": "protection",
    "merge_request_blocked": "protection",
    "jira_association_missing": "protection",
    "security_policy_violations": "protection",
    "locked_paths": "protection",
    "locked_lfs_files": "protection",
}


def pull_of(value: Value) -> Pull:
    """`locked` is a merge that goes on: still open, and not to be judged."""
    state = {"closed": PullState.CLOSED, "merged": PullState.MERGED}.get(value["state"].text, PullState.OPEN)
    readiness, reason, code = _readiness(value)
    source, target = value["source_project_id"], value["target_project_id"]
    pipeline = value["head_pipeline"]
    merged = value["merge_commit_sha"].text or value["squash_commit_sha"].text
    return Pull(
        number=value["iid"].number,
        state=state,
        head_sha=value["sha"].text,
        branch=value["source_branch"].text,
        target=value["target_branch"].text,
        url=value["web_url"].text,
        title=value["title"].text,
        body=value["description"].text,
        own=not source.missing and not target.missing and source.number == target.number,
        draft=(value["draft"].flag or value["work_in_progress"].flag) is True,
        merge_sha=merged or None if state == PullState.MERGED else None,
        readiness=readiness,
        reason=reason,
        code=code,
        jobs=() if pipeline["sha"].text in ("", value["sha"].text) else (pipeline_of(pipeline),),
    )


def _readiness(value: Value) -> tuple[Readiness, str, str]:
    state, word = value["state"].text, value["detailed_merge_status"].text
    if state != "opened":
        return Readiness.UNKNOWN, state, ""
    if not word:  # before 15.6
        old = {"can_be_merged": Readiness.READY, "cannot_be_merged": Readiness.CONFLICT}
        readiness = old.get(value["merge_status"].text, Readiness.UNKNOWN)
        return readiness, value["merge_status"].text, "conflict" if readiness == Readiness.CONFLICT else ""
    if word == "mergeable":
        return Readiness.READY, word, ""
    if word == "conflict":
        return Readiness.CONFLICT, word, "conflict"
    pipeline = value["head_pipeline"]
    if word == "ci_must_pass" and _outcome(pipeline["status"].text) in (Outcome.PENDING, Outcome.PASSED):
        return Readiness.UNKNOWN, f"{word}: the pipeline is {pipeline['status'].text or 'not there yet'}", ""
    if word in _WAITS or word not in _FORBIDS:
        return Readiness.UNKNOWN, word, ""
    return Readiness.FORBIDDEN, word, _FORBIDS[word]


def _outcome(status: str) -> Outcome:
    return _OUTCOMES.get(status, Outcome.PENDING)


def pipeline_of(value: Value) -> Job:
    """Pipelines of one source and ref are runs of the same; an external one holds what other CI reports."""
    status = value["status"].text
    outcome = _outcome(status)
    ident = value["id"].number
    return Job(
        source="pipeline",
        name=f"{value['source'].text or 'pipeline'} {value['ref'].text}".strip(),
        outcome=outcome,
        state=status,
        number=ident,
        url=value["web_url"].text,
        sha=value["sha"].text,
        run=str(ident),
        started_at=value["created_at"].time,
        ended_at=None if outcome == Outcome.PENDING else value["updated_at"].time,
    )


def status_of(value: Value) -> Job:
    """A pipeline's job or another CI's status; one that may fail, or that nobody has to start, is no obstacle."""
    status, allowed = value["status"].text, value["allow_failure"].flag is True
    outcome = _outcome(status)
    if allowed and (outcome == Outcome.FAILED or status == "manual"):
        outcome, status = Outcome.SKIPPED, f"{status} (allowed)"
    pipeline = value["pipeline_id"]
    return Job(
        source="status",
        name=value["name"].text or "default",
        outcome=outcome,
        state=status,
        number=value["id"].number,
        url=value["target_url"].text,
        sha=value["sha"].text,
        run="" if pipeline.missing else str(pipeline.number),
        started_at=value["started_at"].time,
        ended_at=value["finished_at"].time,
    )


def is_running(value: Value) -> bool:
    """`manual` waits for a person, and a schedule is not the queue of the branch."""
    return value["status"].text in _RUNS and value["source"].text != "schedule"


def issue_of(value: Value) -> Issue:
    return Issue(
        number=value["iid"].number,
        closed=value["state"].text == "closed",
        title=value["title"].text,
        body=value["description"].text,
        labels=tuple(label.text for label in value["labels"]),
        milestone=value["milestone"]["title"].text,
        url=value["web_url"].text,
    )


def milestone_of(value: Value, open_issues: int) -> Milestone:
    return Milestone(value["id"].number, value["title"].text, value["state"].text == "closed", open_issues)


def release_of(value: Value) -> Release:
    url = value["_links"]["self"].text
    return Release(tag=value["tag_name"].word, url=url, sha=value["commit"]["id"].text)


def access_of(project: Value) -> int:
    """The token's highest level: 30 developer, 40 maintainer, 50 owner."""
    levels = [project["permissions"][name]["access_level"] for name in ("project_access", "group_access")]
    return max((level.number for level in levels if not level.missing), default=0)
