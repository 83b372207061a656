"""The person's own checkout, for the one command that commits there because the person runs it: `bootstrap`.

git runs here as the person would run it, with their configuration, hooks and prompts. Nothing is stashed, reset,
switched or forced, and no file but the named ones is touched.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from mosaic_daemon.ground import atomicfile
from mosaic_daemon.ground.errors import Refused, Unavailable
from mosaic_daemon.ground.failpoints import failpoint
from mosaic_daemon.nouns.boundaries import check_own
from mosaic_daemon.repository.clone import BUSY

OURS = "chore(orchestrator): "
"""How the subject of every commit made here begins."""

_PUSHES = 3
_MOST_REASONS = 4
_HINTS = ("hint:", "error: failed to push some refs", "To ", "From ")
_REASON = re.compile(r"fatal:|error:|remote: *\S|\t| ! \[")  # a tab: the names of files that are in the way
_MAX_BYTES = 64 << 20


class Checkout:
    """`branch`: the base branch, on which it has to be."""

    def __init__(self, root: Path, branch: str) -> None:
        self.root = root
        self.branch = branch

    def read(self, path: str) -> bytes | None:
        """A file of it, or None.

        Raises:
            Refused: it lies elsewhere, by a symbolic link. InputError: it is no ordinary file, or too large.
        """
        self._inside(path)
        try:
            return atomicfile.read_untrusted(self.root / path, max_bytes=_MAX_BYTES)
        except FileNotFoundError:
            return None

    def prepare(self) -> None:
        """See that a commit can be made and pushed, and take in what the origin has that this checkout lacks.

        Raises:
            Refused: it cannot; the message says what the person has to do first.
            Unavailable: the origin cannot be reached.
        """
        self.check()
        self._check_author()
        if not self._has_origin():
            return
        fetched = self._ask("fetch", "--quiet", "origin", f"refs/heads/{self.branch}")
        if fetched.returncode != 0:
            if "couldn't find remote ref" in fetched.stderr:
                return
            raise Unavailable(
                f"the origin cannot be read: {_reason(fetched.stderr)}", where=_line(fetched), remedy="try again"
            )
        ahead = self._ask("log", "--format=%s", "FETCH_HEAD..HEAD").stdout.splitlines()
        if foreign := [subject for subject in ahead if not subject.startswith(OURS)]:
            raise Refused(
                f"`{self.branch}` has commits that the origin does not have, and a push would publish them: "
                f"{'; '.join(foreign[:3])}",
                where=str(self.root),
                remedy="push or move them first, then bootstrap again",
            )
        if not ahead:
            self._run("merge", "--ff-only", "--quiet", "FETCH_HEAD", remedy="bring the checkout up to date, then again")

    def check(self) -> None:
        """See that it is on the base branch with nothing half-done; nothing is changed.

        Raises:
            Refused: it is not.
        """
        for marker, what in BUSY.items():
            if (self.root / self._git_path(marker)).exists():
                raise Refused(f"the repository is in the middle of {what}", where=str(self.root), remedy="finish it")
        on = self._ask("symbolic-ref", "--short", "--quiet", "HEAD").stdout.strip() or "no branch"
        if on != self.branch:
            raise Refused(
                f"the checkout is on {on if on == 'no branch' else f'`{on}`'}, and the plan belongs on `{self.branch}`",
                where=str(self.root),
                remedy=f"`git switch {self.branch}`, or name another base branch: `tracking.base_branch`",
            )
        if self._ask("rev-parse", "--verify", "--quiet", "HEAD").returncode != 0:
            raise Refused("there is no commit yet", where=str(self.root), remedy="make a first commit")

    def _check_author(self) -> None:
        if any(self._ask("var", who).returncode != 0 for who in ("GIT_AUTHOR_IDENT", "GIT_COMMITTER_IDENT")):
            raise Refused(
                "git does not know who you are, and makes no commit without",
                where=str(self.root),
                remedy='`git config --global user.name "…"` and `git config --global user.email …`',
            )

    def tags(self) -> list[str]:
        return self._ask("tag", "--list").stdout.splitlines()

    def untracked(self, *paths: str) -> tuple[str, ...]:
        """Those of these ordinary files that are in no commit and not ignored."""
        listed = self._ask("ls-files", "-z", "--others", "--exclude-standard", "--", *paths).stdout
        return tuple(path for path in listed.split("\0") if path and not (self.root / path).is_symlink())

    def changed(self, files: Mapping[str, bytes]) -> dict[str, bytes | None]:
        """What stands now in those of these files that `commit` would change; None for one that is not there.

        Raises:
            Refused: one of them has changes of the person's, which the commit would take in.
        """
        before = {path: self.read(path) for path in files}
        changed = {path: before[path] for path in files if before[path] != files[path]}
        self._check_unchanged(changed)
        return changed

    def commit(self, files: Mapping[str, bytes], message: str) -> str | None:
        """Write these files and commit them, and nothing else that is staged or changed; all of it or nothing.

        Args:
            files: by path, in the order in which they are written.
            message: begins with `OURS`.

        Returns:
            The new commit; None when every file is committed like that already.

        Raises:
            Refused: one of them is not ours to commit or cannot be written, or as `changed`, or git does not take it.
        """
        check_own(files)
        before = self.changed(files)
        with self._undone_on_failure(before):
            for path in before:
                self._write(path, files[path])
                failpoint("bootstrap.written")
            self._run("add", "--", *files, remedy="see what git says, then bootstrap again")
            if self._ask("diff", "--cached", "--quiet", "--", *files).returncode == 0:
                return None
            args = ("commit", "--quiet", "--only", "-m", message, "--", *files)
            self._run(*args, remedy="see what git says, then bootstrap again")
        return self._run("rev-parse", "HEAD").strip()

    def push(self) -> str:
        """Push the base branch, taking in what others pushed meanwhile. Does nothing without an origin.

        Returns:
            Why it could not be pushed, on one line; empty when it is done.
        """
        if not self._has_origin() or not self._is_ahead():
            return ""
        args = ("push", "--quiet", "origin", f"HEAD:refs/heads/{self.branch}")
        for _ in range(_PUSHES):
            done = self._ask(*args)
            if done.returncode == 0:
                return ""
            if "fetch first" not in done.stderr and "non-fast-forward" not in done.stderr:
                break
            pulled = self._ask("pull", "--rebase", "--quiet", "origin", self.branch)
            if pulled.returncode != 0:
                self._ask("rebase", "--abort")
                return f"others have pushed, and `{_line(pulled)}` fails: {_reason(pulled.stderr)}"
        return f"`{_line(done)}`: {_reason(done.stderr)}"

    def _write(self, path: str, content: bytes) -> None:
        try:
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            atomicfile.write(self.root / path, content, mode=0o644)
        except OSError as error:
            raise Refused(
                f"cannot be written: {error.strerror}", where=str(self.root / path), remedy="see whose folder it is"
            ) from error

    def _check_unchanged(self, paths: Collection[str]) -> None:
        if not paths:
            return
        lines = self._ask("status", "--porcelain", "--untracked-files=no", "--", *paths).stdout.splitlines()
        if lines:
            raise Refused(
                "has changes that are not committed", where=lines[0][3:], remedy="commit or undo them, then again"
            )

    @contextmanager
    def _undone_on_failure(self, before: Mapping[str, bytes | None]) -> Iterator[None]:
        """Put the files back as they were when it does not come to the commit."""
        folders = [
            folder
            for path in before
            for folder in (self.root / path).parents
            if folder != self.root and not folder.exists()
        ]
        try:
            yield
        except BaseException:
            if before:
                self._ask("reset", "--quiet", "--", *before)
            for path, content in before.items():
                if content is None:
                    (self.root / path).unlink(missing_ok=True)
                elif self.read(path) != content:
                    atomicfile.write(self.root / path, content, mode=0o644)
            for folder in sorted(set(folders), key=lambda each: -len(each.parts)):
                if folder.is_dir() and not any(folder.iterdir()):
                    folder.rmdir()
            raise

    def _inside(self, path: str) -> None:
        if not (self.root / path).resolve().is_relative_to(self.root.resolve()):
            raise Refused("leads out of the repository by a symbolic link", where=path, remedy="replace the link")

    def _git_path(self, name: str) -> str:
        return self._ask("rev-parse", "--git-path", name).stdout.strip()

    def _is_ahead(self) -> bool:
        tip = self._ask("ls-remote", "origin", f"refs/heads/{self.branch}").stdout.split("\t")[0]
        return tip != self._run("rev-parse", "HEAD").strip()

    def _has_origin(self) -> bool:
        return self._ask("remote", "get-url", "origin").returncode == 0

    def _run(self, *args: str, remedy: str = "") -> str:
        done = self._ask(*args)
        if done.returncode != 0:
            raise Refused(f"git says: {_reason(done.stderr or done.stdout)}", where=_line(done), remedy=remedy)
        return done.stdout

    def _ask(self, *args: str) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "LC_ALL": "C"}
        command = ["git", "-c", "core.quotePath=false", *args]
        return subprocess.run(
            command, cwd=self.root, env=env, capture_output=True, text=True, check=False, errors="replace"
        )


def _line(done: subprocess.CompletedProcess[str]) -> str:
    words = [word for word in done.args if word not in ("-c", "core.quotePath=false")]
    return shlex.join(words if len(shlex.join(words)) < 200 else [*words[:2], "…"])


def _reason(text: str) -> str:
    """What git says is wrong; where no line is marked as that, its last one."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith(_HINTS)]
    telling = [line for line in lines if _REASON.match(line)] or lines[-1:]
    return "; ".join(" ".join(line.split()) for line in telling[:_MOST_REASONS]).replace(":; ", ": ") or "nothing"
