"""Lists with a finding in each item."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from mosaic_daemon.planning.finding import Leftover, Location
from mosaic_daemon.planning.reports import entries, fields, headline, inline, locations, severities
from mosaic_daemon.planning.reports.asides import Trust
from mosaic_daemon.planning.reports.blocks import Block
from mosaic_daemon.planning.reports.fields import Field
from mosaic_daemon.planning.reports.headline import Headline
from mosaic_daemon.planning.reports.pages import Context, Found, Page, is_finding, placed, says_nothing

_MAX_DEPTH = 12
_LONGEST = 2000
_SENTENCES = re.compile(r"(?<=[.!?)])\s+")
_KIND = re.compile(r"[ -](?:severity|priority|risk|impact)$", re.I)


def scanned(listing: Block, page: Page, context: Context, depth: int = 0) -> Found:
    """The findings of a list and of the lists inside of it."""
    found = Found()
    if depth > _MAX_DEPTH:
        return found
    if _is_legend(listing, context):
        why = "it seems to explain a severity"
        found.leftovers = [
            Leftover(page.source(item.line), inline.plain(_first_text(item)[:300]), why) for item in listing.children
        ]
        return found
    if _is_record(listing):
        facts = fields.of_blocks([listing])
        found.entries.append(placed(_entry(Headline(), facts, listing, page, context), context))
        return found
    silent = []
    for item in listing.children:
        before = len(found.entries) + len(found.leftovers)
        _add_item(item, page, context, found, (listing.line, depth))
        if len(found.entries) + len(found.leftovers) == before:
            silent.append(item)
    found.leftovers += _unplaced(silent, page, context, among_findings=bool(found.entries))
    return found


def remarked(text: str, line: int) -> Iterator[Field]:
    """A severity that is a sentence after the first: `… is logged. Critical!`, `… by hand. Severity: blocker.`"""
    for sentence in _SENTENCES.split(inline.plain(text[:_LONGEST]))[1:]:
        word = _KIND.sub("", sentence.strip(" .!–—-"))
        if severities.of_tag(word) is not None:
            yield Field("severity", word, line)
        yield from (each for each in fields.of_lines(sentence, line) if each.name in ("severity", "risk"))


def _unplaced(items: Sequence[Block], page: Page, context: Context, *, among_findings: bool) -> Iterator[Leftover]:
    """Items that were not read, and are findings for all anybody knows: beside some, or with a line of code."""
    if context.trust is not Trust.FULL:
        return
    for item in items:
        text, line = _first_text(item), _headline(item)
        if line.id or line.is_count or says_nothing(line.title) or fields.is_labelled(text) or text.endswith(":"):
            continue
        if among_findings or any(place.first is not None for place in entries.text_places(item.children)):
            yield Leftover(page.source(item.line), line.title, "it has neither id nor severity")


def has_findings(listing: Block) -> bool:
    """Whether an item starts with an id of its own, so that the list is not a part of the text before it."""
    return any(line.id and line.is_marked and line.title for item in listing.children if (line := _headline(item)))


def _add_item(item: Block, page: Page, context: Context, found: Found, at: tuple[int, int]) -> None:
    text = _first_text(item)
    line = _headline(item)
    lists = [block for block in item.children if block.kind == "list"]
    label = inline.plain(text.partition("\n")[0]).rstrip(":")
    if lists and (group := severities.of_group(label)):
        inner = context.of_severity(*group, page.source(item.line))
        for each in lists:
            found.add(scanned(each, page, inner, at[1] + 1))
        return
    if fields.is_labelled(text) and _is_record(item):
        found.entries.append(placed(_entry(Headline(), fields.of_blocks(item.children), item, page, context), context))
        return
    facts = _facts(item)
    stated = [each for each in facts if each.name in ("severity", "risk", "id")]
    if not stated and not line.is_tagged:
        stated = list(remarked(text, item.line))
        facts += stated
    is_label = fields.is_labelled(text)
    is_heading = (
        bool(lists) and not line.id and not line.is_tagged and (text.rstrip(" *_").endswith(":") or not context.claim)
    )
    if not is_label and not (is_heading and not stated) and (is_finding(line, context) or (stated and line.title)):
        entry = _entry(line, facts, item, page, context)
        entry.block = at[0]
        found.entries.append(placed(entry, context))
        return
    inner = replace(context, path=_path_of(text) or context.path)
    for each in lists:
        found.add(scanned(each, page, inner, at[1] + 1))
    if line.id and not line.is_marked and not is_label and context.trust is Trust.FULL and not lists:
        return
    if "[" in text[:2] and line.title and not lists and context.is_of_findings and context.trust is Trust.FULL:
        found.leftovers.append(Leftover(page.source(item.line), line.title, "it has neither id nor severity"))


def _entry(line: Headline, facts: list[Field], item: Block, page: Page, context: Context) -> entries.Entry:
    entry = entries.built(line, facts, page.source(item.line))
    entry.body = _unmarked(page.excerpt(item.line, item.end))
    if context.path and line.lines:
        entry.places = entry.places or locations.found(f"`{context.path}` {line.lines}")
    entry.places = entries.with_text(entry.places, entries.text_places(item.children))
    if context.path and not entry.places:
        entry.places = [Location(context.path)]
    entry.is_full = bool(facts) or len(item.children) > 1
    return entry


def _path_of(text: str) -> str:
    places = locations.found(text[:300])
    return places[0].path if len(places) == 1 and len(inline.plain(text).split()) <= 2 else ""


def _headline(item: Block) -> Headline:
    return headline.entry(_first_text(item).partition("\n")[0])


def _facts(item: Block) -> list[Field]:
    first = item.children[0] if item.children and item.children[0].kind == "paragraph" else None
    if first is None:
        return fields.of_blocks(item.children)
    below = first.text.partition("\n")[2]
    return [*fields.of_lines(below, first.line + 1), *fields.of_blocks(item.children[1:])]


def _first_text(item: Block) -> str:
    first = item.children[0] if item.children else None
    return first.text if first and first.kind == "paragraph" else ""


def _is_record(block: Block) -> bool:
    """Whether a list, or an item of one, is a finding told by labels alone."""
    if block.kind == "list":
        labelled = [item for item in block.children if fields.is_labelled(_first_text(item))]
        if len(labelled) < 2 or len(labelled) * 2 <= len(block.children):
            return False
    names = [each.name for each in fields.of_blocks(block.children)]
    is_told = {"id", "title"} & {*names} or ({"issue", "text"} & {*names} and "severity" in names)
    return bool(is_told) and max(names.count("severity"), names.count("id")) == 1 and names.count("title") <= 1


def _is_legend(listing: Block, context: Context) -> bool:
    """A list that explains severities rather than naming findings: each word once in falling order, no id, no place."""
    if context.is_of_findings or context.claim or context.path or len(listing.children) < 3:
        return False
    lines = [_headline(item) for item in listing.children]
    if any(line.id or line.locations or line.lines or line.is_count or not line.is_tagged for line in lines):
        return False
    said = [line.claims[-1][0] for line in lines]
    is_falling = said == sorted(set(said), key=lambda each: each.rank)
    has_brackets = any("[" in _first_text(item)[:6] for item in listing.children)
    return is_falling and not has_brackets and not any(entries.text_places(item.children) for item in listing.children)


def _unmarked(text: str) -> str:
    """The item's text without its bullet."""
    head, _, rest = text.partition("\n")
    head = head.lstrip("-*+ ") if head[:2] in {"- ", "* ", "+ "} else head
    return f"{head}\n{rest}".rstrip() if rest else head
