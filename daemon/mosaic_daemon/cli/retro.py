"""The retrospective: what finished tasks took against their estimates, by task type and by phase, the patterns in it,
and factors that would make the next estimates better. Nothing is changed unless --apply or --export says so.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mosaic_daemon.cli import context, render
from mosaic_daemon.cli.render import Section
from mosaic_daemon.nouns.figures import tokens_text
from mosaic_daemon.views import text
from mosaic_daemon.views.snapshot import PROGRAM

if TYPE_CHECKING:
    from mosaic_daemon.ground.layout import Layout
    from mosaic_daemon.planning.learning.export import Milestone
    from mosaic_daemon.planning.learning.retrospect import Group, Retrospective
    from mosaic_daemon.planning.plan import Plan


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--phase", metavar="N", type=int, help="this phase alone")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    parser.add_argument(
        "--apply", action="store_true", help="let the next bootstrap estimate with the proposed factors"
    )
    parser.add_argument(
        "--export", action="store_true", help="add the milestone to ~/.config/mosaic/guides/ORCHESTRATOR-LEARNINGS.md"
    )


def execute(options: argparse.Namespace) -> int:
    from mosaic_daemon.planning.learning.retrospect import retrospective
    from mosaic_daemon.planning.learning.samples import gathered
    from mosaic_daemon.planning.papers import heuristics, record

    if options.phase is not None and (options.apply or options.export):
        raise context.Usage("--apply and --export are about all tasks: leave --phase out")
    layout = context.layout_of(options)
    known = record.read(layout.repo)
    plan = known.plan if known else None
    factors = heuristics.read(layout.repo)
    samples, unmeasured = gathered(layout, plan, options.phase)
    found = retrospective(samples, factors, unmeasured)
    applied = options.apply and _apply(layout, found)
    exported = options.export and _export(found, _milestone(options, layout, plan))
    if options.json:
        context.show_json({"phase": options.phase, **found.as_dict(), "applied": applied, "exported": exported})
    else:
        render.show([*_sections(found), *_done(options, applied=applied, exported=exported)])
    return 0


def _apply(layout: Layout, found: Retrospective) -> bool:
    from mosaic_daemon.planning.learning.retrospect import accepted
    from mosaic_daemon.planning.papers import heuristics

    if found.proposals:
        heuristics.write(layout.repo, accepted(found.proposals, heuristics.read(layout.repo)))
    return bool(found.proposals)


def _export(found: Retrospective, milestone: Milestone) -> bool:
    from mosaic_daemon.planning.learning import export

    return found.total is not None and export.exported(found, milestone, export.FILE, text.utc_now().date())


def _milestone(options: argparse.Namespace, layout: Layout, plan: Plan | None) -> Milestone:
    from mosaic_daemon.planning.learning.export import Milestone

    if plan is not None:
        version, name = plan.milestone.version, plan.milestone.name
        return Milestone(plan.milestone.project, f"{version} {name}".strip())
    settings = context.settings_of(options, layout)
    return Milestone(layout.repo.name, settings.milestone.name or "without a milestone")


def _sections(found: Retrospective) -> Iterator[Section]:
    if found.total is None:
        yield Section([["no finished task has both an estimate and a known use of tokens"]])
        return
    head = ["", "tasks", "estimated", "actual", "variance"]
    yield Section([head, *map(_row, found.types), _row(found.total)], "By task type")
    yield Section([head, *map(_row, found.phases)], "By phase")
    if found.unmeasured:
        yield Section([[f"{text.count(found.unmeasured, 'more task')} without an estimate or a known use"]])
    if found.patterns:
        yield Section([[each] for each in found.patterns], "Patterns")
    if found.proposals:
        rows: list[list[str]] = [[each.line] for each in found.proposals]
        yield Section(rows, "Proposed factors on the planner's estimates")


def _done(options: argparse.Namespace, **done: Any) -> Iterator[Section]:
    from mosaic_daemon.planning.learning.export import FILE
    from mosaic_daemon.planning.papers.heuristics import ESTIMATES

    if options.apply:
        written = f"{ESTIMATES} is written; the next `{PROGRAM} bootstrap` estimates with it and commits it"
        yield Section([[written if done["applied"] else "nothing to apply: no factor is proposed"]])
    if options.export:
        there = f"{FILE} has a section of this milestone already, or nothing was measured; it is not touched"
        yield Section([[f"added to {FILE}" if done["exported"] else there]])


def _row(group: Group) -> list[str]:
    figures = (tokens_text(group.estimate), tokens_text(group.used))
    return [group.name, str(group.tasks), *figures, f"{group.percent:+d}%"]
