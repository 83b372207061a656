"""What the verbs share: the repository, its settings, and the choice between a running daemon and the files."""

from __future__ import annotations

import argparse
import gc
import json
import os
import pwd
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from mosaic_daemon.ground.errors import MosaicError
from mosaic_daemon.ground.layout import Layout, find

if TYPE_CHECKING:
    from mosaic_daemon.ground.settings import Settings
    from mosaic_daemon.parts import Parts

T = TypeVar("T")


class Usage(MosaicError):
    """The words on the command line do not fit together."""

    exit_code = 2


def layout_of(options: argparse.Namespace) -> Layout:
    """The repository that `--repo` or the current directory names."""
    return find(options.repo)


def settings_of(
    options: argparse.Namespace, layout: Layout, overrides: Mapping[str, Mapping[str, Any]] | None = None
) -> Settings:
    """The settings for this command; `overrides` come from the command line."""
    from mosaic_daemon.ground.configuration import USER_FILE, load
    from mosaic_daemon.ground.errors import ConfigError

    if options.config is not None and not options.config.is_file():
        raise ConfigError("there is no such file", source=str(options.config))
    return load(options.config or layout.config, USER_FILE.expanduser(), overrides=overrides)


def ask_daemon(layout: Layout, verb: str, *, timeout_sec: float = 30.0, **args: Any) -> tuple[bool, Any]:
    """(True, its answer) from the running daemon, or (False, None) when none runs."""
    from mosaic_daemon.ground.controlsocket import call

    try:
        return True, call(layout.socket, verb, timeout_sec=timeout_sec, **args)
    except (FileNotFoundError, ConnectionRefusedError):
        return False, None


def on_files(options: argparse.Namespace, what: str, work: Callable[[Parts], Awaitable[T]]) -> T:
    """Do `work` on the opened repository while no daemon holds it."""
    import anyio

    from mosaic_daemon.app.opening import opened

    gc.disable()  # a command ends soon and makes no garbage: with a long queue the collector would take a third of it
    layout = layout_of(options)
    settings = settings_of(options, layout)

    async def run() -> T:
        async with opened(layout, settings, what) as parts:
            return await work(parts)

    return anyio.run(run)


def show_json(value: Any) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n")


def say(text: str) -> None:
    sys.stdout.write(text + "\n")


def actor() -> str:
    """Who asks, for the event log."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"
