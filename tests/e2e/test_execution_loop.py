"""The guide's "Phase 2: Execution Loop", the steps that show in the table, by a real daemon in a real repository."""

from __future__ import annotations

from datetime import datetime

from tests.support.fixtures import Start
from tests.support.repo import GATE, Repo, git
from tests.support.worker import waiting


def test_steps_5_14_15_and_17(repo: Repo, start: Start) -> None:
    """Claimed with agent and time, then done with time and tokens, each in a commit of the table and nothing else."""
    flag = repo.folder / "flag"
    repo.configure(f'{GATE}[tracking]\ninterval_sec = 0.05\n[budget]\ncap = "100K"\n')
    repo.write_tasks(
        repo.task("T-1", waiting(flag), estimate="1K"), repo.task("T-2", depends_on=["T-1"], estimate="1K")
    )
    daemon = start(repo).ready()
    daemon.until(lambda: repo.table().get("T-1", {}).get("status") == "in-progress", "the claim to be published")
    row = repo.table()["T-1"]
    assert row["agent"] == "shell@process"
    assert datetime.fromisoformat(row["started_at"]).tzinfo is not None
    assert (row["completed_at"], row["used"]) == ("", "")
    flag.touch()
    daemon.until(lambda: repo.table()["T-2"]["status"] == "done", "both to be done")
    assert daemon.stop() == 0
    row = repo.table()["T-1"]
    assert datetime.fromisoformat(row["completed_at"]) >= datetime.fromisoformat(row["started_at"])
    assert row["used"] == "1K"
    commits = git(repo.landed, "log", "--format=%H", "main", "--", "docs/TASKS.md").split()
    assert len(commits) >= 3
    for commit in commits:
        assert git(repo.landed, "show", "--format=", "--name-only", commit) == "docs/TASKS.md"
