"""A plan as people read it, and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mosaic_daemon.cli.render import Section
from mosaic_daemon.nouns.figures import tokens_text
from mosaic_daemon.planning.papers.graph import mermaid
from mosaic_daemon.views import text
from mosaic_daemon.views.budget import budget_document, choices
from mosaic_daemon.views.snapshot import PROGRAM, daemon_of

if TYPE_CHECKING:
    from mosaic_daemon.ground.layout import Layout
    from mosaic_daemon.nouns.budget import Budget
    from mosaic_daemon.planning.bootstrap import Outcome, Proposed
    from mosaic_daemon.planning.plan import Plan, PlannedTask

HANDSHAKE = "Now initiating Orchestrator mode..."
_LEFT = 20
_NEEDS = 6


def sections(proposal: Proposed, outcome: Outcome | None = None) -> Iterator[Section]:
    """The plan; of an archived table only that it is taken back."""
    record = outcome.record if outcome else proposal.record
    if record is None or proposal.budget is None:
        archive = proposal.archive
        yield Section([["Resumed", f"{archive.path}, {text.count(archive.rows, 'task')}"]] if archive else [])
        return
    plan = record.plan
    yield Section([["Report", _report(plan)], ["Milestone", _milestone(plan)], ["Budget", proposal.budget.line]])
    by_id = {each.task.id: each for each in plan.tasks}
    for phase in plan.phases:
        issue = f", issue {phase.issue}" if phase.issue else ""
        rows = [_row(by_id[name]) for name in phase.tasks]
        yield Section(rows, f"Phase {phase.number}: {phase.title} ({phase.branch}{issue})")
    if plan.remarks:
        lines = [f"{each.source}: {each.message}" if each.source else each.message for each in plan.remarks]
        yield Section(_some(lines), "Worth a look", loud=True)
    if plan.leftovers:
        lines = [f"{each.source}: {each.reason}: {text.one_line(each.text, 100)}" for each in plan.leftovers]
        yield Section(_some(lines), "Not placed", loud=True)


def details(proposal: Proposed) -> Iterator[Section]:
    """Why the estimates are what they are, and the graph."""
    if proposal.record is None:
        return
    plan = proposal.record.plan
    rows = [[each.task.id, tokens_text(each.tokens), _reasons(each)] for each in plan.tasks if each.reasons]
    yield Section(rows, "Estimates")
    yield Section([[line] for line in mermaid(plan).splitlines()], "Dependencies (Mermaid)", verbatim=True)


def over(budget: Budget) -> Section:
    return Section([[line] for line in choices(budget)], "Over budget: nothing was made; choose one", loud=True)


def would_make(proposal: Proposed, provider: str) -> Iterator[Section]:
    """The issues that are not there yet."""
    if new := new_issues(proposal, provider):
        rows = [[issue["title"], ", ".join(issue["labels"])] for issue in new]
        yield Section(rows, f"Would make on {provider}, with the milestone {new[0]['milestone']}")


def new_issues(proposal: Proposed, provider: str) -> list[dict[str, Any]]:
    """Title, labels and milestone of each. Without a forge there are none: the table is the record."""
    if proposal.record is None or provider == "internal":
        return []
    plan = proposal.record.plan
    return [
        {
            "title": f"Phase {phase.number}: {phase.title}",
            "labels": list(phase.labels),
            "milestone": plan.milestone.title,
        }
        for phase in plan.phases
        if not phase.issue or phase.issue.startswith("TASKS:")
    ]


def would_write(paths: Sequence[str]) -> Section:
    if not paths:
        return Section([["everything is as this plan says: nothing would be written"]])
    return Section([[path] for path in paths], "Would write and commit")


def done(outcome: Outcome, layout: Layout, budget: Budget | None) -> Section:
    """What was done, and what comes next."""
    rows = [["Committed", f"{outcome.commit[:12]}: {', '.join(outcome.changed)}"]] if outcome.commit else []
    if outcome.unpushed:
        remedy = "push it, or have it merged by a pull request; then run bootstrap again: nothing is doubled"
        rows += [["Not pushed", outcome.unpushed], ["Next", remedy]]
        return Section(rows, loud=True)
    if not rows:
        rows = [["Committed", "nothing: everything was as the report says"]]
    daemon = daemon_of(layout)
    if budget is not None and not budget.slots:
        rows += [["Next", "nothing is started before one of these is chosen"], *(["", way] for way in choices(budget))]
        return Section(rows, loud=True)
    if daemon["running"]:
        rows.append(["Next", f"the daemon (pid {daemon['pid']}) takes it from here: `{PROGRAM} status --watch`"])
    else:
        rows.append(["Next", f"`{PROGRAM} run` delivers it"])
    return Section(rows)


def document(proposal: Proposed, outcome: Outcome | None = None) -> dict[str, Any]:
    """The plan as `--json` prints it."""
    record = outcome.record if outcome else proposal.record
    archive = {"path": proposal.archive.path, "resumed": proposal.resumes} if proposal.archive else None
    if record is None or proposal.budget is None:
        return {"plan": None, "archive": archive}
    plan = record.plan
    return {
        "plan": asdict(plan) | {"graph": mermaid(plan), "tokens": plan.tokens},
        "budget": budget_document(proposal.budget),
        "quality_gates": record.quality_gates or None,
        "archive": archive,
    }


def _report(plan: Plan) -> str:
    severities = Counter(each.severity.value for each in plan.findings)
    parts = ", ".join(f"{number} {name}" for name, number in severities.items())
    left = f"; {text.count(len(plan.leftovers), 'entry', 'entries')} not placed" if plan.leftovers else ""
    return f"{plan.report}: {text.count(len(plan.findings), 'finding')} ({parts}){left}"


def _milestone(plan: Plan) -> str:
    milestone = plan.milestone
    name = f" ({milestone.name})" if milestone.name else ""
    total = f"{text.count(len(plan.tasks), 'task')}, about {tokens_text(plan.tokens)} tokens"
    return f"{milestone.version}{name}, {total}, ids {milestone.prefix}-…"


def _row(each: PlannedTask) -> list[str]:
    task = each.task
    return [task.id, tokens_text(each.tokens), f"{text.one_line(task.description, 90)}{_after(task.depends_on)}"]


def _after(needs: Sequence[str]) -> str:
    if not needs:
        return ""
    more = f" and {len(needs) - _NEEDS} more" if len(needs) > _NEEDS else ""
    return f"  after {', '.join(needs[:_NEEDS])}{more}"


def _reasons(each: PlannedTask) -> str:
    return " + ".join(f"{tokens_text(reason.tokens)} ({reason.why})" for reason in each.reasons)


def _some(lines: Sequence[str]) -> list[list[str]]:
    more = len(lines) - _LEFT
    return [[line] for line in lines[:_LEFT]] + ([[f"and {more} more: see --json"]] if more > 0 else [])
