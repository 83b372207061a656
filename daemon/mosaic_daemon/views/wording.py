"""Events, steps and failures in plain words, from the JSON in which the ledger keeps them."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from typing import Any

from mosaic_daemon.views.text import one_line, utc_now, when

Body = Mapping[str, Any]

STATUS = {
    "not-started": "not started",
    "in-progress": "in progress",
    "done": "done",
    "failed": "failed",
    "blocked": "blocked",
    "needs-qa": "needs QA",
    "deferred": "deferred",
}
STAGE: Mapping[str, str] = {"bulk": "open again", "polish": "in its polish", "complete": "complete"}
STEP = {
    "lease": "waiting for its turn",
    "main-clear": "waiting for a quiet base branch",
    "pr": "opening the pull request",
    "mergeable": "trying the merge and its CI",
    "merge": "merging",
    "verify": "checking what was merged",
    "main-ci": "CI of the merge commit",
    "close": "closing the issue",
}
RELEASE_STEP = {
    "verify": "verifying the base branch",
    "tag": "tagging it",
    "publish": "publishing the release",
    "close": "closing the milestone",
    "archive": "archiving the table",
}
FAILURE = {
    "worker": "the worker failed",
    "lost": "the worker was lost",
    "conflict": "its change does not merge",
    "ci": "CI is red",
    "no-changes": "there is nothing to merge",
    "review": "its review",
    "gate": "the forge or git refused",
    "person": "a person asked for it",
}
PASSED = {
    "lease": "it is its turn",
    "main-clear": "the base branch is quiet",
    "pr": "the pull request is open",
    "mergeable": "it merges",
    "merge": "the squash commit is on the base branch",
    "verify": "what was merged is what was accepted",
    "main-ci": "CI of the merge commit",
    "close": "the issue is closed",
}


def sentence(kind: str, body: Body) -> str:
    """One line that says what happened; an event of a newer version says at least its kind."""
    said = _SENTENCES.get(kind)
    return one_line(said(body) if said else kind.replace("-", " "))


def command_to_paste(failure: Body) -> str:
    """The command that failed, with the folder it has to be run in; empty when there is none."""
    command = str(failure.get("command") or "")
    cwd = failure.get("cwd")
    return f"cd {shlex.quote(str(cwd))} && {command}" if command and cwd else command


def tokens(number: int | None) -> str:
    """`5.2K tokens`, or nothing when nothing was reported."""
    if number is None:
        return ""
    if number < 1_000:
        return f"{number} tokens"
    scale, unit = (1e3, "K") if number < 999_950 else (1e6, "M")
    return f"{number / scale:.1f}".removesuffix(".0") + f"{unit} tokens"


def session_line(session: Body) -> str:
    """An attached agent session: who, how full, and what it has."""
    known = [f"context {session['context']} %"] if session["context"] is not None else []
    known += [", ".join(session["attempts"]) or "no task"]
    known += [] if session["takes_tasks"] else ["gets no further task"]
    return f"{session['agent']} ({', '.join(known)})"


def shown_value(value: Any) -> str:
    return "nothing" if value in (None, "", [], ()) else one_line(value if isinstance(value, str) else f"{value}", 60)


def _edited(body: Body) -> str:
    changes = (
        f"{field}: {shown_value(pair[0])} → {shown_value(pair[1])}" for field, pair in body.get("changed", {}).items()
    )
    return f"{'; '.join(changes)}"


def _passed(body: Body) -> str:
    step, evidence = str(body.get("step")), body.get("evidence") or {}
    seen = [PASSED.get(step, step)]
    if change := body.get("change"):
        seen.append(str(change))
    if sha := body.get("merge_sha") or evidence.get("base_sha"):
        seen.append(str(sha)[:12])
    if verdict := evidence.get("verdict"):
        seen.append(f"CI: {'none' if verdict == 'absent' else verdict}")
    return f"gate: {', '.join(seen)}"


def _failed(body: Body) -> str:
    last = "; no try is left" if body.get("final") else ""
    return f"attempt {body['fence']} failed: {body['failure']['message']}{last}"


def _released(body: Body) -> str:
    step, evidence = str(body["step"]), body.get("evidence") or {}
    return f"release: {RELEASE_STEP.get(step, step)}: {evidence.get('summary', 'done')}"


def _until(until: Any) -> str:
    return f", until {when(until, utc_now())}" if until else ""


def _used(body: Body) -> str:
    used = tokens(body.get("used"))
    return f", {used}" if used else ""


def _concluded(body: Body) -> str:
    variance = body.get("variance")
    if not variance:
        return "its end is concluded; use or estimate is unknown"
    estimate, used = int(variance["estimate"]), int(variance["used"])
    return f"took {tokens(used)} of {tokens(estimate)} estimated ({(used - estimate) / estimate:+.0%})"


def _moved(body: Body) -> str:
    left = body["total"] - body["fixed"]
    return f"phase {body['phase']}: {STAGE[body['stage']]}, {body['fixed']} of {body['total']} fixed, {left} left"


def _milestone(body: Body) -> str:
    version, name = str(body["version"]), str(body["name"])
    return version if name in ("", version) else f"{version} ({name})"


def _asked(body: Body) -> str:
    """What comes between the acceptance and the gate."""
    if review := body.get("review"):
        return f"; its {' and '.join(review['aspects'])} is reviewed"
    return f"; {body['unreviewed']}" if body.get("unreviewed") else ""


_SENTENCES: Mapping[str, Callable[[Body], str]] = {
    "task-added": lambda e: f"taken in from {e['source']}",
    "task-edited": lambda e: f"edited in {e['source']}: {_edited(e)}",
    "task-removed": lambda e: f"taken out of the queue in {e['source']}",
    "edit-refused": lambda e: f"an edit in {e['source']} was refused ({_edited(e)}): {e['reason']}",
    "requeued": lambda e: f"to be done again: {e['reason']}",
    "task-deferred": lambda e: f"deferred: {e['reason']}",
    "deferral-documented": lambda e: f"documented in {e['where'] or 'the ledger'}",
    "task-blocked": lambda e: f"blocked: {e['reason']}",
    "stop-requested": lambda e: f"its worker is to be stopped, then it is {STATUS[e['wanted']]}: {e['reason']}",
    "attempt-intended": lambda e: (
        f"attempt {e['attempt']['fence']} prepared for {e['attempt']['runtime']}@{e['attempt']['rail']}, "
        f"branch {e['attempt']['branch']} from {e['attempt']['base_sha'][:12]}"
    ),
    "attempt-started": lambda e: f"attempt {e['fence']} started ({e['worker']})",
    "attempt-failed": _failed,
    "attempt-released": lambda e: (
        f"attempt {e['fence']} ended and does not count: {e['reason']}{_until(e.get('not_before'))}"
    ),
    "attempt-stopped": lambda e: f"attempt {e['fence']} was stopped, the task is {STATUS[e['wanted']]}: {e['reason']}",
    "result-accepted": lambda e: f"attempt {e['fence']} accepted at {e['head_sha'][:12]}{_used(e)}{_asked(e)}",
    "result-rejected": lambda e: f"{e['file']} was put aside: {e['reason']}",
    "review-held": lambda e: f"its review waits: {e['hold']['reason']}{_until(e['hold'].get('until'))}",
    "review-passed": lambda e: "; ".join(e["notes"]),
    "qa-needed": lambda e: "; ".join(e["notes"]),
    "review-returned": lambda e: f"{'blocked' if e['final'] else 'back to a worker'}: {e['failure']['message']}",
    "review-blocked": lambda e: f"blocked at its review: {e['failure']['message']}",
    "review-resumed": lambda e: f"it is reviewed again, asked for in {e['source']}",
    "qa-delivered": lambda e: str(e["evidence"].get("summary", f"delivered with {e['qa']}")),
    "gate-stepped": _passed,
    "gate-intended": lambda e: f"gate: {STEP.get(e['step'], e['step'])}",
    "gate-rewound": lambda e: f"gate: from the start, {e['reason']}",
    "gate-held": lambda e: f"gate waits: {e['hold']['reason']}{_until(e['hold'].get('until'))}",
    "gate-returned": lambda e: f"back to a worker: {e['failure']['message']}",
    "gate-blocked": lambda e: f"blocked at the gate: {e['failure']['message']}",
    "gate-failed": lambda e: f"failed at the gate: {e['failure']['message']}",
    "gate-resumed": lambda e: f"the gate goes on, asked for in {e['source']}",
    "done-found": lambda e: str(e["evidence"].get("summary", "found done on the base branch")),
    "task-done": lambda e: str(e["evidence"].get("summary", "done")),
    "task-concluded": _concluded,
    "task-archived": lambda e: f"archived with milestone {e['milestone']}",
    "release-opened": lambda e: f"milestone {_milestone(e)} is being released, asked for by {e['source']}",
    "release-stepped": _released,
    "release-intended": lambda e: f"release: {RELEASE_STEP.get(e['step'], e['step'])}",
    "release-held": lambda e: f"the release waits: {e['hold']['reason']}{_until(e['hold'].get('until'))}",
    "release-blocked": lambda e: f"the release is blocked: {e['failure']['message']}",
    "release-resumed": lambda e: f"the release goes on, asked for by {e['source']}",
    "milestone-released": lambda e: str(e["evidence"].get("summary", "the milestone is released")),
    "runtime-held": lambda e: f"no start on {e['runtime']}{_until(e['hold'].get('until'))}: {e['hold']['reason']}",
    "runtime-released": lambda e: f"starts on {e['runtime']} again",
    "drain-changed": lambda e: f"{'draining' if e['draining'] else 'not draining any more'} ({e['source']})",
    "phase-moved": _moved,
    "reported": lambda e: "; ".join(str(e["message"]).splitlines()),
}
