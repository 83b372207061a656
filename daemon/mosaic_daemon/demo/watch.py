"""What is seen of the running daemon: its own log, line by line, as a list for pipes and a live table for terminals."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Timer
from typing import Any, Protocol

from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from mosaic_daemon.demo.stage import Scene

_LIMIT_SEC = 180.0  # far beyond what the demo takes: then it hangs, and is ended
_NEWS = 8
_STAGES = {
    "attempt-intended": "preparing",
    "attempt-started": "working",
    "attempt-failed": "failed, will be repeated",
    "result-accepted": "gate",
    "gate-intended": "gate: merging",
    "task-done": "done",
}
_QUIET = (
    *("task-added", "attempt-intended", "gate-stepped", "gate-intended", "gate-held"),
    *("phase-moved", "release-intended", "task-archived"),
)


@dataclass(frozen=True, slots=True)
class News:
    """One line of the daemon's log. `sec`: since the start; `task`, `attempt`, `action`: empty when it has none."""

    sec: float
    message: str
    task: str = ""
    attempt: str = ""
    action: str = ""


@dataclass(slots=True)
class Story:
    """What happened so far.

    Attributes:
        stages: where each task is, in words. working: attempts with a live worker.
        most_at_once: the highest number of live workers ever.
        failed: the tasks of failed attempts, in that order.
    """

    stages: dict[str, str]
    working: dict[str, str] = field(default_factory=dict)
    most_at_once: int = 0
    failed: list[str] = field(default_factory=list)
    news: deque[News] = field(default_factory=lambda: deque(maxlen=_NEWS))

    def add(self, news: News) -> None:
        if news.task in self.stages and news.action in _STAGES:
            self.stages[news.task] = _STAGES[news.action]
        match news.action:
            case "attempt-started":
                self.working[news.task] = news.attempt
                self.most_at_once = max(self.most_at_once, len(self.working))
            case "attempt-failed" | "result-accepted":
                self.working.pop(news.task, None)
        if news.action == "attempt-failed":
            self.failed.append(news.task)
        if news.action not in _QUIET:
            self.news.append(news)


class View(Protocol):
    """How a person sees the story while it goes on."""

    def show(self, story: Story, news: News) -> None: ...


class Lines:
    """One line for whatever is worth one."""

    def show(self, story: Story, news: News) -> None:
        if news.action not in _QUIET:
            sys.stdout.write(f"{news.sec:5.1f} s  {news.message}\n")
            sys.stdout.flush()


class LiveTable:
    """Where every task is now, and the last lines below."""

    def __init__(self, live: Live, tasks: Sequence[Mapping[str, Any]]) -> None:
        self._live = live
        self._tasks = tasks

    def show(self, story: Story, news: News) -> None:
        self._live.update(_table(self._tasks, story))


@contextmanager
def view(tasks: Sequence[Mapping[str, Any]]) -> Iterator[View]:
    """A live table on a terminal, lines anywhere else."""
    if not sys.stdout.isatty():
        yield Lines()
        return
    with Live(_table(tasks, Story({})), refresh_per_second=10) as live:
        yield LiveTable(live, tasks)


def follow(scene: Scene, story: Story, shown: View) -> int:
    """Run the daemon until nothing is left to do; its exit code."""
    argv = [
        sys.executable,
        "-m",
        "mosaic_daemon",
        "run",
        "--until-idle",
        "--log-format",
        "json",
        "--log-level",
        "debug",
    ]
    started = time.monotonic()
    daemon = subprocess.Popen(
        argv,
        cwd=scene.repository,
        env=scene.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        process_group=0,
    )
    limit = Timer(_LIMIT_SEC, daemon.kill)
    limit.start()
    try:
        assert daemon.stdout is not None  # noqa: S101
        for line in daemon.stdout:
            news = _news(line, time.monotonic() - started)
            story.add(news)
            shown.show(story, news)
        return daemon.wait()
    except BaseException:
        daemon.terminate()
        daemon.wait()
        raise
    finally:
        limit.cancel()


def _news(line: str, sec: float) -> News:
    try:
        entry = json.loads(line)
        return News(sec, entry["message"], entry.get("task", ""), entry.get("attempt", ""), entry.get("action", ""))
    except (ValueError, KeyError, TypeError):
        return News(sec, line.rstrip())


def _table(tasks: Sequence[Mapping[str, Any]], story: Story) -> RenderableType:
    colours = {"done": "green", "working": "yellow", "failed, will be repeated": "red"}
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("task", "phase", "finding", "where it is"):
        table.add_column(column, overflow="ellipsis", no_wrap=True)
    for task in tasks:
        stage = story.stages.get(task["id"], "")
        where = Text(stage, style=colours.get(stage, "cyan" if stage else ""))
        table.add_row(task["id"], str(task["phase"]), task["description"], where)
    lines = [Text(f"{news.sec:5.1f} s  {news.message}", style="dim", no_wrap=True) for news in story.news]
    return Group(table, Text(), *lines)
