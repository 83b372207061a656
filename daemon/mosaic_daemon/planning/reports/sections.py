"""Headings: which of them are findings, which only group findings, and which are prose."""

from __future__ import annotations

import re
from dataclasses import replace

from mosaic_daemon.planning.finding import Location, Severity
from mosaic_daemon.planning.reports import asides, entries, fields, headline, ids, inline, locations, paths, severities
from mosaic_daemon.planning.reports.asides import Trust
from mosaic_daemon.planning.reports.blocks import Block, Section
from mosaic_daemon.planning.reports.entries import Entry
from mosaic_daemon.planning.reports.fields import Field
from mosaic_daemon.planning.reports.headline import Headline
from mosaic_daemon.planning.reports.pages import Context, Found, Page, placed, says_nothing
from mosaic_daemon.planning.reports.scanning import Scan
from mosaic_daemon.planning.reports.severities import Weight

_CHAPTER = re.compile(r"\d{1,3}\s+(?=\D)")


def read(section: Section, page: Page, context: Context) -> Found:
    """The findings of a section and of all inside of it."""
    if section.heading is None:
        return _inside(section, page, context)
    line = headline.heading(section.heading.text)
    if line.id and (line.is_marked or ids.is_id(line.id)) and not ids.found(line.title):
        return _finding(section, line, page, context)
    text = inline.plain(section.heading.text[:2000])
    group = severities.of_group(text)
    if group and not line.id:
        inner = context.below(text).of_severity(*group, page.source(section.line))
        return _inside(section, page, replace(inner, is_of_findings=True))
    bare = _CHAPTER.sub("", line.title)
    is_aside = asides.trust(bare) is not Trust.FULL
    if is_aside or ((says_nothing(line.title) or asides.is_part(bare)) and not (line.is_tagged and line.title)):
        return _inside(section, page, context.below(bare or text))
    if path := _path(line.title):
        return _inside(section, page, replace(context.below(line.title), path=path))
    return _unnamed(section, line, page, context)


def _unnamed(section: Section, line: Headline, page: Page, context: Context) -> Found:
    """A heading without id: a finding if something says how severe it is, and nothing inside of it is one."""
    if line.is_tagged and not line.is_count and context.trust is Trust.FULL:
        return _finding(section, line, page, context)
    inner = _inside(section, page, context.below(line.title))
    has_findings = any(_is_independent(entry, context) for entry in inner.entries)
    facts = fields.of_blocks(section.blocks)
    stated = [each for each in facts if each.name in ("severity", "risk", "id", "priority", "cvss")]
    is_record = any(each.name == "title" for each in facts)
    names = [each.name for each in stated]
    says_severity = bool(stated) and len(set(names)) == len(names) and not is_record and bool(_claims(stated, page))
    if has_findings or context.trust is Trust.NONE or not line.title:
        return inner
    if says_severity or (context.claim and not _is_component(line.title) and context.trust is Trust.FULL):
        return _finding(section, line, page, context)
    return inner


def _finding(section: Section, line: Headline, page: Page, context: Context) -> Found:
    """A heading that is a finding. Headings inside of it are its parts, unless they start with an id of their own."""
    own, nested = _split(section, line.id)
    facts = fields.of_section(own)
    line.claims += _tags_below(section)
    entry = entries.built(line, facts, page.source(section.line))
    last = min((each.line for each in nested), default=section.end + 1) - 1
    entry.body = page.excerpt(section.line + _height(section), last)
    entry.places = _own_places(entry, facts, own, context)
    entry.is_full = True
    found = Found([placed(entry, context)])
    for each in nested:
        found.add(read(each, page, replace(context, claim=None) if not context.claim else context))
    return found


def _tags_below(section: Section) -> list[tuple[Severity, Weight]]:
    """Severity as a tag on the first line below the heading: `**Sev1** · a.tf:18`."""
    first = section.blocks[0] if section.blocks else None
    if first is None or first.kind != "paragraph" or fields.is_labelled(first.text):
        return []
    return [claim for claim in headline.entry(first.text.partition("\n")[0]).claims if claim[1] > Weight.DOT]


def _split(section: Section, own_id: str) -> tuple[Section, list[Section]]:
    """The section without the inner ones that are findings of their own, and these."""
    nested, kept = [], []
    for inner in section.sections:
        name = ids.leading(inline.plain(inner.heading.text[:300]).lstrip("[( ")) if inner.heading else ""
        if name and name != own_id:
            nested.append(inner)
        else:
            part, deeper = _split(inner, own_id)
            kept.append(part)
            nested += deeper
    return Section(section.heading, section.line, section.end, section.blocks, kept), nested


def _inside(section: Section, page: Page, context: Context) -> Found:
    found = Scan(page, context).run(section.blocks)
    for inner in section.sections:
        found.add(read(inner, page, context))
    return found


def _own_places(entry: Entry, facts: list[Field], section: Section, context: Context) -> list[Location]:
    lines = fields.first(facts, "lines")
    if context.path and lines and not entry.places:
        return entries.places_of([Field("place", context.path, lines.line), lines])
    heading = [Block("paragraph", 1, 1, section.heading.text)] if section.heading else []
    told = entries.text_places(heading) + _text_places(section)
    return entries.with_text(entry.places, _lined(told)) or ([Location(context.path)] if context.path else [])


def _text_places(section: Section) -> list[Location]:
    found = entries.text_places(section.blocks)
    for inner in section.sections:
        title = inline.plain(inner.heading.text[:300]) if inner.heading else ""
        if fields.named(title) != "fix" and asides.trust(title) is Trust.FULL:
            found += _text_places(inner)
    return _lined(found)


def _lined(places: list[Location]) -> list[Location]:
    """Those with lines, or else all."""
    return [place for place in places if place.first is not None] or locations.distinct(places)


def _claims(stated: list[Field], page: Page) -> bool:
    probe = Entry("", page.source(1))
    entries.add_severity(probe, stated)
    return bool(probe.claims) or any(ids.stated(inline.plain(each.value)) for each in stated if each.name == "id")


def _is_independent(entry: Entry, context: Context) -> bool:
    """An entry that stands by itself, not a line of the text around it that merely inherits a severity."""
    return not entry.aside and (bool(entry.id) or any(claim != context.claim for claim in entry.claims))


def _is_component(title: str) -> bool:
    return bool(paths.component(f"{title}/")) or (" " not in title and not title[:1].isdigit() and len(title) <= 12)


def _path(title: str) -> str:
    """The file that a heading is, when it is nothing else."""
    places = locations.found(title)
    return places[0].path if len(places) == 1 and len(title.split()) == 1 and places[0].first is None else ""


def _height(section: Section) -> int:
    return section.heading.end - section.heading.line + 1 if section.heading else 0


def whole(root: Section, entry: Entry, page: Page) -> Found:
    """Complete an entry that a whole file is about; other findings in the file are returned."""
    own, nested = _split(root, entry.id)
    facts = fields.of_section(own)
    entries.add_severity(entry, [] if entry.claims else facts)
    entry.places = entry.places or _own_places(entry, facts, own, Context())
    entry.is_full = True
    found = Found()
    for each in nested:
        found.add(read(each, page, Context()))
    return found
