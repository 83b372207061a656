"""What a report of CI means for a gate that has waited for it so long. Nothing heard is never green."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from mosaic_daemon.forges.base import CiReport, Verdict
from mosaic_daemon.nouns.gate import Hold
from mosaic_daemon.stages.gate.policy import GatePolicy


@dataclass(frozen=True, slots=True)
class Passed:
    evidence: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Waiting:
    hold: Hold


@dataclass(frozen=True, slots=True)
class Red:
    """`message`: names the red jobs."""

    message: str


@dataclass(frozen=True, slots=True)
class Stuck:
    """It will not come by waiting. `code`: `ci_timeout` or `ci_never_started`."""

    code: str
    message: str


Meaning = Passed | Waiting | Red | Stuck
DECLARED_NONE: Mapping[str, Any] = {"verdict": "absent", "checks": [], "detail": "`gate.ci` is `none`"}


def of_commit(report: CiReport, waited: timedelta, policy: GatePolicy) -> Meaning:
    """CI of the commit on the base branch: this is what `done` rests on."""
    if report.verdict is Verdict.SILENT and waited < policy.first_run:
        return Waiting(Hold("no check of the merge commit was heard of yet"))
    if report.verdict is Verdict.SILENT and report.expected:
        problem = f"CI never started in {_minutes(waited)}, and {report.expected} says it should"
        return Stuck("ci_never_started", problem)
    if report.verdict in (Verdict.SILENT, Verdict.ABSENT) and policy.ci == "required":
        return Stuck("ci_never_started", "CI never started, and `gate.ci` is `required`")
    return _ended(report, waited, policy.ci_timeout, "CI of the merge commit")


def of_change(report: CiReport, waited: timedelta, policy: GatePolicy) -> Meaning:
    """The change's own CI: it must be green where there is any."""
    if report.verdict is Verdict.SILENT and report.expected and waited < policy.first_run:
        return Waiting(Hold("no check of the change was heard of yet"))
    if report.verdict in (Verdict.SILENT, Verdict.ABSENT) and policy.change_ci == "required":
        return Stuck("ci_never_started", "the change's CI never started, and `gate.change_ci` is `required`")
    return _ended(report, waited, policy.ci_timeout, "its CI")


def of_base(report: CiReport, waited: timedelta, policy: GatePolicy) -> Meaning:
    """The queue of the base branch."""
    if report.verdict is Verdict.SILENT and waited < policy.first_run:
        return Waiting(Hold("no check of the base branch was heard of yet"))
    meaning = _ended(report, waited, policy.queue_timeout, "CI of the base branch")
    return replace(meaning, code="queue_timeout") if isinstance(meaning, Stuck) else meaning


def evidence(report: CiReport) -> dict[str, Any]:
    verdict = Verdict.ABSENT if report.verdict is Verdict.SILENT else report.verdict
    checks = [{"name": check.name, "state": check.state, "url": check.url} for check in report.checks]
    seen = {"verdict": verdict.value, "checks": checks, "detail": report.detail}
    return {**seen, "judged": report.judged} if report.judged else seen


def _ended(report: CiReport, waited: timedelta, limit: timedelta, what: str) -> Meaning:
    if report.verdict is Verdict.RED:
        return Red(f"{what} is red: {_names(report)}")
    if report.verdict is not Verdict.PENDING:
        return Passed(evidence(report))
    if waited >= limit:
        return Stuck("ci_timeout", f"{what} has not ended within {_minutes(limit)}: {_names(report)}")
    return Waiting(Hold(f"{what} is still running"))


def _names(report: CiReport) -> str:
    return ", ".join(f"{check.name} ({check.state})" for check in report.checks) or "no check named"


def _minutes(span: timedelta) -> str:
    return f"{span.total_seconds() / 60:.3g} min"
