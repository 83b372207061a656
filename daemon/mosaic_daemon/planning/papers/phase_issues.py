"""One issue for each phase, as the guide writes it. A marker in its body keeps a second one from being made."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from mosaic_daemon.forges.base import IssueText
from mosaic_daemon.forges.desk import Desk
from mosaic_daemon.forges.texts import as_markdown, without_pings
from mosaic_daemon.ground import templates
from mosaic_daemon.planning.plan import Milestone, Phase, Plan

_TEMPLATE = "orchestrator/phase-issue-body.md.template"
_INTERNAL = "TASKS:"
_LONGEST_LINE = 300
_LONGEST_LIST = 50_000  # GitHub takes bodies of 65,536 characters, and a script's argument has an end too


async def filed(
    plan: Plan, desk: Desk, *, values: Mapping[str, str] | None = None, folder: Path | None = None
) -> dict[int, str]:
    """The issue of each phase by the phase's number; made where it is neither known nor found.

    Args:
        values: template variables beside the phase's own, such as `CURRENT_DATETIME`.
        folder: where templates are looked for first, or None.

    Raises:
        InputError: the template names a variable that does not exist.
        Unavailable, Rejected, Refused: as `Desk.create_issue`; what is made until then is found the next time.
    """
    texts = {phase.number: text_of(phase, plan, values=values, folder=folder) for phase in plan.phases}
    issues = {phase.number: phase.issue for phase in plan.phases}
    for number, issue in issues.items():
        if not issue or issue.startswith(_INTERNAL):
            issues[number] = await desk.create_issue(texts[number])
    return issues


def text_of(
    phase: Phase, plan: Plan, *, values: Mapping[str, str] | None = None, folder: Path | None = None
) -> IssueText:
    """The issue of a phase. Raises InputError as `filed` does."""
    milestone = plan.milestone
    marker = marker_of(milestone, phase.number)
    findings = _findings(phase, plan)
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


def _findings(phase: Phase, plan: Plan) -> str:
    tasks = {each.task.id: each for each in plan.tasks}
    found = [tasks[name].task.description for name in phase.tasks if name in tasks and tasks[name].fingerprint]
    lines = [f"- {as_markdown(_cut(text))}" for text in found]
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
