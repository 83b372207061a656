"""What `doctor` finds on this machine and in the repository, without changing anything."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mosaic_daemon.views.snapshot import PROGRAM, daemon_of
from mosaic_daemon.views.text import count

if TYPE_CHECKING:
    from mosaic_daemon.ground.errors import MosaicError
    from mosaic_daemon.ground.layout import Layout

_OLDEST_GIT = (2, 38)
_GIT_SEC = 60
_NOTHING_OF_OTHERS = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false")


@dataclass(frozen=True, slots=True)
class Finding:
    """One line. `code`: the exit code that it asks for when it is not ok; a warning asks for none."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""
    code: int = 1
    warning: bool = False

    @property
    def level(self) -> str:
        if self.ok:
            return "ok"
        return "warning" if self.warning else "failure"


def wrong(name: str, error: MosaicError) -> Finding:
    where = f"{error.where}: " if error.where else ""
    return Finding(name, False, f"{where}{error.problem}", error.remedy, error.exit_code)


def program(name: str, program: str, root: Path, path: str, remedy: str) -> Finding:
    """A command's first word, as it is found from within a checkout."""
    has_folder = "/" in program
    found = shutil.which(str(root / program)) if has_folder else shutil.which(program, path=path)
    if found:
        return Finding(name, True, found)
    missing = "is not there, or not executable" if has_folder else "is not on the PATH"
    return Finding(name, False, f"`{program}` {missing}", remedy)


def git_version() -> Finding:
    wanted = ".".join(map(str, _OLDEST_GIT))
    try:
        said = subprocess.run(["git", "version"], capture_output=True, text=True, check=False).stdout.strip()
    except FileNotFoundError:
        return Finding("git", False, "`git` is not on the PATH", f"install git {wanted} or newer")
    version = re.search(r"(\d+)\.(\d+)", said)
    is_new = version is not None and (int(version[1]), int(version[2])) >= _OLDEST_GIT
    return Finding("git", is_new, said.removeprefix("git version "), f"install git {wanted} or newer")


def opened(layout: Layout) -> Finding:
    """git may refuse to look at a repository of somebody else's."""
    asked = _git(layout, "rev-parse", "--git-dir")
    detail = str(layout.repo) if asked.returncode == 0 else _last(asked.stderr)
    return Finding("repository", asked.returncode == 0, detail, f"`git -C {layout.repo} status` must work")


def identity(layout: Layout) -> Finding:
    """Who the commits are by."""
    name, email = (_git(layout, "config", "--get", f"user.{key}").stdout.strip() for key in ("name", "email"))
    if name and email:
        return Finding("git identity", True, f"{name} <{email}>")
    detail = "git does not know who you are: commits are by `mosaic-orchestrator`"
    remedy = '`git config --global user.name "…"` and `git config --global user.email …`'
    return Finding("git identity", False, detail, remedy, warning=True)


def state_folder(layout: Layout) -> Finding:
    name, folder = "state folder", layout.state
    if not folder.is_dir():
        writable = os.access(layout.repo, os.W_OK | os.X_OK)
        return Finding(name, writable, f"{folder} is not there yet", "make the repository's folder writable for you")
    found = folder.stat()
    if found.st_uid != os.getuid() or not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return Finding(name, False, f"{folder} is not yours to write", "run as its owner, or change its owner")
    if stat.S_IMODE(found.st_mode) & 0o077:
        return Finding(name, False, f"others may look into {folder}", f"chmod 700 {folder}")
    if _git(layout, "check-ignore", "--quiet", str(layout.ledger)).returncode == 1:
        remedy = f"`{PROGRAM} init`, or a line `/.mosaic/orchestrator/` in .git/info/exclude"
        return Finding(name, False, f"git sees {folder}", remedy)
    return Finding(name, True, str(folder))


def daemon(layout: Layout) -> Finding:
    found = daemon_of(layout)
    if not found["running"]:
        return Finding("daemon", True, f"not running; `{PROGRAM} run` starts it")
    if not found["answers"]:
        return Finding("daemon", False, f"runs (pid {found['pid']}) and does not answer", "its log says why")
    if found["degraded"]:
        return Finding("daemon", False, "; ".join(found["degraded"]), "it goes on without that, and tries again")
    return Finding("daemon", True, f"running (pid {found['pid']})")


def repository(layout: Layout, branch: str) -> Iterator[Finding]:
    origin = origin_of(layout)
    if origin:
        yield from _remote(layout, origin, branch)
    else:
        there = _git(layout, "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}").returncode == 0
        yield Finding("origin", True, "none: changes land in this repository itself")
        yield _base(branch, there)
    yield _checkout(layout, branch, has_origin=bool(origin))


def _remote(layout: Layout, origin: str, branch: str) -> Iterator[Finding]:
    ref = f"refs/heads/{branch}"
    listed = _git(layout, "ls-remote", "--", "origin", ref)
    if listed.returncode != 0:
        remedy = f"`git -C {layout.repo} ls-remote origin` must work without being asked anything"
        yield Finding("origin", False, f"{origin}: {_last(listed.stderr)}", remedy, code=75)
        return
    yield Finding("origin", True, origin)
    yield _base(branch, listed.stdout.split()[1:] == [ref])
    if _git(layout, "rev-parse", "--verify", "--quiet", "HEAD").returncode == 0:
        options = ("--dry-run", "--no-verify", "--recurse-submodules=no", "--no-signed")
        pushed = _git(layout, "push", *options, "origin", "HEAD:refs/heads/mosaic-doctor")
        detail = "accepted, as far as a dry run tells" if pushed.returncode == 0 else _last(pushed.stderr)
        yield Finding("push", pushed.returncode == 0, detail, "give git credentials that may push there")


def _base(branch: str, there: bool) -> Finding:
    detail = f"`{branch}`" if there else f"there is no branch `{branch}`"
    return Finding("base branch", there, detail, "push it, make a first commit, or set `tracking.base_branch`")


def _checkout(layout: Layout, branch: str, *, has_origin: bool) -> Finding:
    from mosaic_daemon.repository.clone import BUSY

    folder = Path(_git(layout, "rev-parse", "--absolute-git-dir").stdout.strip())
    busy = next((what for marker, what in BUSY.items() if (folder / marker).exists()), "")
    current = _git(layout, "symbolic-ref", "--quiet", "--short", "HEAD").stdout.strip()
    changed = len(_git(layout, "status", "--porcelain", "--untracked-files=no").stdout.splitlines())
    state = f"on `{current}`" if current else "on no branch"
    state += f", in the middle of {busy}" if busy else ""
    state += f", {count(changed, 'changed file')}" if changed else ", clean"
    if has_origin:
        follows = current == branch and not changed and not busy
        return Finding("checkout", True, state + ("" if follows else f"; it stays behind `{branch}` meanwhile"))
    in_the_way = bool(busy) or (current == branch and changed > 0)
    return Finding("checkout", not in_the_way, state, "finish, commit or stash it: nothing lands before")


def origin_of(layout: Layout) -> str:
    """The origin's address, fit to be shown; empty without one."""
    from mosaic_daemon.repository.configuration import without_password

    return without_password(_git(layout, "config", "--get", "remote.origin.url").stdout.strip())


def on_base(layout: Layout, branch: str, path: str) -> bytes | None:
    """A file as it is on the base branch, as far as it was fetched; None: it is not there."""
    for ref in (f"refs/remotes/origin/{branch}", f"refs/heads/{branch}"):
        if _git(layout, "rev-parse", "--verify", "--quiet", ref).returncode == 0:
            shown = _run(layout, "cat-file", "blob", f"{ref}:{path}")
            return shown.stdout if shown.returncode == 0 else None
    return None


def _git(layout: Layout, *args: str) -> subprocess.CompletedProcess[str]:
    """What git says, as text."""
    done = _run(layout, *args)
    said, told = (stream.decode("utf-8", "replace") for stream in (done.stdout, done.stderr))
    return subprocess.CompletedProcess(done.args, done.returncode, said, told)


def _run(layout: Layout, *args: str) -> subprocess.CompletedProcess[bytes]:
    """git as the person has it; nothing can ask them anything, so that it sees what a daemon would."""
    from mosaic_daemon.repository.configuration import persons_environment

    argv = ["git", "-C", str(layout.repo), *_NOTHING_OF_OTHERS, *args]
    try:
        return subprocess.run(
            argv,
            env=persons_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_GIT_SEC,
            start_new_session=True,  # without a terminal ssh has nowhere to ask
            check=False,
        )
    except FileNotFoundError:
        return subprocess.CompletedProcess(argv, 127, b"", b"there is no git")
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(argv, 124, b"", f"no answer within {_GIT_SEC} s".encode())


def _last(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return next((line for line in lines if line.startswith(("fatal:", "error:"))), lines[-1] if lines else "it failed")
