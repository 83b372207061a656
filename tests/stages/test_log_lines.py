"""What the log says of the changes that a face brought."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from loguru import logger

from mosaic_daemon.notices import log_all
from mosaic_daemon.nouns import events as ev
from tests.samples import at


@pytest.fixture
def lines() -> Iterator[list[str]]:
    said: list[str] = []
    sink = logger.add(said.append, format="{message}", level="DEBUG")
    yield said
    logger.remove(sink)


def changes(count: int, event: ev.TaskEvent) -> list[ev.Entry]:
    return [ev.Entry(at(0), f"T-{number}", "person", event) for number in range(count)]


def test_many_changes_of_one_kind_are_one_line(lines: list[str]) -> None:
    log_all("tasks.json", [*changes(11, ev.TaskDeferred("", "x")), *changes(2, ev.TaskRemoved("x"))], {})
    assert lines == ["11 tasks deferred from tasks.json\n", "T-0 removed\n", "T-1 removed\n"]


def test_what_needs_a_person_is_a_line_each(lines: list[str]) -> None:
    log_all("tasks.json", changes(20, ev.EditRefused({}, "it runs", "tasks.json")), {})
    assert len(lines) == 20
    assert lines[0] == "T-0: an edit in tasks.json was refused: it runs\n"
