"""From a review report to a planned milestone: tasks with estimates and dependencies in docs/TASKS.md, an issue for
each phase, a budget; committed, pushed, and in the daemon's queue. Nothing is asked that a safe default can answer.

Running it again, also with an edited report, adds what is new, updates what changed and doubles nothing. --dry-run
shows the whole plan and changes nothing.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mosaic_daemon.cli import context, render
from mosaic_daemon.views import text
from mosaic_daemon.views.snapshot import PROGRAM

if TYPE_CHECKING:
    from mosaic_daemon.ground.layout import Layout
    from mosaic_daemon.ground.settings import Settings
    from mosaic_daemon.planning.bootstrap import Outcome, Proposed, Wish
    from mosaic_daemon.planning.kickstart import Kickstart
    from mosaic_daemon.planning.papers.files import Project
    from mosaic_daemon.repository.checkout import Checkout

_LOCK_SEC = 2.0
_ATTENTION = 3


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "report", metavar="REPORT_DIR", nargs="?", type=Path, help="the report: its folder, or one file"
    )
    parser.add_argument("--kickstart", metavar="FILE", type=Path, help="take project, report and the rest from a file")
    parser.add_argument("--prefix", metavar="MS", help="how task ids begin (default: from the project's name)")
    parser.add_argument("--milestone", metavar="0.0.1", help="version, name, or both (default: the next 0.0.x)")
    parser.add_argument("--mvp", action="store_true", help="this milestone is the MVP: its version may be 0.1.0")
    parser.add_argument("--improve-prd", action="store_true", help="have a worker go over docs/PRD.md first")
    parser.add_argument("--budget", metavar="500K", help="tokens the work may take (default: from the estimates)")
    parser.add_argument("--dry-run", action="store_true", help="show the whole plan, change nothing")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    archived = parser.add_mutually_exclusive_group()
    archived.add_argument("--resume", action="store_true", help="go on with the archived table in docs/tasks")
    archived.add_argument("--fresh", action="store_true", help="leave the archived table alone, start anew")


def execute(options: argparse.Namespace) -> int:
    from mosaic_daemon.cli.plan_view import HANDSHAKE
    from mosaic_daemon.planning import bootstrap
    from mosaic_daemon.repository.checkout import Checkout

    start = _kickstart(options)
    layout = context.layout_of(options)
    print(HANDSHAKE, file=sys.stderr if options.json else sys.stdout, flush=True)
    wish = _wish(options, start)
    settings = context.settings_of(options, layout)
    checkout = Checkout(layout.repo, settings.tracking.base_branch)
    if options.dry_run:
        checkout.check()
        proposal = bootstrap.proposed(wish, layout, settings)
        project = bootstrap.project_of(proposal, layout, settings, checkout, text.utc_now())
        _show_plan(options, proposal, project, settings.forge.provider)
        return _ATTENTION if proposal.is_over else 0
    return _carry_out(options, wish, Place(layout, settings, checkout))


@dataclass(frozen=True, slots=True)
class Place:
    """The repository, how it is set up, and the person's checkout of it."""

    layout: Layout
    settings: Settings
    checkout: Checkout


def _carry_out(options: argparse.Namespace, wish: Wish, place: Place) -> int:
    import anyio

    from mosaic_daemon.app.folder import prepare
    from mosaic_daemon.app.outside import desk
    from mosaic_daemon.cli import queueing
    from mosaic_daemon.ground import atomicfile, logs
    from mosaic_daemon.planning import bootstrap

    logs.configure("warning" if options.log_level == "info" else options.log_level, options.log_format)
    layout, settings, checkout = place.layout, place.settings, place.checkout
    prepare(layout)
    with atomicfile.locked(layout.state / "bootstrap.lock", timeout_sec=_LOCK_SEC):
        checkout.prepare()
        proposal = bootstrap.proposed(wish, layout, settings)
        project = bootstrap.project_of(proposal, layout, settings, checkout, text.utc_now())
        if proposal.is_over:
            _show_plan(options, proposal, project, settings.forge.provider)
            return _ATTENTION

        async def work() -> Outcome:
            issues = await desk(layout, settings)
            outside = bootstrap.Outside(checkout, issues, lambda tasks: queueing.put(layout, tasks))
            try:
                return await bootstrap.carried_out(proposal, project, outside)
            finally:
                await issues.aclose()

        outcome = anyio.run(work)
    _show_outcome(options, proposal, outcome, layout)
    return _ATTENTION if outcome.unpushed else 0


def _kickstart(options: argparse.Namespace) -> Kickstart | None:
    """What the kickstart file says; it names the repository unless the command line does."""
    if options.kickstart is None:
        return None
    from mosaic_daemon.planning import kickstart

    start = kickstart.read(options.kickstart)
    if options.repo == Path():
        options.repo = start.project
    return start


def _wish(options: argparse.Namespace, start: Kickstart | None) -> Wish:
    """What the command line and the kickstart file ask for together; the command line wins."""
    from mosaic_daemon.nouns.figures import tokens
    from mosaic_daemon.planning.bootstrap import Wish

    report = options.report
    if report is None and start is not None:
        report = options.repo / start.review
    if report is None and not options.resume:
        raise context.Usage("where is the report?", remedy=f"{PROGRAM} bootstrap docs/reports/NAME")
    try:
        cap = tokens(options.budget) if options.budget is not None else None
    except ValueError as error:
        raise context.Usage(f"--budget: {error}") from error
    return Wish(
        report=report,
        prefix=options.prefix or (start.prefix if start else ""),
        milestone=options.milestone or (start.milestone if start else ""),
        mvp=options.mvp,
        improves_prd=options.improve_prd,
        cap=cap,
        quality_gates=start.quality_gates if start else "",
        resume=options.resume,
        fresh=options.fresh,
    )


def _show_plan(options: argparse.Namespace, proposal: Proposed, project: Project, provider: str) -> None:
    from mosaic_daemon.cli import plan_view
    from mosaic_daemon.planning.bootstrap import files_of

    files = files_of(proposal, project)
    written = [path for path, content in files.items() if project.read(path) != content]
    if options.json:
        new = {"would_write": written, "would_make": plan_view.new_issues(proposal, provider)}
        context.show_json(plan_view.document(proposal) | new | {"changed": False})
        return
    if proposal.budget and proposal.is_over:
        end = [plan_view.over(proposal.budget)]
    else:
        end = [*plan_view.would_make(proposal, provider), plan_view.would_write(written)]
    render.show([*plan_view.sections(proposal), *plan_view.details(proposal), *end])


def _show_outcome(options: argparse.Namespace, proposal: Proposed, outcome: Outcome, layout: Layout) -> None:
    from mosaic_daemon.cli import plan_view

    if options.json:
        done: dict[str, Any] = {"commit": outcome.commit, "unpushed": outcome.unpushed or None}
        context.show_json(plan_view.document(proposal, outcome) | done | {"changed": bool(outcome.commit)})
        return
    render.show([*plan_view.sections(proposal, outcome), plan_view.done(outcome, layout, proposal.budget)])
