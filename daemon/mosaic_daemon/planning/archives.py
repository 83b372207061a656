"""Milestones that were put away: `docs/tasks/<name>-tasks.md`, and what to make of them when there is no table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mosaic_daemon.ground import atomicfile
from mosaic_daemon.nouns.task import OVER
from mosaic_daemon.planning.planner.words import one_line
from mosaic_daemon.tracking import table

FOLDER = "docs/tasks"
SUFFIX = "-tasks.md"
_PATTERN = f"?*{SUFFIX}"
_LONGEST_NAME = 100
_MAX_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Archive:
    """A table that was put away.

    Attributes:
        name: of the milestone, on one line. path: below the repository.
        rows: how many tasks it has. unfinished: ids of those that are neither done nor deferred.
    """

    name: str
    path: str
    text: bytes
    rows: int
    unfinished: tuple[str, ...]


def newest(root: Path) -> Archive | None:
    """The archive that was written last; None when there is none.

    Raises:
        InputError: it cannot be read.
    """
    found = sorted((root / FOLDER).glob(_PATTERN), key=lambda path: (path.lstat().st_mtime_ns, path.name))
    if not found:
        return None
    path = found[-1]
    text = atomicfile.read_untrusted(path, max_bytes=_MAX_BYTES)
    rows = table.parse(text.decode("utf-8", "replace"), source=str(path)).rows
    unfinished = tuple(row.cells["id"] for row in rows if row.cells["status"] not in OVER)
    name = one_line(path.name.removesuffix(SUFFIX), _LONGEST_NAME)
    return Archive(name, f"{FOLDER}/{path.name}", text, len(rows), unfinished)


def names(root: Path) -> list[str]:
    """Every archived milestone, by name."""
    return sorted(path.name.removesuffix(SUFFIX) for path in (root / FOLDER).glob(_PATTERN))
