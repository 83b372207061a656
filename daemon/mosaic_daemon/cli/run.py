"""The daemon: dispatch, collect, gate and publish until it is told to stop. SIGTERM drains, a second one stops."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from mosaic_daemon.cli import context

if TYPE_CHECKING:
    from mosaic_daemon.ground.settings import Settings


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--poll-sec", type=float, metavar="SEC", help="seconds between full rescans (default: 10)")
    parser.add_argument("--once", action="store_true", help="one tick, then end")
    parser.add_argument("--until-idle", action="store_true", help="end when nothing is left that could move")


def execute(options: argparse.Namespace) -> int:
    import anyio

    from mosaic_daemon.app.opening import opened
    from mosaic_daemon.ground import logs
    from mosaic_daemon.http.face import HttpFace
    from mosaic_daemon.supervisor import HANDSHAKE, Mode, Supervisor

    logs.configure(options.log_level, options.log_format)
    layout = context.layout_of(options)
    overrides = {"run": {"poll_sec": options.poll_sec}} if options.poll_sec is not None else None

    def settings() -> Settings:
        return context.settings_of(options, layout, overrides)

    first = context.settings_of(options, layout, overrides)
    mode = Mode(once=options.once, until_idle=options.until_idle)

    async def serve() -> int:
        async with opened(layout, first, "daemon") as parts:
            print(HANDSHAKE, flush=True)  # also into a pipe before anything else is said
            report = await Supervisor(parts, first, mode, settings, [HttpFace(layout, settings)]).run()
        if report.broken is not None and options.until_idle:
            raise report.broken
        return 3 if options.until_idle and report.attention else 0

    return anyio.run(serve)
