"""Prepare a repository: the state folder, out of git's sight, and a config.toml that explains every setting.

Running it again changes nothing that is there. --link puts the four commands that agents call into
~/.config/mosaic/bin.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from mosaic_daemon.cli import context
from mosaic_daemon.ground.layout import Layout
from mosaic_daemon.views.snapshot import PROGRAM

LINKS = tuple(f"{PROGRAM}-{verb}" for verb in ("run", "matrix-cycle", "sync-tasks", "drain"))


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--link", action="store_true", help="link the four commands into ~/.config/mosaic/bin")


def execute(options: argparse.Namespace) -> int:
    from mosaic_daemon.app.folder import prepare

    layout = context.layout_of(options)
    was_there = layout.state.is_dir()
    prepare(layout)
    state = layout.state.relative_to(layout.repo)
    context.say(f"{'already prepared' if was_there else 'prepared'}: {layout.state} (git does not see it)")
    context.say(_configured(layout))
    if options.link:
        for line in _linked(Path("~/.config/mosaic/bin").expanduser()):
            context.say(line)
    settings = context.settings_of(options, layout)
    _advise(settings.worker.runtime, state / layout.config.name)
    return 0


def _configured(layout: Layout) -> str:
    """Write the commented configuration, unless there is one."""
    from mosaic_daemon.ground import atomicfile
    from mosaic_daemon.ground.reference import config_text

    if layout.config.is_symlink() or layout.config.exists():
        return f"kept: {layout.config}"
    atomicfile.write(layout.config, config_text().encode())
    return f"wrote: {layout.config} (every setting with its default, commented out)"


def _linked(folder: Path) -> Iterator[str]:
    """Make the links; what somebody else put there under such a name stays.

    Raises:
        Refused: a file that is no link is in the way, or the commands are not installed.
    """
    from mosaic_daemon.ground.errors import Refused

    folder.mkdir(parents=True, exist_ok=True)
    for name in LINKS:
        script, link = _script(name), folder / name
        if link.is_symlink() and link.resolve() == script.resolve():
            yield f"kept: {link}"
            continue
        if link.exists() and not link.is_symlink():
            raise Refused("is a file of its own and stays", where=str(link), remedy="move it away, then try again")
        link.unlink(missing_ok=True)
        link.symlink_to(script)
        yield f"linked: {link} -> {script}"


def _script(name: str) -> Path:
    """The installed command: beside the one that runs now, beside the interpreter, or on the PATH."""
    from mosaic_daemon.ground.errors import Refused

    for folder in (Path(sys.argv[0]).absolute().parent, Path(sys.executable).parent):
        if (folder / name).is_file():
            return folder / name
    if found := shutil.which(name):
        return Path(found)
    raise Refused(f"the command {name} is not installed", remedy="install the package with pip, pipx or uv")


def _advise(runtime: str, config: Path) -> None:
    example = f'{PROGRAM} enqueue FIRST-1 "what is to be done"'
    if shutil.which(runtime) is None:
        context.say(
            f"note: `{runtime}`, who does the work by default, is not on the PATH; `worker.runtime` in {config}"
        )
        context.say("names another one, or give a task its own `--command`")
        example += ' --command "make the change and commit it"'
    context.say(f"\nnext:\n  {example}\n  {PROGRAM} run")
