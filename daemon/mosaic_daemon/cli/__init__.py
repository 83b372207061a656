"""The commands: one module a verb, and the only place that turns errors into exit codes.

A verb's module offers `arguments(parser)` and `execute(options) -> exit code`. It imports what it needs inside
`execute`, so that `--help` reads next to nothing.
"""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

PROGRAM = "mosaic-orchestrator"

VERBS = {
    "init": "prepare a repository: state folder, exclude line, commented config.toml",
    "run": "the daemon: deliver tasks until it is told to stop",
    "matrix-cycle": "exactly one tick, then a summary",
    "enqueue": "add a task to the queue",
    "status": "where everything stands",
    "explain": "why a task is where it is, its timeline, and what would move it",
    "events": "what happened, event by event",
    "logs": "what a task's worker printed",
    "retry": "have a blocked, failed or deferred task go on",
    "cancel": "stop a task's worker and defer the task",
    "sync-tasks": "merge docs/TASKS.md and tasks.json; --apply does it",
    "drain": "start nothing new, wait for what is in flight, end the daemon",
    "schema": "the JSON Schema of a file",
    "demo": "watch the whole thing work on a bundled example",
}
ALIASES = {"cycle": "matrix-cycle"}

_COMMON = """common options:
  --repo PATH                 the repository (default: the one of the current directory)
  --config FILE               settings (default: .mosaic/orchestrator/config.toml in the repository)
  --log-level LEVEL           debug, info, warning or error (default: info)
  --log-format text|json      log lines for people or for machines (default: text)
"""
_EXIT_CODES = (
    "exit codes: 0 done, 1 failed, 2 usage, 3 attention needed, 4 another instance, 75 try again, 78 wrong input"
)


def main(argv: Sequence[str] | None = None) -> int:
    """`mosaic-orchestrator VERB …`"""
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] in ("-h", "--help", "help"):
        print(_overview())
        return 0 if words else 2
    if words[0] == "--version":
        from importlib.metadata import version

        print(f"{PROGRAM} {version('mosaic-orchestrator-daemon')}")
        return 0
    verb = ALIASES.get(words[0], words[0])
    if verb not in VERBS:
        import difflib

        near = difflib.get_close_matches(verb, VERBS, n=1)
        hint = f"; did you mean `{near[0]}`?" if near else f"; `{PROGRAM} --help` lists them"
        print(f"{PROGRAM}: there is no command {verb!r}{hint}", file=sys.stderr)
        return 2
    return _execute(verb, words[1:], f"{PROGRAM} {verb}")


def run() -> int:
    return _execute("run", sys.argv[1:], f"{PROGRAM}-run")


def matrix_cycle() -> int:
    return _execute("matrix-cycle", sys.argv[1:], f"{PROGRAM}-matrix-cycle")


def sync_tasks() -> int:
    return _execute("sync-tasks", sys.argv[1:], f"{PROGRAM}-sync-tasks")


def drain() -> int:
    return _execute("drain", sys.argv[1:], f"{PROGRAM}-drain")


def _overview() -> str:
    width = max(map(len, VERBS))
    verbs = "\n".join(f"  {verb:<{width}}  {about}" for verb, about in VERBS.items())
    more = f"`{PROGRAM} VERB --help` says more."
    return f"usage: {PROGRAM} VERB [options]\n\n{verbs}\n\n{more}\n\n{_COMMON}\n\n{_EXIT_CODES}"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line instead of the whole usage before it."""
        self.exit(2, f"{PROGRAM}: {message}; `{self.prog} --help` says more\n")


def _execute(verb: str, words: Sequence[str], program: str) -> int:
    module = importlib.import_module(f"mosaic_daemon.cli.{verb.replace('-', '_')}")
    parser = _Parser(
        prog=program,
        description=module.__doc__,
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    module.arguments(parser)
    common = parser.add_argument_group("common options")
    common.add_argument(
        "--repo",
        type=Path,
        metavar="PATH",
        default=Path(),
        help="the repository (default: that of the current directory)",
    )
    common.add_argument("--config", type=Path, metavar="FILE", help="settings (default: the repository's config.toml)")
    levels = ("debug", "info", "warning", "error")
    common.add_argument("--log-level", choices=levels, default="info", help="least severe log lines to show")
    common.add_argument(
        "--log-format", choices=("text", "json"), default="text", help="log lines for people or machines"
    )
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name nobody can print must not end a command
    options = parser.parse_args(words)
    try:
        code: int = module.execute(options)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        return _failed(error)
    return code


def _failed(error: Exception) -> int:
    """One line on standard error that says what happened and what to do, and the exit code."""
    from mosaic_daemon.ground.errors import MosaicError

    if isinstance(error, BaseExceptionGroup):
        while isinstance(error, BaseExceptionGroup):
            first = error.exceptions[0]
            error = first if isinstance(first, Exception) else RuntimeError(repr(first))
    if isinstance(error, MosaicError):
        print(f"{PROGRAM}: {error.line}", file=sys.stderr)
        return error.exit_code
    if os.environ.get("MOSAIC_TRACEBACK"):
        raise error
    if isinstance(error, OSError) and error.filename is not None:
        print(f"{PROGRAM}: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    where = error.__traceback__
    while where is not None and where.tb_next is not None:
        where = where.tb_next
    place = f"{Path(where.tb_frame.f_code.co_filename).name}:{where.tb_lineno}" if where else ""
    print(
        f"{PROGRAM}: a bug: {type(error).__name__}: {error} ({place}); run again with MOSAIC_TRACEBACK=1 and report it",
        file=sys.stderr,
    )
    return 1
