"""Which protections a running process really has, as the kernel shows them.

A unit's text says what was asked for. A user's manager ignores much of it without a word where it may not make a user
namespace, so only the process itself can tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Protection:
    """`holds`: None where it cannot be seen."""

    name: str
    holds: bool | None
    meaning: str


def of_process(pid: int, home: Path, proc: Path = _PROC) -> list[Protection]:
    """What holds for this process. `home`: its user's."""
    process = proc / str(pid)
    status = dict(line.partition(":")[::2] for line in _text(process / "status").splitlines())
    mounts = _mounts(process)
    return [
        Protection("no new privileges", _is(status, "NoNewPrivs", "1"), "sudo and the like gain it nothing"),
        Protection("system calls filtered", _is(status, "Seccomp", "2"), "calls that it has no use for are refused"),
        Protection("no capabilities", _no_bits(status.get("CapBnd")), "nothing in it can become privileged"),
        Protection("system read-only", _read_only(mounts, Path("/usr")), "it cannot change programs of this machine"),
        Protection("home read-only", _read_only(mounts, home), "it writes its repository and its own state only"),
        Protection("devices hidden", _hidden_devices(mounts), "it sees no disk, camera or input device"),
    ]


def _is(status: dict[str, str], field: str, wanted: str) -> bool | None:
    return status[field].strip() == wanted if field in status else None


def _no_bits(mask: str | None) -> bool | None:
    return None if mask is None else int(mask, 16) == 0


def _mounts(process: Path) -> list[tuple[str, str, str]]:
    """Place, options and type of each mount, in the order in which they were made."""
    found = []
    for line in _text(process / "mountinfo").splitlines():
        fields, _, rest = line.partition(" - ")
        parts = fields.split()
        found.append((parts[4].replace("\\040", " "), parts[5], rest.split()[0]))
    return found


def _read_only(mounts: list[tuple[str, str, str]], folder: Path) -> bool | None:
    """By the mount that covers it: the deepest, and the latest of those."""
    covering = [mount for mount in mounts if folder == Path(mount[0]) or Path(mount[0]) in folder.parents]
    if not covering:
        return None
    deepest = max(len(Path(place).parts) for place, _, _ in covering)
    options = [options for place, options, _ in covering if len(Path(place).parts) == deepest][-1]
    return "ro" in options.split(",")


def _hidden_devices(mounts: list[tuple[str, str, str]]) -> bool | None:
    """A /dev of its own cannot be written to."""
    options = [options for place, options, _ in mounts if place == "/dev"]
    return "ro" in options[-1].split(",") if options else None


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
