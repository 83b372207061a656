"""`logs`: which attempt, how it is shown, and following it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mosaic_daemon.nouns.events import AttemptFailed, AttemptIntended
from tests.cli.conftest import Commands, Happen
from tests.samples import added, attempt, failure, to_running
from tests.support.fixtures import Start
from tests.support.repo import Repo

HOSTILE = b"\x1b[31mred\x1b[0m \x1b]0;owned\x07caf\xc3\xa9 \xff\r\nnext \xe2\x80\xae\n"


@pytest.fixture
def log(repo: Repo, happen: Happen) -> Path:
    """The log of `T.2`, which runs; `T.1` has failed."""
    happen("T", added("T"), *to_running("T"), AttemptFailed(1, failure(), final=False), *to_running("T", 2))
    for fence in (1, 2):
        folder = repo.state / "attempts" / f"T.{fence}"
        folder.mkdir(parents=True)
        (folder / "output.log").write_bytes(b"of attempt %d\n" % fence)
    return repo.state / "attempts" / "T.2" / "output.log"


def test_the_newest_attempt_or_the_one_that_is_named(log: Path, command: Commands) -> None:
    assert command("logs", "T").out == "of attempt 2\n"
    assert command("logs", "T", "--attempt", "1").out == "of attempt 1\n"


def test_into_a_pipe_it_goes_byte_for_byte(log: Path, command: Commands) -> None:
    log.write_bytes(HOSTILE.replace(b"\xff", b""))
    assert command.process("logs", "T").out.encode() == HOSTILE.replace(b"\xff", b"")


def test_on_a_terminal_nothing_steers_it(log: Path, command: Commands) -> None:
    log.write_bytes(HOSTILE)
    assert command.on_terminal("logs", "T") == "red café \ufffd\nnext \n"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("T", "--attempt", "3"), 78, "T has no attempt 3; its newest is 2"),
        (("T", "--attempt", "0"), 78, "T has no attempt 0"),
        (("W",), 1, "W has not been started yet; `mosaic-orchestrator explain W` says why"),
        (("N",), 1, "attempt N.1 has no log: its worker has not printed anything yet"),
        (("TT",), 78, "there is no task 'TT'; did you mean `T`?"),
        (("../T",), 78, "there is no task '../T'"),
    ],
)
@pytest.mark.usefixtures("log")
def test_what_cannot_be_shown(command: Commands, happen: Happen, words: tuple[str, ...], code: int, said: str) -> None:
    happen("W", added("W", 1))
    happen("N", added("N", 2), AttemptIntended(attempt("N")))
    answer = command("logs", *words)
    assert (answer.code, answer.out) == (code, "")
    assert said in answer.err
    assert answer.err.count("\n") == 1


def test_following_until_the_worker_has_ended(log: Path, command: Commands) -> None:
    """Also when the log is replaced by one without its middle, as a very long one is."""
    with command.running("logs", "T", "--follow") as follow:
        follow.says("of attempt 2\n")
        with log.open("ab") as file:
            file.write(b"more\n")
        follow.says("more\n")
        for dropped in (3, 7):
            text = log.read_bytes().replace(b"\n[mosaic: 3 bytes dropped]\n", b"emp")
            shorter = log.with_name("shorter")
            marker = b"\n[mosaic: %d bytes dropped]\n" % dropped
            shorter.write_bytes(text[:6] + marker + text[6 + dropped :] + b"after %d\n" % dropped)
            shorter.rename(log)
            follow.says(f"after {dropped}\n")
        (log.parent / "exit.json").write_text("{}")
        assert follow.child.wait(20) == 0
    assert follow.out.read_text() == "of attempt 2\nmore\nafter 3\nafter 7\n"


def test_following_a_task_that_has_not_started(repo: Repo, command: Commands, start: Start) -> None:
    """It waits for the worker, shows what it prints, and ends with it."""
    command("enqueue", "A", "text", "--command", f"echo hello; {repo.task('A')['command']}")
    repo.write_tasks({**repo.task("A"), "command": f"echo hello\n{repo.task('A')['command']}"})
    daemon = start(repo, "--until-idle")
    daemon.until(lambda: repo.status("A"), "the task to be known")
    with command.running("logs", "A", "--follow") as follow:
        assert follow.child.wait(30) == 0
    assert "hello\n" in follow.out.read_text()
    assert daemon.wait() == 0
