"""What is kept of a task that is done: enough to read all of it back from the world."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from mosaic_daemon.forges.base import Proposal
from mosaic_daemon.nouns.gate import Gate, Step


def done(gate: Gate, proposal: Proposal, now: datetime) -> dict[str, Any]:
    """The evidence of a gate that has passed its last step, with a `summary` on one line."""
    siblings = proposal.siblings
    verdict = gate.evidence.get(Step.MAIN_CI, {}).get("verdict")
    issue = proposal.issue or f"internal:{proposal.task}"
    closed = f"internal:{proposal.task} ({issue} stays open for {', '.join(siblings)})" if siblings else issue
    what = f"nothing to change at {(gate.base_sha or '')[:12]}"
    if gate.merge_sha is not None:
        what = f"{gate.merge_sha[:12]} on {proposal.target} | CI: {'none' if verdict == 'absent' else verdict}"
    return {
        "summary": f"done: {what} | closed: {closed}",
        "merge_sha": gate.merge_sha,
        "head_sha": gate.head_sha,
        "base_sha": gate.base_sha,
        "tree": gate.evidence.get(Step.VERIFY, {}).get("tree"),
        "guard": _guard(gate),
        "change": gate.change,
        "ci": verdict,
        "review": gate.evidence.get("review"),
        "checks": gate.evidence.get(Step.MERGEABLE, {}).get("checks", []),
        "issue": issue,
        "closed_at": now.isoformat(),
    }


def _guard(gate: Gate) -> str | None:
    """What held the merge to the accepted commit; it is noted where the commit was found."""
    found = (gate.evidence.get(step, {}).get("guard") for step in (Step.MERGE, Step.MAIN_CLEAR))
    return next((guard for guard in found if guard), None)
