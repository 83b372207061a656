"""One issue for each phase, as the guide writes it. A marker in its body keeps a second one from being made."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from mosaic_daemon.forges.base import IssueText
from mosaic_daemon.forges.desk import Desk
from mosaic_daemon.forges.texts import as_markdown, without_pings
from mosaic_daemon.ground import templates
from mosaic_daemon.planning.plan import Milestone, Phase, Plan, PlannedTask

_TEMPLATE = "orchestrator/phase-issue-body.md.template"
_INTERNAL = "TASKS:"
_LONGEST_LINE = 300
_LONGEST_LIST = 50_000  # GitHub takes bodies of 65,536 characters, and a script's argument has an end too


async def filed(
    plan: Plan,
    desk: Desk,
    *,
    known: Plan | None = None,
    values: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> dict[int, str]:
    """The issue of each phase by the phase's number; made where it is neither known nor found.

    Args:
        known: the plan that its issues were made for: what has been found since becomes a comment.
        values: template variables beside the phase's own, such as `CURRENT_DATETIME`.
        folder: where templates are looked for first, or None.

    Raises:
        InputError: the template names a variable that does not exist.
        Unavailable, Rejected, Refused: as `Desk.create_issue`; what is made until then is found the next time.
    """
    texts = {phase.number: text_of(phase, plan, values=values, folder=folder) for phase in plan.phases}
    issues: dict[int, str] = {}
    for phase in plan.phases:
        if not phase.issue or phase.issue.startswith(_INTERNAL):
            issues[phase.number] = await desk.create_issue(texts[phase.number])
            continue
        issues[phase.number] = phase.issue
        if known is not None and (found := _found_since(known, phase, plan)):
            marker = _marker_of_comment(plan.milestone, phase.number, found)
            await desk.comment(phase.issue, f"Found since:\n\n{_listed(found)}\n\n{marker}\n", marker)
    return issues


def text_of(
    phase: Phase, plan: Plan, *, values: Mapping[str, str] | None = None, folder: Path | None = None
) -> IssueText:
    """The issue of a phase. Raises InputError as `filed` does."""
    milestone = plan.milestone
    marker = marker_of(milestone, phase.number)
    findings = _listed(_of_findings(phase, plan))
    own = {
        "PROJECT": as_markdown(milestone.project),
        "MILESTONE": as_markdown(milestone.title),
        "TASK_PREFIX": milestone.prefix,
        "PHASE": str(phase.number),
        "PHASE_TITLE": as_markdown(phase.title),
        "PHASE_BRANCH": phase.branch,
        "PHASE_ISSUE": phase.issue,
        "PHASE_MARKER": marker,
        "SEVERITY": phase.severity.value,
        "FINDINGS": findings,
    }
    body = templates.fill(_TEMPLATE, {**(values or {}), **own}, folder=folder, strict=True).strip()
    # A person's own template may know nothing of these two.
    for needed in (findings, marker):
        body = body if needed in body else f"{body}\n\n{needed}"
    title = without_pings(f"Phase {phase.number}: {phase.title}")
    return IssueText(title, f"{body}\n", phase.labels, " ".join(milestone.title.split()), marker)


def marker_of(milestone: Milestone, number: int) -> str:
    """What the issue of a phase is found again by: `<!-- mosaic-phase:widget/0.0.1/P1 -->`."""
    return f"<!-- mosaic-phase:{_word(milestone.project)}/{_word(milestone.version)}/P{number} -->"


def _word(text: str) -> str:
    """Without anything that ends a comment, or parts the marker."""
    return re.sub(r"[^\w.]+", "-", text).strip("-") or "-"


def _marker_of_comment(milestone: Milestone, number: int, found: Sequence[PlannedTask]) -> str:
    names = hashlib.sha256(" ".join(each.task.id for each in found).encode()).hexdigest()[:12]
    return f"{marker_of(milestone, number).removesuffix(' -->')}/{names} -->"


def _found_since(known: Plan, phase: Phase, plan: Plan) -> list[PlannedTask]:
    before = {name for each in known.phases if each.number == phase.number for name in each.tasks}
    return [each for each in _of_findings(phase, plan) if each.task.id not in before]


def _of_findings(phase: Phase, plan: Plan) -> list[PlannedTask]:
    """The phase's tasks that mend a finding."""
    tasks = {each.task.id: each for each in plan.tasks}
    return [tasks[name] for name in phase.tasks if name in tasks and tasks[name].fingerprint]


def _listed(tasks: Sequence[PlannedTask]) -> str:
    lines = [f"- {as_markdown(_cut(each.task.description))}" for each in tasks]
    shown, length = 0, 0
    while shown < len(lines) and length + len(lines[shown]) < _LONGEST_LIST:
        length += len(lines[shown]) + 1
        shown += 1
    if shown < len(lines):
        lines[shown:] = [f"- and {len(lines) - shown} more, see `docs/TASKS.md`"]
    return "\n".join(lines) or "- none"


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_LINE else f"{text[: _LONGEST_LINE - 1].rstrip()}…"
