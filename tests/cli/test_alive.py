"""`status --alive`: what a supervisor that is not systemd asks again and again."""

from __future__ import annotations

import signal

import pytest

from tests.cli.conftest import Commands
from tests.support.fixtures import Start
from tests.support.repo import Repo


def test_no_daemon(command: Commands) -> None:
    answer = command("status", "--alive")
    assert (answer.code, answer.out) == (1, "")
    assert "no daemon runs here" in answer.err


def test_a_daemon_that_ticks(repo: Repo, command: Commands, start: Start) -> None:
    start(repo).ready()
    answer = command("status", "--alive")
    assert (answer.code, answer.out, answer.err) == (0, "", "")


def test_a_daemon_whose_loop_stands_still(
    repo: Repo, command: Commands, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It answers, and has not ticked for longer than it may."""
    start(repo, "--poll-sec", "3600").ready()
    monkeypatch.setattr("mosaic_daemon.cli.status._HUNG_SEC", -7200.0)
    answer = command("status", "--alive")
    assert answer.code == 1
    assert "the daemon should have ticked" in answer.err


@pytest.mark.slow
def test_a_daemon_that_does_not_answer(repo: Repo, command: Commands, start: Start) -> None:
    daemon = start(repo).ready()
    daemon.signal(signal.SIGSTOP)
    try:
        assert command("status", "--alive").code == 75
    finally:
        daemon.signal(signal.SIGCONT)
