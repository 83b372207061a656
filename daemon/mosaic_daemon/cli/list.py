"""All repositories of yours on this machine that have had a daemon: whether one runs, and where the work stands."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import Any

from mosaic_daemon.cli import context


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")


def execute(options: argparse.Namespace) -> int:
    from mosaic_daemon.cli import render
    from mosaic_daemon.ground import instances

    found = [_about(each.repository, each.limited) for each in instances.read_all()]
    if options.json:
        context.show_json({"instances": found})
    elif not found:
        context.say("no daemon of yours has run on this machine yet")
    else:
        render.show([render.Section([_row(each) for each in found])])
    return 0


def _about(repository: Path, limited: tuple[Any, ...]) -> dict[str, Any]:
    from datetime import UTC, datetime

    from mosaic_daemon.ground import instance
    from mosaic_daemon.ground.layout import Layout

    layout = Layout(repository)
    holder = instance.holder(layout.lock) if layout.state.is_dir() else None
    now = datetime.now(UTC)
    return {
        "repository": str(repository),
        "there": layout.state.is_dir(),
        "pid": holder.get("pid") if holder and holder.get("what") == instance.DAEMON else None,
        "tasks": _tasks(layout.ledger),
        "limited": [
            {"account": each.account.partition(":")[0], "reason": each.reason, "until": each.until.isoformat()}
            for each in limited
            if each.until > now
        ],
    }


def _tasks(ledger: Path) -> dict[str, int]:
    """How many there are in each status; empty where the ledger cannot be read."""
    from mosaic_daemon.ground.errors import MosaicError
    from mosaic_daemon.store.reader import LedgerReader

    found: Counter[str] = Counter()
    try:
        with LedgerReader(ledger) as reader:
            for (_, status), number in reader.progress().items():
                found[status] += number
    except (OSError, MosaicError):
        return {}
    return dict(found)


def _row(about: dict[str, Any]) -> list[str]:
    if not about["there"]:
        return [about["repository"], "gone", "", ""]
    from mosaic_daemon.views.text import utc_now, when

    tasks = ", ".join(f"{number} {status}" for status, number in sorted(about["tasks"].items())) or "no tasks"
    held = "; ".join(f"{each['account']} rests until {when(each['until'], utc_now())}" for each in about["limited"])
    return [about["repository"], f"running ({about['pid']})" if about["pid"] else "not running", tasks, held]
