"""The numbers that a report gives of its findings, against those that were found in it."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mosaic_daemon.planning.finding import Finding, Remark, Severity, Source
from mosaic_daemon.planning.reports import inline, severities
from mosaic_daemon.planning.reports.blocks import Block, Section, flat
from mosaic_daemon.planning.reports.markdown import Document

Kind = Severity | Literal["total"]

_NUMBERS = {"no": 0, "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7}
_NUMBERS |= {"eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12}
_NUMBER = rf"(?:\d{{1,5}}|{'|'.join(_NUMBERS)})"
_OF_SEVERITY = re.compile(
    rf"(?<![\w.:/-])({_NUMBER})\s+(?:are\s+)?"
    r"(critical|high|medium|moderate|low|info(?:rmational)?|blockers?|major|minor)"
    r"(?:[- ](?:severity|priority|risk))?"
    r"(?=\s*(?:findings?|issues?|vulnerabilit|problems?|items?|[,;.)/|+&]|and\b|$|\())",
    re.I,
)
_TOTAL = re.compile(
    rf"\btotal(?:\s+(?:number\s+of\s+)?(?:findings?|issues?|vulnerabilities|problems?))?\s*[:=|]\s*(\d{{1,5}})\b"
    rf"|(?<![\w.:/-])({_NUMBER})\s+(?:total\s+|distinct\s+|unique\s+|open\s+|new\s+)*(?:security\s+)?"
    r"(?:findings|issues|vulnerabilities)\b(?:\s+(?:in\s+total|overall|were|have|total)\b|[:.]|\s*\(|\s*$|\s+(?:across|in)\s)",
    re.I,
)
_LABELLED = re.compile(
    r"\s*(?:[-*+]\s+)?(\D{1,60}?)\s*(?:[:=|–—-])\s*(\d{1,5})(?:\s+(?:findings?|issues?|items?|open))?\s*"
)
_OVERVIEW = re.compile(
    r"summary|overview|statistic|counts?\b|totals?\b|at a glance|results|breakdown|distribution|by severity|dashboard",
    re.I,
)
_LONGEST_TABLE = 100  # rows; numbers by severity or area are few
_TOTALS = {
    "total",
    "sum",
    "all",
    "total findings",
    "findings",
    "total issues",
    "overall",
    "grand total",
    "number of findings",
}


@dataclass(frozen=True, slots=True)
class _Said:
    """A number as a report gives it."""

    kind: Kind
    number: int
    source: Source


def checked(documents: Sequence[Document], findings: Sequence[Finding]) -> list[Remark]:
    """A remark for each number that a report gives and that does not add up."""
    whole = Counter(finding.severity for finding in findings)
    of_file: dict[str, Counter[Severity]] = defaultdict(Counter)
    for finding in findings:
        for file in {source.file for source in finding.sources}:
            of_file[file][finding.severity] += 1
    remarks = []
    for document in documents:
        own = of_file[document.page.file]
        is_whole = document.is_summary or len(documents) == 1
        for said in _unique(_said(document)):
            here, everywhere = _count(own, said.kind), _count(whole, said.kind)
            if said.number in ({everywhere} if is_whole else {here, everywhere}):
                continue
            what = "findings in total" if said.kind == "total" else f"{said.kind} findings"
            found = everywhere if is_whole else here
            remarks.append(Remark(f"the report says {said.number} {what}, {found} were found", said.source))
    return remarks


def _count(found: Counter[Severity], kind: Kind) -> int:
    return found.total() if kind == "total" else found[Severity(kind)]


def _unique(said: Iterator[_Said]) -> list[_Said]:
    """Each number once, with its first place."""
    return list({(each.kind, each.number): each for each in reversed(list(said))}.values())[::-1]


def _said(document: Document) -> Iterator[_Said]:
    yield from _of_matter(document)
    yield from _of_section(document.root, document, document.is_summary)


def _of_section(section: Section, document: Document, is_open: bool) -> Iterator[_Said]:
    """Numbers in prose count only in summaries; tables say what they are."""
    title = inline.plain(section.heading.text[:500]) if section.heading else ""
    number = re.search(r"[(\[:–—-]\s*(\d{1,4})\b[^()]*[)\]]?\s*$", title)
    group = severities.of_group(title) if number else None
    if number and group and group[1] is severities.Weight.WORD:
        yield _Said(group[0], int(number[1]), document.page.source(section.line))
    is_overview = is_open or bool(_OVERVIEW.search(title)) or section.level <= 1
    blocks = section.blocks if is_overview else [block for block in section.blocks if block.kind == "table"]
    yield from _of_blocks(blocks, document)
    for inner in section.sections:
        yield from _of_section(inner, document, is_open)


def _of_blocks(blocks: Sequence[Block], document: Document) -> Iterator[_Said]:
    for block in blocks:
        if block.kind == "table":
            yield from _of_table(block, document)
        elif block.kind == "list":
            lines = [(each.text, each.line) for each in flat([block]) if each.kind == "paragraph"]
            yield from _summed(list(_of_lines(lines, document)))
        elif block.kind in ("paragraph", "quote"):
            for each in flat([block]):
                if each.kind == "paragraph":
                    lines = [(text, each.line + at) for at, text in enumerate(each.text.split("\n"))]
                    yield from _summed(list(_of_lines(lines, document))) or _of_prose(each, document)


def _of_lines(lines: Sequence[tuple[str, int]], document: Document) -> Iterator[_Said]:
    for text, line in lines:
        for part in re.split(r"\s+[|·•]\s+|,\s+(?=\D)", inline.plain(text[:1000])):
            match = _LABELLED.fullmatch(severities.unsigned(part))
            kind = _kind(match[1]) if match else None
            if match and kind:
                yield _Said(kind, int(match[2]), document.page.source(line))


def _of_prose(block: Block, document: Document) -> list[_Said]:
    text = inline.plain(block.text[:4000])
    source = document.page.source(block.line)
    found = [
        _Said(severity, _number(match[1]), source)
        for match in _OF_SEVERITY.finditer(text)
        if (severity := _severity(match[2]))
    ]
    totals = [_Said("total", _number(match[1] or match[2]), source) for match in _TOTAL.finditer(text)]
    return [*(totals[:1] if len(totals) == 1 else []), *_summed(found)]


def _of_table(table: Block, document: Document) -> Iterator[_Said]:
    if len(table.children) > _LONGEST_TABLE:
        return
    header, *rows = ([inline.plain(cell) for cell in row.cells] for row in table.children)
    source = document.page.source
    kinds = [_kind(cell) for cell in header]
    if sum(kind is not None for kind in kinds[1:]) >= 2:
        numbered = [(cells, row.line) for cells, row in zip(rows, table.children[1:], strict=True)]
        last = [each for each in numbered if _kind(each[0][0] if each[0] else "") == "total"]
        counted = [each for each in numbered if each not in last]
        for at, kind in enumerate(kinds):
            values = [cells[at] for cells, _ in (last or counted) if at < len(cells) and cells[at].isdigit()]
            if kind and at and values:
                yield _Said(kind, sum(map(int, values)), source((last or counted)[0][1]))
        return
    said = []
    for cells, row in zip(rows, table.children[1:], strict=True):
        kind = _kind(cells[0]) if cells else None
        numbers = [cell for cell in cells[1:] if re.fullmatch(r"\d{1,5}", cell)]
        if kind and len(numbers) == 1:
            said.append(_Said(kind, int(numbers[0]), source(row.line)))
    yield from _summed(said)


def _summed(said: Sequence[_Said]) -> list[_Said]:
    """Words of one severity together: low and informational."""
    numbers: dict[Kind, _Said] = {}
    for each in said:
        before = numbers.get(each.kind)
        numbers[each.kind] = each if not before else _Said(each.kind, before.number + each.number, before.source)
    return list(numbers.values())


def _of_matter(document: Document) -> Iterator[_Said]:
    source = document.page.source(1)
    holders: list[Mapping[str, Any]] = [document.matter]
    holders += [value for value in document.matter.values() if isinstance(value, dict)]
    for holder in holders:
        said = []
        for key, value in holder.items():
            kind = _kind(str(key).replace("_", " "))
            if kind and isinstance(value, str) and re.fullmatch(r"\d{1,5}", value):
                said.append(_Said(kind, int(value), source))
        yield from _summed(said)


def _kind(label: str) -> Kind | None:
    text = severities.unsigned(label).strip(" :*#").lower()
    if text in _TOTALS:
        return "total"
    group = severities.of_group(text)
    return group[0] if group else _LOW_INFO.get(text)


_LOW_INFO: dict[str, Kind] = {"info": Severity.LOW, "note": Severity.LOW, "notes": Severity.LOW}


def _severity(word: str) -> Severity | None:
    group = severities.of_group(f"{word} findings")
    return group[0] if group else None


def _number(word: str) -> int:
    return _NUMBERS[word.lower()] if word.lower() in _NUMBERS else int(word)
