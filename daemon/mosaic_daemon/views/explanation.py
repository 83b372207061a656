"""What is known of one task, and the reasons for its state: everything that `explain` shows, as one JSON document."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mosaic_daemon.ground.errors import InputError, MosaicError
from mosaic_daemon.ground.layout import Layout
from mosaic_daemon.store.reader import Happening, LedgerReader, Row
from mosaic_daemon.views import reasons, text
from mosaic_daemon.views.budget import budget_of, configured_cap
from mosaic_daemon.views.snapshot import PROGRAM, OpenLedger, daemon_of, queue_file
from mosaic_daemon.views.wording import FAILURE, command_to_paste, tokens

if TYPE_CHECKING:
    from mosaic_daemon.ground.settings import Settings

_OUTCOMES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "attempt-failed": lambda e: f"failed: {e['failure']['message']}",
    "attempt-released": lambda e: f"did not count: {e['reason']}",
    "attempt-stopped": lambda e: f"stopped: {e['reason']}",
    "result-accepted": lambda e: f"accepted at {e['head_sha'][:12]}",
    "qa-needed": lambda e: f"sent to {e['qa']}: {e['failure']['message']}",
    "review-returned": lambda e: f"sent back: {e['failure']['message']}",
    "review-blocked": lambda e: f"blocked: {e['failure']['message']}",
    "review-resumed": lambda e: f"reviewed again, asked for in {e['source']}",
    "gate-returned": lambda e: f"sent back: {e['failure']['message']}",
    "gate-blocked": lambda e: f"blocked: {e['failure']['message']}",
    "gate-failed": lambda e: f"failed: {e['failure']['message']}",
    "gate-resumed": lambda e: f"at the gate again, asked for in {e['source']}",
    "task-done": lambda e: str(e["evidence"].get("summary", "done")),
    "qa-delivered": lambda e: str(e["evidence"].get("summary", "done")),
}

_ENDS = ("attempt-failed", "attempt-released", "attempt-stopped", "result-accepted")


def explained(
    task: str,
    layout: Layout,
    settings: Callable[[], Settings],
    daemon: Mapping[str, Any] | None = None,
    look: OpenLedger | None = None,
) -> dict[str, Any]:
    """Everything about a task. `settings`: read where they are needed; `daemon` and `look` as `overview` has them.

    Raises:
        InputError: there is no such task; names the nearest one.
    """
    queue, daemon = queue_file(layout), daemon or daemon_of(layout)
    try:
        with look() if look else LedgerReader(layout.ledger) as ledger:
            row = ledger.row(task)
            if row is not None:
                scene = _scene(settings, layout, ledger, row)
                why, steps = reasons.of(row, scene | {"daemon": daemon, "queue_problem": queue["problem"]})
                return _document(row, layout, ledger, scene["needs"]) | {
                    "why": why,
                    "next": steps,
                    "needs_you": row["status"] in ("blocked", "failed", "needs-qa"),
                }
            known = ledger.ids()
    except FileNotFoundError:
        known = []
    waiting = in_queue_file(layout)
    if task in waiting:
        return _not_taken_in(task, waiting[task], layout, daemon)
    raise unknown(task, [*known, *waiting], queue["problem"])


def in_queue_file(layout: Layout) -> Mapping[str, Mapping[str, Any]]:
    """The entries of `tasks.json` by id, taken in or not; none while it cannot be read."""
    from mosaic_daemon.ground import atomicfile
    from mosaic_daemon.tracking import queuefile

    with suppress(FileNotFoundError, InputError):
        data = atomicfile.read_untrusted(layout.tasks, max_bytes=queuefile.MAX_BYTES)
        return queuefile.parse(data, source=str(layout.tasks)).by_id
    return {}


def check_known(layout: Layout, task: str) -> None:
    """Raises:
    InputError: neither the ledger nor `tasks.json` has this task; names the nearest one.
    """
    try:
        with LedgerReader(layout.ledger) as ledger:
            known = ledger.ids()
    except FileNotFoundError:
        known = []
    waiting = in_queue_file(layout)
    if task not in waiting and task not in known:
        raise unknown(task, [*known, *waiting])


def unknown(task: str, known: list[str], queue_problem: str | None = None) -> InputError:
    """There is no such task: names the nearest one."""
    near = difflib.get_close_matches(task, known, n=1)
    if near:
        remedy = f"did you mean `{near[0]}`?"
    elif queue_problem:
        remedy = f"tasks.json cannot be read now: {queue_problem}"
    else:
        remedy = f"`{PROGRAM} status` shows what there is" if known else "the queue is empty"
    return InputError(f"there is no task {task!r}", remedy=remedy)


def _scene(settings: Callable[[], Settings], layout: Layout, ledger: LedgerReader, row: Row) -> dict[str, Any]:
    """What stands around a task: its dependencies, who is at work, and the scheduler's own reasons."""
    from mosaic_daemon.nouns.system import System
    from mosaic_daemon.stages.schedule import Schedule
    from mosaic_daemon.store import codec

    task, live = row["task"]["id"], ledger.rows("in-progress")
    try:
        default_runtime = settings().worker.runtime
    except MosaicError as error:
        default_runtime, settings_problem = "", error.line
    else:
        settings_problem = ""
    blocking = ledger.blocking()
    phase = row["task"]["phase"]
    earlier = ledger.open_before(phase) if phase is not None else []
    at_work = [each["task"]["id"] for each in live]
    around = list(dict.fromkeys([*_dependencies(ledger, row, blocking), *at_work, *earlier]))
    schedule = Schedule(default_runtime)
    schedule.update(codec.load_record(body) for body in ledger.bodies(around))
    _, stored = ledger.system()
    standing = codec.load_system(stored) if stored else System()
    waits = row["state"]["kind"] == "not-started"
    needs = schedule.needs(task)
    budget = budget_of(layout, ledger.spending(), configured_cap(layout)) if waits else None
    return {
        "budget": budget.line if budget and not budget.slots else "",
        "live": live,
        "needs": [{"id": need, "status": _state_of(ledger, need)} for need in needs],
        "reasons": schedule.why(task, standing, text.utc_now()) if waits else [],
        "settings_problem": settings_problem,
    }


def _dependencies(ledger: LedgerReader, row: Row, blocking: dict[str, list[str]]) -> Iterator[str]:
    """The task and all it waits for, directly or not."""
    seen, waiting = {row["task"]["id"]}, [row]
    while waiting:
        task = waiting.pop()["task"]
        yield task["id"]
        for need in [*task["depends_on"], *blocking.get(task["id"], ())]:
            if need not in seen and (found := ledger.row(need)) is not None:
                seen.add(need)
                waiting.append(found)


def _state_of(ledger: LedgerReader, task: str) -> str:
    row = ledger.row(task)
    if row is None or row["state"]["kind"] == "removed":
        return reasons.NO_TASK
    return str(row["status"])


def _document(row: Row, layout: Layout, ledger: LedgerReader, needs: list[dict[str, str]]) -> dict[str, Any]:
    state = row["state"]
    happened = ledger.events(task=row["task"]["id"])
    failure = state.get("failure") or (row["last_failure"] if state["kind"] == "not-started" else None)
    return {
        "task": row["task"],
        "status": "removed" if state["kind"] == "removed" else row["status"],
        "stage": _stage(state),
        "needs": needs,
        "failure": _failure(failure) if failure else None,
        "attempts": list(_attempts(happened, layout)),
        "review": _review(state),
        "gate": _done(state) or (_evidence(state["gate"]) if state.get("gate") else {}),
        "started_at": row["started_at"],
        "completed_at": row["completed_at"],
        "used": tokens(row["used"]),
        "notes": row["notes"],
        "events": [
            {"seq": each.seq, "at": each.at, "actor": each.actor, "kind": each.kind, "event": each.body}
            for each in happened
        ],
    }


def _stage(state: dict[str, Any]) -> str | None:
    match state["kind"]:
        case "reviewing":
            return "reviewing"
        case "dispatching" | "running":
            return "stopping" if state.get("stopping") else str(state["kind"])
        case "gating":
            return f"gate:{state['gate']['step']}"
        case _:
            return None


def _done(state: dict[str, Any]) -> dict[str, Any]:
    """The evidence of a task that is done; what a review said stands by itself."""
    kept = state.get("evidence") or {} if state["kind"] == "done" else {}
    return {name: value for name, value in kept.items() if name not in ("review", "review_before")}


def _review(state: dict[str, Any]) -> dict[str, Any] | None:
    """What its review said, or what it is asked; None when nothing is known of one."""
    match state["kind"]:
        case "needs-qa":
            return dict(state["evidence"])
        case "done":
            found = state["evidence"].get("review")
        case _:
            found = state.get("review") or ((state.get("gate") or {}).get("evidence") or {}).get("review")
    return found or None


def _failure(failure: dict[str, Any]) -> dict[str, Any]:
    return {
        "class": failure["kind"],
        "what": FAILURE.get(failure["kind"], failure["kind"]),
        "step": failure["step"],
        "message": failure["message"],
        "command": command_to_paste(failure),
        "tail": failure["tail"],
        "at": failure["at"],
    }


def _evidence(gate: dict[str, Any]) -> dict[str, Any]:
    pinned = {name: gate[name] for name in ("head_sha", "base_sha", "change", "merge_sha") if gate[name]}
    return {**pinned, **{name: seen for name, seen in gate["evidence"].items() if name != "review"}}


@dataclass(slots=True)
class _Attempt:
    name: str
    agent: str
    prepared_at: str
    started_at: str | None = None
    ended_at: str | None = None
    outcome: str = "starting"
    used: int | None = None


def _attempts(happened: list[Happening], layout: Layout) -> Iterator[dict[str, Any]]:
    """Every attempt with its outcome; what happens at the gate belongs to the newest one."""
    found: list[_Attempt] = []
    for event in happened:
        body = event.body
        if event.kind == "attempt-intended":
            attempt = body["attempt"]
            name = f"{attempt['task']}.{attempt['fence']}"
            found.append(_Attempt(name, f"{attempt['runtime']}@{attempt['rail']}", event.at))
        elif not found:
            continue
        elif event.kind == "attempt-started":
            found[-1].started_at, found[-1].outcome = event.at, "running"
        elif event.kind in _OUTCOMES:
            found[-1].outcome = _OUTCOMES[event.kind](body)
            found[-1].ended_at = found[-1].ended_at or event.at
            if event.kind in _ENDS:
                found[-1].used = body.get("used")
    for each in found:
        log = layout.attempts / each.name / "output.log"
        yield {
            "name": each.name,
            "agent": each.agent,
            "prepared_at": each.prepared_at,
            "started_at": each.started_at,
            "ended_at": each.ended_at,
            "outcome": each.outcome,
            "used": each.used,
            "log": str(log) if log.exists() else None,
        }


def _not_taken_in(task: str, raw: Mapping[str, Any], layout: Layout, daemon: Mapping[str, Any]) -> dict[str, Any]:
    """A task that stands in `tasks.json` and nowhere else yet."""
    from mosaic_daemon.tracking.entry import validate

    try:
        entry = validate(raw, source=str(layout.tasks)).model_dump(mode="json")
        why = ["it stands in tasks.json, and the daemon has not read it there yet"]
        steps = ["the daemon takes it in within a moment" if daemon["running"] else f"start the daemon: {PROGRAM} run"]
    except InputError as error:
        entry = {"id": task, "description": str(raw.get("description", "")), "kind": "", "phase": None, "priority": 0}
        entry |= {"issue": "", "branch": "", "files": [], "runtime": None, "blocks": [], "depends_on": []}
        why = [f"its entry in tasks.json cannot be taken in: {error.line}"]
        steps = ["mend the entry in tasks.json; it is read again at once"]
    nothing = dict.fromkeys(("stage", "failure", "review", "started_at", "completed_at"), None)
    empty: dict[str, Any] = {name: [] for name in ("needs", "attempts", "notes", "events")}
    return {
        "task": entry,
        "status": "not taken in yet",
        **nothing,
        **empty,
        "gate": {},
        "used": "",
        "why": why,
        "next": steps,
        "needs_you": False,
    }
