"""What people change while the daemon works: in `tasks.json`, and in `docs/TASKS.md` from another clone."""

from __future__ import annotations

import fcntl
import json
import time

import pytest

from tests.support import worker
from tests.support.fixtures import Start
from tests.support.repo import GATE, Repo, git

QUICK_TABLE = f"{GATE}[tracking]\ninterval_sec = 0\n"


def test_edits_of_waiting_tasks_are_taken_in(repo: Repo, start: Start) -> None:
    """Description, order, files and unknown fields are people's; the worker gets the new text."""
    flag = repo.folder / "go"
    repo.write_tasks(
        repo.task("T-1", worker.waiting(flag)),
        repo.task("T-2", depends_on=["T-1"], owner={"team": "blue"}),
    )
    daemon = start(repo)
    daemon.until(repo.attempts_run, "the first worker to work")
    repo.edit_tasks(T_2={"description": "F-T-2: something else", "estimate": "5.2K", "owner": {"team": "red"}})
    daemon.until(lambda: repo.record("T-2")["task"]["description"] == "F-T-2: something else", "the edit")
    flag.touch()
    daemon.status("T-2", "done")
    assert daemon.stop() == 0
    assert "something else" in repo.prompt("T-2.1")
    shown = repo.shown()["T-2"]
    assert (shown["estimate"], shown["owner"], shown["status"]) == ("5.2K", {"team": "red"}, "done")


def test_new_and_removed_tasks(repo: Repo, start: Start) -> None:
    """A waiting task can be taken out; one at work cannot, and that is said."""
    flag = repo.folder / "go"
    repo.write_tasks(repo.task("T-1", worker.waiting(flag)), repo.task("T-2", depends_on=["T-1"]))
    daemon = start(repo)
    daemon.until(lambda: repo.shown()["T-1"]["stage"] == "running", "the first worker to work")
    repo.write_tasks(repo.task("T-3", depends_on=["T-1"]))
    daemon.until(lambda: repo.events("task-removed", "T-2"), "T-2 to be taken out")
    refusals = daemon.until(lambda: repo.events("edit-refused", "T-1"), "the refusal")
    assert "only waiting tasks can be taken out" in refusals[0].body["reason"]
    flag.touch()
    daemon.status("T-3", "done")
    assert daemon.stop() == 0
    assert repo.statuses() == {"T-1": "done", "T-3": "done"} == {k: v["status"] for k, v in repo.shown().items()}


def test_a_removed_task_may_come_back(repo: Repo, start: Start) -> None:
    """With a fence that was never issued before."""
    repo.write_tasks(repo.bare_task("T-1", "exit 1"))
    daemon = start(repo)
    daemon.status("T-1", "failed")
    daemon.until(lambda: repo.shown()["T-1"]["status"] == "failed", "the file to say so")
    repo.write_tasks()
    daemon.until(lambda: repo.events("task-removed", "T-1"), "the removal")
    repo.write_tasks(repo.task("T-1"))
    daemon.status("T-1", "done")
    assert repo.gates() == {"T-1.4": 1}


def test_people_may_defer_block_and_ask_again(repo: Repo, start: Start) -> None:
    flag = repo.folder / "go"
    repo.write_tasks(
        repo.task("T-1", worker.waiting(flag)), *(repo.task(f"T-{n}", depends_on=["T-1"]) for n in (2, 3, 4))
    )
    daemon = start(repo)
    daemon.until(lambda: repo.shown()["T-1"]["stage"] == "running", "the first worker to work")
    repo.edit_tasks(T_2={"status": "deferred"}, T_3={"status": "blocked"}, T_4={"status": "deferred"})
    daemon.until(lambda: [repo.status(f"T-{n}") for n in (2, 3, 4)] == ["deferred", "blocked", "deferred"], "that")
    daemon.until(lambda: repo.shown()["T-4"]["completed_at"], "the file to show it")
    repo.edit_tasks(T_4={"status": "not-started"})
    daemon.status("T-4", "not-started")
    flag.touch()
    daemon.status("T-4", "done")
    assert [repo.status(f"T-{n}") for n in (2, 3)] == ["deferred", "blocked"]


def test_done_is_refused_aloud_and_the_daemons_fields_are_restored(repo: Repo, start: Start) -> None:
    """Nothing is done on anybody's word; what was written is kept in the event."""
    flag = repo.folder / "go"
    repo.write_tasks(repo.task("T-1", worker.waiting(flag)), repo.task("T-2", depends_on=["T-1"]))
    daemon = start(repo)
    daemon.until(lambda: repo.shown()["T-1"]["stage"] == "running", "the first worker to work")
    repo.edit_tasks(T_2={"status": "done", "used": "9K", "notes": "trust me", "attempt": 77})
    daemon.until(lambda: len(repo.events("edit-refused", "T-2")) == 2, "the refusals")
    daemon.until(lambda: repo.shown()["T-2"]["status"] == "not-started", "the file to be put right")
    shown = repo.shown()["T-2"]
    assert (shown["used"], shown["notes"], shown["attempt"]) == (None, "", 0)
    reasons = " ".join(event.body["reason"] for event in repo.events("edit-refused", "T-2"))
    assert "only the daemon sets `done`" in reasons
    assert "the daemon's" in reasons
    assert "T-2: an edit in tasks.json was refused" in daemon.log
    flag.touch()
    daemon.status("T-2", "done")


def test_not_started_for_a_running_task_starts_it_again(repo: Repo, start: Start) -> None:
    """Its worker is stopped first, and no try is used."""
    repo.write_tasks(repo.task("T-1", 'test "$MOSAIC_FENCE" != 1 || sleep 600'))
    daemon = start(repo)
    daemon.until(lambda: repo.shown()["T-1"]["stage"] == "running", "the worker to work")
    repo.edit_tasks(T_1={"status": "not-started"})
    daemon.status("T-1", "done")
    assert repo.attempts_run() == ["T-1.1", "T-1.2"]
    assert repo.record("T-1")["tries"] == {}


def test_a_failed_task_runs_again_when_asked_with_all_its_tries(repo: Repo, start: Start) -> None:
    flag = repo.folder / "fixed"
    repo.write_tasks(repo.task("T-1", f'test -e "{flag}"'))
    daemon = start(repo)
    daemon.status("T-1", "failed")
    daemon.until(lambda: repo.shown()["T-1"]["status"] == "failed", "the file to say so")
    flag.touch()
    repo.edit_tasks(T_1={"status": "not-started"})
    daemon.status("T-1", "done")
    assert repo.gates() == {"T-1.4": 1}


@pytest.mark.slow
def test_a_request_is_done_once_even_if_the_daemon_dies_before_it_could_show_it(repo: Repo, start: Start) -> None:
    """A second daemon does not take the same line of the file for a new request and stop the worker."""
    flag = repo.folder / "fixed"
    repo.write_tasks(repo.task("T-1", f'test -e "{flag}"', worker.waiting(repo.folder / "go")))
    first = start(repo)
    first.status("T-1", "failed")
    first.until(lambda: repo.shown()["T-1"]["status"] == "failed", "the file to say so")
    assert first.stop() == 0
    flag.touch()
    repo.edit_tasks(T_1={"status": "not-started"})
    # The lock of a tool keeps the daemon from writing the file, not from reading it.
    with locked(repo):
        second = start(repo)
        second.until(lambda: "T-1.4" in repo.attempts_run(), "the worker to work")
        second.until(lambda: repo.record("T-1")["state"]["kind"] == "running", "the start to be known")
        second.kill()
    third = start(repo, "--until-idle").ready()
    (repo.folder / "go").touch()
    assert third.wait() == 0
    assert repo.attempts_run() == ["T-1.1", "T-1.2", "T-1.3", "T-1.4"]
    assert repo.events("stop-requested") == []


class locked:  # noqa: N801
    """Hold the queue's lock as a tool does."""

    def __init__(self, repo: Repo) -> None:
        self._path = repo.state / "tasks.json.lock"

    def __enter__(self) -> None:
        self._file = self._path.open("w")
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        self._file.close()


def test_an_edit_in_the_very_moment_of_publishing_is_not_lost(repo: Repo, start: Start) -> None:
    """It comes after the daemon's last look and before the files change places: it is swapped out, and taken in."""
    repo.write_tasks(repo.task("T-1"))
    daemon = start(repo, env={"MOSAIC_FAILPOINT": "publish.queue.before-act:2=delay"})
    original = repo.tasks_file.read_bytes()
    daemon.until(lambda: repo.tasks_file.read_bytes() != original, "the first publication")
    document = repo.queue()
    daemon.until(lambda: repo.events("attempt-intended"), "something to publish")
    deadline = time.monotonic() + 5
    while not repo.events("task-added", "T-2"):
        # The daemon sleeps a second between look and exchange: one of these writes is the last before it.
        assert time.monotonic() < deadline, "the edit was lost"
        if repo.tasks_file.exists() and "T-2" not in repo.tasks_file.read_text():
            repo.write_queue(json.dumps({**document, "tasks": [*document["tasks"], repo.task("T-2")]}).encode())
        time.sleep(0.05)
    daemon.status("T-2", "done")
    daemon.status("T-1", "done")
    assert not repo.events("edit-refused"), "what the daemon had changed meanwhile is nobody's edit"


def test_an_edit_right_after_publishing_is_seen(repo: Repo, start: Start) -> None:
    """Whoever waits for the daemon's text and edits it at once is quicker than the daemon's next look."""
    repo.write_tasks(repo.task("T-1", "sleep 600"))
    daemon = start(repo, "--poll-sec", "3600")
    for number in range(30):
        daemon.until(lambda: repo.shown()["T-1"]["stage"] == "running", "the file to show the worker")
        count = len(repo.tasks_file.read_bytes())
        repo.edit_tasks(T_1={"notes": f"x{number}", "description": f"D-{number}: text"})
        inode = repo.tasks_file.stat().st_ino
        daemon.until(
            lambda: repo.record("T-1")["task"]["description"] == f"D-{number}: text",  # noqa: B023
            f"edit {number}",
            patience_sec=10,
        )
        daemon.until(lambda: repo.tasks_file.stat().st_ino != inode, "the file to be put right", patience_sec=10)  # noqa: B023
        assert count


def test_edits_of_the_table_pushed_by_others_are_taken_in(repo: Repo, start: Start) -> None:
    """Description, deferral, a new row, a removed row; `done` is refused; text around the table stays."""
    repo.configure(QUICK_TABLE)
    flag = repo.folder / "go"
    repo.write_tasks(
        repo.task("T-1", worker.waiting(flag)), *(repo.task(f"T-{n}", depends_on=["T-1"]) for n in (2, 3, 4, 5))
    )
    daemon = start(repo)
    daemon.until(lambda: repo.table()["T-1"]["status"] == "in-progress", "the table")
    repo.push_table_edit("| T-2 | not-started | F-T-2: a change |", "| T-2 | not-started | F-T-2: a \\| better one |")
    repo.push_table_edit("| T-3 | not-started |", "| T-3 | deferred |")
    repo.push_table_edit("| T-4 | not-started |", "| T-4 | done |")
    repo.push_table_edit("# Tasks\n", "# Our tasks\n\nWritten by *people*.  \n")
    row = next(line for line in table_text(repo).splitlines() if line.startswith("| T-5 "))
    repo.push_table_edit(row + "\n", "")
    daemon.until(lambda: repo.record("T-2")["task"]["description"] == "F-T-2: a | better one", "the description")
    daemon.status("T-3", "deferred")
    daemon.until(lambda: repo.events("edit-refused", "T-4"), "the refusal")
    daemon.until(lambda: repo.events("task-removed", "T-5"), "the removal")
    daemon.until(lambda: repo.table()["T-4"]["status"] == "not-started", "the row to be put right")
    flag.touch()
    daemon.status("T-4", "done")
    daemon.status("T-2", "done")
    assert daemon.stop() == 0
    assert table_text(repo).startswith("# Our tasks\n\nWritten by *people*.  \n")
    assert {task: row["status"] for task, row in repo.table().items()} == repo.statuses()
    assert repo.shown().keys() == {"T-1", "T-2", "T-3", "T-4"}


def table_text(repo: Repo) -> str:
    return git(repo.landed, "show", "main:docs/TASKS.md")


def test_text_around_the_table_survives_byte_for_byte(repo: Repo, start: Start) -> None:
    """Also what is no UTF-8, and the empty lines at its end."""
    head = b"# Caf\xe9 (latin-1)\r\n\r\n"
    tail = b"\n\nThe end.\t \n\n\n"
    repo.configure(QUICK_TABLE)
    repo.write_tasks(repo.task("T-1"))
    assert start(repo, "--until-idle").wait() == 0
    clone = repo.colleague()
    file = clone / "docs" / "TASKS.md"
    text = file.read_bytes()
    file.write_bytes(text.replace(b"# Tasks\n\n", head) + tail)
    git(clone, "commit", "-q", "-a", "-m", "around the table")
    git(clone, "push", "-q")
    repo.write_tasks(*repo.shown().values(), repo.task("T-2"))
    assert start(repo, "--until-idle").wait() == 0
    text = (repo.colleague() / "docs" / "TASKS.md").read_bytes()
    assert text.startswith(head + b"| id |")
    assert text.endswith(b"|\n" + tail), text[-80:]
    assert b"| T-2 | done |" in text


def test_a_damaged_table_removes_nothing(repo: Repo, start: Start) -> None:
    """A lost header is no removal of every task; it is said, and mended it goes on."""
    repo.configure(QUICK_TABLE)
    flag = repo.folder / "go"
    repo.write_tasks(repo.task("T-1", worker.waiting(flag)), repo.task("T-2", depends_on=["T-1"]))
    daemon = start(repo)
    daemon.until(lambda: repo.table()["T-1"]["status"] == "in-progress", "the table")
    repo.push_table_edit("| id | status |", "| number | status |")
    daemon.until(lambda: "header is gone" in repo.reports(), "the report")
    flag.touch()
    daemon.status("T-2", "done")
    assert repo.events("task-removed") == []
    repo.push_table_edit("| number | status |", "| id | status |")
    daemon.until(lambda: repo.table()["T-2"]["status"] == "done", "the mended table")


def test_a_request_in_the_table_is_done_once_even_if_the_daemon_dies(repo: Repo, start: Start) -> None:
    """The table is published some time after the edit was taken in; a crash in between repeats nothing."""
    repo.configure(QUICK_TABLE)
    flag = repo.folder / "fixed"
    repo.write_tasks(repo.task("T-1", f'test -e "{flag}"', worker.waiting(repo.folder / "go")))
    first = start(repo)
    first.status("T-1", "failed")
    first.until(lambda: repo.table()["T-1"]["status"] == "failed", "the table to say so")
    assert first.stop() == 0
    repo.configure(f"{GATE}[tracking]\ninterval_sec = 3600\n")
    flag.touch()
    second = start(repo).ready()
    repo.push_table_edit("| T-1 | failed |", "| T-1 | not-started |")
    second.until(lambda: "T-1.4" in repo.attempts_run(), "the worker to work")
    second.until(lambda: repo.record("T-1")["state"]["kind"] == "running", "the start to be known")
    second.kill()
    third = start(repo, "--until-idle").ready()
    (repo.folder / "go").touch()
    assert third.wait() == 0
    assert repo.attempts_run() == ["T-1.1", "T-1.2", "T-1.3", "T-1.4"]
    assert repo.events("stop-requested") == []


def test_both_faces_changed_at_once(repo: Repo, start: Start) -> None:
    """Different fields of one task in both faces: both hold."""
    repo.configure(QUICK_TABLE)
    flag = repo.folder / "go"
    repo.write_tasks(repo.task("T-1", worker.waiting(flag)), repo.task("T-2", depends_on=["T-1"]))
    daemon = start(repo)
    daemon.until(lambda: repo.table()["T-2"]["status"] == "not-started", "the table")
    daemon.kill()
    repo.push_table_edit("| T-2 | not-started |", "| T-2 | deferred |")
    repo.edit_tasks(T_2={"description": "F-T-2: from the queue"})
    daemon = start(repo)
    daemon.status("T-2", "deferred")
    daemon.until(lambda: "from the queue" in repo.table()["T-2"]["description"], "the table")
    daemon.until(lambda: repo.shown()["T-2"]["status"] == "deferred", "the queue's file")
