"""Stop the workers of tasks, with everything they started, and defer the tasks. `retry` takes it back."""

from __future__ import annotations

import argparse

from mosaic_daemon.cli.requests import ask_for


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("tasks", metavar="TASK", nargs="+", help="their ids")


def execute(options: argparse.Namespace) -> int:
    return ask_for(options, "deferred")
