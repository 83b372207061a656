"""The JSON Schema of a file, for editors and for tools that write it."""

from __future__ import annotations

import argparse

from mosaic_daemon.cli import context

NAMES = ("tasks",)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", choices=NAMES, help="`tasks`: .mosaic/orchestrator/tasks.json")


def execute(options: argparse.Namespace) -> int:
    from mosaic_daemon.tracking import queuefile

    context.show_json({"tasks": queuefile.schema}[options.name]())
    return 0
