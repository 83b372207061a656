"""The guide's "Two-Phase Completion Protocol", by a real daemon in a real repository."""

from __future__ import annotations

import pytest

from mosaic_daemon.nouns.phase import DEFERRED_ERRORS
from tests.support.completion import FAILS, QUICK, deferred_errors, sections_of, two_phases
from tests.support.fixtures import Start
from tests.support.learning import verification
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


BROKEN = {
    "a code block that never ends": ("# mine\n\n```\nx\n", 3),
    "a merge conflict": ("<<<<<<< ours\n", 1),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_named_and_not_touched(repo: Repo, start: Start, name: str) -> None:
    """File and line; the next phase waits; mended, it gets what waits and the work goes on."""
    text, line = BROKEN[name]
    repo.configure(QUICK)
    (repo.root / DEFERRED_ERRORS).parent.mkdir(parents=True)
    (repo.root / DEFERRED_ERRORS).write_text(text)
    git(repo.root, "add", DEFERRED_ERRORS)
    git(repo.root, "commit", "-q", "-m", "mine")
    git(repo.root, "push", "-q")
    repo.write_tasks(repo.task("A", phase=1, category="architectural"), repo.task("N", phase=2))
    daemon = start(repo)
    daemon.until(lambda: f"{DEFERRED_ERRORS}:{line}" in repo.reports(), "the file to be named")
    assert repo.on_main(DEFERRED_ERRORS) == text.rstrip("\n")
    assert repo.status("N") == "not-started"
    repo.push_meanwhile(DEFERRED_ERRORS, "# mine\n\n## OLD: theirs\n- Risk: Low\n")
    daemon.until(lambda: repo.status("N") == "done", "the next phase")
    assert (repo.on_main(DEFERRED_ERRORS) or "").startswith("# mine\n\n## OLD: theirs\n- Risk: Low\n\n## A: ")
    assert sections_of(repo, "A") == 1


@pytest.mark.slow
def test_what_a_person_puts_off_is_documented(repo: Repo, start: Start) -> None:
    """Below 90 % nothing is deferred by itself: the daemon says what it waits for, and a person decides."""
    repo.configure(QUICK)
    repo.write_tasks(
        repo.bare_task("T-BAD", FAILS, phase=1),
        verification(repo, "V-1", depends_on=["T-BAD"], phase=1),
        repo.task("N-1", phase=2),
    )
    first = start(repo, "--until-idle")
    assert first.wait() == 3, first.log
    assert "N-1 waits for phase 1: T-BAD (failed), V-1 (not-started)" in repo.reports()
    assert repo.on_main(DEFERRED_ERRORS) is None
    repo.edit_tasks(T_BAD={"status": "deferred"})
    second = start(repo, "--until-idle")
    assert second.wait() == 0, second.log
    assert deferred_errors(repo)["T-BAD"]["Category"] == "Hard"
    assert "tasks.json" in deferred_errors(repo)["T-BAD"]["Reason"]
    assert repo.statuses() == {"T-BAD": "deferred", "V-1": "done", "N-1": "done"}


@pytest.mark.slow
def test_where_nothing_is_committed_the_ledger_has_to_do(repo: Repo, start: Start) -> None:
    """`tracking.commit = "off"` switches the file off with the table; the next phase does not wait for ever."""
    repo.configure(QUICK.replace("interval_sec = 0.05", 'commit = "off"'))
    repo.write_tasks(repo.task("A", phase=1, category="architectural"), repo.task("N", phase=2))
    daemon = start(repo, "--until-idle")
    assert daemon.wait() == 0, daemon.log
    assert repo.statuses() == {"A": "deferred", "N": "done"}
    assert repo.on_main(DEFERRED_ERRORS) is None
    assert "- Architectural: 1 documented\nDocumented in the ledger" in repo.reports()
    assert [event.body["where"] for event in repo.events("deferral-documented")] == [""]
