"""`retry` and `cancel`: of a running daemon, and on the files when none runs."""

from __future__ import annotations

from mosaic_daemon.nouns.events import AttemptFailed, AttemptIntended, GateBlocked, GateIntended, TaskDeferred, TaskDone
from mosaic_daemon.nouns.gate import Step
from tests.cli.conftest import Commands, Happen
from tests.samples import added, attempt, failure, to_gate, to_running
from tests.support import worker
from tests.support.fixtures import Start
from tests.support.processes import attempts_alive
from tests.support.repo import Repo


def test_on_the_files(repo: Repo, command: Commands, happen: Happen) -> None:
    """Each task gets its own line, the ledger and `tasks.json` follow, and the next step is named."""
    happen("F", added("F"), *to_running("F"), AttemptFailed(1, failure(), final=True))
    happen("D", added("D", 1), TaskDeferred("later", "ada"))
    answer = command("retry", "F", "D")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.splitlines() == [
        "F will be done again",
        "D will be done again",
        "no daemon is running; `mosaic-orchestrator run` goes on with it",
    ]
    assert repo.statuses() == {"F": "not-started", "D": "not-started"}
    assert {task: entry["status"] for task, entry in repo.shown().items()} == repo.statuses()
    assert command("cancel", "D").out == "D is deferred\n"
    assert command("cancel", "D").out == "D is deferred already\n"
    assert repo.shown()["D"]["status"] == "deferred"


def test_one_refusal_does_not_stop_the_others(repo: Repo, command: Commands, happen: Happen) -> None:
    """The exit code is that of the first refusal; each takes one line."""
    happen("DONE", *to_gate(Step.CLOSE, "DONE"), TaskDone({"summary": "done"}))
    happen("W", added("W", 1))
    answer = command("cancel", "NONE", "DONE", "W")
    assert answer.code == 78
    assert answer.out == "W is deferred\n"
    first, second = answer.err.splitlines()
    assert "there is no task 'NONE'; did you mean `DONE`?" in first
    assert "DONE: it is done, with evidence" in second
    assert repo.status("W") == "deferred"


def test_a_gate_that_may_have_merged_goes_on_where_it_stood(repo: Repo, command: Commands, happen: Happen) -> None:
    """It can only go forward: `cancel` is refused, `retry` resumes the step."""
    intent = GateIntended(Step.MERGE, "G.1:merge:0", {"merge": "c" * 40})
    happen("G", *to_gate(Step.MERGE, "G"), intent, GateBlocked(failure()))
    refused = command("cancel", "G")
    assert refused.code == 1
    assert "can only go forward" in refused.err
    assert command("retry", "G").out.splitlines()[0] == "G goes on at the gate (gate:merge)"


def test_a_task_that_was_just_added_can_be_cancelled(repo: Repo, command: Commands) -> None:
    """Although no daemon has read it yet."""
    assert command("enqueue", "A", "text").code == 0
    assert command("cancel", "A").out == "A is deferred\n"
    assert repo.shown()["A"]["status"] == "deferred"


def test_a_start_that_a_dead_daemon_left_half_done(repo: Repo, command: Commands, happen: Happen) -> None:
    """No worker ever gets that attempt; the request is carried out all the same."""
    happen("A", added("A"), AttemptIntended(attempt("A")))
    answer = command("cancel", "A")
    assert (answer.code, answer.out) == (0, "A is deferred\n")
    assert repo.record("A")["state"]["kind"] == "deferred"


def test_cancel_ends_a_worker_that_outlived_its_daemon(repo: Repo, command: Commands, start: Start) -> None:
    """Its process tree is gone and its end recorded before the command returns."""
    repo.write_tasks(
        repo.bare_task("A", "setsid sleep 1000 & sleep 1000"), repo.bare_task("B", "exit 0", depends_on=["A"])
    )
    daemon = start(repo)
    daemon.until(repo.attempts_run, "the worker to work")
    daemon.until(lambda: repo.record("A")["state"]["kind"] == "running", "the ledger to know")
    daemon.kill()
    answer = command("cancel", "A")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out == "A is deferred, its worker is gone\n"
    assert attempts_alive(repo.root) == {}
    assert repo.status("A") == "deferred"
    assert repo.shown()["A"]["status"] == "deferred"
    assert repo.attempts_run() == ["A.1"]


def test_a_running_daemon_is_asked(repo: Repo, command: Commands, start: Start) -> None:
    """The worker is stopped, the task deferred, and `retry` has it done after all."""
    flag = repo.folder / "go"
    repo.write_tasks(repo.task("A", worker.waiting(flag)))
    daemon = start(repo)
    daemon.until(repo.attempts_run, "the worker to work")
    daemon.until(lambda: repo.record("A")["state"]["kind"] == "running", "the ledger to know")
    assert command("cancel", "A").out == "A: its worker is being stopped; then it is deferred\n"
    daemon.status("A", "deferred")
    flag.touch()
    assert command("retry", "A").out == "A will be done again\n"
    daemon.status("A", "done")
    unknown = command("retry", "B")
    assert (unknown.code, unknown.out) == (78, "")
    assert "there is no task 'B'; did you mean" not in unknown.err
    assert daemon.stop() == 0
    assert [event.body["source"] for event in repo.events("stop-requested")] != ["socket"]
