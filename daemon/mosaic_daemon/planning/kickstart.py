"""The guide's kickstart message, read from a file: a mission, and a list of what to set up.

Forms are taken as people write them: any case and order, keys in bold, values in backticks, a remark in parentheses
behind a value. What a value means to say with parentheses at its end goes into backticks.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from mosaic_daemon.ground import atomicfile
from mosaic_daemon.ground.errors import InputError
from mosaic_daemon.tracking.entry import is_task_id

_MAX_BYTES = 1 << 16
_LONGEST_VALUE = 4096
_REQUIRED = ("project", "review")
_OPTIONAL = ("quality gates", "milestone", "task prefix")
_IGNORED = ("protocol", "state")  #: of the guide's takeover message; both say what is always so
_ENTRY = re.compile(
    r"\s{0,9}[*_]{0,2}([A-Za-z][\w -]{0,40}?)[*_]{0,2}\s{0,9}:[*_]{0,2}(?:\s+|$)(.*)", re.DOTALL | re.ASCII
)
_TICKS = re.compile(r"`+")
_REMARK_BEHIND_TICKS = re.compile(r"(?<=`)\s*+\([^()]*+\)$")
_REMARK = re.compile(r"(?<![&|;!\s])\s+\([^()]*\)$")
_PLACEHOLDER = re.compile(r"(?<!\$)\{[A-Za-z][A-Za-z _-]*\}")


@dataclass(frozen=True, slots=True)
class Kickstart:
    """What a kickstart file asks for; empty: it does not say.

    Attributes:
        project: the repository. review: the report, below the project unless it is absolute.
        milestone: a version, a name, or both, for `versions.read`. prefix: of task ids.
        quality_gates: the command workers must pass.
    """

    project: Path
    review: Path
    quality_gates: str = ""
    milestone: str = ""
    prefix: str = ""
    mission: str = ""


def read(file: Path) -> Kickstart:
    """The file's; a relative project is looked for beside it.

    Raises:
        InputError: it cannot be read, or as `parse`.
    """
    try:
        content = atomicfile.read_untrusted(file.resolve(), max_bytes=_MAX_BYTES)
        start = parse(content.decode("utf-8-sig"), source=str(file))
    except FileNotFoundError:
        raise InputError("there is no such file", source=str(file)) from None
    except UnicodeDecodeError as error:
        raise InputError(f"is not UTF-8: {error.reason}", source=str(file)) from None
    project = file.resolve().parent / start.project
    return Kickstart(project, start.review, start.quality_gates, start.milestone, start.prefix, start.mission)


def parse(text: str, *, source: str) -> Kickstart:
    """What the text asks for.

    Raises:
        InputError: a key is missing, unknown, given twice, or its value is empty or still the guide's placeholder.
    """
    text = re.sub(r"\r\n?", "\n", text)
    tokens = MarkdownIt().parse(text)
    sections = list(_sections(tokens, len(text.split("\n"))))
    setup = next((section for section in sections if section.title == "setup"), None)
    if setup is None:
        raise InputError("has no section `## Setup`", source=source, remedy="write one with `- Project:`, `- Review:`")
    given: dict[str, _Entry] = {}
    for entry in _entries(setup.tokens, source):
        if entry.key in given:
            raise entry.wrong(f"`{entry.key}` is given twice, first in line {given[entry.key].line}")
        given[entry.key] = entry
    for key in _REQUIRED:
        if key not in given:
            remedy = f"add `- {key.capitalize()}: …`"
            raise InputError(f"`{key}` is missing in the setup", source=source, line_number=setup.line, remedy=remedy)
    values = {key: entry.value for key, entry in given.items()}
    prefix = values.get("task prefix", "")
    if prefix and not is_task_id(f"{prefix}-SEC-001"):
        raise given["task prefix"].wrong(f"{prefix!r} cannot begin a task id", "letters, digits and `-`, such as `MS`")
    return Kickstart(
        project=Path(values["project"]).expanduser(),
        review=Path(values["review"]).expanduser(),
        quality_gates=values.get("quality gates", ""),
        milestone=values.get("milestone", ""),
        prefix=prefix,
        mission=_mission(sections, text),
    )


@dataclass(frozen=True, slots=True)
class _Section:
    """`line`: of its heading, from 1; `text`: the lines below it, from 0, as a slice."""

    title: str
    line: int
    text: slice
    tokens: Sequence[Token]


@dataclass(frozen=True, slots=True)
class _Entry:
    key: str
    value: str
    line: int
    source: str

    def wrong(self, problem: str, remedy: str = "") -> InputError:
        return InputError(problem, source=self.source, line_number=self.line, remedy=remedy)


def _sections(tokens: Sequence[Token], lines: int) -> Iterator[_Section]:
    starts = [at for at, token in enumerate(tokens) if token.type == "heading_open" and token.level == 0]
    for at, following in pairwise([*starts, len(tokens)]):
        below = (tokens[at].map or [0, 0])[1]
        end = _line(tokens[following]) - 1 if following < len(tokens) else lines
        title = tokens[at + 1].content.strip(" *_:#").casefold()
        yield _Section(title, _line(tokens[at]), slice(below, end), tokens[at + 3 : following])


def _line(token: Token) -> int:
    return token.map[0] + 1 if token.map else 0


def _mission(sections: Sequence[_Section], text: str) -> str:
    lines = text.split("\n")
    told = [lines[each.text] for each in sections if each.title.endswith("mission")]
    return "\n".join(told[0]).strip() if told else ""


def _entries(tokens: Sequence[Token], source: str) -> Iterator[_Entry]:
    """The keys of a section: one for each item of its lists, or for each line of its paragraphs."""
    for at, token in enumerate(tokens):
        if token.type != "inline":
            continue
        if token.level == 1:  # a paragraph; its other lines are prose
            for offset, line in enumerate(token.content.split("\n")):
                if (found := _ENTRY.fullmatch(line)) and _key(found[1]) in (*_REQUIRED, *_OPTIONAL, *_IGNORED):
                    yield from _entry(found, _line(token) + offset, source)
            continue
        found = _ENTRY.fullmatch(" ".join(token.content.split("\n")))
        if found is None:
            problem = f"{token.content[:60]!r} is no entry"
            raise InputError(problem, source=source, line_number=_line(token), remedy="write `- Key: value`")
        yield from _entry(found, _line(token), source, _fenced(tokens[at + 1 : at + 3]))


def _entry(found: re.Match[str], line: int, source: str, fenced: str = "") -> Iterator[_Entry]:
    value = _value(found[2][: _LONGEST_VALUE + 1]) or fenced
    entry = _Entry(_key(found[1]), value, line, source)
    if entry.key in _IGNORED:
        return
    known = (*_REQUIRED, *_OPTIONAL)
    if entry.key not in known:
        near = difflib.get_close_matches(entry.key, known, n=1, cutoff=0.5)
        remedy = f"did you mean `{near[0]}`?" if near else f"known are {', '.join(known)}"
        raise entry.wrong(f"unknown key `{entry.key}`", remedy)
    if len(value) > _LONGEST_VALUE:
        raise entry.wrong(f"`{entry.key}` is longer than {_LONGEST_VALUE} characters")
    if not value:
        raise entry.wrong(f"`{entry.key}` has no value", "give it one, or leave the line out")
    # A command may well have braces of its own.
    holds = _PLACEHOLDER.fullmatch if entry.key == "quality gates" else _PLACEHOLDER.search
    if placeholder := holds(value):
        raise entry.wrong(f"`{entry.key}` still has the placeholder `{placeholder[0]}`", "put your own value there")
    yield entry


def _key(text: str) -> str:
    return re.sub(r"[\s_-]+", " ", text).strip().casefold()


def _value(text: str) -> str:
    """Without backticks around it, or a remark behind it."""
    text = text.strip()
    quoted = _REMARK_BEHIND_TICKS.sub("", text)
    if (ticks := _TICKS.match(quoted)) and quoted.endswith(ticks[0]) and len(quoted) > 2 * len(ticks[0]):
        return quoted[ticks.end() : -ticks.end()].strip()
    return _REMARK.sub("", text).strip()


def _fenced(following: Sequence[Token]) -> str:
    """The commands of a code block right below an item, as one."""
    fences = [token for token in following if token.type == "fence"]
    lines = [line.strip() for token in fences for line in token.content.splitlines()]
    return " && ".join(line for line in lines if line and not line.startswith("#"))
