"""Do attempts on this machine for daemons elsewhere, until SIGTERM: then end what runs and take nothing more.

It needs no repository. How agents are called is read from `[runtimes.<name>]`, and where the server is from
`[rails.nats]`, in ~/.config/mosaic/orchestrator.toml or in the file that --config names.
"""

from __future__ import annotations

import argparse
import os
import socket
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mosaic_daemon.ground.settings import Settings
    from mosaic_rails.leased.transport import Transport
    from mosaic_rails.worker.hands import Call

_FOLDER = "~/.local/state/mosaic/worker"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rail", choices=("nats",), default="nats", help="what carries the messages")
    parser.add_argument("--slots", type=int, default=1, metavar="N", help="how many attempts at once (default: 1)")
    parser.add_argument("--pool", metavar="P", help="whose offers it takes (default: `rails.nats.pool`)")
    parser.add_argument("--name", metavar="NAME", help="its name on the server (default: this host's)")
    parser.add_argument("--runtime", action="append", metavar="NAME", help="an agent it has; repeatable")
    parser.add_argument(
        "--label", action="append", default=[], metavar="LABEL", help="what else it has, `gpu`; repeatable"
    )
    parser.add_argument("--folder", type=Path, default=Path(_FOLDER), help=f"of this worker alone (default: {_FOLDER})")


def execute(options: argparse.Namespace) -> int:
    import anyio

    from mosaic_daemon.cli.context import Usage
    from mosaic_daemon.ground.configuration import USER_FILE, load
    from mosaic_daemon.ground.errors import ConfigError
    from mosaic_rails.base import RailError
    from mosaic_rails.leased.hands import Abilities
    from mosaic_rails.nats.subjects import pool_label
    from mosaic_rails.worker.host import work

    if not options.runtime or options.slots < 1:
        raise Usage("a worker host needs at least one --runtime and one slot")
    settings = load(options.config or USER_FILE.expanduser())
    pool = options.pool or settings.rails.nats.pool
    labels = (*(f"runtime={name}" for name in options.runtime), *options.label, pool_label(pool))
    try:
        transport = _transport(settings, options.name or socket.gethostname().split(".")[0], labels, pool)
        call = _calls(settings, frozenset(options.runtime))
        anyio.run(work, options.folder.expanduser(), transport, Abilities(labels, options.slots), call)
    except RailError as error:
        raise ConfigError(str(error)) from error
    return 0


def _transport(settings: Settings, name: str, labels: tuple[str, ...], pool: str) -> Transport:
    from mosaic_daemon.ground.errors import ConfigError
    from mosaic_rails.nats.connection import Access
    from mosaic_rails.nats.worker import NatsWorker

    nats = settings.rails.nats
    if nats.url is None:
        raise ConfigError("`rails.nats.url` names no server", remedy="set it in the file that --config names")
    file = nats.credentials_file
    access = Access(nats.url, name, file.expanduser() if file else None)
    access.login()
    return NatsWorker(access, labels, pool)


def _calls(settings: Settings, has: frozenset[str]) -> Call:
    """How an errand's agent is called on this machine, as a daemon would call it here."""
    from mosaic_daemon.app.agents import runtimes
    from mosaic_daemon.runtimes.base import environment, invocation
    from mosaic_rails.base import Errand, Order, RailError
    from mosaic_rails.worker.hands import Desk

    known = runtimes(settings.runtimes)
    if missing := has - set(known):
        raise RailError(f"no such runtime is configured: {', '.join(sorted(missing))}")

    def call(errand: Errand, desk: Desk) -> Order:
        if errand.runtime not in has:
            raise RailError(f"this host has no runtime {errand.runtime!r}")
        runtime = known[errand.runtime]
        if errand.runtime == "shell":
            runtime = replace(runtime, command=errand.command)
        invoked = invocation(runtime, desk.prompt, desk.tree)
        variables = {
            "MOSAIC_TASK_ID": errand.task,
            "MOSAIC_FENCE": errand.attempt.rpartition(".")[2],
            "MOSAIC_ATTEMPT": desk.key,
            "MOSAIC_BRANCH": errand.branch,
            "MOSAIC_BASE_SHA": errand.base_sha,
            "MOSAIC_PROMPT_FILE": str(desk.prompt),
            "MOSAIC_RESULT_FILE": str(desk.result),
        }
        env = environment(runtime, os.environ, variables)
        return Order(desk.key, invoked.argv, env, desk.tree, invoked.stdin, errand.limits)

    return call
