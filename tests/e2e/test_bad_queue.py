"""A `tasks.json` that is wrong: a message that names file, line or task; nothing lost; the rest goes on."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import worker
from tests.support.fixtures import Start
from tests.support.repo import Repo

TASK = '{"id": "T-9", "description": "F-T-9: a change", "command": "true"}'

BROKEN: dict[str, tuple[bytes, str]] = {
    "broken": (b'{"version": 1,\n "tasks": [\n  {"id": "T-9",}\n]}', r"tasks.json:3"),
    "empty": (b"", r"tasks.json"),
    "duplicate key": (b'{"version": 1, "tasks": [\n{"id": "T-9", "id": "T-8", "description": "x"}]}', r"tasks.json:2"),
    "NaN": (b'{"version": 1, "tasks": [\n{"id": "T-9", "description": "x", "priority": NaN}]}', r"tasks.json:2"),
    "UTF-16": (f'{{"version": 1, "tasks": [{TASK}]}}'.encode("utf-16"), r"tasks.json"),
    "lone surrogate": (b'{"version": 1, "tasks": [\n{"id": "T-9", "description": "\\ud800"}]}', r"tasks.json:2"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_stops_new_starts_until_it_is_mended(repo: Repo, start: Start, name: str) -> None:
    """The person's text is not overwritten; what runs goes on to main; mended, everything goes on."""
    text, named = BROKEN[name]
    flag = repo.folder / "go"
    repo.write_tasks(repo.task("T-1", worker.waiting(flag)), repo.task("T-2", depends_on=["T-1"]))
    daemon = start(repo)
    daemon.until(lambda: repo.shown()["T-1"]["stage"] == "running", "the first worker to work")
    repo.write_queue(text)
    daemon.until(lambda: "nothing new is started until it is mended" in repo.reports(), "the report")
    daemon.says(named)
    flag.touch()
    daemon.status("T-1", "done")
    repo.results.joinpath("stray.json").write_text("{}")
    daemon.until((repo.results / "rejected" / "stray.json").exists, "a whole tick after that")
    assert repo.status("T-2") == "not-started"
    assert repo.tasks_file.read_bytes() == text
    mended = json.dumps({"version": 1, "tasks": [repo.task("T-1"), repo.task("T-2", depends_on=["T-1"])]})
    repo.write_queue(mended.encode())
    daemon.status("T-2", "done")
    assert repo.squashes() == {"T-1": 1, "T-2": 1}


def test_until_idle_with_a_broken_file_ends_with_78(repo: Repo, start: Start) -> None:
    """It is no success, and the message names the line."""
    repo.write_queue(BROKEN["broken"][0])
    daemon = start(repo, "--until-idle")
    assert daemon.wait() == 78
    assert "tasks.json:3" in daemon.log
    assert repo.tasks_file.read_bytes() == BROKEN["broken"][0]


@pytest.mark.slow
def test_a_file_that_is_larger_than_anybody_needs_is_not_read(repo: Repo, start: Start) -> None:
    """Sparse, so that it costs no disk; the daemon stays small and says how much is allowed."""
    repo.write_tasks(repo.task("T-1"))
    daemon = start(repo)
    daemon.status("T-1", "done")
    with (repo.state / "person.tmp").open("wb") as file:
        file.truncate(2 << 30)
    (repo.state / "person.tmp").replace(repo.tasks_file)
    daemon.says(r"larger than [\d,]+ bytes")
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{daemon.pid}/status").read_text())
    assert peak
    assert int(peak[1]) < 400_000
    repo.write_tasks(repo.task("T-1"), repo.task("T-2"))
    daemon.status("T-2", "done")


KINDS: dict[str, Callable[[Repo], None]] = {
    "a symbolic link": lambda repo: repo.tasks_file.symlink_to("/etc/hostname"),
    "a folder": lambda repo: repo.tasks_file.mkdir(),
    "a FIFO": lambda repo: os.mkfifo(repo.tasks_file),
    "2 hard links": lambda repo: os.link(repo.config_file, repo.tasks_file),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_ordinary_file_is_neither_read_nor_replaced(repo: Repo, start: Start, kind: str) -> None:
    repo.write_tasks(repo.task("T-1"))
    daemon = start(repo)
    daemon.status("T-1", "done")
    repo.tasks_file.unlink()
    made = False
    while not made:
        try:
            KINDS[kind](repo)
            made = True
        except FileExistsError:  # the daemon has restored it already
            repo.tasks_file.unlink(missing_ok=True)
    daemon.says(kind)
    kept = repo.tasks_file.lstat()
    daemon.ask("cycle")
    assert repo.tasks_file.lstat() == kept
    repo.tasks_file.rmdir() if kind == "a folder" else repo.tasks_file.unlink()
    daemon.until(lambda: repo.shown()["T-1"]["status"] == "done", "the file to be restored")


def test_unknown_fields_and_entries_that_are_no_tasks_stay(repo: Repo, start: Start) -> None:
    """Also over a restart, and beside everything the daemon writes."""
    bad = [{"id": "../../etc/passwd", "description": "x"}, {"id": "--force", "description": "x"}, "a remark", {"x": 1}]
    repo.write_queue(
        json.dumps(
            {"$schema": "mine", "version": 1, "tasks": [*bad, repo.task("T-1", x_color="blue")], "x_owner": ["me"]}
        ).encode()
    )
    for _ in range(2):
        daemon = start(repo, "--until-idle")
        assert daemon.wait() == 0
        document = repo.queue()
        assert (document["$schema"], document["x_owner"]) == ("mine", ["me"])
        assert [entry for entry in document["tasks"] if entry in bad] == bad
        shown = next(entry for entry in document["tasks"] if entry not in bad)
        assert (shown["id"], shown["status"], shown["x_color"]) == ("T-1", "done", "blue")
        repo.tasks_file.touch()
    assert "../../etc/passwd" in repo.reports()
    assert "--force" in repo.reports()
    assert repo.squashes() == {"T-1": 1}


INVALID: dict[str, tuple[dict[str, object], str]] = {
    "kind": ({"kind": "cod"}, "did you mean 'code'?"),
    "status": ({"status": "dne"}, "did you mean 'done'?"),
    "depends_on": ({"depends_on": ["../x"]}, "is no task id"),
    "branch option": ({"branch": "--upload-pack=touch pwned"}, "cannot name a branch"),
    "branch path": ({"branch": "a/../../b"}, "cannot name a branch"),
    "files": ({"files": ["/etc/passwd"]}, "is no path below the repository"),
    "command": ({"command": []}, "must be a list of non-empty strings"),
    "estimate": ({"estimate": "many"}, "is no token figure"),
    "priority": ({"priority": "high"}, "field 'priority'"),
    "no description": ({"description": None}, "field 'description'"),
}


@pytest.mark.parametrize("name", INVALID)
def test_a_new_entry_with_a_wrong_field_waits_in_the_file_until_it_is_mended(
    repo: Repo, start: Start, name: str
) -> None:
    """The others go on; the message names the task; mended, also after a restart, it is done."""
    fields, said = INVALID[name]
    wrong = {**repo.task("T-2"), **fields}
    repo.write_tasks(wrong, repo.task("T-1"))
    daemon = start(repo)
    daemon.status("T-1", "done")
    daemon.until(lambda: repo.shown()["T-1"]["status"] == "done", "the file")
    assert repo.shown()["T-2"] == wrong
    assert said in repo.reports(), repo.reports()
    assert "task 'T-2'" in repo.reports()
    assert repo.status("T-2") is None
    assert daemon.stop() == 0
    again = start(repo).ready()
    assert repo.shown()["T-2"] == wrong
    mended = {name: value for name, value in repo.task("T-2").items() if name in {"description", "command"}}
    repo.edit_tasks(T_2={**dict.fromkeys(fields), **mended, "depends_on": [], "files": [], "kind": "code"} | DEFAULTS)
    again.status("T-2", "done")


DEFAULTS = {"status": "not-started", "branch": "", "estimate": None, "priority": 0}


def test_a_wrong_edit_of_a_known_task_is_refused_aloud(repo: Repo, start: Start) -> None:
    """What was written is kept in the event, and the file says again what holds."""
    flag = repo.folder / "go"
    repo.write_tasks(repo.task("T-1", worker.waiting(flag)), repo.task("T-2", depends_on=["T-1"]))
    daemon = start(repo)
    daemon.until(lambda: repo.shown()["T-1"]["stage"] == "running", "the first worker to work")
    repo.edit_tasks(T_2={"kind": "cod", "description": "F-T-2: a good text beside a bad kind"})
    [refused] = daemon.until(lambda: repo.events("edit-refused", "T-2"), "the refusal")
    assert "F-T-2: a good text beside a bad kind" in json.dumps(refused.body["changed"])
    daemon.until(lambda: repo.shown()["T-2"]["kind"] == "code", "the file to be put right")
    assert "T-2: an edit in tasks.json was refused" in daemon.log
    flag.touch()
    daemon.status("T-2", "done")


def test_the_same_id_twice_is_one_task_and_a_message(repo: Repo, start: Start) -> None:
    repo.write_tasks(repo.task("T-1"), repo.task("T-1", files={"other.txt": "x"}), repo.task("T-2"))
    assert start(repo, "--until-idle").wait() == 0
    assert repo.squashes() == {"T-1": 1, "T-2": 1}
    assert "has the id 'T-1' of an earlier entry" in repo.reports()
    assert [entry["id"] for entry in repo.queue()["tasks"]].count("T-1") == 2


def test_a_task_that_arrives_as_done_is_not_believed(repo: Repo, start: Start) -> None:
    repo.write_tasks(repo.task("T-1", status="done"), repo.task("T-2", depends_on=["T-1"]), repo.task("T-3"))
    assert start(repo, "--until-idle").wait() == 3
    assert repo.statuses() == {"T-1": "blocked", "T-2": "not-started", "T-3": "done"}
    assert "the daemon has no evidence of that" in json.dumps([event.body for event in repo.events("edit-refused")])


def test_a_task_on_the_base_branch_itself_is_blocked(repo: Repo, start: Start) -> None:
    repo.write_tasks(repo.task("T-1", branch="main"), repo.task("T-2"))
    assert start(repo, "--until-idle").wait() == 3
    assert repo.statuses() == {"T-1": "blocked", "T-2": "done"}
    assert "its branch is the base branch" in repo.shown()["T-1"]["notes"]


def test_a_runtime_that_is_not_there_holds_its_tasks_and_no_others(repo: Repo, start: Start) -> None:
    """Nothing is used up; what is missing is named."""
    repo.write_tasks(
        {"id": "T-1", "description": "x", "runtime": "no-such-agent"},
        {"id": "T-2", "description": "x", "runtime": "shell"},
        repo.task("T-3"),
    )
    assert start(repo, "--until-idle").wait() == 3
    assert repo.statuses() == {"T-1": "not-started", "T-2": "blocked", "T-3": "done"}
    assert "runtime `no-such-agent` is not configured" in repo.reports()
    assert "needs the task's own `command`" in repo.shown()["T-2"]["notes"]
