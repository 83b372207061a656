"""The real agent CLIs, installed once per set of versions into the user's cache, never into the repository."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

COMMANDS = ("claude", "codex", "opencode")

_HERE = Path(__file__).parent
_PINS = ("package.json", "package-lock.json")
_INSTALL_SEC = 900
_CHECK_SEC = 60


class CannotInstall(Exception):
    """The CLIs are not to be had on this machine; the message says why."""


def commands(environment: Mapping[str, str]) -> Path:
    """The folder with the commands, installed now unless they already are.

    Several test processes may ask at once: one installs, the others wait.

    Raises:
        CannotInstall: npm is missing, or what it installed does not run.
    """
    npm = shutil.which("npm", path=environment.get("PATH"))
    if npm is None:
        raise CannotInstall("npm is not on the PATH")
    cache = Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mosaic-orchestrator" / "agents"
    cache.mkdir(parents=True, exist_ok=True)
    pins = hashlib.sha256(b"".join((_HERE / name).read_bytes() for name in _PINS)).hexdigest()[:16]
    place = cache / pins
    with (cache / f"{pins}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.is_dir():
            _install(npm, place)
    return place / "node_modules" / ".bin"


def _install(npm: str, place: Path) -> None:
    """Install beside the place and rename, so that a folder that is there is complete."""
    with tempfile.TemporaryDirectory(dir=place.parent) as folder:
        new = Path(folder) / "new"
        new.mkdir()
        for name in _PINS:
            shutil.copy(_HERE / name, new)
        # Not `npm ci`: it insists on a lock that names every platform's packages, and those are not all published.
        _run([npm, "install", "--no-audit", "--no-fund", "--loglevel=error"], new, _INSTALL_SEC)
        for command in COMMANDS:
            _run([str(new / "node_modules" / ".bin" / command), "--version"], new, _CHECK_SEC)
        new.rename(place)


def _run(argv: list[str], cwd: Path, seconds: int) -> None:
    environment = {**os.environ, "HOME": str(cwd)} if argv[0].startswith(str(cwd)) else None
    try:
        done = subprocess.run(
            argv, cwd=cwd, env=environment, timeout=seconds, capture_output=True, text=True, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotInstall(f"`{argv[0]}`: {error}") from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).split()
        raise CannotInstall(f"`{' '.join(argv)}` exited {done.returncode}: {' '.join(said)[:300]}")
