"""Asking for a status of tasks by hand: of the running daemon, or on the files when none runs."""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

from mosaic_daemon.cli import context
from mosaic_daemon.ground import logs
from mosaic_daemon.ground.errors import InputError, MosaicError
from mosaic_daemon.views.snapshot import PROGRAM
from mosaic_daemon.views.text import one_line

if TYPE_CHECKING:
    from mosaic_daemon.parts import Parts

Wanted = Literal["not-started", "deferred"]
_ASK_SEC = 60.0  # a tick that is under way comes first


def ask_for(options: argparse.Namespace, wanted: Wanted) -> int:
    """One line for each task; a refusal goes to standard error, and the others are asked for all the same.

    Returns the exit code of the first refusal, or 0.
    """
    logs.configure("warning" if options.log_level == "info" else options.log_level, options.log_format)
    layout = context.layout_of(options)
    tasks = list(dict.fromkeys(options.tasks))
    refused: list[MosaicError] = []
    for at, task in enumerate(tasks):
        try:
            runs, answer = context.ask_daemon(
                layout, "ask", timeout_sec=_ASK_SEC, task=task, wanted=wanted, actor=context.actor()
            )
        except MosaicError as error:
            refused.append(error)
            continue
        if not runs:
            refused += _ask_files(options, tasks[at:], wanted)
            break
        context.say(answer)
    for each in refused:
        sys.stderr.write(f"{PROGRAM}: {one_line(each.line)}\n")
    return refused[0].exit_code if refused else 0


def _ask_files(options: argparse.Namespace, tasks: list[str], wanted: Wanted) -> list[MosaicError]:
    """Without a daemon: record what is asked for, end workers that are to stop, show it in `tasks.json`."""
    from mosaic_daemon import commands
    from mosaic_daemon.nouns.task import Status

    async def ask(parts: Parts) -> list[MosaicError]:
        refused = []
        with suppress(InputError):  # what was written before this request comes before it, if it can be read
            await commands.take_in_queue(parts)
        for task in tasks:
            try:
                context.say(await commands.ask_alone(parts, task, Status(wanted), context.actor()))
            except MosaicError as error:
                refused.append(error)
        commands.publish_queue(parts)
        return refused

    verb = "retry" if wanted == "not-started" else "cancel"
    refused = context.on_files(options, verb, ask)
    if wanted == "not-started" and len(refused) < len(tasks):
        context.say(f"no daemon is running; `{PROGRAM} run` goes on with it")
    return refused
