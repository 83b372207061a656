"""Why a task is in its state and what would move it, in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mosaic_daemon.store.reader import Row
from mosaic_daemon.views import text
from mosaic_daemon.views.snapshot import PROGRAM
from mosaic_daemon.views.wording import STATUS, STEP

Said = tuple[list[str], list[str]]
NO_TASK = "does not exist"
"""Stands for the status of a dependency that names no task."""
_RETRY = f"{PROGRAM} retry"
_BEFORE_VERDICT = ("main-clear", "pr", "mergeable", "merge", "verify", "main-ci")


def of(row: Row, scene: Mapping[str, Any]) -> Said:
    """(why it is where it is, what would move it).

    `scene`: `needs` and `reasons` as the scheduler has them, `budget` when it lets nothing start, `live` rows in
    progress, `daemon`, `queue_problem`, `settings_problem`.
    """
    match row["state"]["kind"]:
        case "not-started":
            return _waiting(row, scene)
        case "dispatching":
            return _without_daemon(["a worker is being started"], ["it starts by itself"], scene)
        case "running":
            return _running(row, scene)
        case "reviewing":
            return _reviewing(row, scene)
        case "needs-qa":
            return _needs_qa(row)
        case "gating":
            return _gating(row, scene)
        case "done":
            return [_delivered(row["state"]["evidence"])], []
        case "failed":
            return _failed(row)
        case "blocked":
            return _blocked(row)
        case "deferred":
            reason = row["state"]["reason"]
            return [f"it was put off: {reason}"], [f"have it done after all: {_RETRY} {row['task']['id']}"]
        case "removed" if row["state"].get("milestone"):
            return [_archived(row["state"])], ["nothing: add a new task for what is left to do"]
        case "removed":
            return ["it was taken out of the queue; its history is kept"], ["add it again to have it done"]
        case other:
            return [f"its state is `{other}`, which this program does not know"], []


def _delivered(evidence: Mapping[str, Any]) -> str:
    if not evidence.get("merge_sha"):
        return str(evidence.get("summary", "it is done"))
    ci = {"absent": "it has no CI", None: "its CI was not recorded"}.get(evidence.get("ci"), f"CI {evidence.get('ci')}")
    closed = f", {evidence['issue']} closed" if evidence.get("issue") else ""
    return f"its change is on the base branch as {evidence['merge_sha'][:12]}, {ci}{closed}"


def _archived(state: Mapping[str, Any]) -> str:
    what = _delivered(state["delivered"]) if state.get("delivered") else f"it was put off ({state['reason']})"
    return f"{what}, and is archived with milestone {state['milestone']}"


def _waiting(row: Row, scene: Mapping[str, Any]) -> Said:
    why, steps = list(scene["reasons"]), list(_needed(row, scene))
    if came_back := row["state"]["reason"]:
        why.insert(0, f"it is to be done again: {came_back}")
    if any(reason.startswith("is part of a circle") for reason in why):
        steps = ["take one of these dependencies out of tasks.json or docs/TASKS.md"]
    steps += [reason for reason in scene["reasons"] if reason.startswith("waits ")]
    if scene["queue_problem"]:
        why.append("tasks.json cannot be read, and nothing new is started until it is mended")
        steps.append(f"mend {scene['queue_problem']}")
    if scene["settings_problem"]:
        why.append("the settings cannot be read")
        steps.append(f"mend {scene['settings_problem']}")
    if scene["budget"]:
        why.append(f"the budget lets nothing start: {scene['budget']}")
        steps.append(f"raise `budget.cap` in config.toml, or defer tasks: see {PROGRAM} budget")
    daemon = scene["daemon"]
    if not daemon["running"]:
        return [*why, "no daemon is running"], [*steps, f"start the daemon: {PROGRAM} run"]
    if daemon["draining"]:
        why.append("the daemon is draining: it starts nothing new, and ends")
        return why, [*steps, f"take that back: {PROGRAM} drain --resume, or start a daemon again when it has ended"]
    if not why or (came_back and not scene["reasons"]):
        why.append(_queued(scene))
        steps.append("it starts by itself when it is its turn")
    return why, steps


def _needed(row: Row, scene: Mapping[str, Any]) -> list[str]:
    steps = []
    for need in scene["needs"]:
        name, status = need["id"], need["status"]
        if status == NO_TASK:
            steps.append(f"add a task {name}, or take it out of the dependencies of {row['task']['id']}")
        elif status in ("failed", "blocked", "deferred", "needs-qa"):
            steps.append(f"{name} is {STATUS[status]}: see {PROGRAM} explain {name}, then {_RETRY} {name}")
        elif status != "done":
            steps.append(f"{name} has to be done first; it is {STATUS[status]}")
    return steps


def _queued(scene: Mapping[str, Any]) -> str:
    at_work = [row["task"]["id"] for row in scene["live"] if row["state"]["kind"] in ("dispatching", "running")]
    slots = scene["daemon"]["max_workers"]
    if slots and len(at_work) >= slots:
        return f"it is ready; every slot is in use ({text.listed(at_work)})"
    return "it is ready, and others come before it or it starts in a moment"


def _running(row: Row, scene: Mapping[str, Any]) -> Said:
    task, state = row["task"]["id"], row["state"]
    if state["stopping"]:
        why = f"its worker is being stopped; then it is {STATUS[state['stopping']]}"
        return _without_daemon([why], ["this ends by itself"], scene)
    why = f"{state['worker']} works on it, attempt {state['attempt']['fence']}, {row['agent']}"
    steps = [f"watch it: {PROGRAM} logs {task} --follow", f"stop it: {PROGRAM} cancel {task}"]
    return _without_daemon([why], steps, scene)


def _reviewing(row: Row, scene: Mapping[str, Any]) -> Said:
    review = row["state"]["review"]
    if hold := review["hold"]:
        return _without_daemon([hold["reason"]], [f"it goes on by itself, at {hold['until']}"], scene)
    what = " and ".join(review["aspects"])
    why = f"its work is accepted; the independent {what} review looks at {review['head_sha'][:12]}"
    return _without_daemon([why], ["it goes on by itself"], scene)


def _needs_qa(row: Row) -> Said:
    task, qa = row["task"]["id"], row["state"]["qa"]
    why = f"{row['state']['failure']['message']}; {qa} mends that on the same branch and delivers both"
    steps = [f"{qa} has to be done: {PROGRAM} explain {qa}", f"or have it done again from the start: {_RETRY} {task}"]
    return [why], steps


def _gating(row: Row, scene: Mapping[str, Any]) -> Said:
    gate = row["state"]["gate"]
    if gate["hold"]:
        until = f" (looked at again at {gate['hold']['until']} at the latest)" if gate["hold"]["until"] else ""
        return _without_daemon([f"{gate['hold']['reason']}{until}"], ["it goes on by itself after that"], scene)
    ahead = [
        each["task"]["id"]
        for each in scene["live"]
        if each["state"]["kind"] == "gating" and each["state"]["gate"]["step"] in _BEFORE_VERDICT
    ]
    if gate["step"] == "lease" and ahead:
        why = f"its work is accepted; one change at a time goes to the base branch, and {ahead[0]} is before it"
        return _without_daemon([why], [f"{ahead[0]} has to be through"], scene)
    return _without_daemon([f"its work is accepted: {STEP[gate['step']]}"], ["it goes on by itself"], scene)


def _without_daemon(why: list[str], steps: Sequence[str], scene: Mapping[str, Any]) -> Said:
    if scene["daemon"]["running"]:
        return why, list(steps)
    by_itself = "by itself"
    kept = [step for step in steps if by_itself not in step]
    return [*why, "no daemon is running to take it further"], [*kept, f"start the daemon: {PROGRAM} run"]


def _failed(row: Row) -> Said:
    task, kind = row["task"]["id"], row["state"]["failure"]["kind"]
    tries = row["tries"].get(kind, 0)
    why = f"it failed {text.count(tries, 'time')} in the same way, and no try is left" if tries else "no try is left"
    steps = [f"see what its worker said: {PROGRAM} logs {task}"] if row["fence"] else []
    return [why], [*steps, f"change the task or what is in its way, then: {_RETRY} {task}"]


def _blocked(row: Row) -> Said:
    task, state = row["task"]["id"], row["state"]
    failure, gate = state["failure"], state["gate"]
    if failure["kind"] == "person":
        return [f"it was blocked: {failure['message']}"], [f"have it go on: {_RETRY} {task}"]
    why = ["it cannot go on without a person"]
    steps = (
        ["see it with the command above, and mend what is in its way"]
        if failure["command"]
        else ["mend what is said above"]
    )
    if state.get("review"):
        return why, [*steps, f"then have it reviewed again: {_RETRY} {task}", f"or leave it: {PROGRAM} cancel {task}"]
    if gate and (gate["merge_sha"] or gate["intent"]):
        why.append("its change is, or may be, on the base branch already: it can only go forward")
        return why, [*steps, f"then go on at this step: {_RETRY} {task}"]
    return why, [*steps, f"then: {_RETRY} {task}", f"or leave it: {PROGRAM} cancel {task}"]
