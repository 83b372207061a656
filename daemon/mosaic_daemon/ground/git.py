"""git as the daemon calls it: its own bare repositories only, pinned configuration, nothing of a worker's.

No hook, filter, pager, prompt or configuration file of anybody else takes part. What the network needs from the
person's own configuration (credential helpers, proxies, ssh command) is copied once into the daemon's repository.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

import anyio

from mosaic_daemon.ground.errors import InputError, MosaicError

_BRANCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,199}")
_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_ENVIRONMENT_KEPT = (
    *("PATH", "HOME", "USER", "LOGNAME", "SSH_AUTH_SOCK", "TMPDIR", "LD_LIBRARY_PATH"),
    "GIT_SSH_COMMAND",  # a unit may have to say which configuration ssh can read there
)
_PINNED = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "LC_ALL": "C",
}
_FLAGS = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "protocol.ext.allow=never")


class GitError(MosaicError):
    """git answered with a failure.

    Attributes:
        command: the command as it can be pasted; status: its exit code; stderr: what it said.
    """

    def __init__(self, command: str, status: int, stderr: str, cwd: str) -> None:
        self.command = command
        self.status = status
        self.stderr = stderr.strip()
        self.cwd = cwd
        said = self.stderr.splitlines()
        super().__init__(f"git failed with {status}: {said[-1] if said else 'no message'}", where=command)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    out: str
    err: str


class Git:
    """Runs git on one repository of the daemon's.

    Attributes:
        directory: the git directory (bare repository).
    """

    def __init__(self, directory: Path, *, timeout_sec: float = 300.0) -> None:
        self.directory = directory
        self._timeout_sec = timeout_sec

    async def run(self, *args: str, env: Mapping[str, str] | None = None, stdin: bytes | None = None) -> str:
        """The command's standard output, without the last newline.

        Raises:
            GitError: it ended with another status than 0, or did not end in time.
        """
        answer = await self.ask(*args, env=env, stdin=stdin)
        if answer.status != 0:
            raise GitError(self.command(*args), answer.status, answer.err, str(self.directory))
        return answer.out

    async def ask(self, *args: str, env: Mapping[str, str] | None = None, stdin: bytes | None = None) -> Answer:
        """Like `run`, for commands whose exit status is an answer."""
        done = await self._process(args, env, stdin)
        return Answer(
            done.returncode, done.stdout.decode("utf-8", "replace").rstrip("\n"), done.stderr.decode("utf-8", "replace")
        )

    async def blob(self, name: str) -> bytes | None:
        """A file's content byte for byte, by its own name or as `commit:path`; None when there is none."""
        done = await self._process(("cat-file", "blob", name), None, None)
        return done.stdout if done.returncode == 0 else None

    async def _process(
        self, args: tuple[str, ...], env: Mapping[str, str] | None, stdin: bytes | None
    ) -> CompletedProcess[bytes]:
        argv = ["git", f"--git-dir={self.directory}", *_FLAGS, *args]
        try:
            with anyio.fail_after(self._timeout_sec):
                return await anyio.run_process(argv, input=stdin, check=False, env=environment(env))
        except TimeoutError:
            raise GitError(self.command(*args), 124, f"no answer within {self._timeout_sec:.0f} s", "") from None

    def command(self, *args: str) -> str:
        """How a person would run it."""
        return shlex.join(["git", f"--git-dir={self.directory}", *args])

    async def sha(self, revision: str) -> str | None:
        """The commit a revision names, or None."""
        answer = await self.ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        return answer.out if answer.status == 0 else None

    async def ref(self, name: str) -> str:
        """The commit that a ref of the daemon's own repository points at; `name` in full, `refs/…`."""
        try:
            text = (self.directory / name).read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            text = ""
        return text if _SHA.fullmatch(text) else await self.run("rev-parse", "--verify", name)

    async def tree(self, revision: str) -> str:
        return await self.run("rev-parse", "--verify", "--end-of-options", f"{revision}^{{tree}}")

    async def is_ancestor(self, ancestor: str, descendant: str) -> bool:
        return (await self.ask("merge-base", "--is-ancestor", ancestor, descendant)).status == 0


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment git gets: an allow-list, the pinned settings, then `extra`."""
    kept = {name: os.environ[name] for name in _ENVIRONMENT_KEPT if name in os.environ}
    return {**kept, **_PINNED, **(extra or {})}


def check_branch(name: str, *, source: str) -> str:
    """The name, if it can be a branch and can never be read as an option or a path trick.

    Raises:
        InputError: it cannot.
    """
    bad = (
        not _BRANCH.fullmatch(name)
        or ".." in name
        or "//" in name
        or name.endswith(("/", ".", ".lock"))
        or any(part.startswith(".") or part.endswith(".lock") for part in name.split("/"))
    )
    if bad:
        raise InputError(
            f"{name!r} cannot be a branch name",
            source=source,
            remedy="use letters, digits, `.`, `_`, `-` and `/`, starting with a letter or digit",
        )
    return name
