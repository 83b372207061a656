"""How many tokens the work has taken and will take, by phase and by runtime, and what that means for new starts."""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from mosaic_daemon.cli import context, render
from mosaic_daemon.cli.budget_view import bar, budget_document, budget_of, choices
from mosaic_daemon.cli.render import Section
from mosaic_daemon.cli.snapshot import PROGRAM
from mosaic_daemon.ground.layout import Layout
from mosaic_daemon.nouns.budget import Band, Budget, share
from mosaic_daemon.nouns.figures import tokens, tokens_text
from mosaic_daemon.store.reader import LedgerReader, Spent, Use


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")


def execute(options: argparse.Namespace) -> int:
    layout = context.layout_of(options)
    settings = context.settings_of(options, layout)
    try:
        with LedgerReader(layout.ledger) as ledger:
            spent, uses = ledger.spending(), ledger.uses()
    except FileNotFoundError:
        spent, uses = [], []
    spent = spent or _planned(layout)
    budget = budget_of(layout, spent, settings.budget.cap)
    phases = _by_phase(spent)
    if options.json:
        shown = budget_document(budget) if budget else None
        context.show_json({"budget": shown, "by_phase": phases, **_by_runtime(uses)})
    else:
        render.show(list(_sections(budget, phases, uses)))
    return 0


def _planned(layout: Layout) -> list[Spent]:
    """The plan's tasks, before any daemon has taken them in."""
    from mosaic_daemon.planning.papers import record

    found = record.read(layout.repo)
    tasks = [each.task for each in found.plan.tasks] if found else []
    return [Spent(task.phase, task.runtime, "not-started", task.estimate, None) for task in tasks]


def _by_phase(spent: list[Spent]) -> list[dict[str, Any]]:
    found: defaultdict[int | None, list[Spent]] = defaultdict(list)
    for each in spent:
        found[each.phase].append(each)
    return [_phase(phase, found[phase]) for phase in sorted(found, key=lambda phase: (phase is None, phase))]


def _phase(phase: int | None, spent: list[Spent]) -> dict[str, Any]:
    shares = [share(each.status, each.estimate, each.used) for each in spent]
    return {
        "phase": phase,
        "tasks": len(spent),
        "done": sum(each.status == "done" for each in spent),
        "estimated": sum(tokens(each.estimate) for each in spent if each.estimate is not None),
        "used": sum(used for used, _ in shares),
        "remaining": sum(left for _, left in shares),
    }


def _by_runtime(uses: list[Use]) -> dict[str, Any]:
    attempts = [{"runtime": each.runtime, "attempts": each.runs, "used": each.used} for each in uses if each.runtime]
    reviews = next((each for each in uses if each.runtime is None), Use(None, 0, 0))
    return {"by_runtime": attempts, "reviews": {"reviews": reviews.runs, "used": reviews.used}}


def _sections(budget: Budget | None, phases: list[dict[str, Any]], uses: list[Use]) -> Iterator[Section]:
    if budget is None:
        remedy = f"set `budget.cap` in config.toml, or plan with `{PROGRAM} bootstrap REPORT_DIR --budget 500K`"
        yield Section([["Budget", f"no cap, so no limit: {remedy}"]])
    else:
        yield Section([["Budget", budget.line], ["", bar(budget)]])
    if phases:
        head = ["", "tasks", "done", "estimated", "used", "to come"]
        yield Section([head, *map(_row, phases)], "By phase")
    if uses:
        rows = [[each.runtime or "reviews", str(each.runs), tokens_text(each.used)] for each in uses]
        yield Section([["", "runs", "used"], *rows], "By runtime")
    if budget is not None and not budget.slots:
        title = "Over budget" if budget.band is Band.OVER else "Nothing new is started"
        yield Section([[line] for line in choices(budget)], f"{title}; choose one", loud=True)


def _row(each: dict[str, Any]) -> list[str]:
    name = "no phase" if each["phase"] is None else f"Phase {each['phase']}"
    figures = (tokens_text(each[key]) for key in ("estimated", "used", "remaining"))
    return [name, str(each["tasks"]), str(each["done"]), *figures]
