"""What every command has in common: one line for every error, exit codes, help, pipes that close."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from mosaic_daemon.cli import VERBS
from mosaic_daemon.tracking import queuefile
from tests.cli.conftest import PROGRAM, Commands, Happen
from tests.samples import added
from tests.support.repo import Repo

BUILT = sorted(VERBS)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("stauts",), "did you mean `status`?"),
        (("frobnicate",), "`mosaic-orchestrator --help` lists them"),
        (("--repo", ".", "status"), "the command comes first"),
        (("status", "--colour"), "unrecognized arguments: --colour"),
        (("explain",), "the following arguments are required: TASK"),
        (("schema", "taks"), "(choose from 'tasks')"),
        (("logs", "T", "--attempt", "one"), "invalid int value: 'one'"),
    ],
)
def test_usage_errors_are_one_line(command: Commands, words: tuple[str, ...], said: str) -> None:
    answer = command(*words)
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err.replace("invalid choice: 'taks' (choose from tasks)", "(choose from 'tasks')")
    assert answer.err.count("\n") == 1


@pytest.mark.parametrize("verb", [verb for verb in BUILT if verb not in ("demo", "list", "schema", "worker")])
def test_outside_of_a_repository(command: Commands, tmp_path_factory: pytest.TempPathFactory, verb: str) -> None:
    """78, and the folder's name."""
    folder = tmp_path_factory.mktemp("plain")
    needed = {verb: ["A"] for verb in ("explain", "logs", "retry", "cancel")}
    needed |= {"enqueue": ["A", "text"], "service": ["status"]}
    answer = command(verb, *needed.get(verb, []), cwd=folder)
    assert (answer.code, answer.out) == (78, "")
    assert str(folder) in answer.err
    assert answer.err.count("\n") == 1
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("verb", BUILT)
def test_every_command_explains_itself(command: Commands, verb: str) -> None:
    answer = command(verb, "--help")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith(f"usage: mosaic-orchestrator {verb}")
    assert "exit codes: 0 done" in answer.out


def test_another_repository_can_be_named(repo: Repo, command: Commands, happen: Happen, tmp_path: Path) -> None:
    happen("A", added("A"))
    answer = command("status", "--repo", str(repo.root), cwd=tmp_path)
    assert "1: 1 not started" in answer.out


def test_wrong_settings_stop_what_needs_them(repo: Repo, command: Commands) -> None:
    """And nothing else: looking still works."""
    repo.configure("[run]\n\npol_sec = 1\n")
    answer = command("retry", "A")
    assert (answer.code, answer.out) == (78, "")
    assert "config.toml:3: unknown key `run.pol_sec`; did you mean `poll_sec`?" in answer.err
    assert command("status").code == 0


def test_what_an_error_repeats_cannot_steer_the_terminal(command: Commands, tmp_path: Path) -> None:
    """Nor make two lines of one: a folder may have any name."""
    answer = command("status", "--repo", str(tmp_path / "a\x1b]0;owned\x07\nb"))
    assert answer.code == 78
    assert "\x1b" not in answer.err
    assert answer.err.count("\n") == 1


def test_a_reader_that_goes_away_is_no_error_message(command: Commands, happen: Happen) -> None:
    """`mosaic-orchestrator events | head -1`"""
    for number in range(30):
        happen(f"T-{number}", added(f"T-{number}", number, description="x" * 5000))
    with subprocess.Popen(
        [PROGRAM, "events", "--json"],
        cwd=command.repo.root,
        env=command.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as events:
        assert events.stdout is not None
        assert events.stderr is not None
        events.stdout.read(10)
        events.stdout.close()
        assert events.stderr.read() == b""


def test_names_that_no_encoding_knows(repo: Repo, command: Commands) -> None:
    """A file name may be any bytes; a message with it comes out all the same."""
    answer = command.process("status", "--repo", str(repo.folder / "caf\udce9"))
    assert answer.code == 78
    assert "caf" in answer.err
    assert "Traceback" not in answer.err


def test_the_schema_is_the_models(command: Commands) -> None:
    assert command.process("schema", "tasks").json == queuefile.schema()
