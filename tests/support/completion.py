"""Phases with something left over, and what was written down of it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from mosaic_daemon.nouns.phase import DEFERRED_ERRORS
from tests.support.learning import verification
from tests.support.repo import Repo

FAILS = 'printf \'{"task_id":"%s","status":"failed","used":"1K","notes":"no such column"}\\n\' "$MOSAIC_TASK_ID"'
QUICK = "[worker]\nretries = 0\n[gate]\nci = 'none'\n[tracking]\ninterval_sec = 0.05\n"


def two_phases(repo: Repo, *, fixed: int = 9) -> list[str]:
    """Queue a phase of which one task fails, with its verification, and one task of the phase that follows."""
    repo.configure(QUICK)
    names = [f"T-{number}" for number in range(fixed)]
    repo.write_tasks(
        repo.task("N-1", phase=2, estimate="1K"),
        *(repo.task(name, phase=1, estimate="1K") for name in names),
        repo.bare_task("T-BAD", FAILS, phase=1, estimate="1K", files=["api/orders.py"]),
        verification(repo, "V-1", depends_on=[*names, "T-BAD"], phase=1),
    )
    return [*names, "T-BAD", "V-1", "N-1"]


def deferred_errors(repo: Repo) -> dict[str, dict[str, str]]:
    """The sections of the file on the base branch, by task: each line's label and text, the heading under `title`."""
    text = repo.on_main(DEFERRED_ERRORS) or ""
    sections = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    return dict(map(_section, sections))


def sections_of(repo: Repo, task: str) -> int:
    return len(re.findall(rf"^## {re.escape(task)}:", repo.on_main(DEFERRED_ERRORS) or "", flags=re.MULTILINE))


def _section(text: str) -> tuple[str, dict[str, str]]:
    heading, *lines = text.splitlines()
    task, _, title = heading.partition(": ")
    return task, {"title": title, **dict(_labelled(lines))}


def _labelled(lines: Iterable[str]) -> Iterable[tuple[str, str]]:
    for line in lines:
        if line.startswith("- "):
            label, _, said = line[2:].partition(": ")
            yield label, said
