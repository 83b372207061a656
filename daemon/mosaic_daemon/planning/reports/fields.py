"""Labelled facts of an entry: `**Severity:** High`, `File: a.ts`, a table of two columns, a sub-heading `Location`."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from mosaic_daemon.planning.reports import inline
from mosaic_daemon.planning.reports.blocks import Block, Section

Name = Literal[
    "id",
    "severity",
    "risk",
    "cvss",
    "priority",
    "title",
    "issue",
    "text",
    "place",
    "lines",
    "component",
    "status",
    "fix",
    "other",
]

_SYNONYMS: dict[Name, str] = {
    "id": ("id|finding id|issue id|identifier|ref|reference id|reference|key|finding no|bug id|ticket|nummer|kennung"),
    "severity": "severity|sev|severity level|severity rating|criticality|schweregrad|schwere",
    "risk": "risk|risk level|risk rating|level|rating|rank|class|classification|urgency|impact level",
    "cvss": (
        "cvss|cvss score|cvss base score|base score|cvss v3|cvss v3.1|cvss v4|cvss v4.0|cvssv3|cvss3|"
        "cvss 3.1|cvss 4.0|score|cvss v3.1 score|cvss vector|cvss v3 score|security severity"
    ),
    "priority": "priority|prio|priorität",
    "title": "title|finding|name|headline|titel|befund|finding title|issue title",
    "issue": (
        "issue|summary|problem|vulnerability|weakness|defect|gap|bug|observation|what|concern|short description|was"
    ),
    "text": (
        "description|details|detail|message|explanation|notes|note|comment|comments|evidence|impact|info|"
        "beschreibung|auswirkung"
    ),
    "place": (
        "file|files|file path|file paths|filepath|filename|location|locations|path|paths|affected file|"
        "affected files|where|affected|affected location|affected locations|affected code|affected path|"
        "affected paths|source|source file|file/line|file:line|file and line|code location|places|"
        "source location|file(s)|location(s)|affected file(s)|uri|target|fundstelle|fundstellen|datei|"
        "dateien|ort|stelle"
    ),
    "lines": (
        "line|lines|line number|line numbers|line no|line(s)|line range|line numbers(s)|line #|start line|"
        "startline|zeile|zeilen"
    ),
    "component": (
        "component|components|area|module|affected component|affected components|workspace|package|service|"
        "app|subsystem|repo|application|affected module|affected area|component(s)|affected service|project|"
        "komponente"
    ),
    "status": "status|state|resolution",
    "fix": (
        "fix|empfehlung|maßnahme|recommendation|recommendations|remediation|suggested fix|suggestion|"
        "mitigation|solution|how to fix|action|see also|references|related|proposed fix|resolution steps|"
        "recommended fix|suggested change|related findings|links"
    ),
    "other": (
        "confidence|likelihood|probability|effort|exploitability|complexity|cwe|cwe id|owasp|cve|category|"
        "type|tags|rule|found by|reported by|reporter|date|author|reviewer|owner|assignee|attack vector|"
        "overall risk|difficulty|cost"
    ),
}
_NAMES: dict[str, Name] = {word: name for name, words in _SYNONYMS.items() for word in words.split("|")}
#: What a label has to be of to open a field on a line of its own; others are words before a colon.
_BOLD_LABEL = re.compile(r"(\*\*|__)\s*([^*_:\n]{1,40}?)\s*(?::\s*\1|\1\s*:)")
_BOLD_PAIR = re.compile(r"(\*\*|__)([^*_:\n]{1,40}:)\s+([^*\n]{1,200}?)\1")
_PLAIN_LABEL = re.compile(
    r"\s*(?:[-*+•]\s+)?(?:\*|_|`)?([A-Za-z][A-Za-z0-9 /.()#:-]{0,39}?)(?:\*|_|`)?\s*(?::(?=\s|$)|\s=\s)(?:\*|_)?\s*"
)
_JOINT = re.compile(r"\s+[|·•]\s+|\s*;\s+(?=[A-Z][a-z]+:\s)")
_DEFINITION = re.compile(r"\s*:\s+")


@dataclass(frozen=True, slots=True)
class Field:
    """A labelled value, as Markdown; several lines if it has several."""

    name: Name
    value: str
    line: int


@functools.lru_cache(maxsize=4096)
def named(label: str) -> Name | None:
    """What a label or a column's header stands for."""
    word = " ".join(inline.plain(label).lower().strip(" :*_#").split())
    return _NAMES.get(word) or _NAMES.get(word.replace("/", " / ").replace("-", " "))


def of_section(section: Section) -> list[Field]:
    """The facts below a heading, its sub-headings named like labels included."""
    found = of_blocks(section.blocks)
    for inner in section.sections:
        name = named(inner.heading.text) if inner.heading else None
        if name is not None:
            text = "\n".join(block.text for block in _spoken(inner.blocks))
            found.append(Field(name, text, inner.line))
        else:
            found += of_section(inner)
    return found


def of_blocks(blocks: Sequence[Block]) -> list[Field]:
    """The facts that blocks side by side tell. A label with nothing after it takes the next block."""
    found: list[Field] = []
    for block in blocks:
        open_field = found[-1] if found and not found[-1].value and found[-1].name != "fix" else None
        inner = list(_of_block(block))
        if open_field and not inner and block.kind in ("list", "paragraph", "quote"):
            found[-1] = Field(open_field.name, "\n".join(each.text for each in _spoken([block])), open_field.line)
        found += inner
    return found


def of_lines(text: str, line: int) -> Iterator[Field]:
    """The facts of a paragraph's lines; unlabelled lines belong to the label before them."""
    current: Field | None = None
    previous = ""
    for offset, each in enumerate(text.split("\n")):
        if (definition := _DEFINITION.match(each)) and (name := named(previous)):
            parts: list[tuple[Name, str]] = [(name, each[definition.end() :])]
        else:
            parts = list(_of_line(each))
        previous = each
        if not parts and current:
            current = Field(current.name, f"{current.value}\n{each}".strip(), current.line)
        for name, value in parts:
            if current:
                yield current
            current = Field(name, value, line + offset)
    if current:
        yield current


def is_labelled(text: str) -> bool:
    """Whether a line starts with a label that is known."""
    return any(True for _ in _of_line(text.partition("\n")[0]))


def first(found: Iterable[Field], *names: Name) -> Field | None:
    """The first fact of the first of these names that is there."""
    by_name = {each.name: each for each in reversed(list(found)) if each.value.strip()}
    return next((by_name[name] for name in names if name in by_name), None)


def is_quotation(quote: Block) -> bool:
    """Whether a quote holds a piece of another document rather than words set off from the rest."""
    return any(block.kind in ("heading", "list", "table") for block in quote.children)


def _of_block(block: Block) -> Iterator[Field]:
    if block.kind == "paragraph":
        yield from of_lines(block.text, block.line)
    elif block.kind == "table":
        yield from _of_table(block)
    elif block.kind in ("list", "item") or (block.kind == "quote" and not is_quotation(block)):
        yield from of_blocks(block.children)


def _of_table(table: Block) -> Iterator[Field]:
    """Facts of a table that has a label in each row."""
    pairs = [(named(row.cells[0]), row) for row in table.children if len(row.cells) == 2]
    if len([name for name, _ in pairs[1:] if name]) >= max(1, len(table.children) // 3):
        yield from (Field(name, row.cells[1], row.line) for name, row in pairs if name)


def _of_line(text: str) -> Iterator[tuple[Name, str]]:
    if ":" not in text and " = " not in text:
        return
    text = _BOLD_PAIR.sub(r"**\2** \3", text[:4000])
    bold = list(_BOLD_LABEL.finditer(text))
    if bold and not text[: bold[0].start()].strip(" \t-*+|·•[]xX>"):
        ends = [*(match.start() for match in bold[1:]), len(text)]
        for match, end in zip(bold, ends, strict=True):
            if name := named(match[2]):
                yield name, text[match.end() : end].strip(" \t|·•;,")
        return
    if ":" not in text[:60] and " = " not in text[:60]:
        return
    for part in _JOINT.split(text):
        label = _PLAIN_LABEL.match(part)
        if label and (name := named(label[1])):
            yield name, part[label.end() :].strip()


def _spoken(blocks: Sequence[Block]) -> Iterator[Block]:
    """Paragraphs, wherever they are, without code."""
    for block in blocks:
        if block.kind == "paragraph":
            yield block
        yield from _spoken(block.children)
