"""Merge docs/TASKS.md of this checkout and the queue, field by field, against what both said last.

Shows what it would do; --apply does it. Where both sides changed the same field, the table wins.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from mosaic_daemon.cli import context, render
from mosaic_daemon.cli.render import Section
from mosaic_daemon.views.snapshot import PROGRAM

if TYPE_CHECKING:
    from mosaic_daemon.parts import Parts

_FIRST = 40
_ASK_SEC = 120.0


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--apply", action="store_true", help="do it; without this the plan is only shown")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")


def execute(options: argparse.Namespace) -> int:
    from mosaic_daemon.ground import logs

    logs.configure("warning" if options.log_level == "info" else options.log_level, options.log_format)
    runs, plan = context.ask_daemon(
        context.layout_of(options), "sync", timeout_sec=_ASK_SEC, apply=options.apply, actor=context.actor()
    )
    if not runs:
        plan = context.on_files(options, "sync-tasks", lambda parts: _sync(parts, options.apply))
    pending = bool(plan["to_table"] or plan["to_queue"])
    if options.json:
        context.show_json({"applied": options.apply, "pending": pending and not options.apply, **plan})
    else:
        render.show(list(_sections(plan, options.apply, pending)))
    return 3 if pending and not options.apply else 0


async def _sync(parts: Parts, apply: bool) -> dict[str, Any]:
    from mosaic_daemon import commands

    return (await commands.sync(parts, apply=apply)).as_dict()


def _sections(plan: dict[str, Any], applied: bool, pending: bool) -> Iterator[Section]:
    will = "Changed in" if applied else "Would change in"
    yield from _part(f"{will} docs/TASKS.md", plan["to_table"])
    yield from _part(f"{will} the queue", plan["to_queue"])
    yield from _part("Changed on both sides: the table's value is taken", plan["conflicts"], loud=True)
    yield from _part("Cannot be read, left as it is", plan["problems"], loud=True)
    if not pending:
        yield Section([["docs/TASKS.md and the queue say the same"]])
    elif not applied:
        yield Section([[f"nothing was changed; `{PROGRAM} sync-tasks --apply` does it"]])


def _part(title: str, lines: Sequence[str], *, loud: bool = False) -> Iterator[Section]:
    if lines:
        more = [[f"and {len(lines) - _FIRST} more: --json lists all"]] if len(lines) > _FIRST else []
        yield Section([*([line] for line in lines[:_FIRST]), *more], title, loud=loud)
