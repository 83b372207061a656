"""What happened, event by event, oldest first."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import TYPE_CHECKING, Any

from mosaic_daemon.cli import context
from mosaic_daemon.store.reader import Happening, LedgerReader
from mosaic_daemon.views import text
from mosaic_daemon.views.wording import sentence

if TYPE_CHECKING:
    from mosaic_daemon.ground.layout import Layout

_POLL_SEC = 0.25
_FIRST = 50


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--follow", "-f", action="store_true", help="go on as things happen, until Ctrl-C")
    parser.add_argument("--task", metavar="TASK", help="only this task's")
    parser.add_argument(
        "--limit", type=_number, metavar="N", default=_FIRST, help=f"only the newest N, 0 for all (default: {_FIRST})"
    )
    parser.add_argument(
        "--json", action="store_true", help="one JSON document; with --follow one for each event, a line each"
    )


def execute(options: argparse.Namespace) -> int:
    layout = context.layout_of(options)
    last, found = _since(layout, options, 0)
    if options.task and not found:
        from mosaic_daemon.views.explanation import check_known

        check_known(layout, options.task)
    if options.json and not options.follow:
        context.show_json([_as_json(each) for each in found])
        return 0
    if not found and not options.follow:
        context.say("nothing has happened yet")
    try:
        _show(found, options)
        while options.follow:
            time.sleep(_POLL_SEC)
            last, found = _since(layout, options, last)
            _show(found, options)
    except KeyboardInterrupt:
        pass
    return 0


def _since(layout: Layout, options: argparse.Namespace, last: int) -> tuple[int, list[Happening]]:
    """The number of the newest event, and those wanted after `last`."""
    try:
        with LedgerReader(layout.ledger) as ledger:
            newest = (options.limit or None) if last == 0 else None
            now = ledger.last()
            if now < last:  # the ledger was lost and is a new one
                last = 0
            return now, ledger.events(after=last, task=options.task, newest=newest) if now > last else []
    except FileNotFoundError:
        return 0, []


def _show(found: list[Happening], options: argparse.Namespace) -> None:
    now = text.utc_now()
    for each in found:
        if options.json:
            line = json.dumps(_as_json(each), ensure_ascii=False)
        else:
            who = "" if each.actor in ("daemon", each.body.get("source")) else f" ({text.one_line(each.actor)})"
            name = "" if options.task else f"{each.task or '-':<14} "
            line = f"{text.when(each.at, now)}  {name}{sentence(each.kind, each.body)}{who}"
        sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _as_json(each: Happening) -> dict[str, Any]:
    return {
        "seq": each.seq,
        "at": each.at,
        "task": each.task or None,
        "actor": each.actor,
        "kind": each.kind,
        "event": each.body,
    }


def _number(word: str) -> int:
    number = int(word)
    if number < 0:
        raise argparse.ArgumentTypeError("must not be negative")
    return number
