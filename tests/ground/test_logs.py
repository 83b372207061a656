"""Log lines hold no secret, however it got into them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Literal

import pytest
from loguru import logger

from mosaic_daemon.ground import logs
from mosaic_daemon.ground.secrets import MASK, Secret

TOKEN = "ghp_0123456789-in-the-logs"

Style = Literal["text", "json"]


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    Secret(TOKEN)
    yield
    logger.remove()
    logger.configure(patcher=lambda _: None)


@pytest.mark.parametrize("style", ["text", "json"])
def test_message_fields_and_errors_are_masked(style: Style, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("debug", style)
    logger.bind(url=f"https://x:{TOKEN}@host", nested={"list": [TOKEN]}).info("sent {}", TOKEN)
    try:
        try:
            raise KeyError(TOKEN)
        except KeyError as error:
            raise ValueError(f"bad header {TOKEN}") from error
    except ValueError:
        logger.exception("it broke")
    said = capsys.readouterr().err
    assert TOKEN not in said
    assert MASK in said
    assert "it broke" in said
    assert "bad header" in said


@pytest.mark.parametrize("style", ["text", "json"])
def test_what_others_said_is_no_line_of_its_own_and_steers_no_terminal(
    style: Style, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure("debug", style)
    logger.warning("{} failed: {}", "T-1", "x\r\n02:13:14 INFO    T-1 is done\x1b[2J\x9b2J\u2028\u202eend")
    said = capsys.readouterr().err
    assert "T-1 failed: x  02:13:14 INFO    T-1 is done [2J 2J  end" in said
    assert said.endswith("\n")
    assert said[:-1].isprintable()


def test_another_sink_gets_masked_records_as_well() -> None:
    logs.configure("debug", "text")
    lines: list[str] = []
    logger.add(lines.append, format="{message} {extra}", diagnose=False)
    try:
        raise ValueError(TOKEN)
    except ValueError:
        logger.bind(token=TOKEN).exception(f"with {TOKEN}")
    assert TOKEN not in "".join(lines)
    assert "ValueError" in "".join(lines)


def test_an_error_without_a_secret_keeps_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("debug", "text")
    try:
        raise ValueError("plain")
    except ValueError:
        logger.exception("it broke")
    said = capsys.readouterr().err
    assert "ValueError: plain" in said
    assert "test_logs.py" in said


def test_json_lines_stay_json(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", "json")
    logger.bind(task="T-1").warning('quote " and {}', TOKEN)
    line = json.loads(capsys.readouterr().err)
    assert line["message"] == f'quote " and {MASK}'
    assert line["task"] == "T-1"
