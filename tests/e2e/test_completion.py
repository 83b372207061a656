"""The guide's "Two-Phase Completion Protocol", by a real daemon in a real repository."""

from __future__ import annotations

import pytest

from mosaic_daemon.nouns.phase import DEFERRED_ERRORS
from tests.support.completion import deferred_errors, two_phases
from tests.support.fixtures import Start
from tests.support.repo import Repo, git


@pytest.mark.slow
def test_a_phase_ends_with_its_polish_and_then_the_next_begins(repo: Repo, start: Start) -> None:
    """Bulk to 90 %, what failed is documented and deferred, the guide's reports, the verification, the next phase."""
    names = two_phases(repo)
    daemon = start(repo, "--until-idle")
    assert daemon.wait() == 0, daemon.log
    assert repo.statuses() == {name: "deferred" if name == "T-BAD" else "done" for name in repo.statuses()}
    assert set(repo.statuses()) == set(names)
    assert repo.attempts_run()[-1] == "N-1.1", "nothing of the next phase before"
    assert deferred_errors(repo) == {
        "T-BAD": {
            "title": "F-T-BAD: a change",
            "File": "api/orders.py",
            "Error": "the worker reported failure: no such column",
            "Category": "Hard",
            "Reason": "Hard: 1 attempt(s), the last one failed: the worker reported failure: no such column",
            "Suggested approach": "`mosaic-orchestrator retry T-BAD` has it done after all",
            "Risk": "High",
        }
    }
    assert "Phase 1 Bulk Complete: 90% (9/10)\nEntering Polish Phase: 1 errors to triage" in repo.reports()
    assert (
        "Phase 1 Complete: 90% (9/10)\n- Quick-wins: 0 fixed\n- Medium: 0 fixed\n- Hard: 0 fixed, 1 documented\n"
        f"- Framework limitations: 0 documented\nDocumented in {DEFERRED_ERRORS}"
    ) in repo.reports()
    assert "deadlock" not in repo.reports()
    commits = git(repo.landed, "log", "--format=%s", "main", "--", DEFERRED_ERRORS).splitlines()
    assert commits == ["chore(orchestrator): Update task table [skip ci]"]
