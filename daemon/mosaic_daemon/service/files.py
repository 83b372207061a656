"""The files that make a repository's daemon a unit: the same everywhere, and one for this machine."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from mosaic_daemon.ground import instances
from mosaic_daemon.ground.errors import InputError
from mosaic_daemon.service.manager import TEMPLATE, Manager, instance
from mosaic_rails import base

#: The units that all instances share.
SHARED = {
    "user": ("mosaic-workers.slice", "mosaic-drained.target", TEMPLATE),
    "system": ("mosaic-workers.slice", TEMPLATE),
}
DROP_IN = "10-machine.conf"
SYSUSERS, TMPFILES = Path("/etc/sysusers.d/mosaic-orchestrator.conf"), Path("/etc/tmpfiles.d/mosaic-orchestrator.conf")
CREDENTIALS = ("forge-token", "webhook-secret", "notify-secret")
#: What each unit has of its own, and so does not see of the machine.
HIDDEN = {"user": {Path("/tmp"), Path("/var/tmp")}, "system": {Path("/home"), Path("/root")}}  # noqa: S108
#: For a user's manager that may not make a user namespace: what is left then are the settings that need no privilege.
UNCONFINED = (
    *(
        "PrivateUsers=no",
        "PrivateMounts=no",
        "PrivateTmp=no",
        "PrivateDevices=no",
        "ProtectSystem=no",
        "ProtectHome=no",
    ),
    *("ReadWritePaths=", "BindReadOnlyPaths=", "CapabilityBoundingSet=~", "ProtectClock=no", "ProtectControlGroups=no"),
    *("ProtectHostname=no", "ProtectKernelLogs=no", "ProtectKernelModules=no", "ProtectKernelTunables=no"),
)
_SSH_INCLUDED = Path("/etc/ssh/ssh_config.d")


@dataclass(frozen=True, slots=True)
class File:
    """One file to write. `shared`: other instances need it too."""

    path: Path
    text: str
    shared: bool = True


@dataclass(frozen=True, slots=True)
class Machine:
    """What the drop-in of one instance says about this machine.

    Attributes:
        path: the PATH of the daemon and its workers.
        credentials: name and file of each.
        writable: folders beside the repository that the daemon has to write, such as a local origin.
        ssh_command: what git calls for ssh; empty for its own choice.
        shown: folders of this program that the unit would not see by itself.
        confined: whether the manager can give it a user namespace; without one most protections do not hold.
    """

    path: str
    credentials: Mapping[str, Path]
    writable: Sequence[Path] = ()
    ssh_command: str = ""
    shown: Sequence[Path] = ()
    confined: bool = True


def all_of(manager: Manager, repository: Path, machine: Machine) -> list[File]:
    """Everything that `install` writes, in the order in which it is written."""
    found = [File(manager.folder / name, packaged(f"{manager.scope}/{name}")) for name in SHARED[manager.scope]]
    if manager.scope == "system":
        found.append(File(SYSUSERS, packaged(f"sysusers.d/{SYSUSERS.name}")))
        found.append(File(TMPFILES, packaged(f"tmpfiles.d/{TMPFILES.name}")))
    return [*found, File(drop_in(manager, repository), _drop_in_text(machine), shared=False)]


def packaged(name: str) -> str:
    """A unit as this version has it."""
    return files("mosaic_daemon.service").joinpath("units", name).read_text(encoding="utf-8")


def drop_in(manager: Manager, repository: Path) -> Path:
    return manager.folder / f"{instance(repository)}.d" / DROP_IN


def look_around(scope: str, repository: Path, credentials: Iterable[str], *, confined: bool) -> Machine:
    """What there is to say about this machine.

    Raises:
        InputError: a credential is not `NAME=FILE`, has a name nobody asks for, or is not there.
    """
    origin = _git(repository, "config", "--get", "remote.origin.url")
    return Machine(
        path=_search_path(),
        credentials=dict(_credential(word) for word in credentials),
        writable=_outside(repository, origin),
        ssh_command=_ssh_command(origin, _git(repository, "config", "--get", "core.sshCommand")) if confined else "",
        shown=_unseen(scope),
        confined=confined,
    )


def state_folder() -> Path:
    """The user's own state, which instances share; it has to be there before a unit is confined to it."""
    return instances.STATE.expanduser()


def _drop_in_text(machine: Machine) -> str:
    lines = [
        "# Written by `mosaic-orchestrator service install`, which replaces it; your own changes go into another file",
        "# beside it (`systemctl edit` makes one).",
        "[Service]",
        f"Environment={_quoted(f'PATH={machine.path}')}",
    ]
    # Here a path is taken as it stands, quotes and all.
    lines += [f"LoadCredential={name}:{_literal(file)}" for name, file in sorted(machine.credentials.items())]
    lines += [f"ReadWritePaths={_quoted(str(folder))}" for folder in machine.writable]
    lines += [f"BindReadOnlyPaths={_quoted(str(folder))}" for folder in machine.shown]
    if machine.ssh_command:
        lines += [
            "# In the unit's user namespace the files there belong to nobody, and ssh refuses such ones.",
            f"Environment={_quoted(f'GIT_SSH_COMMAND={machine.ssh_command}')}",
        ]
    if not machine.confined:
        lines += ["# This machine refuses user namespaces: these would be ignored, or end the start.", *UNCONFINED]
    return "\n".join(lines) + "\n"


def _literal(path: Path) -> str:
    return str(path).replace("%", "%%")


def _quoted(value: str) -> str:
    """A word as unit files want it; a value that needs no quotes has none."""
    plain = value.replace("%", "%%")
    if not any(sign in plain for sign in " \t\"'\\;#"):
        return plain
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _search_path() -> str:
    """Where this program is, then what the person who installs it has: their agents are found there."""
    program = shutil.which("mosaic-orchestrator")
    own = [str(Path(program).parent)] if program else []
    given = [folder for folder in os.environ.get("PATH", os.defpath).split(":") if folder.startswith("/")]
    return ":".join(dict.fromkeys([*own, *given]))


def _credential(word: str) -> tuple[str, Path]:
    name, has_file, file = word.partition("=")
    if not has_file or name not in CREDENTIALS:
        raise InputError(
            f"{word!r} is no credential",
            source="--credential",
            remedy=f"NAME=FILE, NAME one of {', '.join(CREDENTIALS)}",
        )
    path = Path(file).expanduser().absolute()
    if not path.is_file():
        raise InputError("there is no such file", source=str(path), remedy="write the secret into it, mode 0600")
    return name, path


def _outside(repository: Path, origin: str) -> list[Path]:
    """Folders that git writes beside the checkout: its own, for a linked one, and an origin on this disk."""
    found = []
    common = _git(repository, "rev-parse", "--path-format=absolute", "--git-common-dir")
    for place in (common, origin.removeprefix("file://")):
        path = Path(place).expanduser() if place and ":" not in place.split("/")[0] else None
        if path is None:
            continue
        path = (repository / path).resolve()
        if path.is_dir() and repository not in (path, *path.parents):
            found.append(path)
    return found


def _unseen(scope: str) -> list[Path]:
    """Folders of this program that the unit would not see by itself."""
    own = (Path(sys.prefix), Path(sys.base_prefix), Path(__file__).parents[2], Path(base.__file__).parents[1])
    return [folder for folder in dict.fromkeys(own) if not HIDDEN[scope].isdisjoint(folder.parents)]


def _ssh_command(origin: str, own_choice: str) -> str:
    uses_ssh = origin.startswith("ssh://") or (":" in origin.split("/", maxsplit=1)[0] and "://" not in origin)
    if own_choice or not uses_ssh or not _SSH_INCLUDED.is_dir() or not any(_SSH_INCLUDED.glob("*.conf")):
        return ""
    own = Path("~/.ssh/config").expanduser()
    return f"ssh -F {shlex.quote(str(own)) if own.is_file() else 'none'}"


def _git(repository: Path, *words: str) -> str:
    argv = ["git", "-C", str(repository), *words]
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout.strip()
