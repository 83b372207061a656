"""A lost ledger: what can still be known is read back before anything is started.

The attempts' folders tell which fences were issued, so none is issued again. The trailers on the base branch tell which
tasks have landed, so none is done twice. Workers that still run belong to nobody and are stopped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from mosaic_daemon.nouns.events import DoneFound, Entry, TaskAdded
from mosaic_daemon.nouns.review import QA_SUFFIX
from mosaic_daemon.repository.clone import Clone
from mosaic_daemon.repository.commits import LandedTask
from mosaic_daemon.stages.intake import FENCES
from mosaic_daemon.store.ledger import Ledger
from mosaic_daemon.tracking.entry import validate
from mosaic_daemon.tracking.view import task_of
from mosaic_rails.base import Rail

_ATTEMPT = re.compile(r"(?P<task>.+)\.(?P<fence>\d+)")
_WORKED_ON = ("done", "in-progress", "blocked")


async def rebuild(
    ledger: Ledger, entries: Mapping[str, Mapping[str, Any]], attempts: Path, clone: Clone, now: datetime
) -> str | None:
    """Fill an empty ledger from what outlived it; returns a line for people, None when there was nothing to find.

    `entries` are the queue's as they stand in its file.
    """
    fences = _fences(attempts)
    if not fences and not any(entry.get("evidence") for entry in entries.values()):
        return None
    await clone.base()
    landed = {found.task: found for found in await clone.commits.landed_tasks()}
    for found in landed.values():
        if match := _ATTEMPT.fullmatch(found.gate):
            fences[found.task] = max(fences.get(found.task, 0), int(match["fence"]))
    ledger.remember({FENCES: json.dumps(fences)})
    known: list[Entry] = []
    for task, raw in entries.items():
        merge = landed.get(task) or _of_its_remedy(task, raw, landed)
        if merge is None or not (raw.get("status") in _WORKED_ON or (attempts / merge.gate).is_dir()):
            continue
        position = ledger.next_position() + len(known) // 2
        added = TaskAdded(
            task_of(validate(raw, source="tasks.json", position=position)), position, "tasks.json", fences.get(task, 0)
        )
        known += [Entry(now, task, "daemon", added), Entry(now, task, "daemon", DoneFound(_evidence(merge, raw)))]
    ledger.append_all(known)
    done = len(known) // 2
    return f"the ledger was lost: {done} task(s) found done on the base branch, fences of {len(fences)} task(s) kept"


async def stop_strays(rail: Rail, attempts: Path) -> None:
    """Stop every worker that was started under the lost ledger."""
    for folder in sorted(attempts.iterdir()) if attempts.is_dir() else ():
        if _ATTEMPT.fullmatch(folder.name):
            await rail.revoke(folder.name)


def _fences(attempts: Path) -> dict[str, int]:
    found: dict[str, int] = {}
    for folder in attempts.iterdir() if attempts.is_dir() else ():
        if match := _ATTEMPT.fullmatch(folder.name):
            found[match["task"]] = max(found.get(match["task"], 0), int(match["fence"]))
    return found


def _of_its_remedy(task: str, raw: Mapping[str, Any], landed: Mapping[str, LandedTask]) -> LandedTask | None:
    """The commit of the task that mended this one and delivered both, if its evidence names it."""
    evidence, merge = raw.get("evidence"), landed.get(f"{task}{QA_SUFFIX}")
    named = evidence.get("merge_sha") if isinstance(evidence, dict) else None
    return merge if merge is not None and merge.sha == named else None


def _evidence(merge: LandedTask, raw: Mapping[str, Any]) -> dict[str, Any]:
    before = raw.get("evidence")
    kept = dict(before) if isinstance(before, dict) and before.get("merge_sha") == merge.sha else {}
    return {
        "merge_sha": merge.sha,
        "summary": f"done: {merge.sha[:12]} | found on the base branch, the ledger was lost",
        **kept,
    }
