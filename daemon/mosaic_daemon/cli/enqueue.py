"""Add a task to the queue, .mosaic/orchestrator/tasks.json, checked in full and without losing anybody's edit.

`enqueue -` reads one task, or a list of tasks, as JSON from standard input; of a list all are added or none.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mosaic_daemon.cli import context
from mosaic_daemon.views import text
from mosaic_daemon.views.snapshot import PROGRAM, daemon_of

if TYPE_CHECKING:
    from mosaic_daemon.ground.layout import Layout

_STANDARD_INPUT = "-"
_MAX_BYTES = 64 << 20
_FIELDS = (
    *("description", "command", "runtime", "branch", "depends_on", "blocks", "priority", "phase", "estimate", "kind"),
    *("files", "issue", "prompt"),
)
_KINDS = ("code", "docs", "config", "test", "verification", "qa", "tracking")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="its id, or `-` for JSON from standard input")
    parser.add_argument("description", metavar="DESCRIPTION", nargs="?", help="what is to be done")
    parser.add_argument("--command", metavar="CMD", help="what the `shell` runtime runs, by `sh -c`")
    parser.add_argument("--runtime", metavar="R", help="who does it (default: `worker.runtime` of the configuration)")
    parser.add_argument("--branch", metavar="B", help="the branch to work on (default: one of its own)")
    parser.add_argument("--depends-on", metavar="A,B", type=_list, help="tasks that must be done before it starts")
    parser.add_argument("--blocks", metavar="A,B", type=_list, help="tasks that wait for it")
    parser.add_argument("--priority", metavar="N", type=int, help="higher starts earlier (default: 0)")
    parser.add_argument("--phase", metavar="N", type=int, help="phases run in rising order")
    parser.add_argument("--estimate", metavar="TOKENS", help="such as 8K or 1.1M")
    parser.add_argument("--kind", metavar="K", help=f"{', '.join(_KINDS)} (default: code)")
    parser.add_argument("--files", metavar="A,B", type=_list, help="files it changes, relative to the repository")
    parser.add_argument("--issue", metavar="REF", help="the issue to close: #12, or an internal reference")
    # `--repo` is the repository, as with every command
    parser.add_argument("--task-repo", metavar="NAME", help="its `repo`: the part of the project, such as api or web")
    parser.add_argument("--prompt", metavar="TEXT", help="what the worker is told instead of the description")


def execute(options: argparse.Namespace) -> int:
    from mosaic_daemon.cli import queueing

    layout = context.layout_of(options)
    if not layout.state.is_dir():
        from mosaic_daemon.app.folder import prepare

        prepare(layout)
    if options.id == _STANDARD_INPUT:
        tasks, source = _from_standard_input(options), "standard input"
    else:
        tasks, source = [_from_options(options)], ""
    notes = queueing.add(layout, tasks, source=source)
    for note in notes:
        sys.stderr.write(f"{PROGRAM}: {note}\n")
    context.say(_added(layout, [task["id"] for task in tasks]))
    return 0


def _from_options(options: argparse.Namespace) -> dict[str, Any]:
    if options.description is None:
        raise context.Usage("the description is missing", remedy=f'{PROGRAM} enqueue {options.id} "what is to be done"')
    given = {name: value for name in _FIELDS if (value := getattr(options, name)) is not None}
    return {"id": options.id, **given} | ({"repo": options.task_repo} if options.task_repo else {})


def _from_standard_input(options: argparse.Namespace) -> list[dict[str, Any]]:
    from mosaic_daemon.ground import strictjson
    from mosaic_daemon.ground.errors import InputError

    source = "standard input"
    if given := [name for name in (*_FIELDS, "task_repo") if getattr(options, name) is not None]:
        raise context.Usage(f"`{given[0]}` is given beside `-`: with `-` everything comes from standard input")
    document = strictjson.loads(sys.stdin.buffer.read(_MAX_BYTES + 1), source=source, max_bytes=_MAX_BYTES)
    if isinstance(document, Mapping) and "tasks" in document and "id" not in document:
        document = document["tasks"]  # a whole tasks.json
    tasks = document if isinstance(document, list) else [document]
    for position, task in enumerate(tasks, start=1):
        if not isinstance(task, dict):
            raise InputError(f"entry {position} is not a JSON object", source=source)
    if not tasks:
        raise InputError("the list is empty: there is nothing to add", source=source)
    return tasks


def _added(layout: Layout, ids: list[str]) -> str:
    """Say what follows, and wake the daemon if one runs; the file's own event would do that as well."""
    from mosaic_daemon.ground.errors import MosaicError

    what = f"{text.listed(ids)} {'is' if len(ids) == 1 else 'are'} in the queue"
    try:
        runs, _ = context.ask_daemon(layout, "wake", timeout_sec=2)
    except (OSError, MosaicError):
        runs = False
    daemon = daemon_of(layout)
    if daemon["draining"]:
        return f"{what}; the daemon is draining and starts nothing new"
    if runs or daemon["running"]:
        return f"{what}; the daemon (pid {daemon['pid']}) takes it from here"
    return f"{what}; no daemon is running: start it with `{PROGRAM} run`"


def _list(words: str) -> list[str]:
    return [word.strip() for word in words.split(",") if word.strip()]
