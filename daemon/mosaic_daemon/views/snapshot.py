"""What is true of a repository now, from its lock, its ledger, its queue's file and its daemon's own answer.

Nothing here takes a lock or starts anything. Imports stay light: `status` is asked often, by people and by scripts.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from mosaic_daemon.ground import controlsocket, instance
from mosaic_daemon.ground.errors import InputError, MosaicError
from mosaic_daemon.ground.layout import Layout
from mosaic_daemon.store.reader import LedgerReader, Row
from mosaic_daemon.views import release, text
from mosaic_daemon.views.budget import budget_document, budget_of, configured_cap

PROGRAM = "mosaic-orchestrator"
_STATUSES = ("not-started", "in-progress", "needs-qa", "blocked", "failed", "done", "deferred")
_ANSWER_SEC = 2.0


OpenLedger = Callable[[], AbstractContextManager[LedgerReader]]


def overview(
    layout: Layout,
    now: datetime,
    *,
    criteria: bool = False,
    daemon: Mapping[str, Any] | None = None,
    look: OpenLedger | None = None,
) -> dict[str, Any]:
    """Everything `status` shows, as one JSON document.

    Args:
        criteria: with the stopping criteria, which cost more.
        daemon: what `daemon_of` says, where it is known.
        look: opens the ledger, if not a reader of its own does.
    """
    daemon = daemon or daemon_of(layout)
    shown: dict[str, Any] = {
        "repository": str(layout.repo),
        "prepared": layout.state.is_dir(),
        "at": now.isoformat(timespec="seconds"),
        "daemon": daemon,
        "slots": {"used": 0, "of": daemon["max_workers"]},
        "tasks": {"total": 0, "by_status": {}, "by_phase": []},
        **dict.fromkeys(("at_work", "reviews", "gates", "held_runtimes", "attention", "problems", "notices"), ()),
        "budget": None,
        "release": None,
        "milestone": "",
        "deadlock": None,
        "queue_file": queue_file(layout),
    }
    try:
        with look() if look else LedgerReader(layout.ledger) as ledger:
            _add_ledger(shown, ledger, now)
            shown["milestone"] = release.line(layout, shown["release"], shown["tasks"]["by_status"])
            if budget := budget_of(layout, ledger.spending(), configured_cap(layout)):
                shown["budget"] = budget_document(budget)
    except FileNotFoundError:
        pass
    except MosaicError as error:
        shown["problems"] = [error.line]
    shown["problems"] = [*shown["problems"], *daemon["degraded"]]
    if shown["queue_file"]["problem"]:
        shown["problems"].append(f"{shown['queue_file']['problem']}; nothing new is started until it is mended")
    if criteria:
        shown["stopping"] = _stopping(layout, shown)
    return shown


def _stopping(layout: Layout, shown: Mapping[str, Any]) -> dict[str, Any]:
    from mosaic_daemon.views import criteria

    try:
        with LedgerReader(layout.ledger) as ledger:
            return criteria.judged(layout, shown, ledger)
    except (FileNotFoundError, MosaicError):
        return criteria.judged(layout, shown, None)


def daemon_of(layout: Layout) -> dict[str, Any]:
    """Who holds the repository and what it says of itself.

    `running`: a daemon does. `answers`: on its socket, too. `what`: who else holds it, such as `retry`.
    """
    found = unknown_daemon()
    holder = instance.holder(layout.lock)
    if holder is None:
        return found
    found |= {name: holder.get(name) for name in ("what", "pid", "since")}
    found["running"] = holder.get("what") == "daemon"
    try:
        about = controlsocket.call(layout.socket, "about", timeout_sec=_ANSWER_SEC)
    except (OSError, MosaicError):
        return found
    return answering(about, found)


def unknown_daemon() -> dict[str, Any]:
    """What is known of a daemon before it is asked."""
    return {
        "running": False,
        **dict.fromkeys(("what", "pid", "since"), None),
        "answers": False,
        "draining": False,
        "degraded": [],
        "sessions": [],
        "max_workers": None,
    }


def answering(about: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """What is known of a daemon that has told this of itself."""
    told = {name: about[name] for name in found.keys() & about.keys()}
    return {**found, **told, "running": True, "answers": True}


def queue_file(layout: Layout) -> dict[str, Any]:
    """What stands in `tasks.json` and is not in the ledger yet.

    Returns:
        `problem`: why the file cannot be read, or None. `added`, `changed`, `removed`: ids. `unusable`: a line for each
        entry that is no task.
    """
    found: dict[str, Any] = {"problem": None, "added": [], "changed": [], "removed": [], "unusable": []}
    published = layout.history / "tasks.base"
    try:
        if layout.tasks.read_bytes() == (published.read_bytes() if published.exists() else None):
            return found
    except FileNotFoundError:
        return found
    except OSError as error:
        return found | {"problem": f"{layout.tasks}: {error.strerror}"}
    # Only an edited file costs the import of the models.
    from mosaic_daemon.ground import atomicfile
    from mosaic_daemon.tracking import merge, queuefile

    try:
        data = atomicfile.read_untrusted(layout.tasks, max_bytes=queuefile.MAX_BYTES)
        file = queuefile.parse(data, source=str(layout.tasks))
        base = queuefile.parse(published.read_bytes(), source=str(published)) if published.exists() else None
    except FileNotFoundError:
        return found
    except InputError as error:
        return found | {"problem": error.line}
    changes = merge.diff(base.by_id if base else {}, file.by_id)
    return found | {
        "added": list(changes.added),
        "changed": list(changes.changed),
        "removed": list(changes.removed),
        "unusable": [f"{layout.tasks}:{each.line}: entry {each.position} {each.message}" for each in file.problems],
    }


def deadlock(ledger: LedgerReader) -> dict[str, Any] | None:
    """The last report that nothing can start, unless something has moved since."""
    for event in reversed(ledger.events(task="", kinds=("reported",), newest=200)):
        if event.body.get("topic") == "deadlock":
            if ledger.moved_since(event.seq):
                return None
            return {"at": event.at, "message": event.body["message"], "tasks": event.body.get("details") or {}}
    return None


def step_since(ledger: LedgerReader, row: Row) -> str:
    """Since when a gate stands on its step."""
    moves = ("gate-stepped", "gate-rewound", "gate-resumed", "result-accepted")
    moved = ledger.events(task=row["task"]["id"], kinds=moves, newest=1)
    return str(moved[0].at if moved else row["state"]["gate"]["opened_at"])


def help_for(row: Row) -> str:
    """The command that takes a stopped task further, or shows why it stopped."""
    task = row["task"]["id"]
    failure = (row["state"].get("failure") or {}).get("kind")
    if row["status"] == "failed" or failure in ("worker", "lost"):
        return f"{PROGRAM} logs {task}"
    if failure == "person":
        return f"{PROGRAM} retry {task}"
    return f"{PROGRAM} explain {task}"


def _add_ledger(shown: dict[str, Any], ledger: LedgerReader, now: datetime) -> None:
    progress = ledger.progress()
    shown["tasks"] = _counted(progress)
    live = ledger.rows("in-progress")
    at_work = [row for row in live if row["state"]["kind"] in ("dispatching", "running")]
    shown["slots"]["used"] = len(at_work)
    shown["at_work"] = [_working(row) for row in at_work]
    shown["reviews"] = [_reviewing(row) for row in live if row["state"]["kind"] == "reviewing"]
    shown["gates"] = [_gating(row, step_since(ledger, row)) for row in live if row["state"]["kind"] == "gating"]
    shown["attention"] = [_stopped(row) for row in ledger.rows("blocked", "failed", "needs-qa")]
    system, _ = ledger.system()
    for each in shown["tasks"]["by_phase"]:
        each["stage"] = system.get("phases", {}).get(str(each["phase"]), {}).get("stage", "bulk")
    shown["release"] = system.get("release")
    shown["held_runtimes"] = [
        {"runtime": runtime, "reason": hold["reason"], "until": hold["until"]}
        for runtime, hold in system["holds"].items()
        if text.ahead(hold["until"], now)
    ]
    if not shown["daemon"]["draining"]:
        shown["deadlock"] = deadlock(ledger)
    shown["notices"] = _notices(ledger, shown["daemon"]["since"])


def _counted(progress: Mapping[tuple[int | None, str], int]) -> dict[str, Any]:
    by_status: Counter[str] = Counter()
    phases: defaultdict[int | None, Counter[str]] = defaultdict(Counter)
    for (phase, status), number in progress.items():
        by_status[status] += number
        phases[phase][status] += number
    return {
        "total": by_status.total(),
        "by_status": _in_order(by_status),
        "by_phase": [
            {"phase": phase, "total": counts.total(), "by_status": _in_order(counts)}
            for phase, counts in sorted(phases.items(), key=lambda pair: (pair[0] is None, pair[0]))
        ],
    }


def _in_order(counts: Mapping[str, int]) -> dict[str, int]:
    return {status: counts[status] for status in _STATUSES if counts.get(status)}


def _working(row: Row) -> dict[str, Any]:
    state = row["state"]
    return {
        "task": row["task"]["id"],
        "description": row["task"]["description"],
        "stage": state["kind"],
        "attempt": f"{row['task']['id']}.{state['attempt']['fence']}",
        "agent": row["agent"],
        "worker": state.get("worker", ""),
        "since": state.get("since"),
        "stopping": state.get("stopping", ""),
    }


def _reviewing(row: Row) -> dict[str, Any]:
    review = row["state"]["review"]
    return {
        "task": row["task"]["id"],
        "description": row["task"]["description"],
        "aspects": review["aspects"],
        "round": review["round"],
        "head_sha": review["head_sha"],
        "since": review["opened_at"],
        "hold": review["hold"],
        "attempt": f"{row['task']['id']}.{row['state']['attempt']['fence']}",
    }


def _gating(row: Row, since: str) -> dict[str, Any]:
    gate = row["state"]["gate"]
    return {
        "task": row["task"]["id"],
        "description": row["task"]["description"],
        "step": gate["step"],
        "since": since,
        "hold": gate["hold"],
        "attempt": gate["id"],
    }


def _stopped(row: Row) -> dict[str, Any]:
    failure = row["state"].get("failure") or {}
    return {
        "task": row["task"]["id"],
        "status": row["status"],
        "step": failure.get("step", ""),
        "reason": failure.get("message", ""),
        "help": help_for(row),
    }


def _notices(ledger: LedgerReader, since: str | None) -> list[dict[str, str]]:
    """The newest report of each topic since the daemon started, or ever when none runs; the deadlock stands apart."""
    newest: dict[str, dict[str, str]] = {}
    for event in ledger.events(task="", kinds=("reported",), newest=200):
        topic = event.body.get("topic", "")
        if topic not in ("deadlock", "tasks.json") and (since is None or event.at >= since):
            newest.pop(topic, None)
            newest[topic] = {"at": event.at, "topic": topic, "message": event.body["message"]}
    return list(newest.values())
