"""Workers are real process trees: they are stopped as a whole, and outlive the daemon that started them."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.support import worker
from tests.support.fixtures import Start
from tests.support.processes import attempts_alive, is_alive
from tests.support.repo import GATE, Repo
from tests.support.waiting import until

TREE = """
sleep 600 & echo $! >> {pids}
setsid sleep 600 & echo $! >> {pids}
( setsid sh -c 'trap "" TERM; sleep 600 & echo $! >> {pids}; echo $$ >> {pids}; wait' & )
( ( sleep 600 & echo $! >> {pids} ) & )
"""
"""Children in sessions of their own, orphans by double fork, one that ignores SIGTERM: five pids."""


def tree(pids: Path) -> str:
    return TREE.format(pids=pids)


def pids_in(file: Path) -> list[int]:
    return [int(line) for line in file.read_text().split()] if file.exists() else []


def no_orphans(repo: Repo) -> None:
    """Nothing runs for any attempt of the repository."""
    until(lambda: not attempts_alive(repo.root), f"no process of an attempt to be left: {attempts_alive(repo.root)}")


@pytest.mark.slow
def test_a_timeout_kills_the_whole_tree(repo: Repo, start: Start) -> None:
    """The next prompt says that it took too long."""
    repo.configure(f"{GATE}[worker]\ntimeout_sec = 1\ngrace_sec = 1\nretries = 1\n")
    pids = repo.folder / "pids"
    busy = "while :; do echo still; sleep 0.1; done"
    repo.write_tasks(repo.bare_task("T-1", f'test "$MOSAIC_FENCE" != 1 || {{ {tree(pids)} }}', busy))
    assert start(repo, "--until-idle").wait(patience_sec=90) == 3
    assert len(pids_in(pids)) == 5
    assert not any(map(is_alive, pids_in(pids)))
    assert repo.record("T-1")["state"]["kind"] == "failed"
    assert "ran longer than 1 s" in repo.prompt("T-1.2")
    no_orphans(repo)


@pytest.mark.slow
def test_a_stall_kills_the_whole_tree_and_work_without_output_is_no_stall(repo: Repo, start: Start) -> None:
    """No output, no CPU and no change for `stall_sec` is a stall; changing files silently is not."""
    repo.configure(f"{GATE}[worker]\nstall_sec = 2\ngrace_sec = 1\nretries = 0\n")
    pids = repo.folder / "pids"
    quiet = "for n in 1 2 3 4 5 6 7 8; do sleep 0.5; echo $n > progress.txt; done; rm progress.txt"
    repo.write_tasks(repo.bare_task("T-1", tree(pids), "sleep 600"), repo.task("T-2", quiet))
    assert start(repo, "--until-idle").wait(patience_sec=90) == 3
    assert repo.statuses() == {"T-1": "failed", "T-2": "done"}
    assert "no output, no CPU time and no change" in repo.shown()["T-1"]["notes"]
    assert len(pids_in(pids)) == 5
    assert not any(map(is_alive, pids_in(pids)))
    no_orphans(repo)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["socket", "tasks.json"])
def test_a_cancellation_kills_the_whole_tree(repo: Repo, start: Start, how: str) -> None:
    """Asked for on the socket or in the queue's file; the task is deferred and no try is counted."""
    repo.configure(f"{GATE}[worker]\ngrace_sec = 1\n")
    pids = repo.folder / "pids"
    repo.write_tasks(repo.bare_task("T-1", tree(pids), "sleep 600"))
    daemon = start(repo)
    daemon.until(lambda: len(pids_in(pids)) == 5, "the tree to stand")
    daemon.until(lambda: repo.events("attempt-started", "T-1"), "the ledger to know the worker")
    if how == "socket":
        assert "stopped" in daemon.ask("ask", task="T-1", wanted="deferred")
    else:
        daemon.until(lambda: repo.shown()["T-1"]["stage"] == "running", "the file to show the worker")
        repo.edit_tasks(T_1={"status": "deferred"})
    daemon.status("T-1", "deferred")
    assert not any(map(is_alive, pids_in(pids)))
    no_orphans(repo)
    assert repo.record("T-1")["tries"] == {}
    assert daemon.stop() == 0


def test_a_worker_outlives_the_killed_daemon_and_is_adopted(repo: Repo, start: Start) -> None:
    """It runs once, and the next daemon takes its result; meanwhile it counts against the slots."""
    flag = repo.folder / "go"
    repo.write_tasks(*(repo.task(name, worker.waiting(flag)) for name in ("T-1", "T-2")), repo.task("T-3"))
    first = start(repo)
    first.until(lambda: len(repo.attempts_run()) == 2, "two workers to work")
    first.kill()
    assert set(attempts_alive(repo.root).values()) == {"T-1.1", "T-2.1"}
    second = start(repo, "--until-idle").ready()
    assert set(attempts_alive(repo.root).values()) == {"T-1.1", "T-2.1"}
    assert repo.statuses() == {"T-1": "in-progress", "T-2": "in-progress", "T-3": "not-started"}
    flag.touch()
    assert second.wait() == 0
    assert sorted(repo.attempts_run()) == ["T-1.1", "T-2.1", "T-3.1"]
    assert repo.squashes() == {"T-1": 1, "T-2": 1, "T-3": 1}


def test_a_result_that_came_while_no_daemon_ran_is_taken(repo: Repo, start: Start) -> None:
    """The worker ends between two daemons."""
    flag = repo.folder / "go"
    repo.write_tasks(repo.task("T-1", worker.waiting(flag)))
    first = start(repo)
    first.until(repo.attempts_run, "the worker to work")
    first.kill()
    flag.touch()
    until(lambda: not attempts_alive(repo.root), "the worker to end")
    assert start(repo, "--until-idle").wait() == 0
    assert (repo.attempts_run(), repo.squashes()) == (["T-1.1"], {"T-1": 1})


def test_a_worker_whose_shim_was_killed_is_lost_and_done_again(repo: Repo, start: Start) -> None:
    """Nobody knows how it ended: its tree is killed, a new attempt gets a new fence."""
    repo.write_tasks(repo.task("T-1", 'test "$MOSAIC_FENCE" != 1 || sleep 600'))
    daemon = start(repo, "--until-idle")
    daemon.until(repo.attempts_run, "the worker to work")
    daemon.until(lambda: repo.record("T-1")["state"]["kind"] == "running", "the worker to be known")
    shim = int(repo.record("T-1")["state"]["worker"].removeprefix("pid "))
    children = attempts_alive(repo.root).keys() - {shim}
    os.kill(shim, signal.SIGKILL)
    assert daemon.wait() == 0
    assert not any(map(is_alive, children))
    assert repo.attempts_run() == ["T-1.1", "T-1.2"]
    assert repo.gates() == {"T-1.2": 1}
    assert repo.record("T-1")["tries"] == {"lost": 1}


@pytest.mark.slow
def test_hundreds_of_megabytes_of_output_are_capped(repo: Repo, start: Start) -> None:
    """Head and tail are kept, and with the tail the result."""
    flood = "head -c 300000000 /dev/zero | tr '\\0' 'x' | fold -w 120"
    repo.write_tasks(repo.task("T-1", f"echo the head; {flood}"))
    assert start(repo, "--until-idle").wait(patience_sec=120) == 0
    log = repo.state / "attempts" / "T-1.1" / "output.log"
    assert log.stat().st_size < 8 << 20
    assert log.read_bytes().startswith(b"the head\n")
    assert repo.squashes() == {"T-1": 1}


def test_the_workers_environment_is_an_allow_list(repo: Repo, start: Start) -> None:
    """What the interface promises is there, the daemon's secrets are not."""
    env = repo.folder / "env"
    repo.write_tasks(repo.task("T-1", f"env > {env}"))
    assert start(repo, "--until-idle", env={"MY_TOKEN": "hunter2"}).wait() == 0
    found = dict(line.partition("=")[::2] for line in env.read_text().splitlines())
    assert found["MOSAIC_TASK_ID"] == "T-1"
    assert found["MOSAIC_FENCE"] == "1"
    assert found["MOSAIC_ATTEMPT"] == "T-1.1"
    assert found["MOSAIC_BRANCH"] == "task/t-1"
    assert Path(found["MOSAIC_PROMPT_FILE"]).read_text().count("F-T-1: a change") >= 1
    assert found["MOSAIC_RESULT_FILE"].endswith("/results/T-1.1.json")
    assert "MY_TOKEN" not in found
