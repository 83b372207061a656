"""The inbox of results: what no attempt expects goes aside, and what was taken in is kept with its attempt."""

from __future__ import annotations

import os
from pathlib import Path

from mosaic_daemon.ground.layout import Layout
from mosaic_daemon.nouns.events import ResultRejected

_LATE_RESULT = "late"


def stray_results(layout: Layout, active: set[str]) -> list[ResultRejected]:
    """Move files that no active attempt expects out of the inbox, to `late/` or `rejected/`; none is applied."""
    moved: list[ResultRejected] = []
    if layout.results.is_symlink() or not layout.results.is_dir():
        return moved
    for entry in sorted(layout.results.iterdir()):
        if entry.name.startswith(".") or entry.name in ("late", "rejected"):
            continue
        name = entry.name.removesuffix(".json")
        if entry.suffix == ".json" and name in active:
            continue
        late = (layout.attempts / name).is_dir()
        kept = _free_name(_folder(layout.results / (_LATE_RESULT if late else "rejected")) / entry.name)
        entry.rename(kept)
        reason = "the attempt has already ended" if late else "no attempt has this name"
        shown = os.fsencode(kept.name).decode("utf-8", "replace")
        moved.append(ResultRejected(f"results/{kept.parent.name}/{shown}", reason))
    return moved


def _folder(path: Path) -> Path:
    """A folder at `path`; whatever else is there goes aside, into the inbox."""
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        path.rename(_free_name(path.with_name(f"{path.name}.stray")))
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def _free_name(path: Path) -> Path:
    """`path`, or the first of `path.1`, `path.2`, … that is free."""
    free, number = path, 0
    while free.is_symlink() or free.exists():
        number += 1
        free = path.with_name(f"{path.name}.{number}")
    return free


def keep_result(layout: Layout, attempt: str) -> None:
    """Move a result that was taken in beside the other records of its attempt."""
    file = layout.result_file(attempt)
    if file.is_symlink() or file.exists():
        kept = layout.attempts / attempt / "result.json"
        file.rename(_free_name(kept) if kept.is_dir() else kept)
