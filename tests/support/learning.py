"""A repository whose tasks miss their estimates, with QA reports, and what was learnt of it. Workers use 1K each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.support.repo import Repo, git

LEARNINGS = "docs/tasks/orchestrator-learnings.json"
PENDING = "docs/reports/qa-automation/pending"
ESCALATED = "docs/reports/qa-automation/escalated"


def learnings(repo: Repo) -> list[dict[str, Any]]:
    """The entries on the base branch; none when there is no file."""
    text = repo.on_main(LEARNINGS)
    entries: list[dict[str, Any]] = json.loads(text)["learnings"] if text else []
    return entries


def ignore_reports(repo: Repo) -> None:
    """The guide's lines in `.gitignore`, committed and pushed."""
    (repo.root / ".gitignore").write_text("docs/reports/qa-automation/\n")
    git(repo.root, "add", ".gitignore")
    git(repo.root, "commit", "-q", "-m", "ignore reports")
    git(repo.root, "push", "-q")


def report(repo: Repo, name: str) -> Path:
    """A pending report of QA automation in the person's checkout."""
    file = repo.root / PENDING / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("report\n")
    return file


def reports(repo: Repo, folder: str) -> list[str]:
    place = repo.root / folder
    return sorted(each.name for each in place.iterdir()) if place.exists() else []


def one_phase(repo: Repo) -> list[str]:
    """Queue a phase: two fixes, one far above its estimate, and its verification; with reports of both findings."""
    ignore_reports(repo)
    for name in ("F-T-1.md", "F-T-2.md", "F-T-2.json", "F-T-20.md"):
        report(repo, name)
    repo.write_tasks(
        repo.task("T-1", estimate="600", phase=1, description="F-T-1: Add validation to the cart"),
        repo.task("T-2", estimate="250", phase=1, description="F-T-2: SQL injection", files={"T-2.txt": "T-2\n"}),
        verification(repo, "T-3", depends_on=["T-1", "T-2"], phase=1),
    )
    return ["T-1", "T-2", "T-3"]


def verification(repo: Repo, name: str, **fields: Any) -> dict[str, Any]:
    """An entry that changes nothing and reports success."""
    said = '{"task_id":"%s","status":"success","used":"1K","notes":"all checked"}'
    step = f"printf '{said}\\n' \"$MOSAIC_TASK_ID\""
    return repo.bare_task(
        name, step, **{"kind": "verification", "estimate": "1K", **fields, "description": "Verify it"}
    )
