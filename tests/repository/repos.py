"""Real repositories: a person's checkout, an origin, and workers who write whatever they like into theirs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from mosaic_daemon.repository.clone import Clone
from mosaic_daemon.repository.worktrees import Worktrees

_ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Ann",
    "GIT_AUTHOR_EMAIL": "ann@example.org",
    "GIT_COMMITTER_NAME": "Ann",
    "GIT_COMMITTER_EMAIL": "ann@example.org",
    "LC_ALL": "C",
}


def git(folder: Path, *args: str, check: bool = True, stdin: bytes = b"") -> str:
    """git as a person runs it, without anybody's configuration."""
    done = subprocess.run(
        ["git", "-C", str(folder), *args], env=_ENVIRONMENT, capture_output=True, check=False, input=stdin
    )
    assert not check or done.returncode == 0, f"git {args}: {done.stderr.decode(errors='replace')}"
    return done.stdout.decode(errors="surrogateescape").strip()


def write(folder: Path, files: dict[str, str | bytes | None]) -> None:
    for name, text in files.items():
        file = folder / name
        if text is None:
            file.unlink()
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode() if isinstance(text, str) else text)


def commit(folder: Path, files: dict[str, str | bytes | None], message: str = "work") -> str:
    """Commit these changes on whatever is checked out; None deletes a file."""
    write(folder, files)
    git(folder, "add", "-A", "-f", *files)
    git(folder, "commit", "-q", "--allow-empty", "-m", message)
    return git(folder, "rev-parse", "HEAD")


class Repository:
    """A person's checkout of `main`, with a bare origin or without one.

    Attributes:
        root: the checkout; origin: the bare repository, or None; base: where the daemon lands.
    """

    def __init__(self, folder: Path, *, origin: bool = True) -> None:
        self.folder = folder
        self.root = folder / "repo"
        self.root.mkdir(parents=True)
        git(self.root, "init", "-q", "-b", "main")
        commit(self.root, {"a.txt": "one\n", "b.txt": "two\n"}, "first")
        self.origin = folder / "origin.git" if origin else None
        if self.origin:
            git(folder, "clone", "-q", "--bare", str(self.root), str(self.origin))
            git(self.root, "remote", "add", "origin", str(self.origin))
            git(self.root, "fetch", "-q", "origin")

    @property
    def base(self) -> Path:
        return self.origin or self.root

    async def open(self) -> Clone:
        return await Clone.open(self.root, self.folder / "gate.git", "main")

    def worktrees(self, clone: Clone) -> Worktrees:
        return Worktrees(self.folder / "worktrees", clone)

    def head(self) -> str:
        """The base branch where the daemon lands."""
        return git(self.base, "rev-parse", "refs/heads/main")

    def push(self, files: dict[str, str | bytes | None], message: str = "by somebody") -> str:
        """Somebody else brings the base branch forward; without an origin the person commits in the checkout."""
        if self.origin is None:
            return commit(self.root, files, message)
        other = self.folder / "other"
        if not other.exists():
            git(self.folder, "clone", "-q", str(self.base), str(other))
        git(other, "fetch", "-q", "origin")
        git(other, "reset", "-q", "--hard", "origin/main")
        sha = commit(other, files, message)
        git(other, "push", "-q", "origin", "HEAD:refs/heads/incoming")
        git(self.base, "update-ref", "refs/heads/main", sha)
        git(self.base, "update-ref", "-d", "refs/heads/incoming")
        return sha

    def show(self, revision: str, path: str) -> str:
        return git(self.base, "show", f"{revision}:{path}")
