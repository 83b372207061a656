"""Milestones that were put away: `docs/tasks/<name>-tasks.md`, and what to make of them when there is no table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from mosaic_daemon.ground import atomicfile
from mosaic_daemon.nouns.task import OVER
from mosaic_daemon.planning.planner.words import one_line
from mosaic_daemon.tracking import table

FOLDER = "docs/tasks"
SUFFIX = "-tasks.md"
_PATTERN = f"?*{SUFFIX}"
_PLAN = "-plan.json"
_LONGEST_NAME = 100
_MAX_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Archive:
    """A table that was put away.

    Attributes:
        name: of the milestone, on one line. path: below the repository.
        rows: how many tasks it has. unfinished: ids of those that are neither done nor deferred.
        plan: what was planned, archived beside it; None where it was not.
    """

    name: str
    path: str
    text: bytes
    rows: int
    unfinished: tuple[str, ...]
    plan: bytes | None = None


def newest(root: Path) -> Archive | None:
    """The archive that was written last; None when there is none.

    Raises:
        InputError: it cannot be read.
    """
    found = sorted((root / FOLDER).glob(_PATTERN), key=lambda path: (path.lstat().st_mtime_ns, path.name))
    if not found:
        return None
    path = found[-1]
    archive = parsed(f"{FOLDER}/{path.name}", atomicfile.read_untrusted(path, max_bytes=_MAX_BYTES))
    plan = path.with_name(path.name.removesuffix(SUFFIX) + _PLAN)
    if not plan.exists():
        return archive
    return replace(archive, plan=atomicfile.read_untrusted(plan, max_bytes=_MAX_BYTES))


def parsed(path: str, text: bytes) -> Archive:
    """An archived table. `path`: below the repository."""
    rows = table.parse(text.decode("utf-8", "replace"), source=path).rows
    unfinished = tuple(row.cells["id"] for row in rows if row.cells["status"] not in OVER)
    name = one_line(path.rpartition("/")[2].removesuffix(SUFFIX), _LONGEST_NAME)
    return Archive(name, path, text, len(rows), unfinished)


def tasks(root: Path) -> frozenset[str]:
    """Ids of all archived tasks: no later task gets one of them.

    Raises:
        InputError: an archive cannot be read.
    """
    texts = (atomicfile.read_untrusted(path, max_bytes=_MAX_BYTES) for path in (root / FOLDER).glob(_PATTERN))
    parses = (table.parse(text.decode("utf-8", "replace"), source=FOLDER) for text in texts)
    return frozenset(row.cells["id"] for each in parses for row in each.rows)


def names(root: Path) -> list[str]:
    """Every archived milestone, by name."""
    return sorted(path.name.removesuffix(SUFFIX) for path in (root / FOLDER).glob(_PATTERN))
