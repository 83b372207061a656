"""Adding tasks to `tasks.json`: checked in full, beside anybody else who writes it."""

from __future__ import annotations

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from mosaic_daemon.cli import queueing
from mosaic_daemon.ground import atomicfile
from mosaic_daemon.ground.errors import InputError
from mosaic_daemon.ground.layout import Layout
from mosaic_daemon.nouns.events import TaskRemoved
from tests.cli.conftest import PROGRAM, Commands, Happen
from tests.samples import added
from tests.support.fixtures import Start
from tests.support.repo import Repo


def test_a_first_task_prepares_the_repository(repo: Repo, command: Commands) -> None:
    """Nothing has to be set up before; the person is told what comes next."""
    repo.config_file.unlink()
    repo.state.rmdir()
    answer = command("enqueue", "A-1", "SEC-1: fix it", "--phase", "2", "--files", "a.py, b.py", "--task-repo", "api")
    assert (answer.code, answer.err) == (0, "")
    assert "A-1 is in the queue" in answer.out
    assert "mosaic-orchestrator run" in answer.out
    assert repo.queue()["tasks"] == [
        {"id": "A-1", "description": "SEC-1: fix it", "phase": 2, "files": ["a.py", "b.py"], "repo": "api"}
    ]
    assert repo.state.stat().st_mode & 0o777 == 0o700


def test_every_option_arrives_in_its_field(repo: Repo, command: Commands) -> None:
    options = {
        "--command": "make x",
        "--branch": "fix/x",
        "--depends-on": "B,C",
        "--blocks": "D",
        "--priority": "3",
        "--phase": "1",
        "--estimate": "8K",
        "--kind": "docs",
        "--files": "a.py",
        "--issue": "#12",
        "--prompt": "do it well",
    }
    assert command("enqueue", "A", "text", *(word for pair in options.items() for word in pair)).code == 0
    (task,) = repo.queue()["tasks"]
    assert task == {
        "id": "A",
        "description": "text",
        "command": "make x",
        "branch": "fix/x",
        "depends_on": ["B", "C"],
        "blocks": ["D"],
        "priority": 3,
        "phase": 1,
        "estimate": "8K",
        "kind": "docs",
        "files": ["a.py"],
        "issue": "#12",
        "prompt": "do it well",
    }


def test_what_others_wrote_is_kept(repo: Repo, command: Commands) -> None:
    """Foreign fields, entries that are no tasks, and top-level fields of other tools."""
    before: dict[str, Any] = {
        "version": 1,
        "tasks": [{"id": "X", "description": "x", "owner": {"team": "blue"}}, {"no": "id"}, 7],
        "tool": {"seen": 1.5},
    }
    repo.write_queue(json.dumps(before).encode())
    assert command("enqueue", "A", "text").code == 0
    assert repo.queue() == {**before, "tasks": [*before["tasks"], {"id": "A", "description": "text"}]}


def test_a_known_id_is_refused(repo: Repo, command: Commands, happen: Happen) -> None:
    """Whether it stands in the file or only in the ledger; a removed one may come again."""
    repo.write_tasks({"id": "X", "description": "x"})
    happen("Y", added("Y"))
    happen("Z", added("Z", 1), TaskRemoved("tasks.json"))
    text = repo.tasks_file.read_bytes()
    for known in ("X", "Y"):
        answer = command("enqueue", known, "again")
        assert (answer.code, answer.out) == (78, "")
        assert f"there is a task '{known}' already" in answer.err
        assert answer.err.count("\n") == 1
    assert repo.tasks_file.read_bytes() == text
    assert command("enqueue", "Z", "again").code == 0


def test_a_broken_file_is_named_and_kept(repo: Repo, command: Commands) -> None:
    text = b'{"version": 1,\n "tasks": [\n  {"id": "X",}\n]}'
    repo.write_queue(text)
    answer = command.process("enqueue", "A", "text")
    assert answer.code == 78
    assert "tasks.json:3:" in answer.err
    assert answer.err.count("\n") == 1
    assert repo.tasks_file.read_bytes() == text


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ({"id": "../x", "description": "d"}, "is no task id"),
        ({"id": "--help", "description": "d"}, "is no task id"),
        ({"id": "A"}, "'description' is missing"),
        ({"id": "A", "description": "d", "branch": "-x"}, "cannot name a branch"),
        ({"id": "A", "description": "d", "kind": "cod"}, "did you mean 'code'?"),
        ({"id": "A", "description": "d", "status": "done"}, "only the daemon sets the status `done`"),
        ({"id": "A", "description": "d", "attempt": 3}, "`attempt` is the daemon's"),
        ({"id": "A", "description": "d", "depends_on": ["A"]}, "waits for itself"),
        ({"id": "A", "description": "d", "runtime": "shell"}, "needs a `command`"),
        ({"id": "A", "description": "d", "runtime": "claude", "command": "x"}, "is for the runtime `shell`"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_no_task_is_refused(repo: Repo, task: dict[str, Any], said: str) -> None:
    """Before the file is touched."""
    with pytest.raises(InputError, match=None) as caught:
        queueing.add(Layout(repo.root), [task], source="standard input")
    assert said in caught.value.line
    assert caught.value.exit_code == 78
    assert not repo.tasks_file.exists()


def test_empty_fields_of_the_daemon_are_left_out(repo: Repo) -> None:
    """An entry copied from another queue may have them."""
    queueing.add(
        Layout(repo.root), [{"id": "A", "description": "d", "attempt": 0, "stage": None, "notes": ""}], source=""
    )
    assert repo.queue()["tasks"] == [{"id": "A", "description": "d"}]


def test_a_list_comes_from_standard_input_as_a_whole_or_not_at_all(repo: Repo, command: Commands) -> None:
    good = [{"id": "A", "description": "a"}, {"id": "B", "description": "b", "depends_on": ["A"]}]
    assert command("enqueue", "-", stdin=json.dumps([*good, {"id": "C"}]).encode()).code == 78
    assert not repo.tasks_file.exists()
    assert command("enqueue", "-", stdin=json.dumps([good[0], good[0]]).encode()).code == 78
    answer = command("enqueue", "-", stdin=json.dumps(good).encode())
    assert (answer.code, answer.err) == (0, "")
    assert "A, B are in the queue" in answer.out
    assert (
        command(
            "enqueue", "-", stdin=json.dumps({"version": 1, "tasks": [{"id": "C", "description": "c"}]}).encode()
        ).code
        == 0
    )
    assert [task["id"] for task in repo.queue()["tasks"]] == ["A", "B", "C"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "is empty"),
        (b"[]", "nothing to add"),
        (b"[1]", "entry 1 is not a JSON object"),
        (b'{"id": "A", "id": "B", "description": "x"}', "standard input:1:13: key 'id' appears twice"),
        (b'{"id": "A", "description": NaN}', "standard input:1:28: NaN"),
    ],
)
def test_standard_input_is_read_strictly(repo: Repo, command: Commands, text: bytes, said: str) -> None:
    answer = command("enqueue", "-", stdin=text)
    assert (answer.code, answer.out) == (78, "")
    assert said in answer.err


def test_words_that_do_not_fit_together_are_a_usage_error(repo: Repo, command: Commands) -> None:
    for words in (("A",), ("-", "text"), ("A", "text", "--phase", "x"), ("A", "text", "--colour", "red"), ()):
        answer = command("enqueue", *words)
        assert (answer.code, answer.out) == (2, "")
        assert answer.err.count("\n") == 1


def test_a_dependency_that_is_not_there_is_worth_a_note(repo: Repo, command: Commands) -> None:
    """It may come later."""
    answer = command("enqueue", "A", "text", "--depends-on", "B")
    assert answer.code == 0
    assert "A waits for B, not in the queue so far" in answer.err


def test_many_at_once_lose_nothing(repo: Repo, command: Commands) -> None:
    """Six processes and the same file."""

    def add(number: int) -> int:
        return command.process("enqueue", f"A-{number}", "text").code

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(add, range(6))) == {0}
    assert {task["id"] for task in repo.queue()["tasks"]} == {f"A-{number}" for number in range(6)}


class Editor:
    """Saves the file just before it is exchanged: an editor knows no lock."""

    def __init__(self, file: Path, *texts: bytes) -> None:
        self._file = file
        self._texts = list(texts)
        self._exchange = atomicfile.exchange

    def __call__(self, path: Path, data: bytes) -> bytes | None:
        if self._texts:
            self._file.write_bytes(self._texts.pop(0))
        return self._exchange(path, data)


def test_an_edit_in_the_last_microsecond_is_kept(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """And another one while that is being merged."""
    repo.write_tasks({"id": "X", "description": "x"})
    saved = [
        json.dumps({"version": 1, "tasks": [{"id": "X", "description": words}]}).encode() for words in ("once", "twice")
    ]
    monkeypatch.setattr(atomicfile, "exchange", Editor(repo.tasks_file, *saved))
    queueing.add(Layout(repo.root), [{"id": "A", "description": "a"}], source="")
    assert repo.queue()["tasks"] == [{"id": "X", "description": "twice"}, {"id": "A", "description": "a"}]


def test_a_broken_edit_in_the_last_microsecond_is_put_back(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.write_tasks({"id": "X", "description": "x"})
    monkeypatch.setattr(atomicfile, "exchange", Editor(repo.tasks_file, b'{"version": 1, "tas'))
    with pytest.raises(InputError):
        queueing.add(Layout(repo.root), [{"id": "A", "description": "a"}], source="")
    assert repo.tasks_file.read_bytes() == b'{"version": 1, "tas'


def test_a_tool_that_holds_the_lock_is_waited_for(repo: Repo, command: Commands) -> None:
    """As shell tools hold it: with flock."""
    lock = repo.state / "tasks.json.lock"
    with subprocess.Popen(["flock", str(lock), "sh", "-c", "echo held; read x"], stdin=-1, stdout=-1) as tool:
        assert tool.stdin is not None
        assert tool.stdout is not None
        tool.stdout.readline()
        with subprocess.Popen(
            [PROGRAM, "enqueue", "A", "text"], cwd=repo.root, env=command.environment(), stdout=-1
        ) as enqueue:
            with pytest.raises(subprocess.TimeoutExpired):
                enqueue.wait(1)
            assert not repo.tasks_file.exists()
            tool.stdin.close()
            assert enqueue.wait(20) == 0
    assert repo.shown().keys() == {"A"}


def test_a_running_daemon_takes_it_at_once(repo: Repo, command: Commands, start: Start) -> None:
    """Long before the next rescan."""
    daemon = start(repo, "--poll-sec", "3600").ready()
    answer = command("enqueue", "A", "text", "--command", repo.task("A")["command"])
    assert f"the daemon (pid {daemon.pid}) takes it from here" in answer.out
    daemon.status("A", "done")
    assert daemon.stop() == 0
