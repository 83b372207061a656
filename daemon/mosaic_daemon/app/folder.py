"""The state folder in a repository. Light to import: `init` and `enqueue` need no more."""

from __future__ import annotations

from pathlib import Path

from mosaic_daemon.ground.layout import Layout

_EXCLUDE = "/.mosaic/orchestrator/"


def prepare(layout: Layout) -> None:
    """Make the state folder, and keep it out of the person's `git status`."""
    for folder in (layout.state, layout.results, layout.attempts, layout.worktrees, layout.history):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    layout.state.chmod(0o700)
    exclude = _exclude_file(layout.repo / ".git")
    lines = exclude.read_text(encoding="utf-8").splitlines() if exclude.exists() else []
    if _EXCLUDE not in lines:
        exclude.parent.mkdir(exist_ok=True)
        exclude.write_text("\n".join([*lines, _EXCLUDE]) + "\n", encoding="utf-8")


def _exclude_file(git: Path) -> Path:
    """Where git keeps the repository's own exclude lines; a worktree or submodule has its `.git` elsewhere."""
    if git.is_file():
        git = git.parent / git.read_text(encoding="utf-8").removeprefix("gitdir:").strip()
        common = git / "commondir"
        git = git / common.read_text(encoding="utf-8").strip() if common.exists() else git
    return git / "info" / "exclude"
