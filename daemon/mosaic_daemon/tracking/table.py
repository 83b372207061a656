"""`docs/TASKS.md`: the guide's table of 14 columns inside a text that belongs to people.

The text is a list of lines. Some of them are rows of the task table; only those are ever replaced, added or removed,
and a row whose cells say what they should stays as it was typed. Look-alikes in code fences and comments, and other
tables, are text like any other.

A cell is Markdown. What a table cannot hold is escaped so that forges render it sensibly and every text comes back as
it was: `|` as `\\|`, a line break as `<br>`, control characters and outer spaces as `&#N;`. A text that looks like one
of these gets a backslash before it, and so does a backslash that would otherwise be taken for such a mark.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mosaic_daemon.ground.errors import InputError
from mosaic_daemon.tracking.entry import Problem, is_task_id

COLUMNS = (
    "id",
    "status",
    "description",
    "issue",
    "repo",
    "branch",
    "depends_on",
    "blocks",
    "agent",
    "started_at",
    "completed_at",
    "estimate",
    "used",
    "notes",
)
TEMPLATE = f"# Tasks\n\n| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}\n"

_BREAK = r"<br ?/?>"
_ENTITY = r"&#[0-9]{1,7};"
_CONTROL = r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]"
_PLAIN = re.compile(r"(?! )[^\\|<&\x00-\x1f\x7f-\x9f\u2028\u2029]*+(?<! )")
_TO_ESCAPE = re.compile(
    rf"\\(?=[\\|\n]|{_CONTROL}| ?\Z|{_BREAK}|{_ENTITY})|\||\n|{_CONTROL}|\A | \Z|{_BREAK}|{_ENTITY}", re.IGNORECASE
)
_ESCAPED = re.compile(rf"\\([\\|]|{_BREAK}|{_ENTITY})|({_BREAK})|&#([0-9]{{1,7}});", re.IGNORECASE)
_DELIMITER = re.compile(r"(?=.*\|) {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*\r?\n?")
_FENCE = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})")
_COMMENT = re.compile(r" {0,3}<!--")


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the task table: its line in the text, counted from 1, and what its 14 cells say."""

    line: int
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Table:
    """A parsed text.

    Attributes:
        source: what to call it in messages.
        lines: the whole text, with line ends.
        rows: the usable rows of the task table in order, no id twice.
        problems: rows that are not usable. They stay as they are.
        head: the number of the table's last delimiter line (`|---|`), 0 when the text has no task table.
        unclosed: the number of the line that opens a code fence or comment which never ends, or None.
    """

    source: str
    lines: tuple[str, ...]
    rows: tuple[Row, ...]
    problems: tuple[Problem, ...]
    head: int
    unclosed: int | None

    @property
    def unreadable(self) -> frozenset[str]:
        """Tasks that stand in a row which cannot be read: neither changed nor removed, as far as anybody knows."""
        shown = {row.cells["id"] for row in self.rows}
        return frozenset(each.task for each in self.problems if each.task and each.task not in shown)


def parse(text: str, *, source: str) -> Table:
    """Find the task table and read its rows. Never fails: what is not understood is text."""
    reader = _Reader()
    lines = tuple(io.StringIO(text, newline="\n"))
    for number, line in enumerate(lines, start=1):
        following = lines[number] if number < len(lines) else ""
        reader.take(number, line, following)
    opened = reader.block[1] if reader.block else None
    return Table(source, lines, tuple(reader.rows), tuple(reader.problems), reader.head, opened)


def render(table: Table, rows: Sequence[Mapping[str, str]], *, template: str = TEMPLATE) -> str:
    """The text with exactly these rows, and everything else in it byte for byte as it was.

    Rows that are there keep their places; a new one follows the one before it in `rows`. A task whose own row cannot
    be read gets no second one; one that goes takes its repeated rows with it.

    Args:
        table: what is there now.
        rows: cells by column, all 14; `merge.row_of` makes them.
        template: appended to a text that has no task table; holds at least the table's header.

    Raises:
        InputError: there is no table and no place for one, or the template has none.
    """
    if not table.head:
        table = _with_template(table, template)
    wanted = {row["id"]: row for row in rows}
    there = {row.cells["id"]: row for row in table.rows}
    newline = _line_end(table.lines[table.head - 1]) or "\n"
    changed = {
        row.line: _row_text(wanted[name]) + _line_end(table.lines[row.line - 1]) if name in wanted else ""
        for name, row in there.items()
        if wanted.get(name) != row.cells
    }
    # A second row of a task that goes would be read as a new task from then on.
    changed |= {each.line or 0: "" for each in table.problems if each.task in there and each.task not in wanted}
    added = _additions(table, wanted, there)
    result: list[str] = []
    for number, line in enumerate(table.lines, start=1):
        result.append(changed.get(number, line))
        if number in added:
            if not result[-1].endswith("\n"):
                result.append(newline)
            result += [text + newline for text in added[number]]
    return "".join(result)


def encode_cell(text: str) -> str:
    """Any text as the content of one cell."""
    if _PLAIN.fullmatch(text):
        return text
    return _TO_ESCAPE.sub(_escape, text)


def decode_cell(cell: str) -> str:
    """What a cell says. The exact inverse of `encode_cell`; tolerates what people type instead of it."""
    if "\\" in cell or "<" in cell or "&" in cell:
        return _ESCAPED.sub(_unescape, cell)
    return cell


def _escape(found: re.Match[str]) -> str:
    mark = found[0]
    if mark == "\n":
        return "<br>"
    if mark in {"\\", "|"} or len(mark) > 1:
        return "\\" + mark
    return f"&#{ord(mark)};"


def _unescape(found: re.Match[str]) -> str:
    literal, line_break, number = found.groups()
    if literal is not None:
        return str(literal)
    if line_break is not None:
        return "\n"
    code = int(number)
    return chr(code) if code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF else str(found[0])


class _Reader:
    """Goes through the lines once and knows where it is: in a block of code, in the task table, elsewhere.

    A row that slips out of sight would look like a task that somebody removed. So the table goes on after blank lines
    and over anything until another table begins, and a damaged line between rows is a row with a problem.
    """

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.problems: list[Problem] = []
        self.head = 0
        self.block: tuple[str, int] | None = None  # the mark that ends it, and the line that opened it
        self._in_table = False
        self._last = 0  # the newest line that belongs to the table
        self._positions = 0
        self._seen: set[str] = set()

    def take(self, number: int, line: str, following: str) -> None:
        if self.block:
            if _ends_block(line, self.block[0]):
                self.block = None
        elif line.startswith(("|", " |", "  |", "   |")):
            self._take_piped(number, line, following)
        elif fence := _FENCE.match(line):
            self.block = (fence[1], number)
        elif comment := _COMMENT.match(line):
            self.block = None if "-->" in line[comment.end() :] else ("-->", number)
        elif self._in_table and self._last == number - 1 and "|" in line:
            self._take_row(number, line)

    def _take_piped(self, number: int, line: str, following: str) -> None:
        is_header = _DELIMITER.fullmatch(following) is not None
        if is_header and _is_task_header(line):
            self._in_table, self.head, self._last = True, number + 1, number + 1
        elif is_header and self._last != number - 1:
            self._in_table = False
        elif self._in_table and number != self.head:
            self._take_row(number, line)

    def _take_row(self, number: int, line: str) -> None:
        self._last = number
        self._positions += 1
        cells = _cells(line)
        name = cells[0] if cells and is_task_id(cells[0]) else ""
        if len(cells) != len(COLUMNS):
            fault = f"has {len(cells)} cells instead of {len(COLUMNS)}"
        elif not name:
            fault = f"has an id that is none: {cells[0][:80]!r}"
        elif name in self._seen:
            fault = f"has the id {name!r} of an earlier row"
        else:
            self._seen.add(name)
            self.rows.append(Row(number, dict(zip(COLUMNS, cells, strict=True))))
            return
        self.problems.append(Problem(fault, self._positions, task=name, line=number))


def _ends_block(line: str, mark: str) -> bool:
    if mark == "-->":
        return mark in line
    closing = line.strip()
    return closing.startswith(mark) and not closing.strip(mark[0]) and not line.startswith("    ")


def _is_task_header(line: str) -> bool:
    return tuple(re.sub(r"[\s_-]+", "_", cell.casefold()) for cell in _cells(line)) == COLUMNS


def _cells(line: str) -> list[str]:
    pieces = line.strip(" \t\r\n").split("|")
    if "\\" in line:
        pieces = _rejoined(pieces)
    if not pieces[0]:
        del pieces[0]
    if pieces and not pieces[-1]:
        del pieces[-1]
    cells = [piece.strip(" \t") for piece in pieces]
    has_marks = "\\" in line or "<" in line or "&" in line
    return list(map(decode_cell, cells)) if has_marks else cells


def _rejoined(pieces: list[str]) -> list[str]:
    """Put together what was cut at an escaped `|`: one that an odd number of backslashes stands before."""
    cells: list[str] = []
    is_escaped = False
    for piece in pieces:
        if is_escaped:
            cells[-1] += "|" + piece
        else:
            cells.append(piece)
        is_escaped = piece.endswith("\\") and (len(piece) - len(piece.rstrip("\\"))) % 2 == 1
    return cells


def _row_text(cells: Mapping[str, str]) -> str:
    encoded = (encode_cell(cells[column]) for column in COLUMNS)
    return "|" + "|".join(f" {cell} " if cell else " " for cell in encoded) + "|"


def _line_end(line: str) -> str:
    return line[len(line.rstrip("\r\n")) :]


def _with_template(table: Table, template: str) -> Table:
    if table.unclosed is not None:
        raise InputError(
            "opens a code block or comment that never ends, so no task table can follow",
            source=table.source,
            line_number=table.unclosed,
            remedy="close it",
        )
    text = "".join(table.lines)
    newline = "\r\n" if table.lines and table.lines[0].endswith("\r\n") else "\n"
    gap = "" if not text else newline if text.endswith("\n") else newline * 2
    whole = parse(text + gap + re.sub(r"\r?\n", newline, template), source=table.source)
    if not whole.head:
        columns = " | ".join(COLUMNS)
        raise InputError("the template has no task table", source=table.source, remedy=f"its header is | {columns} |")
    return whole


def _additions(table: Table, wanted: Mapping[str, Mapping[str, str]], there: Mapping[str, Row]) -> dict[int, list[str]]:
    """New rows by the number of the line they follow."""
    added: dict[int, list[str]] = {}
    after, unreadable = table.head, table.unreadable
    for name, cells in wanted.items():
        if name in there:
            after = there[name].line
        elif name not in unreadable:
            added.setdefault(after, []).append(_row_text(cells))
    return added
