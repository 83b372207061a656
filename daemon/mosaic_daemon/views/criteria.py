"""What the stopping criteria are judged by, collected from the ledger, the checkout and the settings. Only reads."""

from __future__ import annotations

import json
import subprocess
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from mosaic_daemon.ground.layout import Layout
from mosaic_daemon.nouns.documentation import CHECKLIST
from mosaic_daemon.nouns.stopping import Criterion, Requirements, Situation, criteria, reason_to_stop
from mosaic_daemon.planning.papers.capfile import PLAN_FILE
from mosaic_daemon.planning.standing import PAPERS, open_items, requirements, standing
from mosaic_daemon.store.reader import LedgerReader, Proof
from mosaic_daemon.views.release import released, under_way

_GIT_SEC = 5
_CONCLUSION = {
    "complete": "Complete: every criterion is met.",
    "blocked": "Stopped: only a person can take it further.",
    "context": "The orchestrating agent hands over: `mosaic-orchestrator handoff`.",
    "": "It goes on by itself; nobody has to be asked.",
}


def judged(layout: Layout, shown: Mapping[str, Any], ledger: LedgerReader | None) -> dict[str, Any]:
    """The ten criteria as JSON. `shown`: the rest of `status`; `ledger`: None when there is none."""
    found = criteria(situation(layout, shown, ledger.proofs() if ledger else ()))
    stop = reason_to_stop(found)
    return {"stop": stop, "conclusion": _CONCLUSION[stop], "criteria": [asdict(each) for each in found]}


def lines(document: Mapping[str, Any]) -> list[list[str]]:
    """The same for people: two lines each."""
    found = [Criterion(**each) for each in document["criteria"]]
    rows = [row for each in found for row in (_head(each), ["", "", each.evidence])]
    return [*rows, ["", "", document["conclusion"]]]


def _head(each: Criterion) -> list[str]:
    return ["✓" if each.met else "·", f"{each.number}.", each.text]


def situation(layout: Layout, shown: Mapping[str, Any], proofs: Iterable[Proof]) -> Situation:
    """What is true now; `shown`: what `status` shows beside it."""
    proofs = list(proofs)
    release = shown["release"] or {}
    milestone = _milestone(layout.repo) or str(release.get("version", ""))
    is_its_own = release.get("version") == milestone
    return Situation(
        tasks=[standing(proof) for proof in proofs],
        blocker=_blocker(shown),
        requirements=_requirements(layout.repo, proofs),
        checklist=_checklist(layout.repo),
        provider=_provider(layout),
        milestone=milestone,
        release=released(release) if is_its_own else "",
        releasing=under_way(release) if is_its_own else "",
    )


def _blocker(shown: Mapping[str, Any]) -> str:
    if shown["deadlock"]:
        return str(shown["deadlock"]["message"])
    if shown["queue_file"]["problem"]:
        return str(shown["queue_file"]["problem"])
    budget = shown["budget"]
    left = shown["tasks"]["by_status"].get("not-started", 0)
    return f"budget: {budget['line']}" if budget and not budget["slots"] and left else ""


def _requirements(root: Path, proofs: Sequence[Proof]) -> Requirements | None:
    papers = ((name, text) for name in PAPERS if (text := _text(root / name)) and text.strip())
    name, text = next(papers, ("", ""))
    return requirements(name, text, proofs, _changed_at(root, name)) if name else None


def _changed_at(root: Path, name: str) -> datetime | None:
    """When the file's last commit was made."""
    command = ["git", "-C", str(root), "log", "-1", "--format=%cI", "--", name]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_GIT_SEC)
        return datetime.fromisoformat(done.stdout.strip())
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None


def _checklist(root: Path) -> tuple[str, int] | None:
    text = _text(root / CHECKLIST)
    return None if text is None else (CHECKLIST, len(open_items(text)))


def _provider(layout: Layout) -> str:
    """`forge.provider` of the repository's file, without the cost of reading all settings."""
    try:
        text = layout.config.read_text(encoding="utf-8")
        return str(tomllib.loads(text).get("forge", {}).get("provider", "internal"))
    except (OSError, ValueError, AttributeError):
        return "internal"


def _milestone(root: Path) -> str:
    try:
        return str(json.loads(_text(root / PLAN_FILE) or "")["plan"]["milestone"]["version"])
    except (ValueError, RecursionError, KeyError, TypeError):
        return ""


def _text(path: Path) -> str | None:
    """What an ordinary file says; None where there is none. A pipe or a device would keep everybody waiting."""
    try:
        return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else None
    except OSError:
        return None
