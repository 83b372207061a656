"""Making a repository's daemon a unit, and taking it back. Each step says what it did or would do."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mosaic_daemon.ground import atomicfile
from mosaic_daemon.ground.errors import InputError, Refused
from mosaic_daemon.service import files, manager
from mosaic_daemon.service.manager import Manager, Unmanaged

_PUBLIC = 0o644
_ACCOUNT = "mosaic"


@dataclass(frozen=True, slots=True)
class Step:
    """`text`: for people. `act`: does it; raises `MosaicError` where it fails."""

    text: str
    act: Callable[[], object]


def install(at: Manager, repository: Path, machine: files.Machine, *, start: bool) -> Iterator[Step]:
    """The steps, in order. Doing them again brings an installed unit up to date."""
    for file in files.all_of(at, repository, machine):
        if not _is_current(file):
            yield Step(f"write {file.path}", partial(_write, file))
    if at.scope == "system":
        yield _program("systemd-sysusers", str(files.SYSUSERS))
        yield _program("systemd-tmpfiles", "--create", str(files.TMPFILES))
    else:
        yield Step(f"make {files.state_folder()}", lambda: files.state_folder().mkdir(0o700, True, True))
        yield _program("loginctl", "enable-linger", getpass.getuser())
    yield _systemctl(at, "daemon-reload")
    unit = manager.instance(repository)
    yield _systemctl(at, "enable", unit)
    if start:
        # Also takes in what has changed; workers of a running one are adopted.
        yield Step(at.command("restart", unit), lambda: _started(at, unit))


def uninstall(at: Manager, repository: Path) -> Iterator[Step]:
    """Drain and remove this repository's unit; what other instances need stays."""
    unit = manager.instance(repository)
    folder = files.drop_in(at, repository).parent
    yield Step(at.command("disable", "--now", unit), lambda: _disabled(at, unit))
    yield Step(f"remove {folder}", lambda: _remove_folder(folder))
    if not _others(at, folder):
        shared = [at.folder / name for name in files.SHARED[at.scope]]
        shared += [files.SYSUSERS, files.TMPFILES] if at.scope == "system" else []
        for file in shared:
            yield Step(f"remove {file}", partial(file.unlink, missing_ok=True))
    yield _systemctl(at, "daemon-reload")


def is_current(at: Manager, repository: Path) -> bool:
    """Whether the installed units are those of this version."""
    shared = (at.folder / name for name in files.SHARED[at.scope])
    return files.drop_in(at, repository).is_file() and all(
        _is_current(files.File(path, files.packaged(f"{at.scope}/{path.name}"))) for path in shared
    )


def check_repository(at: Manager, repository: Path) -> None:
    """Raises: InputError: this repository cannot be served by a unit of that manager."""
    if "\n" in str(repository) or '"' in str(repository):
        raise InputError("a unit cannot name this folder", source=repr(str(repository)), remedy="rename it")
    if at.scope == "user" and not files.HIDDEN["user"].isdisjoint(repository.parents):
        raise InputError(
            "the unit has a /tmp of its own and would not see this repository", source=str(repository), remedy="move it"
        )
    if at.scope == "system" and os.getuid() != 0:
        raise Refused("only root can install a unit of the system", remedy="again with sudo, or without --system")
    if at.scope == "user" and repository.stat().st_uid != os.getuid():
        raise Refused("the repository belongs to somebody else", where=str(repository), remedy="run this as its owner")


def can_confine(at: Manager) -> bool:
    """Whether a unit of this manager gets a user namespace, without which a user's unit is not confined."""
    if at.scope == "system":
        return True
    probe = ("systemd-run", "--user", "--quiet", "--wait", "--collect", "--property=PrivateUsers=yes", "true")
    return manager.run(probe).returncode == 0


def owner_problem(repository: Path) -> str:
    """For the system's manager: what keeps the account that runs the daemon from its repository; empty: nothing."""
    owner = repository.stat()
    try:
        name = repository.owner()
    except KeyError:
        name = str(owner.st_uid)
    return "" if name == _ACCOUNT else f"{repository} belongs to {name}: `chown -R {_ACCOUNT}: {repository}`"


def _is_current(file: files.File) -> bool:
    try:
        return file.path.read_text(encoding="utf-8") == file.text
    except (OSError, UnicodeDecodeError):
        return False


def _write(file: files.File) -> None:
    file.path.parent.mkdir(parents=True, exist_ok=True)
    if file.path.is_symlink():
        raise Refused("is a link, which is not replaced", where=str(file.path), remedy="remove it, then try again")
    atomicfile.write(file.path, file.text.encode(), _PUBLIC)


def _systemctl(at: Manager, *words: str) -> Step:
    return Step(at.command(*words), lambda: at.ask(*words))


def _program(*argv: str) -> Step:
    def act() -> None:
        done = manager.run(argv)
        if done.returncode != 0:
            raise Unmanaged(manager.last_line(done.stderr) or "it failed", where=" ".join(argv))

    return Step(" ".join(argv), act)


def _started(at: Manager, unit: str) -> None:
    """Raises: Unmanaged: it did not come up; with what it said last."""
    at.ask("reset-failed", unit)
    try:
        at.ask("restart", unit)
    except Unmanaged as error:
        lines = journal(at, unit, 20)
        said = f": {lines[-1]}" if lines else ""
        raise Unmanaged(
            f"{unit} does not start{said}", remedy=f"`{' '.join(_journal(at, unit, 50))}` says more"
        ) from error


def _disabled(at: Manager, unit: str) -> None:
    if at.unit(unit).active != "inactive" or at.unit(unit).enabled:
        at.ask("disable", "--now", unit)


def journal(at: Manager, unit: str, lines: int) -> list[str]:
    """What the daemon said last, or the manager where that said nothing."""
    asked = (*_journal(at, unit, lines), "--output=cat")
    said = manager.run((*asked, "--identifier=mosaic-orchestrator")).stdout or manager.run(asked).stdout
    return [line for line in said.splitlines() if line.strip()]


def _journal(at: Manager, unit: str, lines: int) -> Sequence[str]:
    flag = "--user-unit" if at.scope == "user" else "--unit"
    return ("journalctl", "--no-pager", "--quiet", f"{flag}={unit}", f"--lines={lines}")


def _remove_folder(folder: Path) -> None:
    """The drop-in, and the folder unless a person put something into it."""
    (folder / files.DROP_IN).unlink(missing_ok=True)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _others(at: Manager, own: Path) -> bool:
    """Whether other repositories are installed with this manager."""
    before, _, after = manager.TEMPLATE.partition("@")
    return any(each.parent != own for each in at.folder.glob(f"{before}@?*{after}.d/{files.DROP_IN}"))
