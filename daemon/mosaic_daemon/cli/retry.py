"""Have blocked, failed or deferred tasks go on: from the start, or at the gate's step where they stood."""

from __future__ import annotations

import argparse

from mosaic_daemon.cli.requests import ask_for


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("tasks", metavar="TASK", nargs="+", help="their ids")


def execute(options: argparse.Namespace) -> int:
    return ask_for(options, "not-started")
