"""Reviewers as scripts: they note their run outside the repository, and write or print what a test wants."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

from tests.support.repo import GATE, Repo

APPROVED = {"verdict": "approve", "findings": [], "stats": {"blockers": 0, "should_fix": 0, "suggestions": 0}}
SAFE = {"risk_level": "none", "findings": [], "stats": {"critical": 0, "high": 0, "medium": 0, "low": 0}}


def finding(severity: str = "blocker", title: str = "it divides by zero", **fields: Any) -> dict[str, Any]:
    """One finding as the scripts write it."""
    return {"severity": severity, "title": title, "file": "src/a.py", "line_start": 3, "description": "why", **fields}


def code(verdict: str = "approve", blockers: int = 0, *findings: dict[str, Any]) -> dict[str, Any]:
    """What the code review writes."""
    return {"verdict": verdict, "findings": list(findings), "stats": {"blockers": blockers}}


def security(critical: int = 0, high: int = 0, *findings: dict[str, Any]) -> dict[str, Any]:
    """What the security review writes."""
    return {"findings": list(findings), "stats": {"critical": critical, "high": high}}


def writing(document: dict[str, Any] | str) -> str:
    """A step that writes this to the output the reviewer was given."""
    text = document if isinstance(document, str) else json.dumps(document)
    return f'printf %s {shlex.quote(text)} > "$out"'


class Reviewer:
    """The two scripts of a repository, and the fallback agent where a test gives one.

    Attributes:
        runs: every run notes its name here; what at-most-once is judged by.
    """

    def __init__(self, repo: Repo, **settings: Any) -> None:
        self._repo = repo
        self.runs = repo.folder / "reviews"
        self._settings = settings
        self.script("code", writing(APPROVED))
        self.script("security", writing(SAFE))
        self.configure()

    def configure(self, more: str = "", *, gate: str = GATE, **settings: Any) -> None:
        """Write `config.toml`: this reviewer's scripts, and what else a test wants."""
        given: dict[str, Any] = {
            name: [str(self._file(name)), "-b", "{base_branch}", "-o", "{output}"] for name in _BOTH
        }
        given |= {"mode": "required", **self._settings, **settings}
        lines = "\n".join(f"{name} = {json.dumps(value)}" for name, value in given.items())
        self._repo.configure(f"{gate}[review]\n{lines}\n{more}")

    def script(self, name: str, *steps: str) -> Path:
        """Replace a script. `$out` is where its JSON is to go, `$base` the base branch, `$MOSAIC_TASK_ID` the task."""
        note = f'echo "$MOSAIC_ATTEMPT" >> {shlex.quote(str(self.runs))}'
        text = "\n".join(("#!/bin/sh", note, 'base="$2" out="$4"', "echo 'OpenAI Codex v0.98.0'", *steps, ""))
        file = self._file(name)
        temporary = file.with_suffix(".new")
        temporary.write_text(text)
        temporary.chmod(0o755)
        temporary.replace(file)
        return file

    def agent(self, *steps: str) -> str:
        """A runtime called `critic` that prints its answer: the lines of its configuration."""
        file = self.script("agent", *steps)
        return f'[runtimes.critic]\ncommand = ["{file}"]\nprompt = "stdin"\noutput = "text"\n'

    def ran(self) -> list[str]:
        """The runs, by name, in order."""
        return self.runs.read_text().split() if self.runs.exists() else []

    def _file(self, name: str) -> Path:
        return self._repo.folder / f"{name}-review.sh"


_BOTH = ("code", "security")
