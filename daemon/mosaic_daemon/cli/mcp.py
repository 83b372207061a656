"""Serve this repository's tasks to an agent session, as an MCP server on standard input and output.

An agent starts it itself, once it is told to, for example by `claude mcp add mosaic -- mosaic-orchestrator mcp`. A
daemon has to be running: it decides everything.
"""

from __future__ import annotations

import argparse

from mosaic_daemon.cli import context


def arguments(parser: argparse.ArgumentParser) -> None:
    """None of its own."""


def execute(options: argparse.Namespace) -> int:
    import anyio

    from mosaic_daemon.mcp.server import serve

    anyio.run(serve, context.layout_of(options).socket)
    return 0
