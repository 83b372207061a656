"""The bare repository behind a forge, changed with git's plumbing as a server would."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_IDENTITY = {
    "GIT_AUTHOR_NAME": "Forge",
    "GIT_AUTHOR_EMAIL": "forge@example.org",
    "GIT_COMMITTER_NAME": "Forge",
    "GIT_COMMITTER_EMAIL": "forge@example.org",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}

_FULL = re.compile(r"[0-9a-f]{40}")


class GitError(Exception):
    """git said no: its words."""


@dataclass(frozen=True, slots=True)
class Commit:
    sha: str
    tree: str
    parents: tuple[str, ...]
    message: str
    author: str
    email: str
    date: str


class Origin:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._facts: dict[tuple[str, ...], str | None] = {}

    def git(self, *args: str, data: str | None = None, index: str | None = None) -> str:
        """What git prints, without the last newline. Raises GitError."""
        env = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")} | _IDENTITY
        if index:
            env["GIT_INDEX_FILE"] = index
        done = subprocess.run(
            ["git", "--git-dir", str(self.path), *args],
            env=env,
            input=data,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise GitError(f"git {' '.join(args)}: {done.returncode}: {done.stderr or done.stdout}")
        return done.stdout.rstrip("\n")

    def sha(self, ref: str) -> str | None:
        """The commit of a branch, tag or (full or short) sha."""
        for name in (ref,) if _FULL.fullmatch(ref) else (f"refs/heads/{ref}", f"refs/tags/{ref}", ref):
            try:
                return self.git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
            except GitError:
                continue
        return None

    def branch(self, name: str) -> str | None:
        """The commit of a branch, read from its file: every poll asks, and a process each would be most of its time."""
        loose, packed = self.path / "refs" / "heads" / name, self.path / "packed-refs"
        if loose.is_file():
            return loose.read_text().strip()
        lines = packed.read_text().splitlines() if packed.exists() else []
        return next((line.split()[0] for line in lines if line.endswith(f" refs/heads/{name}")), None)

    def commit(self, sha: str) -> Commit:
        shown = self._fact("show", "-s", "--format=%H%x00%T%x00%P%x00%an%x00%ae%x00%cI%x00%B", sha)
        if shown is None:
            raise GitError(f"no commit {sha} in {self.path}")
        full, tree, parents, author, email, date, message = shown.split("\0")
        return Commit(full, tree, tuple(parents.split()), message.rstrip("\n"), author, email, date)

    def merge_base(self, one: str, other: str) -> str | None:
        return self._fact("merge-base", one, other)

    def count(self, base: str, head: str) -> int:
        """Commits of `head` that `base` lacks."""
        return int(self._fact("rev-list", "--count", f"{base}..{head}") or 0)

    def merged_tree(self, base: str, head: str) -> str | None:
        """The tree of merging `head` into `base`; None when they conflict."""
        shown = self._fact("merge-tree", "--write-tree", base, head)
        return shown.splitlines()[0] if shown else None

    def _fact(self, *args: str) -> str | None:
        """What git says of full shas, which is true for ever, or None where it says no."""
        if args not in self._facts:
            try:
                self._facts[args] = self.git(*args)
            except GitError:
                self._facts[args] = None
        return self._facts[args]

    def make_commit(self, tree: str, parents: tuple[str, ...], message: str) -> str:
        flags = [word for parent in parents for word in ("-p", parent)]
        return self.git("commit-tree", tree, *flags, "-F", "-", data=message)

    def move(self, branch: str, new: str, old: str | None) -> None:
        """Set a branch that stands at `old` (None: that does not exist). Raises GitError when it does not."""
        self.git("update-ref", f"refs/heads/{branch}", new, old or "0" * 40)

    def delete_branch(self, branch: str) -> None:
        self.git("update-ref", "-d", f"refs/heads/{branch}")

    def tree_with(self, tree: str | None, files: Mapping[str, str | None]) -> str:
        """`tree` with files written, or removed where the text is None."""
        index = str(self.path / "fake-forge-index")
        try:
            self.git("read-tree", *([tree] if tree else ["--empty"]), index=index)
            for name, text in files.items():
                if text is None:
                    self.git("update-index", "--force-remove", name, index=index)
                    continue
                blob = self.git("hash-object", "-w", "--stdin", data=text)
                self.git("update-index", "--add", "--cacheinfo", f"100644,{blob},{name}", index=index)
            return self.git("write-tree", index=index)
        finally:
            Path(index).unlink(missing_ok=True)

    def push(self, branch: str, files: Mapping[str, str | None], message: str, start: str | None = None) -> str:
        """One more commit on a branch, which is made at `start` when it does not exist. Its sha."""
        old = self.branch(branch)
        parent = old or (self.sha(start) if start else None)
        tree = self.tree_with(self.commit(parent).tree if parent else None, files)
        new = self.make_commit(tree, (parent,) if parent else (), message)
        self.move(branch, new, old)
        return new
