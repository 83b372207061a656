"""`ORCHESTRATOR-LEARNINGS.md`, the guide's universal heuristics: a section for each milestone of any project, once."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import NamedTuple

from mosaic_daemon.ground import atomicfile
from mosaic_daemon.ground.errors import InputError
from mosaic_daemon.nouns.figures import tokens_text
from mosaic_daemon.planning.learning.retrospect import Group, Retrospective
from mosaic_daemon.planning.planner.words import one_line

FILE = Path("~/.config/mosaic/guides/ORCHESTRATOR-LEARNINGS.md")
_TITLE = "# Orchestrator Learnings\n\nEstimate against use, milestone by milestone.\n"
_LONGEST = 200


class Milestone(NamedTuple):
    """Whose section it is."""

    project: str
    title: str


def exported(found: Retrospective, milestone: Milestone, file: Path, today: date) -> bool:
    """Add the milestone's section to the file. False: it has one, which stays as it is.

    Raises:
        OSError: it cannot be read or written. InputError: it is not UTF-8.
    """
    file = file.expanduser().resolve()  # people keep links to their dotfiles there: the link stays
    try:
        text = file.read_text(encoding="utf-8") if file.exists() else _TITLE
    except UnicodeDecodeError as error:
        raise InputError(f"is not UTF-8: {error.reason}", source=str(file), remedy="save it as UTF-8") from error
    if _marker(milestone) in text:
        return False
    file.parent.mkdir(parents=True, exist_ok=True)
    atomicfile.write(file, f"{text.rstrip()}\n\n{section(found, milestone, today)}".encode(), mode=0o644)
    return True


def section(found: Retrospective, milestone: Milestone, today: date) -> str:
    """As Markdown."""
    name = _plain(f"{milestone.project} {milestone.title}")
    lines = [f"## {name} ({today.isoformat()})", "", _marker(milestone), ""]
    lines += [found.total.line.removeprefix("All: ") + "." if found.total else "Nothing was measured.", ""]
    for title, groups in (("Task type", found.types), ("Phase", found.phases)):
        if groups:
            lines += [f"| {title} | Tasks | Estimate | Actual | Variance |", "|---|---|---|---|---|"]
            lines += [*map(_row, groups), ""]
    if found.patterns:
        lines += ["Patterns:", "", *(f"- {_plain(each)}" for each in found.patterns), ""]
    if found.proposals:
        lines += ["Proposed factors on the planner's estimates:", ""]
        lines += [f"- {_plain(each.line)}" for each in found.proposals] + [""]
    return "\n".join(lines)


def _row(group: Group) -> str:
    figures = (str(group.tasks), tokens_text(group.estimate), tokens_text(group.used), f"{group.percent:+d}%")
    return f"| {' | '.join((_plain(group.name), *figures))} |"


def _marker(milestone: Milestone) -> str:
    """Invisible where Markdown is shown, and found again."""
    words = (re.sub(r"-{2,}|[<>]", "-", one_line(word, _LONGEST)) for word in milestone)
    return f"<!-- mosaic-orchestrator: {' / '.join(words)} -->"


def _plain(text: str) -> str:
    """Without what would end a cell or begin a tag: names of types may be people's own."""
    return re.sub(r"[|<>]", " ", one_line(text, _LONGEST))
