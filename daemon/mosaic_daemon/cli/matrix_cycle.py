"""Exactly one tick, then a summary. With a daemon running, that one ticks."""

from __future__ import annotations

import argparse
from typing import Any

from mosaic_daemon.cli import context
from mosaic_daemon.nouns.task import OVER


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")


def execute(options: argparse.Namespace) -> int:
    from mosaic_daemon.ground import logs

    logs.configure("warning" if options.log_level == "info" else options.log_level, options.log_format)
    layout = context.layout_of(options)
    runs, summary = context.ask_daemon(layout, "cycle", timeout_sec=600)
    if not runs:
        summary = context.on_files(options, "matrix-cycle", _tick)
    if options.json:
        context.show_json(summary)
    else:
        _show(summary)
    stuck = summary["idle"] and any(count for status, count in summary["counts"].items() if status not in OVER)
    return 3 if stuck else 0


async def _tick(parts: Any) -> dict[str, Any]:
    from mosaic_daemon.escalation import concerns
    from mosaic_daemon.herald import Herald
    from mosaic_daemon.tick import Tick

    tick = Tick(parts)
    report = await tick.run(rescan=True)
    herald = Herald(parts.ledger, parts.clock, tick.tell, str(parts.place.layout.repo))
    herald.see(concerns(parts, report), parts.notifiers)
    await herald.finish()
    return {"counts": report.counts, "stuck": report.stuck, "idle": report.idle}


def _show(summary: dict[str, Any]) -> None:
    counts = ", ".join(f"{count} {status}" for status, count in summary["counts"].items())
    context.say(counts or "no tasks")
    for task, reasons in summary["stuck"].items():
        context.say(f"{task} cannot start: {'; '.join(reasons)}")
