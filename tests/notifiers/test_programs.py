"""Programs that are called: what they are given, and that nothing of it is read as anything but words."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mosaic_daemon.ground.errors import Unavailable
from mosaic_daemon.notifiers.base import Message
from mosaic_daemon.notifiers.programs import Command, Desktop

ENV = {"PATH": os.environ["PATH"]}


def message(text: str = "it broke\n", **document: str) -> Message:
    return Message("T-1 is <b>failed</b>", text, {"topic": "task T-1", "task": "T-1", **document})


def program(folder: Path, name: str, line: str) -> Path:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{line}\n")
    file.chmod(0o755)
    return file


async def test_words_of_workers_are_neither_markup_nor_escapes_on_the_desktop(tmp_path: Path) -> None:
    """A desktop reads a subset of HTML in the body, with links and pictures, and `notify-send` reads `\\n`."""
    program(tmp_path, "notify-send", f'printf "%s|" "$@" > {tmp_path}/said')
    env = {"PATH": f"{tmp_path}:{ENV['PATH']}"}
    await Desktop(env).send(message(r'<img src="file:///etc/passwd"> a && b\n'))
    *_, divider, subject, body, end = (tmp_path / "said").read_text().split("|")
    assert (divider, subject, end) == ("--", "T-1 is <b>failed</b>", "")
    assert body == r'&lt;img src="file:///etc/passwd"&gt; a &amp;&amp; b\\n'


async def test_without_a_desktop_nobody_is_told_and_nothing_fails(tmp_path: Path) -> None:
    await Desktop({"PATH": str(tmp_path)}).send(message())


async def test_a_command_gets_the_message_in_three_ways_and_no_shell(tmp_path: Path) -> None:
    tell = program(tmp_path, "tell", f'(printf "%s|" "$@" "$MOSAIC_TASK_ID"; cat) > {tmp_path}/said')
    await Command((str(tell), "-s", "{subject}", "{topic} ${task}"), ENV).send(message("$(reboot)"))
    assert (tmp_path / "said").read_text() == "-s|T-1 is <b>failed</b>|task T-1 ${task}|T-1|$(reboot)"


@pytest.mark.parametrize(("line", "why"), [("echo no such room >&2; exit 3", "ended with 3: no such room"), ("", "")])
async def test_a_command_that_fails_says_why(tmp_path: Path, line: str, why: str) -> None:
    argv = (str(program(tmp_path, "tell", line) if line else tmp_path / "nothing"),)
    with pytest.raises(Unavailable, match=why or "cannot be started"):
        await Command(argv, ENV).send(message())
