"""What must be true in the end, whatever died in between and whenever."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from mosaic_daemon.nouns.events import Entry
from mosaic_daemon.nouns.fold import advance
from mosaic_daemon.nouns.record import Record
from mosaic_daemon.store.base import Journal
from mosaic_daemon.store.sqlite import SqliteJournal
from tests.support.processes import attempts_alive
from tests.support.repo import Repo
from tests.support.waiting import until


def check(repo: Repo, tasks: Iterable[str], *, attempts_each: int | None = None) -> None:
    """Every task is done, landed once and shown; nothing had its effect twice; nothing is left running.

    Args:
        attempts_each: how many attempts each task took; None: that may differ, as when workers were killed too.
    """
    wanted = dict.fromkeys(tasks, "done")
    assert repo.statuses() == wanted
    assert repo.squashes() == dict.fromkeys(wanted, 1), "one squash commit a task"
    assert set(repo.gates().values()) == {1}, "one squash commit a gate"
    effects = Counter(repo.attempts_run())
    assert [attempt for attempt, count in effects.items() if count > 1] == [], "an attempt ran twice"
    if attempts_each is not None:
        runs = Counter(attempt.rpartition(".")[0] for attempt in effects)
        assert runs == dict.fromkeys(wanted, attempts_each), "work was thrown away"
    until(lambda: not attempts_alive(repo.root), f"no orphan: {attempts_alive(repo.root)}")
    assert {task: entry["status"] for task, entry in repo.shown().items()} == wanted
    assert {task: row["status"] for task, row in repo.table().items()} == wanted
    assert {task: repo.on_main(f"{task}.txt") for task in wanted} == {task: task for task in wanted}
    check_fold(repo)


def check_fold(repo: Repo) -> None:
    """The rows are the fold of the events, and fences rise one by one."""
    with closing(SqliteJournal(repo.state_db)) as journal:
        assert folded(journal) == {record.id: record for record in journal.load().records}
    fences: dict[str, list[int]] = {}
    for event in repo.events("attempt-intended"):
        fences.setdefault(event.task, []).append(event.body["attempt"]["fence"])
    assert all(issued == list(range(1, len(issued) + 1)) for issued in fences.values()), fences


def check_batches(state_db: Path, acknowledged: Iterable[str]) -> set[str]:
    """Of what `appending.append_batch` wrote, all that was acknowledged is there, and nothing by halves or twice.

    Returns:
        What is there, named as it is acknowledged.
    """
    with closing(SqliteJournal(state_db)) as journal:
        snapshot, records = journal.load(), folded(journal)
        kinds = Counter((entry.task, entry.event.kind) for _, entry in journal.entries())
    with closing(sqlite3.connect(state_db)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert {record.id: record for record in snapshot.records} == records
    assert set(kinds.values()) <= {1}
    assert len(kinds) == 2 * len(records), "a batch is stored as a whole or not at all"
    known = {*records, *(f"memo {name}" for name in snapshot.memos)}
    assert not (lost := {*acknowledged} - known), f"acknowledged and lost: {lost}"
    return known


def folded(journal: Journal) -> dict[str, Record]:
    """The records as the event log alone gives them."""
    records: dict[str, Record] = {}
    for _, entry in journal.entries():
        if isinstance(entry, Entry) and entry.task:
            records[entry.task] = advance(records.get(entry.task), entry.event, entry.at)  # type: ignore[arg-type]
    return records
