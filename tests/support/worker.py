"""Shell commands that do what an agent does: edit, commit, and print the result JSON."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

RESULT = (
    'printf \'{"task_id":"%s","status":"success","used":"1K","commit_sha":"%s","notes":"ok"}\\n\''
    ' "$MOSAIC_TASK_ID" "$(git rev-parse HEAD)"'
)
"""Prints the result of a success with the worktree's head."""

COMMIT = 'git add -A && git commit -q -m "$MOSAIC_TASK_ID"'


def noting(effects: Path) -> str:
    """Append this attempt's name to a file outside the repository: what the at-most-once promise is judged by."""
    return f'echo "$MOSAIC_ATTEMPT" >> {shlex.quote(str(effects))}'


def waiting(flag: Path) -> str:
    """Wait until the test makes this file."""
    return f"while [ ! -e {shlex.quote(str(flag))} ]; do sleep 0.02; done"


def writing(files: Mapping[str, str]) -> str:
    """Write files below the worktree."""
    lines = []
    for path, text in files.items():
        parent = str(Path(path).parent)
        lines.append(f"mkdir -p {shlex.quote(parent)} && printf %s {shlex.quote(text)} > {shlex.quote(path)}")
    return "\n".join(lines)


def script(*steps: str) -> str:
    """One command of these steps, ended by the first that fails."""
    return "\n".join(("set -e", *filter(None, steps)))
