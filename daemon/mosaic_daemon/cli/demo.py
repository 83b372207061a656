"""Watch the whole thing work: an example repository with a bare origin, a review's worth of tasks, the real daemon.

Shell scripts stand in for coding agents; everything else is what your own repository would get. It needs no network and
no account, takes some seconds, and touches nothing outside its folder. Ends with 0 only when everything promised is
read back from the origin.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from mosaic_daemon.cli import context

if TYPE_CHECKING:
    from mosaic_daemon.demo.proof import Delivered, Promise
    from mosaic_daemon.demo.stage import Scene

_COLUMNS = ("id", "status", "used", "notes")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dir", type=Path, metavar="DIR", help="make the example there, and keep it (new or empty)")
    parser.add_argument("--keep", action="store_true", help="keep the temporary folder")


def execute(options: argparse.Namespace) -> int:
    root = _folder(options.dir)
    passing = options.dir is None and not options.keep
    try:
        code = _play(root)
    except KeyboardInterrupt:
        if passing:
            shutil.rmtree(root, ignore_errors=True)
        raise
    if passing and code == 0:
        shutil.rmtree(root)
    else:
        context.say(f"\nThe example is in {root}; look at it with `git -C {root}/shop log --stat`.")
    return code


def _play(root: Path) -> int:
    from mosaic_daemon.demo import proof, stage, watch

    scene = stage.build(root)
    red = not scene.check_passes(scene.repository)
    tasks = stage.bootstrap(scene)
    _introduce(scene, len(tasks), red=red)
    story = watch.Story({task["id"]: "" for task in tasks})
    with watch.view(tasks) as view:
        code = watch.follow(scene, story, view)
    delivered = proof.read_back(scene)
    promises = [
        proof.Promise("the project's own check failed before", () if red else ("it passed",)),
        proof.Promise("the daemon ended by itself with exit code 0", () if code == 0 else (f"it was {code}",)),
        *proof.examine(scene, story, delivered, tasks),
    ]
    _show(scene, delivered, promises)
    if any(promise.missing for promise in promises):
        return 1
    _invite()
    return 0


def _introduce(scene: Scene, tasks: int, *, red: bool) -> None:
    from mosaic_daemon.demo import stage

    outcome = "fails" if red else "passes"
    context.say(
        f"An example in {scene.root}: a small project, its bare origin, and a review of it in {stage.REPORT}.\n"
        f"`bootstrap` has made {tasks} tasks of it. `{' '.join(stage.CHECK)}`, the project's own check, {outcome}.\n"
        "Shell scripts stand in for coding agents; the daemon does the rest, and releases the milestone.\n"
    )


def _show(scene: Scene, delivered: Delivered, promises: list[Promise]) -> None:
    from mosaic_daemon.demo import proof

    context.say("\nThe origin's main, `git log --oneline`:\n")
    context.say(scene.git("log", "--oneline", "main", at=delivered.tree))
    context.say(f"\nThe table archived there, {proof.ARCHIVED} (4 of its 14 columns, of the notes the evidence):\n")
    rows = [_COLUMNS, *(tuple(_evidence(row[column]) for column in _COLUMNS) for row in delivered.rows)]
    widths = [max(len(row[position]) for row in rows) for position in range(len(_COLUMNS))]
    for row in rows:
        context.say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    notes = delivered.tree / proof.NOTES
    if notes.exists():
        context.say(f"\nIts release notes, {proof.NOTES}:\n\n{notes.read_text(encoding='utf-8').rstrip()}")
    context.say("\nRead back from the origin, in a fresh clone:\n")
    for promise in promises:
        context.say(f"  {'no' if promise.missing else 'ok'}  {promise.text}")
        for missing in promise.missing:
            context.say(f"        {missing}")


def _evidence(cell: str) -> str:
    return cell[max(0, cell.find("done: ")) :]


def _invite() -> None:
    program = Path(sys.argv[0]).resolve()
    folder = program.parent if program.name.startswith("mosaic-orchestrator") else Path(sys.executable).parent
    context.say(
        "\nYour own repository:\n\n"
        f'  export PATH="{folder}:$PATH"\n'
        "  cd /path/to/your/repository\n"
        "  mosaic-orchestrator init\n"
        '  mosaic-orchestrator enqueue FIRST-1 "what is to be done"\n'
        "  mosaic-orchestrator run\n"
        "\n"
        "The work is done by `claude` unless you name another agent or a shell command (`worker.runtime`, --command).\n"
        "Set `gate.ci_command` in .mosaic/orchestrator/config.toml to the command that must pass before anything lands."
    )


def _folder(wanted: Path | None) -> Path:
    """The folder of the example.

    Raises:
        InputError: the named one is in use.
    """
    from mosaic_daemon.ground.errors import InputError

    if wanted is None:
        return Path(tempfile.mkdtemp(prefix="mosaic-demo-")).resolve()
    wanted.mkdir(parents=True, exist_ok=True)
    if any(wanted.iterdir()):
        raise InputError("the folder is not empty", source=str(wanted), remedy="name a new one")
    return wanted.resolve()
