"""Blocks side by side: tables and lists of findings, and findings that are paragraphs with bold text or labels."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from mosaic_daemon.planning.finding import Leftover
from mosaic_daemon.planning.reports import entries, fields, headline, ids, inline, items, severities, tables
from mosaic_daemon.planning.reports.asides import Trust
from mosaic_daemon.planning.reports.blocks import Block
from mosaic_daemon.planning.reports.headline import Headline
from mosaic_daemon.planning.reports.pages import Context, Found, Page, is_finding, placed

_SHORT = 80
_LONGEST = 2000
_SUMMARY_TAG = re.compile(r"<summary[^<>]*+>(.{1,500}?)</summary>", re.I | re.DOTALL)


class Scan:
    """Reads blocks one after the other. A paragraph that opens a finding takes what follows until the next one."""

    def __init__(self, page: Page, context: Context) -> None:
        self._page = page
        self._base = self._context = context
        self._open: tuple[Headline, list[Block]] | None = None
        self.found = Found()

    def run(self, blocks: Sequence[Block]) -> Found:
        for block in blocks:
            if block.kind == "paragraph":
                for part in _parts(block):
                    self._paragraph(part)
            elif block.kind == "list":
                self._list(block)
            elif block.kind == "table":
                self._table(block)
            elif block.kind == "rule":
                self._close()
            elif block.kind == "html":
                self._html(block)
            else:
                self._attach(block)
        self._close()
        return self.found

    def _paragraph(self, block: Block) -> None:
        label = inline.plain(block.text) if len(block.text) <= _SHORT and "\n" not in block.text else ""
        if label and (group := severities.of_group(label)) and not fields.is_labelled(block.text):
            self._close()
            self._context = self._base.of_severity(*group, self._page.source(block.line))
            return
        line = _opening(block, self._context)
        if line is not None:
            self._close()
            self._open = (line, [block])
        elif self._open:
            self._attach(block)
        elif self._context.claim and self._context.trust is Trust.FULL and entries.text_places([block]):
            self._leave(block, "a paragraph under a severity, without id or title")
        elif self._context.trust is Trust.FULL and _seems_one(block):
            self._leave(block, "a paragraph that seems to tell of a finding, without id or title")

    def _list(self, block: Block) -> None:
        if self._open and not items.has_findings(block):
            self._attach(block)
            return
        self._close()
        self.found.add(items.scanned(block, self._page, self._context))

    def _table(self, block: Block) -> None:
        rows = None if self._open and fields.of_blocks([block]) else tables.scanned(block, self._page, self._context)
        if rows is None:
            self._attach(block)
        else:
            self._close()
            self.found.add(rows)

    def _html(self, block: Block) -> None:
        text = inline.uncommented(block.text)
        summary = _SUMMARY_TAG.search(text)
        line = headline.heading(summary[1]) if summary else Headline()
        if summary and is_finding(line, self._context):
            self._close()
            self._open = (line, [block])
        elif "</details>" in text.lower():
            self._attach(block)
            self._close()
        elif ids.found(text[:20_000]) and not text.lstrip().startswith("<!--"):
            self._leave(block, "HTML is not read")

    def _attach(self, block: Block) -> None:
        if self._open:
            self._open[1].append(block)

    def _close(self) -> None:
        if self._open is None:
            return
        line, blocks = self._open
        self._open = None
        first, *rest = blocks
        is_labelled = fields.is_labelled(first.text)
        text = first.text if is_labelled else first.text.partition("\n")[2]
        facts = [*fields.of_lines(text, first.line + (not is_labelled)), *fields.of_blocks(rest)]
        entry = entries.built(line, facts, self._page.source(first.line))
        entry.body = self._page.excerpt(first.line, blocks[-1].end)
        told = entries.text_places([Block("paragraph", 1, 1, first.text), *rest])
        entry.places = entries.with_text(entry.places, told)
        entry.is_full = len(blocks) > 1 or "\n" in first.text
        if entry.title or entry.id:
            self.found.entries.append(placed(entry, self._context))

    def _leave(self, block: Block, why: str) -> None:
        text = headline.titled(inline.plain(block.text[:1000]))
        self.found.leftovers.append(Leftover(self._page.source(block.line), text, why))


def _parts(block: Block) -> Iterator[Block]:
    """The paragraph in pieces, if several of its lines open a finding or it repeats its labels."""
    lines = block.text.split("\n")
    labelled = [at for at, line in enumerate(lines) if _is_id_label(line)]
    starts = [at for at, line in enumerate(lines) if at and _starts(line)]
    starts = sorted({*starts, *_repetitions(lines, labelled)})
    if not starts:
        yield block
        return
    for first, end in zip([0, *starts], [*starts, len(lines)], strict=True):
        yield Block("paragraph", block.line + first, block.line + end - 1, "\n".join(lines[first:end]))


def _starts(text: str) -> bool:
    """Whether a line inside a paragraph opens a finding of its own."""
    if not ids.opens(text):
        return False
    line = headline.entry(text)
    return bool(line.id and line.is_marked and line.title) and not fields.is_labelled(text)


def _is_id_label(text: str) -> bool:
    return ":" in text[:60] and any(each.name == "id" for each in fields.of_lines(text, 1))


def _repetitions(lines: Sequence[str], labelled: Sequence[int]) -> list[int]:
    """Where a paragraph of labels begins again: at the label it began with."""
    if len(labelled) < 2:
        return []
    first = next((each.name for line in lines for each in fields.of_lines(line, 1)), None)
    return [
        at
        for at, line in enumerate(lines)
        if at and next((each.name for each in fields.of_lines(line, 1)), "") == first
    ]


def _opening(block: Block, context: Context) -> Headline | None:
    """The headline of a paragraph that opens a finding."""
    first = block.text.partition("\n")[0]
    if fields.is_labelled(first):
        names = {each.name for each in fields.of_lines(block.text, 1)}
        is_record = "id" in names or bool(names & {"severity", "risk"} and names & {"title", "issue"})
        return Headline() if is_record else None
    is_set_off = first.startswith(("**", "__", "[", "`", "~~")) or first[:1] in severities.SIGNS
    if not (is_set_off or ids.opens(first)):
        return None
    line = headline.entry(first)
    if line.id and line.is_marked:
        return line
    if is_set_off and line.is_tagged and line.title and is_finding(line, context):
        return line
    is_bold_title = bool(context.claim) and first.startswith(("**", "__")) and len(line.title) > 3
    is_own_line = not line.rest and not asides_title(line.title)
    return line if is_bold_title and is_own_line and is_finding(line, context) else None


def _seems_one(block: Block) -> bool:
    """Whether prose names a line of code or says how severe it is, and speaks of nothing that has an id."""
    text = block.text[:_LONGEST]
    if fields.is_labelled(text) or ids.found(text):
        return False
    told = [*items.remarked(text, block.line), *fields.of_lines(text, block.line)]
    is_severe = any(each.name in ("severity", "risk") for each in told)
    return is_severe or any(place.first is not None for place in entries.text_places([block]))


def asides_title(title: str) -> bool:
    """Whether bold text names a part of a finding rather than the finding."""
    return title.endswith(":") or fields.named(title) is not None
