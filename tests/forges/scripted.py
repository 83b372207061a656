"""A forge that is a folder of shell scripts: they squash on the bare origin with git's plumbing, as its server would.

What a script does differently for one test is written into `<script>.before` or `<script>.after`, which it sources.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from mosaic_daemon.forges.base import Forge
from mosaic_daemon.forges.wrappers.commands import Commands
from mosaic_daemon.forges.wrappers.forge import Conduct, WrappersForge
from mosaic_daemon.repository.clone import Clone
from mosaic_rails.process.rail import ProcessRail
from tests.forges.benches import GitBench
from tests.repository.repos import Repository, git

_COMMON = """#!/bin/sh
set -eu
script=$(basename "$0" .sh); state=@STATE@; origin=@ORIGIN@
export GIT_AUTHOR_NAME=Forge GIT_AUTHOR_EMAIL=f@example.org GIT_COMMITTER_NAME=Forge GIT_COMMITTER_EMAIL=f@example.org
echo "$(printf '%s' "$*" | tr '\\n' ' ')" >> "$state/$script.calls"
env > "$state/$script.env"
pwd > "$state/$script.cwd"
title= body= target= head= number= purpose= issue=
while [ $# -gt 0 ]; do
  case $1 in
    -t) title=$2 ;; -b) body=$2 ;; -B) target=$2 ;; -H) head=$2 ;; -n) number=$2 ;; -i) issue=$2 ;;
  esac
  shift 2
done
at() { if [ -f "$state/$script.$1" ]; then . "$state/$script.$1"; fi; }
at before
"""
_SCRIPTS = {
    "pr-create": """
        head=${head:-$(git symbolic-ref --short HEAD)}
        test "$(git config remote.origin.url)" = "$origin"
        number=$(($(ls "$state/pulls" | wc -l) + 10))
        printf %s "$head" > "$state/pulls/$number"
        printf %s "$title" > "$state/titles/$number"
        answer="Created #$number"
        at after
        echo "$answer"
        """,
    "pr-merge": """
        head=$(cat "$state/pulls/$number")
        base=$(git -C "$origin" rev-parse refs/heads/main)
        tree=$(git -C "$origin" merge-tree --write-tree "$base" "refs/heads/$head")
        message="$(cat "$state/titles/$number") (#$number)"
        commit=$(echo "$message" | git -C "$origin" commit-tree "$tree" -p "$base")
        git -C "$origin" update-ref refs/heads/main "$commit" "$base"
        at after
        """,
    "pr-ci-wait": 'echo "all checks have passed"\nat after',
    "ci-queue-wait": 'echo "the queue is clear"\nat after',
    "issue-view": """
        echo "title:  an issue"
        if [ -f "$state/closed/$issue" ]; then echo "state:  CLOSED"; else echo "state:  OPEN"; fi
        at after
        """,
    "issue-close": ': > "$state/closed/$issue"\nat after',
    "issue-comment": 'printf %s "$body" >> "$state/comments"\nat after',
    "issue-create": 'echo "https://forge.example/o/r/issues/31"\nat after',
    "milestone-close": "at after",
    "release-create": 'echo "https://forge.example/o/r/releases/1"\nat after',
}


def write_scripts(tools: Path, state: Path, origin: Path) -> None:
    """The guide's scripts in `tools`, for the repository `origin`; what they know is kept in `state`."""
    tools.mkdir(parents=True)
    for part in ("pulls", "titles", "closed"):
        (state / part).mkdir(parents=True)
    for name, text in _SCRIPTS.items():
        script = tools / f"{name}.sh"
        script.write_text(_COMMON.replace("@STATE@", str(state)).replace("@ORIGIN@", str(origin)) + text)
        script.chmod(0o700)


def commands_in(tools: Path) -> Commands:
    """The defaults, with the scripts in this folder."""
    templates = {each.name: getattr(Commands(), each.name) for each in fields(Commands) if each.name != "closed"}
    here: dict[str, Any] = {
        name: (str(tools / Path(words[0]).name), *words[1:]) for name, words in templates.items() if words
    }
    return replace(Commands(), **here)


def environment() -> dict[str, str]:
    """What every script gets."""
    return {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LC_ALL": "C"}


@dataclass(frozen=True, slots=True)
class Scripts:
    """A forge of scripts as a daemon is told of it. `tools`: their folder; `folder`: what the daemon keeps of them."""

    tools: str
    folder: str

    def forge(self, clone: Clone, _: object = None) -> WrappersForge:
        rail, folder = ProcessRail(Path(self.folder) / "runs"), Path(self.folder)
        return WrappersForge(clone, commands_in(Path(self.tools)), Conduct(rail, folder, environment(), pause_sec=0.0))


class ScriptedBench(GitBench):
    """A repository whose forge is scripts.

    Attributes:
        state: where they keep what they know, and how they are told what to do.
    """

    def __init__(self, folder: Path, clone: Clone, repository: Repository) -> None:
        super().__init__(clone, repository)
        self.state = folder / "forge"
        write_scripts(self.state / "tools", self.state, repository.base)
        self.commands = commands_in(self.state / "tools")
        self.conduct = Conduct(
            rail=ProcessRail(folder / "forge-runs"),
            folder=folder / "forge-notes",
            env=environment(),
            pause_sec=0.0,
        )
        self.forge: Forge = self.wrappers()

    @classmethod
    async def start(cls, folder: Path) -> ScriptedBench:
        repository = Repository(folder)
        return cls(folder, await repository.open(), repository)

    def wrappers(self) -> WrappersForge:
        """The forge as the next daemon makes it."""
        return WrappersForge(self.clone, self.commands, self.conduct)

    def restart(self, **conduct: float) -> WrappersForge:
        """Another daemon, over the same rail's folder; what the last one knew is gone."""
        rail = ProcessRail(self.repository.folder / "forge-runs")
        self.conduct = replace(self.conduct, rail=rail, **conduct)  # type: ignore[arg-type]
        self.forge = forge = self.wrappers()
        return forge

    def tell(self, script: str, when: str, lines: str) -> None:
        """What a script does `before` or `after` its own work, from now on."""
        (self.state / f"{script}.{when}").write_text(lines)

    def forget(self, script: str, when: str) -> None:
        (self.state / f"{script}.{when}").unlink()

    def calls(self, script: str) -> list[str]:
        """The arguments of each of its runs."""
        file = self.state / f"{script}.calls"
        return file.read_text().splitlines() if file.exists() else []

    def env(self, script: str) -> dict[str, str]:
        """The environment of its last run."""
        lines = (self.state / f"{script}.env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def notes(self, gate: str) -> dict[str, object]:
        kept: dict[str, object] = json.loads((self.conduct.folder / f"{gate}.json").read_text())
        return kept

    def branch(self, name: str) -> str:
        """Where a branch of the origin is."""
        return git(self.repository.base, "rev-parse", f"refs/heads/{name}")

    def tool(self, name: str) -> str:
        return str(self.state / "tools" / Path(name).name)
