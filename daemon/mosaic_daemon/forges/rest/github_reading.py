"""GitHub's answers as values of `hosting`, and what its refusals mean.

What is unknown reads as not known yet, with GitHub's own word beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from mosaic_daemon.forges.rest.acts import Means, Rule
from mosaic_daemon.forges.rest.hosting import Job, Outcome, Pull, PullState, Readiness
from mosaic_daemon.forges.rest.parsing import Value
from mosaic_daemon.nouns.attempt import FailureClass

MERGE = (
    Rule(405, "base branch was modified", Means.MOVED),
    Rule(409, "", Means.MOVED),
    Rule(405, "already in progress", Means.UNCLEAR),
    Rule(405, "merge queue", Means.REFUSED, "merge_queue_required"),
    Rule(405, "merges are not allowed", Means.REFUSED, "squash_not_allowed"),
    Rule(405, "not authorized", Means.REFUSED, "permission"),
    Rule(405, "draft", Means.REFUSED, "draft"),
    Rule(405, "status check", Means.LOOK, "protection"),
    Rule(405, "not mergeable", Means.LOOK),
    Rule(405, "review", Means.REFUSED, "protection"),
    Rule(405, "", Means.LOOK, "protection"),
)
CREATE_PULL = (
    Rule(422, "already exists", Means.UNCLEAR),
    Rule(422, "no commits between", Means.REFUSED, "no_commits", FailureClass.NO_CHANGES),
    Rule(422, "pullrequest.head invalid", Means.LATER),
)
RERUN = (Rule(403, "already running", Means.UNCLEAR),)

_STATUSES = {
    "success": Outcome.PASSED,
    "failure": Outcome.FAILED,
    "error": Outcome.FAILED,
    "pending": Outcome.PENDING,
}
_CONCLUSIONS = {
    "success": Outcome.PASSED,
    "failure": Outcome.FAILED,
    "timed_out": Outcome.FAILED,
    "startup_failure": Outcome.FAILED,
    "action_required": Outcome.FAILED,
    "neutral": Outcome.SKIPPED,
    "skipped": Outcome.SKIPPED,
    "cancelled": Outcome.CANCELLED,
    "stale": Outcome.CANCELLED,
}
_READINESS = {
    "clean": (Readiness.READY, ""),
    "unstable": (Readiness.READY, ""),
    "has_hooks": (Readiness.READY, ""),
    "dirty": (Readiness.CONFLICT, "conflict"),
    "draft": (Readiness.FORBIDDEN, "draft"),
    "behind": (Readiness.FORBIDDEN, "behind"),
    "blocked": (Readiness.FORBIDDEN, "protection"),
}
_ACTIONS_RUN = re.compile(r"/actions/runs/(\d+)")
_WAITS_FOR_A_PERSON = ("waiting", "action_required")
_CODE_EVENTS = ("push", "merge_group", "workflow_dispatch", "workflow_run", "repository_dispatch")


@dataclass(frozen=True, slots=True)
class CheckRun:
    """A check run and what tells it from another of the same name."""

    job: Job
    app: str
    suite: int


def pull_of(value: Value, repo: str) -> Pull:
    number, head = value["number"].number, value["head"]
    merged = value["merged"].flag or not value["merged_at"].missing
    closed = value["state"].text == "closed"
    pull = Pull(
        number=number,
        state=PullState.MERGED if merged else PullState.CLOSED if closed else PullState.OPEN,
        head_sha=head["sha"].word,
        branch=head["ref"].text,
        target=value["base"]["ref"].text,
        url=value["html_url"].text,
        title=value["title"].text,
        body=value["body"].text,
        own=head["repo"]["full_name"].text.lower() == repo.lower(),
        draft=value["draft"].flag or False,
        merge_sha=value["merge_commit_sha"].text or None if merged else None,
    )
    return _with_readiness(pull, value)


def _with_readiness(pull: Pull, value: Value) -> Pull:
    """`mergeable` null, and every word that is not known, mean: not computed yet."""
    word, mergeable = value["mergeable_state"].text, value["mergeable"].flag
    if pull.state != PullState.OPEN:
        return replace(pull, reason=pull.state.value)
    readiness, code = _READINESS.get(word, (Readiness.UNKNOWN, ""))
    if mergeable is None and readiness in (Readiness.READY, Readiness.CONFLICT):
        readiness, code = Readiness.UNKNOWN, ""
    if pull.draft:
        readiness, code = Readiness.FORBIDDEN, "draft"
    reason = f"mergeable_state {word or 'missing'}, mergeable {str(mergeable).lower()}"
    return replace(pull, readiness=readiness, code=code, reason=reason)


def status_of(value: Value, sha: str) -> Job:
    state = value["state"].text
    return Job(
        source="status",
        name=value["context"].text or "default",
        outcome=_STATUSES.get(state, Outcome.PENDING),
        state=state,
        number=value["id"].number,
        url=value["target_url"].text,
        sha=sha,
        started_at=value["created_at"].time,
        ended_at=value["updated_at"].time if state in ("success", "failure", "error") else None,
    )


def _phase(value: Value) -> tuple[Outcome, str]:
    status, conclusion = value["status"].text, value["conclusion"].text
    if status != "completed":
        return Outcome.PENDING, status
    return _CONCLUSIONS.get(conclusion, Outcome.PENDING), conclusion or "completed without a conclusion"


def check_run_of(value: Value) -> CheckRun:
    outcome, state = _phase(value)
    url, suite, app = value["html_url"].text, value["check_suite"]["id"], value["app"]["slug"].text
    run = _ACTIONS_RUN.search(f"{url} {value['details_url'].text}")
    suite_id = 0 if suite.missing else suite.number
    rerunnable = suite_id and app in ("", "github-actions")
    job = Job(
        source="check-run",
        name=value["name"].word,
        outcome=outcome,
        state=state,
        number=value["id"].number,
        url=url or value["details_url"].text,
        sha=value["head_sha"].text,
        run=run[1] if run else f"suite:{suite_id}" if rerunnable else "",
        started_at=value["started_at"].time,
        ended_at=value["completed_at"].time,
    )
    return CheckRun(job, app, suite_id)


def namesakes(found: Iterable[CheckRun]) -> bool:
    """Whether a name stands for more than one check: two apps, or two workflows, may use the same."""
    seen: dict[str, tuple[str, int]] = {}
    return any(seen.setdefault(each.job.name, (each.app, each.suite)) != (each.app, each.suite) for each in found)


def told_apart(found: Iterable[CheckRun], workflows: Mapping[int, str]) -> list[Job]:
    """The jobs, with names of their own where two apps or workflows share one: one's green must not hide one's red.

    Args:
        workflows: of a check suite; several runs of the same workflow are runs of the same jobs.
    """
    jobs: list[Job] = []
    first: dict[str, tuple[str, str]] = {}
    for each in sorted(found, key=lambda run: (run.suite, run.job.number)):
        workflow = workflows.get(each.suite, str(each.suite))
        if first.setdefault(each.job.name, (each.app, workflow)) == (each.app, workflow):
            jobs.append(each.job)
        else:
            jobs.append(replace(each.job, name=f"{each.job.name} ({' '.join(filter(None, (each.app, workflow)))})"))
    return jobs


def run_of(value: Value) -> Job:
    outcome, state = _phase(value)
    ident = value["id"].number
    return Job(
        source="run",
        name=value["name"].text or value["path"].text or "workflow",
        outcome=outcome,
        state=state,
        number=ident,
        url=value["html_url"].text,
        sha=value["head_sha"].text,
        run=str(ident),
        started_at=value["run_started_at"].time,
        ended_at=value["updated_at"].time if outcome != Outcome.PENDING else None,
    )


def runs_on(value: Value, branch: str, repo: str) -> bool:
    """A run of the branch's own commits that has not ended and does not wait for a person."""
    origin = value["head_repository"]["full_name"].text
    return (
        value["head_branch"].text == branch
        and origin.lower() in ("", repo.lower())
        and value["event"].text in _CODE_EVENTS
        and value["status"].text not in ("completed", *_WAITS_FOR_A_PERSON)
    )


def workflow_of(value: Value) -> str:
    path, event = value["path"].text or value["name"].text, value["event"].text
    return f"{path.rpartition('/')[2]} {event}".strip()
