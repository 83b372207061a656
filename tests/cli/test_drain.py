"""`drain`: waiting, giving up waiting, leaving workers behind, and taking it back."""

from __future__ import annotations

from tests.cli.conftest import Commands
from tests.support import worker
from tests.support.daemon import Daemon
from tests.support.fixtures import Start
from tests.support.repo import Repo


def working(repo: Repo, start: Start) -> Daemon:
    """A daemon whose worker waits for the file `go`."""
    repo.write_tasks(repo.task("A", worker.waiting(repo.folder / "go")), repo.task("B", depends_on=["A"]))
    daemon = start(repo)
    daemon.until(lambda: repo.record("A")["state"]["kind"] == "running", "the worker to work")
    return daemon


def test_without_a_daemon_there_is_nothing_to_do(command: Commands) -> None:
    for words in ((), ("--now",), ("--resume",), ("--timeout", "1")):
        answer = command("drain", *words)
        assert (answer.code, answer.out, answer.err) == (0, "no daemon is running\n", "")


def test_it_waits_for_what_is_in_flight(repo: Repo, command: Commands, start: Start) -> None:
    """First in vain, then not; nothing new is started meanwhile."""
    daemon = working(repo, start)
    late = command.process("drain", "--timeout", "0.5")
    assert (late.code, late.out) == (75, "")
    assert "still in flight: A" in late.err
    assert late.err.count("\n") == 1
    assert daemon.is_alive
    (repo.folder / "go").touch()
    answer = command("drain")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out == f"the daemon (pid {daemon.pid}) has ended\n"
    assert daemon.wait() == 0
    assert repo.statuses() == {"A": "done", "B": "not-started"}


def test_now_leaves_workers_to_the_next_daemon(repo: Repo, command: Commands, start: Start) -> None:
    daemon = working(repo, start)
    answer = command("drain", "--now")
    assert answer.out == f"the daemon (pid {daemon.pid}) has ended; the next one goes on with A\n"
    assert daemon.wait() == 0
    (repo.folder / "go").touch()
    assert start(repo, "--until-idle").wait() == 0
    assert repo.attempts_run() == ["A.1", "B.1"]


def test_it_can_be_taken_back(repo: Repo, command: Commands, start: Start) -> None:
    """Whoever waits for the end is told so."""
    daemon = working(repo, start)
    with command.running("drain") as drain:
        daemon.until(lambda: daemon.ask("about")["draining"], "the drain")
        assert command("drain", "--resume").out == f"the daemon (pid {daemon.pid}) starts tasks again\n"
        assert drain.child.wait(20) == 1
        assert "the drain was taken back" in drain.out.read_text()
    (repo.folder / "go").touch()
    daemon.status("B", "done")
    assert daemon.stop() == 0
    assert command("drain", "--now", "--resume").code == 2
