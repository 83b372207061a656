"""One command from its words to its exit code."""

from __future__ import annotations

import argparse
import errno
import importlib
import io
import os
import shutil
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from mosaic_daemon.cli import EXIT_CODES, PROGRAM


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line instead of the whole usage before it."""
        self.exit(2, f"{PROGRAM}: {message}; `{self.prog} --help` says more\n")


def invoke(verb: str, words: Sequence[str], program: str) -> int:
    """Run a verb; whatever it raises becomes one line on standard error and an exit code."""
    module = importlib.import_module(f"mosaic_daemon.cli.{verb.replace('-', '_')}")
    parser = _Parser(
        prog=program,
        description=_filled(module.__doc__ or ""),
        epilog=EXIT_CODES,
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


def _filled(text: str) -> str:
    """Paragraphs as wide as the terminal, but not wider than people read well."""
    width = min(shutil.get_terminal_size().columns, 100) - 1
    return "\n\n".join(textwrap.fill(" ".join(part.split()), width) for part in text.split("\n\n"))


def _failed(error: Exception) -> int:
    """One line on standard error that says what happened and what to do, and the exit code."""
    from mosaic_daemon.ground.errors import MosaicError
    from mosaic_daemon.views.text import one_line

    if isinstance(error, BaseExceptionGroup):
        while isinstance(error, BaseExceptionGroup):
            first = error.exceptions[0]
            error = first if isinstance(first, Exception) else RuntimeError(repr(first))
    if isinstance(error, MosaicError):
        print(f"{PROGRAM}: {one_line(error.line)}", file=sys.stderr)
        return error.exit_code
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        print(f"{PROGRAM}: {error.filename or 'the disk'}: {error.strerror}; free some, then again", file=sys.stderr)
        return 75
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
