"""Shims in units of their own, for a daemon that is itself a unit of its user's service manager.

The manager then limits what workers take together (their slice), keeps them when the daemon's unit is stopped, and
kills what a dead shim leaves behind. A unit's name is that of its attempt, so the manager does not start it twice
either; what decides is still `started`.

`systemd-run` stays until the shim ends and ends as it did. The environment goes through its standard input: what a unit
is given by its settings can be read by everybody.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mosaic_rails.base import Order

SLICE = "mosaic-workers.slice"
#: What daemons want, so that at a shutdown they are stopped before their workers. Not the daemon's unit itself: while
#: that one is being stopped, nothing that is ordered after or before it can be started.
_STOPPED_LATER_THAN = "mosaic-drained.target"
_MARGIN_SEC = 15.0
_STOP_SEC = 30.0


@dataclass(frozen=True, slots=True)
class Units:
    """Attributes:
    program: `systemd-run`.
    runtime_folder: where the manager is reached, XDG_RUNTIME_DIR.
    """

    program: str
    runtime_folder: str

    def wrapped(self, root: Path, order: Order, argv: list[str]) -> list[str]:
        """The command that runs a shim in its unit."""
        properties = (
            "KillMode=mixed",  # the shim is asked; what it does not end is killed
            f"TimeoutStopSec={order.limits.grace_sec + _MARGIN_SEC:.0f}",
            "OOMPolicy=continue",  # the shim tells whom the kernel killed
            "NoNewPrivileges=yes",
            f"Before={_STOPPED_LATER_THAN}",
        )
        return [
            *(self.program, "--user", "--quiet", "--collect", "--pipe", "--service-type=exec"),
            *(f"--unit={unit_name(root, order.attempt)}", f"--slice={SLICE}"),
            f"--description={order.attempt} of mosaic-orchestrator",
            f"--setenv=MOSAIC_ATTEMPT={order.attempt}",
            *(f"--property={each}" for each in properties),
            "--",
            *(word.replace("$", "$$") for word in argv),  # the manager fills in variables, and `$$` is one sign
        ]

    def spawn(self, argv: list[str], env: Mapping[str, str]) -> tuple[int, int]:
        """Start it; its pid, and a file with what it complains of.

        Raises:
            ValueError: a NUL in a name or value.
            OSError: it cannot be started.
        """
        entries = [f"{name}={value}" for name, value in env.items()]
        if any("\0" in entry for entry in (*argv, *entries)):
            raise ValueError("embedded null byte")
        said = os.memfd_create("said", os.MFD_CLOEXEC)
        given = os.memfd_create("environment", os.MFD_CLOEXEC)
        try:
            with os.fdopen(os.dup(given), "wb") as file:
                file.write("\0".join(entries).encode("utf-8", "surrogateescape"))
            os.lseek(given, 0, os.SEEK_SET)
            streams = [
                (os.POSIX_SPAWN_DUP2, given, 0),
                (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                (os.POSIX_SPAWN_DUP2, said, 2),
            ]
            own = {"XDG_RUNTIME_DIR": self.runtime_folder, "PATH": os.defpath}
            pid = os.posix_spawn(
                argv[0], argv, own, file_actions=streams, setsid=True, setsigmask=[], setsigdef=[signal.SIGPIPE]
            )
        except BaseException:
            os.close(said)
            raise
        finally:
            os.close(given)
        return pid, said

    async def stop(self, root: Path, attempt: str) -> None:
        """End what is left of an attempt's unit; returns when it is gone, or after half a minute."""
        systemctl = str(Path(self.program).with_name("systemctl"))
        process = await asyncio.create_subprocess_exec(
            *(systemctl, "--user", "--quiet", "stop", unit_name(root, attempt)),
            env={"XDG_RUNTIME_DIR": self.runtime_folder, "PATH": os.defpath},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            await asyncio.wait_for(process.wait(), _STOP_SEC)
        except TimeoutError:
            process.kill()
            await process.wait()


def of_this_process(env: Mapping[str, str] = os.environ) -> Units | None:
    """None: this process is no unit of a user's manager, or the manager's programs are missing."""
    program, folder = shutil.which("systemd-run"), env.get("XDG_RUNTIME_DIR")
    is_unit = env.get("SYSTEMD_EXEC_PID") == str(os.getpid()) and "MANAGERPID" in env
    return Units(program, folder) if is_unit and program and folder else None


def unit_name(root: Path, attempt: str) -> str:
    """Of an attempt in the folder `root`; other repositories may have attempts of the same name."""
    return f"mosaic-{hashlib.sha256(os.fsencode(root)).hexdigest()[:10]}-{attempt}.service"
