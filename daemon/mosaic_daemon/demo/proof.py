"""What was promised, read back from the origin: a fresh clone of it, and nothing the daemon says about itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mosaic_daemon.demo.stage import MILESTONE, VERSION, Scene
from mosaic_daemon.demo.watch import Story
from mosaic_daemon.ground.layout import TABLE
from mosaic_daemon.tracking import table

ARCHIVED = f"docs/tasks/{MILESTONE.replace(' ', '-')}-tasks.md"
NOTES = f"docs/releases/v{VERSION}.md"
_EVIDENCE = re.compile(r"done: ([0-9a-f]{12}) on main \| CI: green \| closed: ([^\s;]+)")
_NO_CHANGE = re.compile(r"done: nothing to change at ([0-9a-f]{12})")
_TASK_TRAILER = "%(trailers:key=Mosaic-Task,valueonly,separator=%x2C)"


@dataclass(frozen=True, slots=True)
class Promise:
    """`missing`: what speaks against it; empty when it was kept."""

    text: str
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Delivered:
    """The origin's main: `tree` is a clone of it, `rows` the archived table, `squashed` commit → task."""

    tree: Path
    rows: tuple[Mapping[str, str], ...]
    squashed: Mapping[str, str]


def read_back(scene: Scene) -> Delivered:
    """Clone the origin afresh and read what is on its main."""
    tree = scene.root / "delivered"
    scene.git("clone", "--quiet", str(scene.origin), str(tree), at=scene.root)
    archived = tree / ARCHIVED
    text = archived.read_text(encoding="utf-8") if archived.exists() else ""
    log = scene.git("log", f"--format=%H {_TASK_TRAILER}", "main", at=tree)
    commits = (line.partition(" ") for line in log.splitlines())
    squashed = {sha: task for sha, _, task in commits if task}
    return Delivered(tree, tuple(row.cells for row in table.parse(text, source=TABLE).rows), squashed)


def examine(scene: Scene, story: Story, delivered: Delivered, tasks: Sequence[Mapping[str, Any]]) -> list[Promise]:
    """Every promise about the result, and what speaks against it."""
    changing = [task["id"] for task in tasks if task.get("kind") != "verification"]
    landed = sorted(delivered.squashed.values())
    status = scene.git("status", "--porcelain=v1", "--branch").splitlines()
    return [
        Promise(
            f"each of the {len(tasks)} tasks is done, and its evidence is in {ARCHIVED}",
            tuple(_without_evidence(delivered, tasks)),
        ),
        Promise(
            f"exactly one squash commit for each of the {len(changing)} changes",
            () if landed == sorted(changing) else (f"found {landed}",),
        ),
        Promise("the project's own check passes now", () if scene.check_passes(delivered.tree) else ("it fails",)),
        Promise(
            "one attempt failed, and was repeated with its error in the next prompt",
            () if story.failed == ["DEMO-CQ-001"] else (f"failed: {story.failed}",),
        ),
        Promise(
            "two workers ran side by side, never more",
            () if story.most_at_once == 2 else (f"most at once: {story.most_at_once}",),
        ),
        Promise(
            f"milestone {VERSION} is released: an annotated tag, its notes, and no table left",
            tuple(_unreleased(scene, delivered)),
        ),
        Promise(
            "the checkout was only fast-forwarded",
            () if status == ["## main...origin/main"] else tuple(status),
        ),
    ]


def _unreleased(scene: Scene, delivered: Delivered) -> Iterator[str]:
    """What of the release is not on the origin."""
    listed = scene.git("for-each-ref", "--format=%(objecttype) %(refname:short)", "refs/tags", at=scene.origin)
    if listed != f"tag v{VERSION}":
        yield f"tags: {listed or 'none'}"
    notes = delivered.tree / NOTES
    text = notes.read_text(encoding="utf-8") if notes.exists() else ""
    unmentioned = [task for task in delivered.squashed.values() if f"`{task}`" not in text]
    if not text or unmentioned:
        yield f"{NOTES} does not name {', '.join(unmentioned) or 'anything'}"
    if (delivered.tree / TABLE).exists():
        yield f"{TABLE} is still there"


def _without_evidence(delivered: Delivered, tasks: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    rows = {row["id"]: row for row in delivered.rows}
    for task in tasks:
        row = rows.get(task["id"], {})
        notes = row.get("notes", "")
        closed = (task["issue"], f"internal:{task['id']}")  # a phase's issue is closed by the last of its tasks
        if row.get("status") != "done":
            yield f"{task['id']} is {row.get('status', 'not in the table')}: {notes}"
        elif found := _EVIDENCE.search(notes):
            commits = [sha for sha, owner in delivered.squashed.items() if owner == task["id"]]
            if not any(sha.startswith(found[1]) for sha in commits) or found[2] not in closed:
                yield f"{task['id']}: the origin does not have what its notes say: {notes}"
        elif task.get("kind") != "verification" or not _NO_CHANGE.search(notes):
            yield f"{task['id']} has no evidence: {notes}"
