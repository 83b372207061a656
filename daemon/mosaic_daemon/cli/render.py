"""Sections of aligned columns: with colour and wrapping on a terminal, as plain lines anywhere else."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mosaic_daemon.views.text import cleaned

if TYPE_CHECKING:
    from rich.console import Group

_STYLES = {
    "done": "green",
    "in progress": "cyan",
    "failed": "red",
    "blocked": "red",
    "needs QA": "yellow",
    "deferred": "dim",
    "not started": "",
    "running": "cyan",
    "stopping": "yellow",
}
_GAP = "  "


@dataclass(frozen=True, slots=True)
class Section:
    """A titled block.

    Attributes:
        rows: cells of text; rows may have fewer cells than others, the last cell may be long.
        title: empty for none.
        loud: what it says needs a person.
        verbatim: lines that people copy: never wrapped, their spaces kept.
    """

    rows: Sequence[Sequence[str]]
    title: str = ""
    loud: bool = False
    verbatim: bool = False


def on_terminal() -> bool:
    return sys.stdout.isatty()


def show(sections: Sequence[Section]) -> None:
    """Write them to standard output."""
    if on_terminal():
        from rich.console import Console
        from rich.text import Text

        console = Console(highlight=False)
        for at, section in enumerate(sections):
            if section.verbatim:
                console.print(Text(plain([section]).rstrip("\n")), soft_wrap=True)
            else:
                console.print(for_terminal([section]))
            if at < len(sections) - 1:
                console.print()
    else:
        sys.stdout.write(plain(sections))


def plain(sections: Sequence[Section]) -> str:
    """As lines: columns are as wide as their widest cell, nothing is cut."""
    lines: list[str] = []
    for section in sections:
        if lines:
            lines.append("")
        indent = ""
        if section.title:
            lines.append(section.title)
            indent = _GAP
        cells = [[_cell(cell) for cell in row] for row in section.rows]
        widths = _widths(cells)
        for row in cells:
            line = _GAP.join(cell.ljust(widths[at]) if at < len(row) - 1 else cell for at, cell in enumerate(row))
            lines.append((indent + line).rstrip())
    return "".join(f"{line}\n" for line in lines)


def for_terminal(sections: Sequence[Section]) -> Group:
    """The same for rich: the last column wraps within itself, words that name a state have their colour."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    parts: list[Text | Padding] = []
    for section in sections:
        if parts:
            parts.append(Text(""))
        if section.title:
            parts.append(Text(section.title, style="bold yellow" if section.loud else "bold"))
        columns = max((len(row) for row in section.rows), default=0)
        grid = Table.grid(padding=(0, 2, 0, 0))
        for at in range(columns):
            grid.add_column(no_wrap=at < columns - 1, overflow="fold")
        for row in section.rows:
            cells = [_cell(cell) for cell in row]
            cells += [""] * (columns - len(cells))
            grid.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in cells))
        parts.append(Padding(grid, (0, 0, 0, 2 if section.title else 0)))
    return Group(*parts)


def _cell(value: str) -> str:
    return cleaned(value).replace("\n", " ").replace("\t", " ")


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    """The last cell of a row may be a sentence: it does not make its column wide."""
    columns = max((len(row) for row in rows), default=0)
    return [max((len(row[at]) for row in rows if at < len(row) - 1), default=0) for at in range(columns)]
