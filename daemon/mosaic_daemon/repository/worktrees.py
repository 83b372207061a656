"""Working directories for workers: each a small clone of its own that borrows the daemon's objects.

A clone and not a linked worktree: a linked one shares its configuration and hooks with the daemon's git. The daemon
runs git in it only before the worker starts; afterwards it only fetches from it.
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import anyio
import anyio.to_thread

from mosaic_daemon.ground import atomicfile
from mosaic_daemon.ground.errors import MosaicError
from mosaic_daemon.ground.git import Git
from mosaic_daemon.repository.clone import Clone
from mosaic_daemon.repository.configuration import quoted

_NEW = ".new-"
_SPARE = ".spare"
_SLOW_SEC = 0.1
_STATUS = ("status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--ignore-submodules=all")


class Worktrees:
    """The folder of working directories, one per attempt.

    Attributes:
        root: `.mosaic/orchestrator/worktrees`.
        wants_spare: checking out takes long enough here to have one ready (see `keep_spare`).
    """

    def __init__(self, root: Path, clone: Clone) -> None:
        self.root = root
        self.wants_spare = False
        self._clone = clone

    def path(self, name: str) -> Path:
        return self.root / name

    def names(self, prefix: str = "") -> list[str]:
        """The working directories that exist, by name."""
        if not self.root.exists():
            return []
        return sorted(entry.name for entry in self.root.iterdir() if entry.name.startswith(prefix))

    async def ensure(self, name: str, branch: str, base: str, *, origin: str | None = None) -> Path:
        """The working directory of this name; made on `branch` at commit `base` if it does not exist yet.

        `origin`: where its base branch stands, its own and the origin's, where that is not `base`.

        It appears complete or not at all, so whoever finds it may be at work in it already: it is left alone.
        """
        tree = self.path(name)
        if not tree.exists():
            new, spare = self.path(f"{_NEW}{name}"), self.path(_SPARE)
            await self.remove(new.name)
            if spare.exists():
                spare.rename(new)
            else:
                self._initialize(new)
            started = time.monotonic()
            await self._check_out(new, tree, branch, base)
            if origin is not None:
                self._place_base(new, origin)
            self.wants_spare |= time.monotonic() - started > _SLOW_SEC
            new.rename(tree)
        return tree

    async def keep_spare(self) -> None:
        """Have a checked-out directory ready, so that the next `ensure` only has to bring it up to date."""
        new, spare = self.path(f"{_NEW}{_SPARE}"), self.path(_SPARE)
        base = await self._clone.git.sha(self._clone.base_ref)
        if base is not None and not spare.exists():
            await self.remove(new.name)
            self._initialize(new)
            await self._check_out(new, spare, "spare", base)
            new.rename(spare)

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
            if (await git.ask("read-tree", "--reset", head, env=env)).status != 0:
                index.unlink(missing_ok=True)  # theirs is split, newer than this git, or damaged
                await git.run("read-tree", "--reset", head, env=env)
            # A submodule has a configuration of its own, which a worker may have written: never look inside.
            found = await git.run(*_STATUS, env=env)
        finally:
            index.unlink(missing_ok=True)
        # Two letters and a space before each path; the second letter tells the files from the index.
        return tuple(line[3:] for line in found.split("\0") if line[1:2].strip())

    def is_at(self, name: str, branch: str, sha: str) -> bool:
        """Whether `branch` is plainly at this commit. False when only git can tell."""
        try:
            ref = atomicfile.read_untrusted(self.path(name) / ".git" / "refs" / "heads" / branch, max_bytes=100)
        except (MosaicError, OSError):
            return False
        return ref == f"{sha}\n".encode()

    async def remove(self, name: str) -> None:
        tree = self.path(name)
        if tree.exists() or tree.is_symlink():
            await anyio.to_thread.run_sync(_remove, tree)

    def _initialize(self, tree: Path) -> None:
        """An empty repository that finds every commit in the daemon's clone."""
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        tree.mkdir(mode=0o700)
        objects = tree / ".git" / "objects" / "info"
        objects.mkdir(parents=True)
        (objects / "alternates").write_text(f"{self._clone.git.directory / 'objects'}\n")

    async def _check_out(self, tree: Path, final: Path, branch: str, base: str) -> None:
        """Put `branch` and its files at `base`. `final` is where the directory will stand for its worker."""
        directory = tree / ".git"
        (directory / "config").write_text(self._configuration(final / ".git"))
        (directory / "HEAD").write_text(f"ref: refs/heads/{branch}\n")
        shutil.rmtree(directory / "refs" / "heads", ignore_errors=True)
        for ref in (f"heads/{branch}", f"remotes/origin/{self._clone.branch}"):
            file = directory / "refs" / ref
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{base}\n")
        await Git(directory).run("read-tree", "-u", "--reset", base, env={"GIT_WORK_TREE": str(tree)})

    def _place_base(self, tree: Path, sha: str) -> None:
        for ref in (f"heads/{self._clone.branch}", f"remotes/origin/{self._clone.branch}"):
            file = tree / ".git" / "refs" / ref
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{sha}\n")

    def _configuration(self, directory: Path) -> str:
        """`git fetch origin` gives the base branch; `git push origin` leaves the branch here for the daemon."""
        identity = self._clone.identity
        return (
            "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n\tlogallrefupdates = true\n"
            f"[user]\n\tname = {quoted(identity.name)}\n\temail = {quoted(identity.email)}\n"
            f'[remote "origin"]\n\turl = {quoted(self._clone.git.directory)}\n\tpushurl = {quoted(directory)}\n'
            f"\tfetch = {quoted(f'+{self._clone.base_ref}:refs/remotes/origin/{self._clone.branch}')}\n"
            "[gc]\n\tauto = 0\n[push]\n\tdefault = current\n[receive]\n\tdenyCurrentBranch = ignore\n"
        )

    @staticmethod
    def _borrow_index(tree: Path, index: Path) -> None:
        """Start from the worker's index: only its cached file times are used, so unchanged files are not read again."""
        theirs = tree / ".git" / "index"
        if theirs.is_file() and not theirs.is_symlink():
            shutil.copy2(theirs, index)  # its time tells git which of its entries may be out of date


def _remove(path: Path) -> None:
    """Remove a tree whatever modes a worker gave its folders, and without following a link."""
    if path.is_symlink() or path.is_file():
        path.unlink()
        return
    path.chmod(0o700)
    for folder, names, _ in os.walk(path):
        for each in (Path(folder, name) for name in names):
            if not each.is_symlink():
                each.chmod(0o700)
    shutil.rmtree(path)
