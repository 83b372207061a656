"""An attempt's code on a worker's machine: fetched from where the daemon put it, pushed to that attempt's ref alone.

The agent works in `tree`. What it made is fetched from there into `gate.git`, which has a configuration of its own, and
pushed from it: nothing that an agent writes into its repository's configuration or hooks is run by this program.
"""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path

from mosaic_rails.base import Errand, RailError

_REF = re.compile(r"refs/heads/mosaic/[^\s:*?\[\\^~]+/a[1-9][0-9]*")
_BASE = re.compile(r"refs/heads/[^\s:*?\[\\^~]+")
_NETWORK_SEC = 600.0
_ALWAYS = ("-c", "protocol.ext.allow=never", "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false")
_RESULT = "refs/mosaic/result"


class GitFailed(OSError):
    """Git said no, or nothing in time; it may help to try again."""


def check(errand: Errand) -> None:
    """An errand's refs and address as this program takes them.

    Raises:
        RailError: it would push somewhere else than to a ref of an attempt, or its address is none.
    """
    if not _REF.fullmatch(errand.ref):
        raise RailError(f"this host pushes to refs/heads/mosaic/<task>/a<n> only, not to {errand.ref!r}")
    if not errand.url or errand.url.startswith("-") or not _BASE.fullmatch(errand.base_ref) or not errand.base_sha:
        raise RailError(f"attempt {errand.attempt} does not say where its code is")


async def fetch(home: Path, errand: Errand) -> Path:
    """Make `<home>/tree`, on the errand's branch at the commit that it starts from; doing it again begins anew.

    Raises:
        GitFailed: it cannot be had now. RailError: the ref does not lead to the commit.
    """
    gate, tree = home / "gate.git", home / "tree"
    await _git(home, "init", "--quiet", "--bare", "--", str(gate))
    await _git(gate, "fetch", "--quiet", "--no-tags", "--", errand.url, f"+{errand.base_ref}:refs/mosaic/base")
    try:
        await _git(gate, "cat-file", "-e", f"{errand.base_sha}^{{commit}}")
    except GitFailed as error:
        raise RailError(f"{errand.base_ref} does not lead to {errand.base_sha}") from error
    await _git(home, "init", "--quiet", "--", str(tree))
    await _git(tree, "fetch", "--quiet", "--no-tags", "--", str(gate), "+refs/mosaic/base:refs/mosaic/base")
    await _git(tree, "checkout", "--quiet", "--force", "-B", errand.branch, errand.base_sha, "--")
    try:
        await _git(tree, "config", "--get", "user.email")
    except GitFailed:  # nobody has told git on this host who commits; the daemon's own commit has its own author
        await _git(tree, "config", "user.name", "Mosaic worker")
        await _git(tree, "config", "user.email", "worker@mosaic.invalid")
    return tree


async def push(home: Path, errand: Errand) -> str:
    """Push what was committed, and return its last commit; empty: nothing was. Doing it again changes nothing.

    Raises:
        GitFailed: it could not be pushed now.
    """
    gate, tree = home / "gate.git", home / "tree"
    if not (tree / ".git").exists():
        return ""
    await _git(gate, "fetch", "--quiet", "--no-tags", "--", str(tree), f"+HEAD:{_RESULT}")
    head = await _git(gate, "rev-parse", "--verify", f"{_RESULT}^{{commit}}")
    if head == errand.base_sha:
        return ""
    await _git(gate, "push", "--quiet", "--no-verify", "--", errand.url, f"+{_RESULT}:{errand.ref}")
    return head


async def _git(directory: Path, *args: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *("git", *_ALWAYS, *args),
        cwd=directory,
        env=_environment(),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), _NETWORK_SEC)
    except BaseException as error:
        if process.returncode is None:
            process.kill()
            await process.wait()
        if isinstance(error, TimeoutError):
            raise GitFailed(f"git {args[0]} took longer than {_NETWORK_SEC:g} s") from error
        raise
    if process.returncode:
        said = err.decode("utf-8", "replace").strip().splitlines()
        raise GitFailed(f"git {args[0]}: {said[-1] if said else f'status {process.returncode}'}")
    return out.decode("utf-8", "replace").strip()


def _environment() -> dict[str, str]:
    """This host's own, so that its credentials for the relay are found; never a question, never another repository."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return {**kept, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
