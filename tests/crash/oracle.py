"""What must be true after any crash, looked at from outside: nothing lost, nothing done twice, nothing left running."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from tests.support.processes import attempts_alive
from tests.support.repo import Repo


def check(repo: Repo, tasks: Collection[str]) -> None:
    """Every task done, once; every attempt's effect at most once; the faces say what the ledger says."""
    assert repo.statuses() == dict.fromkeys(tasks, "done")
    assert repo.squashes() == dict.fromkeys(tasks, 1)
    twice = [attempt for attempt, count in Counter(repo.attempts_run()).items() if count > 1]
    assert not twice, f"attempts whose worker ran more than once: {twice}"
    assert {attempt.rpartition(".")[0] for attempt in repo.attempts_run()} == set(tasks)
    assert attempts_alive(repo.root) == {}
    assert {task: entry["status"] for task, entry in repo.shown().items()} == dict.fromkeys(tasks, "done")
    assert {task: row["status"] for task, row in repo.table().items()} == dict.fromkeys(tasks, "done")
    for task in tasks:
        assert repo.on_main(f"{task}.txt") == task
        fences = [event.body["attempt"]["fence"] for event in repo.events("attempt-intended", task)]
        assert fences == list(range(1, len(fences) + 1))
