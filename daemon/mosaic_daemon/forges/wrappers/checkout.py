"""A checkout of the accepted commit on its branch, with the real origin: where `pr-create` runs.

It takes "the current branch" for the pull request unless it is told another, and the person's own checkout may be on
anything.
"""

from __future__ import annotations

from pathlib import Path

from mosaic_daemon.ground import atomicfile
from mosaic_daemon.repository.clone import Clone
from mosaic_daemon.repository.configuration import quoted
from mosaic_daemon.repository.worktrees import Worktrees


class Checkouts:
    def __init__(self, folder: Path, clone: Clone) -> None:
        self._trees = Worktrees(folder, clone)
        self._clone = clone

    def path(self, gate: str) -> Path:
        return self._trees.path(gate)

    async def ensure(self, gate: str, branch: str, head_sha: str) -> None:
        """Make it, unless it is there: a script may be about to start in it."""
        directory = await self._trees.ensure(gate, branch, head_sha) / ".git"
        atomicfile.write(directory / "config", self._configuration(branch).encode())
        pushed = directory / "refs" / "remotes" / "origin" / branch
        pushed.parent.mkdir(parents=True, exist_ok=True)
        pushed.write_text(f"{head_sha}\n")

    async def remove(self, gate: str) -> None:
        await self._trees.remove(gate)

    def _configuration(self, branch: str) -> str:
        """The daemon's own, which knows the origin and how to reach it, made fit for a checkout."""
        identity = self._clone.identity
        return (
            f"[include]\n\tpath = {quoted(self._clone.git.directory / 'config')}\n"
            "[core]\n\tbare = false\n\tlogallrefupdates = true\n[transfer]\n\tfsckObjects = false\n"
            f"[user]\n\tname = {quoted(identity.name)}\n\temail = {quoted(identity.email)}\n"
            '[remote "origin"]\n\tfetch = "+refs/heads/*:refs/remotes/origin/*"\n'
            f"[branch {quoted(branch)}]\n\tremote = origin\n\tmerge = {quoted(f'refs/heads/{branch}')}\n"
        )
