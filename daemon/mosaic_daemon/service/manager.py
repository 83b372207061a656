"""A service manager, the user's or the system's, as `systemctl` shows it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mosaic_daemon.ground.errors import MosaicError

TEMPLATE = "mosaic-orchestrator@.service"
_ASK_SEC = 30.0
_SHOWN = ("ActiveState", "SubState", "UnitFileState", "MainPID", "StatusText", "Result", "NRestarts", "LoadState")


class Unmanaged(MosaicError):
    """There is no service manager that can be asked, or it refused."""


@dataclass(frozen=True, slots=True)
class Unit:
    """What the manager says of one unit.

    Attributes:
        active: `active`, `activating`, `failed`, `inactive`, …
        enabled: `enabled`, `disabled`, or empty where there is no such file.
        pid: of its main process; 0 without one.
        status: its own last word.
        result: why it ended: `success`, `exit-code`, `watchdog`, …
    """

    name: str
    active: str
    enabled: str
    pid: int
    status: str
    result: str
    restarts: int


@dataclass(frozen=True, slots=True)
class Manager:
    """`scope`: `user` or `system`."""

    scope: str

    @property
    def folder(self) -> Path:
        """Where its units are written."""
        if self.scope == "system":
            return Path("/etc/systemd/system")
        base = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
        return Path(base).expanduser() / "systemd" / "user"

    def check(self) -> None:
        """Raises: Unmanaged: it cannot be asked; says what to do."""
        if shutil.which("systemctl") is None:
            raise Unmanaged(
                "there is no systemd here",
                remedy="let another supervisor run `mosaic-orchestrator run`, or use the container",
            )
        done = self._systemctl("show", "--property=Version")
        if done.returncode != 0:
            remedy = (
                "log in as this user (not with su or sudo), or `loginctl enable-linger` and log in again"
                if self.scope == "user"
                else "systemd has to be process 1 here"
            )
            raise Unmanaged(
                f"the {self.scope}'s service manager does not answer: {last_line(done.stderr)}", remedy=remedy
            )

    def unit(self, name: str) -> Unit:
        said = self.ask("show", f"--property={','.join(_SHOWN)}", name)
        found = dict(line.partition("=")[::2] for line in said.splitlines())
        return Unit(
            name=name,
            active=found.get("ActiveState", ""),
            enabled=found.get("UnitFileState", ""),
            pid=int(found.get("MainPID") or 0),
            status=found.get("StatusText", ""),
            result=found.get("Result", ""),
            restarts=int(found.get("NRestarts") or 0),
        )

    def ask(self, *words: str) -> str:
        """What `systemctl` answers.

        Raises:
            Unmanaged: it failed; says what it said.
        """
        done = self._systemctl(*words)
        if done.returncode != 0:
            raise Unmanaged(last_line(done.stderr) or f"it failed with {done.returncode}", where=self.command(*words))
        return done.stdout

    def command(self, *words: str) -> str:
        """As a person would type it."""
        return " ".join(("systemctl", *self._flags, *words))

    @property
    def _flags(self) -> tuple[str, ...]:
        return ("--user",) if self.scope == "user" else ()

    def _systemctl(self, *words: str) -> subprocess.CompletedProcess[str]:
        # Starting waits for READY, stopping for the drain: both are bounded by the unit itself.
        patient = words[0] in ("enable", "start", "restart", "stop", "disable")
        return run(("systemctl", *self._flags, "--no-pager", *words), timeout_sec=300 if patient else _ASK_SEC)


def run(argv: Sequence[str], *, timeout_sec: float = _ASK_SEC) -> subprocess.CompletedProcess[str]:
    """A program's answer; one that is missing or does not end in time has failed."""
    try:
        return subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_sec, check=False
        )
    except FileNotFoundError:
        return subprocess.CompletedProcess(argv, 127, "", f"there is no `{argv[0]}`")
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(argv, 124, "", f"no answer within {timeout_sec:.0f} s")


def last_line(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def escaped(path: Path) -> str:
    """A path as the name of an instance, as `systemd-escape --path` does it."""
    text = re.sub("/+", "/", str(path)).strip("/")
    if not text:
        return "-"
    kept = rb"[A-Za-z0-9:_./]"
    signs = [bytes([sign]) for sign in os.fsencode(text)]
    name = "".join(sign.decode() if re.fullmatch(kept, sign) else f"\\x{sign[0]:02x}" for sign in signs)
    return ("\\x2e" + name[1:] if name.startswith(".") else name).replace("/", "-")


def instance(repository: Path) -> str:
    """The unit of one repository."""
    return TEMPLATE.replace("@", f"@{escaped(repository)}")
