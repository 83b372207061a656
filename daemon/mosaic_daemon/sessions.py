"""What attached agent sessions ask of a running daemon, and what they are told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mosaic_daemon import commands
from mosaic_daemon.ground.errors import InputError
from mosaic_daemon.nouns.record import Blocked, Failed, NeedsQa, NotStarted, Record
from mosaic_daemon.nouns.task import OVER
from mosaic_daemon.parts import Parts
from mosaic_rails.base import Errand
from mosaic_rails.native.inbox import described
from mosaic_rails.native.rail import Answer, NativeRail
from mosaic_rails.native.sessions import Session

_MOST_RESULT_CHARS = 16_000


def answer(parts: Parts, args: Mapping[str, Any]) -> dict[str, Any]:
    """Do what a session asks for: `op` names it, `session` says who asks.

    Every answer holds `checkpoint`: what the session is to do because its context is nearly full, or an empty text.

    Raises:
        InputError: the request is none, or the task is not known.
    """
    native = parts.lines.native
    if native is None:
        raise InputError("this daemon has no native rail")
    name, op = _text(args, "session", 128), _text(args, "op", 40)
    if not name:
        raise InputError("a session has to name itself")
    if op == "leave":
        native.leave(name)
        return {"checkpoint": ""}
    session = native.attach(name, _text(args, "agent", 200), _percent(args.get("context")))
    return {**_done(parts, native, session, op, args), "checkpoint": session.request}


def attached(parts: Parts) -> list[dict[str, Any]]:
    """The sessions that are there, for people and programs."""
    native = parts.lines.native
    if native is None:
        return []
    return [
        {
            "session": each.id,
            "agent": each.agent,
            "since": each.since.isoformat(timespec="seconds"),
            "context": each.context,
            "takes_tasks": each.takes_tasks,
            "attempts": [row.attempt for row in native.held_by(each.id)],
        }
        for each in native.sessions.alive()
    ]


def _done(parts: Parts, native: NativeRail, session: Session, op: str, args: Mapping[str, Any]) -> dict[str, Any]:
    attempt = _text(args, "attempt", 128)
    match op:
        case "attach" | "list":
            return _overview(parts, native, session)
        case "claim":
            return _claimed(native.claim(session, attempt))
        case "prompt":
            return _claimed(Answer(_held(native, session, attempt)))
        case "renew":
            rows = native.held_by(session.id)
            names = [row.attempt for row in rows if attempt in ("", row.attempt)] or [attempt] * bool(attempt)
            answers = {each: native.renew(session.id, each, _text(args, "note", 400)) for each in names}
            return {"renewed": {each: _said(told, "renewed") for each, told in answers.items()}}
        case "submit":
            if not attempt:
                attempt = _held(native, session, attempt).attempt
            told = native.submit(session.id, attempt, _text(args, "result", _MOST_RESULT_CHARS))
            return {"attempt": attempt, "refused": told.refusal, "said": _said(told, "taken in, it is judged now")}
        case "why":
            return _why(parts, commands.find(parts, attempt.rpartition(".")[0] or attempt))
        case _:
            raise InputError(f"sessions cannot ask for {op!r}")


def _overview(parts: Parts, native: NativeRail, session: Session) -> dict[str, Any]:
    lease = native.lease_sec
    return {
        "waiting": [{"attempt": each.attempt, "task_id": each.task} for each in native.waiting()],
        "yours": [row.attempt for row in native.held_by(session.id)],
        "takes_tasks": session.takes_tasks,
        "lease_sec": lease,
        "silence_sec": max(parts.place.worker.stall_sec, lease),
        "tasks": [_line(record) for record in parts.ledger.listed() if record.status not in OVER][:50],
    }


def _line(record: Record) -> dict[str, Any]:
    task = record.task
    return {"id": task.id, "status": record.status, "stage": record.stage, "description": task.description[:200]}


def _claimed(told: Answer) -> dict[str, Any]:
    errand = told.errand
    if errand is None:
        return {"attempt": None, "refused": told.refusal}
    return {**described(errand), "refused": ""}


def _held(native: NativeRail, session: Session, attempt: str) -> Errand:
    """The attempt of this name that the session has; its only one where it names none."""
    held = [row.errand for row in native.held_by(session.id) if attempt in ("", row.attempt, row.errand.task)]
    if len(held) != 1:
        which = f"`{attempt}`" if attempt else "exactly one attempt"
        raise InputError(f"you do not have {which}", remedy="claim a task, and name its attempt")
    return held[0]


def _why(parts: Parts, record: Record) -> dict[str, Any]:
    """Why a task is where it is, line by line."""
    reasons: list[str] = []
    match record.state:
        case NotStarted():
            reasons = parts.schedule.why(record.id, parts.ledger.system, parts.clock.now())
            reasons = reasons or ["only a free slot is missing"]
        case Blocked(failure=failure) | Failed(failure=failure) | NeedsQa(failure=failure):
            reasons = [f"{failure.step}: {failure.message}"]
            reasons += [f"command: {failure.command}"] if failure.command else []
        case _:
            hold = record.hold
            reasons = [hold.reason] if hold is not None else []
    return {**_line(record), "why": reasons, "notes": list(record.notes[-10:])}


def _said(told: Answer, well: str) -> str:
    return told.refusal or (f"stop: {told.stop}" if told.stop else well)


def _text(args: Mapping[str, Any], name: str, most: int) -> str:
    value = args.get(name) or ""
    if not isinstance(value, str) or len(value) > most:
        raise InputError(f"`{name}` is no text of at most {most:,} characters")
    return value


def _percent(value: object) -> int | None:
    if value is None:
        return None
    if type(value) is not int or not 0 <= value <= 100:
        raise InputError("`context` is a whole number of percent, 0 to 100")
    return value
