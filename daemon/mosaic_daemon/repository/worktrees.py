"""Working directories for workers: each a small clone of its own that borrows the daemon's objects.

A clone and not a linked worktree: a linked one shares its configuration and hooks with the daemon's git. The daemon
runs git in it only before the worker starts; afterwards it only fetches from it.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import anyio
import anyio.to_thread

from mosaic_daemon.ground.git import Git, GitError
from mosaic_daemon.repository.clone import Clone


class Worktrees:
    """The folder of working directories, one per attempt.

    Attributes:
        root: `.mosaic/orchestrator/worktrees`.
    """

    def __init__(self, root: Path, clone: Clone) -> None:
        self.root = root
        self._clone = clone

    def path(self, name: str) -> Path:
        return self.root / name

    def names(self, prefix: str = "") -> list[str]:
        """The working directories that exist, by name."""
        if not self.root.exists():
            return []
        return sorted(entry.name for entry in self.root.iterdir() if entry.name.startswith(prefix))

    async def create(self, name: str, branch: str, base: str) -> Path:
        """A fresh working directory on `branch` at commit `base`. What stood there before is removed."""
        tree = self.path(name)
        await self.remove(name)
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        await self._initialize(tree, branch, base)
        return tree

    async def dirty(self, name: str, head: str) -> tuple[str, ...]:
        """Paths in the working directory that differ from commit `head`, ignored ones left out.

        The daemon's own git looks at the files with an index of its own; the worker's configuration takes no part.
        """
        tree = self.path(name)
        git = self._clone.git
        index = git.directory / f"index.{name}"
        env = {"GIT_INDEX_FILE": str(index), "GIT_WORK_TREE": str(tree)}
        try:
            self._borrow_index(tree, index)
            await git.run("read-tree", "--reset", head, env=env)
            # A submodule has a configuration of its own, which a worker may have written: never look inside.
            changed = await git.run("diff", "--name-only", "-z", "--no-ext-diff", "--ignore-submodules=all", env=env)
            untracked = await git.run("ls-files", "--others", "--exclude-standard", "-z", env=env)
        finally:
            index.unlink(missing_ok=True)
        return tuple(path for path in (changed + untracked).split("\0") if path)

    async def remove(self, name: str) -> None:
        tree = self.path(name)
        if tree.exists() or tree.is_symlink():
            await anyio.to_thread.run_sync(_remove, tree)

    async def _initialize(self, tree: Path, branch: str, base: str) -> None:
        directory = tree / ".git"
        tree.mkdir(mode=0o700)
        own = Git(directory)
        await own.run("init", "--quiet", "--template=", f"--initial-branch={branch}", str(tree))
        objects = directory / "objects" / "info"
        objects.mkdir(parents=True, exist_ok=True)
        (objects / "alternates").write_text(f"{self._clone.git.directory / 'objects'}\n")
        with (directory / "config").open("a") as file:
            file.write(self._configuration(directory))
        refs = directory / "refs"
        for ref in (f"heads/{branch}", f"remotes/origin/{self._clone.branch}"):
            (refs / ref).parent.mkdir(parents=True, exist_ok=True)
            (refs / ref).write_text(f"{base}\n")
        try:
            await own.run("read-tree", "-u", "--reset", base, env={"GIT_WORK_TREE": str(tree)})
        except GitError:
            await self.remove(tree.name)
            raise

    def _configuration(self, directory: Path) -> str:
        """`git fetch origin` gives the base branch; `git push origin` leaves the branch here for the daemon."""
        identity = self._clone.identity
        return (
            f'[user]\n\tname = "{identity.name}"\n\temail = "{identity.email}"\n'
            f'[remote "origin"]\n\turl = {self._clone.git.directory}\n\tpushurl = {directory}\n'
            f"\tfetch = +{self._clone.base_ref}:refs/remotes/origin/{self._clone.branch}\n"
            "[gc]\n\tauto = 0\n[push]\n\tdefault = current\n[receive]\n\tdenyCurrentBranch = ignore\n"
        )

    @staticmethod
    def _borrow_index(tree: Path, index: Path) -> None:
        """Start from the worker's index: only its cached file times are used, so unchanged files are not read again."""
        theirs = tree / ".git" / "index"
        if theirs.is_file() and not theirs.is_symlink():
            shutil.copyfile(theirs, index)


def _remove(path: Path) -> None:
    if path.is_symlink() or path.is_file():
        path.unlink()
        return

    for folder, _, _ in os.walk(path):
        Path(folder).chmod(0o700)
    shutil.rmtree(path)
