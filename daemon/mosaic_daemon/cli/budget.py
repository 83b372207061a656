"""How many tokens the work has taken and will take, by phase and by runtime, and what that means for new starts."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from mosaic_daemon.cli import context, render
from mosaic_daemon.cli.render import Section
from mosaic_daemon.nouns.budget import Band, Budget
from mosaic_daemon.nouns.figures import tokens_text
from mosaic_daemon.store.reader import LedgerReader, Use
from mosaic_daemon.views.budget import bar, budget_document, budget_of, by_phase, by_runtime, choices, planned
from mosaic_daemon.views.snapshot import PROGRAM


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
    spent = spent or planned(layout)
    budget = budget_of(layout, spent, settings.budget.cap)
    phases = by_phase(spent)
    if options.json:
        shown = budget_document(budget) if budget else None
        context.show_json({"budget": shown, "by_phase": phases, **by_runtime(uses)})
    else:
        render.show(list(_sections(budget, phases, uses)))
    return 0


def _sections(budget: Budget | None, phases: list[dict[str, Any]], uses: list[Use]) -> Iterator[Section]:
    if budget is None:
        remedy = f"set `budget.cap` in config.toml, or plan with `{PROGRAM} bootstrap REPORT_DIR --budget 500K`"
        yield Section([["Budget", f"no cap, so no limit: {remedy}"]])
    else:
        yield Section([["Budget", budget.line], ["", bar(budget.used, budget.remaining, budget.cap.tokens)]])
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
