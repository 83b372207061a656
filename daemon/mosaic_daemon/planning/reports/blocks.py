"""Markdown as a tree of blocks and a tree of sections. A parser decides what is code, a comment or a heading.

Only block structure is parsed: inline text stays as written and is read by `inline`, which costs a third of a full
parse and cannot be made slow by deeply nested emphasis.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.front_matter import front_matter_plugin

Kind = Literal["heading", "paragraph", "list", "item", "table", "row", "quote", "code", "html", "rule", "matter"]

_parser = MarkdownIt("commonmark").enable("table").use(front_matter_plugin)
_parser.core.ruler.enableOnly(["normalize", "block"])

_OPENING: dict[str, Kind] = {
    "heading_open": "heading",
    "paragraph_open": "paragraph",
    "bullet_list_open": "list",
    "ordered_list_open": "list",
    "list_item_open": "item",
    "table_open": "table",
    "tr_open": "row",
    "blockquote_open": "quote",
}
_CLOSING = frozenset(name.replace("_open", "_close") for name in _OPENING)
_LEAVES: dict[str, Kind] = {
    "fence": "code",
    "code_block": "code",
    "html_block": "html",
    "hr": "rule",
    "front_matter": "matter",
}


@dataclass(slots=True)
class Block:
    """A node of the tree.

    Attributes:
        line: its first line, counted from 1. end: its last.
        text: source of a heading or paragraph, or what code, HTML and front matter hold.
        level: of a heading, 1 to 6.
        cells: of a row. children: items of a list, rows of a table (the first is its header), blocks of the others.
    """

    kind: Kind
    line: int
    end: int
    text: str = ""
    level: int = 0
    cells: list[str] = field(default_factory=list)
    children: list[Block] = field(default_factory=list)


@dataclass(slots=True)
class Section:
    """A heading and what is below it; the root has none.

    Attributes:
        end: last line, that of its inner sections included.
        blocks: before the first inner section.
    """

    heading: Block | None
    line: int
    end: int
    blocks: list[Block] = field(default_factory=list)
    sections: list[Section] = field(default_factory=list)

    @property
    def level(self) -> int:
        return self.heading.level if self.heading else 0


def parsed(text: str) -> list[Block]:
    """The blocks of a document whose lines end in `\\n`."""
    return _tree(_parser.parse(text))


def sectioned(blocks: Sequence[Block], end: int) -> Section:
    """The blocks by the headings they are under; `end` is the document's last line."""
    root = Section(None, 1, end)
    path = [root]
    for block in blocks:
        if block.kind != "heading":
            path[-1].blocks.append(block)
            continue
        while path[-1].level >= block.level:
            path.pop().end = block.line - 1
        section = Section(block, block.line, end)
        path[-1].sections.append(section)
        path.append(section)
    return root


def flat(blocks: Sequence[Block]) -> Iterator[Block]:
    """These and all inside of them, in the order of the text."""
    for block in blocks:
        yield block
        yield from flat(block.children)


def _tree(tokens: Sequence[Token]) -> list[Block]:
    root = Block("quote", 1, 1)
    path = [root]
    for token in tokens:
        kind = token.type
        if kind == "inline":
            if path[-1].kind == "row":
                path[-1].cells.append(token.content)
            else:
                path[-1].text = token.content
        elif kind in _OPENING or kind in _LEAVES:
            first, last = token.map or (0, 1)
            block = Block(_OPENING.get(kind) or _LEAVES[kind], first + 1, max(first + 1, last), token.content)
            path[-1].children.append(block)
            if kind in _OPENING:
                block.level = int(token.tag[1]) if kind == "heading_open" else 0
                path.append(block)
        elif kind in _CLOSING:
            path.pop()
    return root.children
