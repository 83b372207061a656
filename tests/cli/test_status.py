"""`status`: what it shows in every situation, how much, and what it does not touch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mosaic_daemon.ground import instance
from mosaic_daemon.nouns.events import (
    AttemptFailed,
    AttemptIntended,
    GateHeld,
    PhaseMoved,
    Reported,
    RuntimeHeld,
    StopRequested,
    TaskBlocked,
    TaskDone,
    TaskRemoved,
)
from mosaic_daemon.nouns.gate import Hold, Step
from mosaic_daemon.nouns.phase import Stage
from tests.cli.conftest import Commands, Happen
from tests.samples import NOON, added, at, attempt, failure, to_gate, to_running
from tests.support import worker
from tests.support.fixtures import Start
from tests.support.repo import Repo

SILENT = """
import sys
from mosaic_daemon.cli import main
code = main(["status"])
heavy = {"pydantic", "rich", "anyio", "loguru", "asyncio", "httpx", "watchfiles", "orjson"} & sys.modules.keys()
sys.exit(f"imported {heavy}" if heavy else code)
"""


def test_a_repository_that_is_not_prepared(tmp_path: Path, command: Commands) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path / "new")], check=True)
    answer = command("status", cwd=tmp_path / "new")
    assert (answer.code, answer.err) == (0, "")
    assert "mosaic-orchestrator init" in answer.out


def test_progress_and_budget_have_bars(command: Commands, happen: Happen) -> None:
    command.repo.configure('[budget]\ncap = "40K"\n')
    happen("A", *to_gate(Step.CLOSE, "A"), TaskDone({"summary": "done"}))
    happen("B", added("B", 1, phase=1, estimate="10K"), *to_running("B"))
    happen("C", added("C", 2, phase=1, estimate="10K"))
    text = command("status").out
    assert "no phase  ████████████  done" in text
    assert "phase 1   ▒▒▒▒▒▒······  0 of 2 done, 1 in progress" in text
    assert f"(50%): normal, up to 2 workers\n{' ' * 12}▒▒▒▒▒▒▒▒▒▒▒▒············" in text


def test_an_empty_one_says_how_to_begin(command: Commands) -> None:
    answer = command("status")
    assert answer.code == 0
    assert "mosaic-orchestrator enqueue" in answer.out
    assert "mosaic-orchestrator run" in answer.out


def test_everything_at_once(command: Commands, happen: Happen) -> None:
    """Workers, gates, holds, what stopped and why, and the command that helps."""
    happen("R", added("R", phase=1), *to_running("R"), StopRequested("deferred", "asked for", "ada"))
    happen("S", added("S", 1, phase=1), AttemptIntended(attempt("S")))
    happen("G", *to_gate(Step.MAIN_CI, "G"), GateHeld(Hold("CI of dddddddddddd is still running")))
    happen("F", added("F", 3), *to_running("F"), AttemptFailed(1, failure(message="exit 3"), final=True))
    happen("B", added("B", 4), TaskBlocked("wait for ada", "ada"))
    happen("W", added("W", 5, phase=2))
    happen("X", added("X", 6), TaskRemoved("tasks.json"))
    happen(
        "", RuntimeHeld("claude", Hold("the provider's limit", at(10**10))), RuntimeHeld("codex", Hold("over", NOON))
    )
    happen("", Reported("table", "docs/TASKS.md is not published: refused"))
    text = command("status").out
    lines = [line.split() for line in text.splitlines()]
    assert "6: 1 not started, 3 in progress, 1 blocked, 1 failed" in text
    assert ["R.1", "stopping", "shell@process"] in [line[:3] for line in lines]
    assert ["S.1", "dispatching", "shell@process"] in [line[:3] for line in lines]
    assert "waits: CI of dddddddddddd is still running" in text
    assert "CI of the merge commit (7 of 8)" in text
    assert "runtime claude  until" in text
    assert "codex" not in text
    assert "exit 3" in text
    assert "→ mosaic-orchestrator logs F" in text
    assert "wait for ada" in text
    assert "→ mosaic-orchestrator retry B" in text
    assert "docs/TASKS.md is not published: refused" in text
    assert "2 workers running; the next daemon takes over" in text


def test_json_is_one_document_with_all_of_it(command: Commands, happen: Happen) -> None:
    for number in range(7):
        happen(f"F-{number}", added(f"F-{number}", number), TaskBlocked("wait", "ada"))
    shown = command.process("status", "--json").json
    assert shown["tasks"]["by_status"] == {"blocked": 7}
    assert len(shown["attention"]) == 7
    assert shown["attention"][0] == {
        "task": "F-0",
        "status": "blocked",
        "step": "person",
        "reason": "wait",
        "help": "mosaic-orchestrator retry F-0",
    }
    assert shown["daemon"]["running"] is False
    assert command("status", "--json", "--watch").code == 2


def test_many_tasks_do_not_flood(command: Commands, happen: Happen) -> None:
    """Summaries and the first few; the rest is counted."""
    for number in range(40):
        task = f"T-{number}"
        happen(task, added(task, number, phase=number), TaskBlocked("wait", "ada"))
    happen("", Reported("deadlock", "deadlock", {f"T-{number}": ["waits"] for number in range(40)}))
    text = command("status").out
    assert len(text.splitlines()) < 45
    assert text.count("and 35 more: `mosaic-orchestrator status --json` lists all") == 2
    assert "and 32 more phases" in text


def test_a_deadlock_is_told_until_something_moves(command: Commands, happen: Happen) -> None:
    happen("W", added("W", depends_on=("N",)))
    happen("", Reported("deadlock", "deadlock: 1", {"W": ["depends on N, which does not exist"]}))
    assert "depends on N, which does not exist" in command("status").out
    happen("N", added("N", 1))
    assert "depends on N" not in command("status").out


def test_what_stands_in_the_queue_and_is_not_taken_in(repo: Repo, command: Commands) -> None:
    repo.write_tasks({"id": "A", "description": "a"}, {"id": "B", "description": "b"}, {"no": "id"})
    text = command("status").out
    assert "2 new; taken in when the daemon starts" in text
    assert "tasks.json:12: entry 3 has no 'id'" in text


@pytest.mark.parametrize("text", [b'{"version": 1, "tasks": [}', b"\xff\xfe{\x00", b'{"version": 9, "tasks": []}', b""])
def test_a_broken_queue_is_a_problem_and_no_failure(repo: Repo, command: Commands, text: bytes) -> None:
    repo.write_queue(text)
    answer = command("status")
    assert (answer.code, answer.err) == (0, "")
    assert "nothing new is started until it is mended" in answer.out
    assert str(repo.tasks_file) in answer.out


def test_a_broken_ledger_is_a_problem_and_no_failure(repo: Repo, command: Commands) -> None:
    repo.state_db.write_bytes(b"this is no database" * 100)
    answer = command("status")
    assert answer.code == 0
    assert "the ledger cannot be read" in answer.out


def test_text_of_others_cannot_steer_the_terminal(command: Commands, happen: Happen) -> None:
    """Also where rich writes: no markup, no escape sequence but its own."""
    happen("R", added("R", description="[bold]x[/bold] \x1b]0;owned\x07\u202egnol"), *to_running("R"))
    happen("G", *to_gate(Step.MAIN_CI, "G"), GateHeld(Hold("CI \x1b]0;owned\x07\u202esays")))
    shown = command.on_terminal("status")
    assert "waits: CI says" in shown
    assert "[bold]x[/bold] gnol" in shown
    assert "owned" not in shown
    plain = command("status").out
    assert "\x1b" not in plain
    assert "\u202e" not in plain


def test_on_a_terminal_it_fits_the_width(command: Commands, happen: Happen) -> None:
    """Long reasons wrap inside their column; the command that helps stays on one line."""
    long = failure(message="it broke " * 40)
    happen("F", added("F"), *to_running("F"), AttemptFailed(1, long, final=True))
    lines = command.on_terminal("status").splitlines()
    assert any("\x1b[" in line for line in lines), "no colour"
    assert any(line.rstrip().endswith("→ mosaic-orchestrator logs F") for line in lines)


def test_it_reads_next_to_nothing(command: Commands, happen: Happen) -> None:
    """What takes long to import is not imported when nobody looks at a terminal."""
    happen("T", added("T"))
    done = subprocess.run(
        [sys.executable, "-c", SILENT],
        cwd=command.repo.root,
        env=command.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_glance_does_not_keep_a_daemon_from_starting(repo: Repo) -> None:
    """Whoever asks for the holder has the lock for an instant; whoever wants it waits that long."""
    lock = repo.state / "daemon.lock"
    with instance.held(lock, "daemon"):
        assert (instance.holder(lock) or {})["what"] == "daemon"
    script = (
        "import fcntl, sys, time; f = open(sys.argv[1]); fcntl.flock(f, fcntl.LOCK_SH); print(flush=True);"
        "time.sleep(0.1)"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(lock)], stdout=subprocess.PIPE) as glance:
        assert glance.stdout is not None
        glance.stdout.readline()
        with instance.held(lock, "daemon"):
            assert (instance.holder(lock) or {})["what"] == "daemon"


def test_with_a_running_daemon(repo: Repo, command: Commands, start: Start) -> None:
    """Its pid, its slots, its workers; and --watch follows until Ctrl-C."""
    flag = repo.folder / "go"
    repo.write_tasks(repo.task("A", worker.waiting(flag)))
    daemon = start(repo)
    daemon.until(lambda: repo.record("A")["state"]["kind"] == "running", "the worker to work")
    text = command("status").out
    assert f"(pid {daemon.pid})" in text
    assert "1 of 2 in use" in text
    with command.running("status", "--watch") as watch:
        watch.says("A.1")
        flag.touch()
        watch.says("1: 1 done")
        assert watch.interrupt() == 0
    shown = command("status", "--json").json
    assert shown["daemon"]["answers"]
    assert shown["slots"] == {"used": 0, "of": 2}
    assert daemon.stop() == 0
    assert json.dumps(command("status", "--json").json["daemon"]["running"]) == "false"


def test_a_phase_shows_where_its_completion_is(command: Commands, happen: Happen) -> None:
    """And the guide's report lines, each on a line."""
    for number in (1, 2, 3):
        happen(f"T-{number}", added(f"T-{number}", number, phase=number))
    happen("", PhaseMoved(1, Stage.COMPLETE, 1, 0), PhaseMoved(2, Stage.POLISH, 1, 0))
    happen("", Reported("phase 1 polish", "Phase 1 Complete: 0% (0/1)\n- Quick-wins: 0 fixed"))
    text = command("status").out
    assert "0 of 1 done; complete\n" in text
    assert "0 of 1 done; in its polish\n" in text
    assert "0 of 1 done\n" in text
    lines = [line.strip() for line in text.splitlines()]
    assert "- Quick-wins: 0 fixed" in lines
    shown = command.process("status", "--json").json
    assert [each["stage"] for each in shown["tasks"]["by_phase"]] == ["complete", "polish", "bulk"]
