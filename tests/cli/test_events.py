"""`events`: the newest ones, of one task, as JSON, and following them."""

from __future__ import annotations

import json

from mosaic_daemon.nouns.events import DrainChanged, TaskDeferred
from tests.cli.conftest import Commands, Happen
from tests.samples import added


def test_oldest_first_and_only_the_newest(command: Commands, happen: Happen) -> None:
    for number in range(5):
        happen(f"T-{number}", added(f"T-{number}", number))
    happen("", DrainChanged(True, "SIGTERM"))
    lines = command("events", "--limit", "3").out.splitlines()
    assert [line.split()[2:3] for line in lines] == [["T-3"], ["T-4"], ["-"]]
    assert lines[-1].endswith("draining (SIGTERM)")
    assert len(command("events", "--limit", "0").out.splitlines()) == 6


def test_one_task(command: Commands, happen: Happen) -> None:
    """An unknown one is an error, a known one without events is not."""
    happen("A", added("A"))
    happen("B", added("B", 1), TaskDeferred("later", "ada"))
    assert [line[21:] for line in command("events", "--task", "B").out.splitlines()] == [
        "taken in from test (daemon)".removesuffix(" (daemon)"),
        "deferred: later",
    ]
    answer = command("events", "--task", "BB")
    assert (answer.code, answer.out) == (78, "")
    assert "did you mean `B`?" in answer.err


def test_json_is_one_document(command: Commands, happen: Happen) -> None:
    assert command("events", "--json").json == []
    happen("A", added("A"))
    (event,) = command("events", "--json").json
    assert (event["seq"], event["task"], event["kind"], event["event"]["source"]) == (1, "A", "task-added", "test")


def test_nothing_has_happened(command: Commands) -> None:
    assert command("events").out == "nothing has happened yet\n"


def test_following(command: Commands, happen: Happen) -> None:
    """From before the first event on, a JSON document a line, until Ctrl-C."""
    with command.running("events", "--follow", "--json") as follow:
        happen("A", added("A"))
        follow.says('"task": "A"')
        happen("B", added("B", 1))
        follow.says('"task": "B"')
        assert follow.interrupt() == 0
    documents = [json.loads(line) for line in follow.out.read_text().splitlines()]
    assert [each["task"] for each in documents] == ["A", "B"]


def test_wrong_numbers(command: Commands) -> None:
    assert command("events", "--limit", "-1").code == 2
