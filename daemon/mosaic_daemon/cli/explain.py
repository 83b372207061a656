"""Why a task is where it is, what would move it, and everything that has happened to it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from mosaic_daemon.cli import context, render
from mosaic_daemon.cli.render import Section
from mosaic_daemon.nouns.figures import tokens_text
from mosaic_daemon.views import text
from mosaic_daemon.views.wording import PASSED, STATUS, STEP, sentence

_TAIL_LINES = 12


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("task", metavar="TASK", help="its id")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")


def execute(options: argparse.Namespace) -> int:
    from mosaic_daemon.views.explanation import explained

    layout = context.layout_of(options)
    now = text.utc_now()
    found = explained(options.task, layout, lambda: context.settings_of(options, layout))
    if options.json:
        context.show_json(found)
    else:
        render.show(list(_sections(found, now)))
    return 0


def _sections(found: dict[str, Any], now: datetime) -> Iterator[Section]:
    yield Section(list(_head(found, now)))
    if found["why"]:
        yield Section([[line] for line in found["why"]], "Why")
    if found["failure"]:
        yield from _failure(found["failure"], stopped=found["needs_you"])
    if found["next"]:
        yield Section([[line] for line in found["next"]], "What would move it", loud=found["needs_you"])
    if found["attempts"]:
        yield Section([row for each in found["attempts"] for row in _attempt(each, now)], "Attempts")
    if found["review"]:
        yield Section(list(_review(found["review"])), "Review")
    if found["gate"]:
        gate = {name: value for name, value in found["gate"].items() if name != "summary"}
        yield Section(list(_gate(gate)), "Evidence" if found["status"] == "done" else "Gate")
    if found["events"]:
        yield Section([[text.when(each["at"], now), _happened(each)] for each in found["events"]], "What happened")


def _head(found: dict[str, Any], now: datetime) -> Iterator[list[str]]:
    task = found["task"]
    yield [task["id"], text.one_line(task["description"])]
    yield ["Status", _status(found)]
    facts = [("Kind", task["kind"]), ("Issue", task["issue"]), ("Branch", task["branch"])]
    facts += [("Phase", "" if task["phase"] is None else str(task["phase"])), ("Priority", str(task["priority"] or ""))]
    facts += [("Files", ", ".join(task["files"])), ("Runtime", task["runtime"] or "")]
    facts += [("Depends on", ", ".join(f"{each['id']} ({each['status']})" for each in found["needs"]))]
    facts += [("Blocks", text.listed(task["blocks"], 10))]
    yield from ([name, value] for name, value in facts if value)
    spent = [text.when(found["started_at"], now), text.when(found["completed_at"], now)]
    if spent[0]:
        yield ["Time", f"{spent[0]} – {spent[1]}" if spent[1] else f"since {spent[0]}"]
    if found["used"]:
        yield ["Used", f"{found['used']}" + (f" of {task['estimate']} estimated" if task["estimate"] else "")]


def _status(found: dict[str, Any]) -> str:
    status: str = STATUS.get(found["status"], found["status"])
    if found["stage"] is None:
        return status
    _, gate, step = str(found["stage"]).partition("gate:")
    return f"{status}: {STEP.get(step, step)}" if gate else f"{status}: {found['stage']}"


def _failure(failure: dict[str, Any], *, stopped: bool) -> Iterator[Section]:
    step = str(failure["step"]).removeprefix("gate:")
    rows = [["What", failure["what"]], ["Step", STEP.get(step, step)], ["Said", text.one_line(failure["message"])]]
    yield Section(rows, "What went wrong" if stopped else "What went wrong last time", loud=stopped)
    if failure["command"]:
        lines = text.cleaned(failure["command"]).splitlines()
        yield Section([[line] for line in lines], "The command that failed, to be pasted", verbatim=True)
    if lines := text.cleaned(failure["tail"]).splitlines()[-_TAIL_LINES:]:
        yield Section([[line] for line in lines], "The last it said", verbatim=True)


def _attempt(each: dict[str, Any], now: datetime) -> Iterator[list[str]]:
    end = datetime.fromisoformat(each["ended_at"]) if each["ended_at"] else now
    took = text.span(each["started_at"] or each["prepared_at"], end)
    yield [each["name"], each["agent"], took, text.one_line(each["outcome"], 120)]
    yield ["", "" if each["used"] is None else f"{tokens_text(each['used'])} tokens", "", _near(each["log"])]


def _near(log: str | None) -> str:
    """The path as it can be pasted here."""
    here = Path.cwd()
    return str(Path(log).relative_to(here)) if log and Path(log).is_relative_to(here) else log or "no log"


def _review(review: dict[str, Any]) -> Iterator[list[str]]:
    """What its review said, or what it is asked about."""
    for name, label in (
        ("verdict", "Verdict"),
        ("by", "By"),
        ("aspects", "Looks at"),
        ("not_reviewed_for", "Nobody for"),
        ("head_sha", "Commit"),
    ):
        if shown := _plain(review.get(name)):
            yield [label, text.one_line(shown, 200)]
    for finding in review.get("findings") or ():
        place = f" ({finding['file']})" if finding["file"] else ""
        yield [finding["severity"] or "finding", text.one_line(f"{finding['title']}{place}", 200)]


def _gate(gate: dict[str, Any]) -> Iterator[list[str]]:
    for name, value in gate.items():
        if shown := _plain(value):
            yield [PASSED.get(name, name.replace("_", " ")), text.one_line(shown, 200)]


def _plain(value: Any) -> str:
    """A piece of evidence in one line: names with their values, nothing where there is nothing."""
    if isinstance(value, dict):
        return ", ".join(f"{name.replace('_', ' ')} {shown}" for name, each in value.items() if (shown := _plain(each)))
    if isinstance(value, list):
        return "; ".join(shown for each in value if (shown := _plain(each)))
    return "" if value is None else str(value)


def _happened(each: dict[str, Any]) -> str:
    who = "" if each["actor"] in ("daemon", each["event"].get("source")) else f" ({each['actor']})"
    return f"{sentence(each['kind'], each['event'])}{who}"
