"""The scene: the example repository with its bare origin, its settings, and a home folder of its own.

Nothing of the person's machine takes part but git, sh and this Python: not their git configuration, not their settings
or templates, and no variable that would configure the daemon.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

CHECK = ("python3", "-m", "unittest")
REPORT = "docs/reports/first-review"

_DATA = resources.files("mosaic_daemon.demo")

MILESTONE = "First review"
VERSION = "0.0.1"

_CONFIG = """\
[worker]
runtime = "script"      # stands in for a coding agent

[runtimes.script]
command = {agent}
prompt = "stdin"
output = "text"

[milestone]
release = "auto"        # when all is done the daemon releases the milestone

[gate]
ci = "required"
ci_command = {check}    # run on a clean checkout of every commit before it lands

[templates]
path = {templates}
"""


@dataclass(frozen=True, slots=True)
class Scene:
    """Where everything is. `root`: an empty folder of the demo's own."""

    root: Path

    @property
    def repository(self) -> Path:
        return self.root / "shop"

    @property
    def origin(self) -> Path:
        return self.root / "origin.git"

    def environment(self) -> dict[str, str]:
        """What the daemon and git get: the person's environment without whatever would change the outcome."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MOSAIC_", "GIT_", "XDG_"))}
        return kept | {
            "HOME": str(self.root / "home"),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "GIT_CONFIG_NOSYSTEM": "1",
        }

    def git(self, *args: str, at: Path | None = None) -> str:
        """git's standard output, in the example repository unless `at` says otherwise."""
        return self.run("git", *args, at=at).stdout.rstrip("\n")

    def run(self, *argv: str, at: Path | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            argv, cwd=at or self.repository, env=self.environment(), check=check, capture_output=True, text=True
        )

    def check_passes(self, at: Path) -> bool:
        """Whether the example's own check passes on the files in `at`."""
        return self.run(*CHECK, at=at, check=False).returncode == 0


def bootstrap(scene: Scene) -> list[dict[str, Any]]:
    """Plan from the review, as a person would; the tasks, as they stand in `tasks.json` then."""
    words = (REPORT, "--prefix", "DEMO", "--milestone", f"{VERSION}: {MILESTONE}")
    scene.run(sys.executable, "-m", "mosaic_daemon", "bootstrap", *words)
    queue = json.loads((scene.repository / ".mosaic/orchestrator/tasks.json").read_text(encoding="utf-8"))
    return list(queue["tasks"])


def build(root: Path) -> Scene:
    """Make the example in `root`: first commit pushed, settings written."""
    scene = Scene(root)
    for name in ("shop", "home"):
        (root / name).mkdir()
    _copy(_DATA / "example", scene.repository)
    _copy(_DATA / "agent", root / "agent")
    scene.git("init", "--quiet", "--bare", "--initial-branch=main", str(scene.origin), at=root)
    scene.git("init", "--quiet", "--initial-branch=main")
    scene.git("config", "user.name", "Demo")
    scene.git("config", "user.email", "demo@localhost")
    scene.git("remote", "add", "origin", str(scene.origin))
    scene.git("add", "--all")
    scene.git("commit", "--quiet", "--message", "A shop, and a review of it")
    scene.git("push", "--quiet", "--set-upstream", "origin", "main")
    _configure(scene)
    return scene


def _configure(scene: Scene) -> None:
    state = scene.repository / ".mosaic" / "orchestrator"
    state.mkdir(parents=True, mode=0o700)
    agent = ["sh", str(scene.root / "agent" / "agent.sh")]
    templates = resources.files("mosaic_daemon") / "templates"
    config = _CONFIG.format(agent=json.dumps(agent), check=json.dumps(CHECK), templates=json.dumps(str(templates)))
    (state / "config.toml").write_text(config, encoding="utf-8")


def _copy(source: Traversable, target: Path) -> None:
    target.mkdir(exist_ok=True)
    for entry in source.iterdir():
        if entry.is_dir():
            if entry.name != "__pycache__":
                _copy(entry, target / entry.name)
        else:
            (target / entry.name).write_bytes(entry.read_bytes())
