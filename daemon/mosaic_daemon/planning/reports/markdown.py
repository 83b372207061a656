"""A Markdown file: its front matter, its sections, and what its name says."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from mosaic_daemon.planning.finding import Remark
from mosaic_daemon.planning.reports import blocks, entries, frontmatter, headline, ids, inline, sections, severities
from mosaic_daemon.planning.reports.blocks import Section
from mosaic_daemon.planning.reports.headline import Headline
from mosaic_daemon.planning.reports.pages import Context, Found, Page
from mosaic_daemon.planning.reports.severities import Claim, Weight

_SUMMARY = re.compile(r"^0+\D|summary|overview|^index\b|^readme\b", re.I)
_FILE_ID = re.compile(r"([A-Z][A-Z0-9]*(?:-[A-Z0-9]+)*-\d{1,5})(?![\w])")


@dataclass(slots=True)
class Document:
    """A file as it was read.

    Attributes:
        is_summary: its name says that it sums up the others.
        matter: front matter by its keys in lower case.
    """

    page: Page
    root: Section
    is_summary: bool
    found: Found = field(default_factory=Found)
    matter: dict[str, Any] = field(default_factory=dict)
    remarks: list[Remark] = field(default_factory=list)


def read(file: str, text: str) -> Document:
    """Read a file.

    Args:
        file: its name, relative to the report's folder.
        text: its content; lines end in `\\n`.
    """
    text = inline.clean(text)
    page = Page(file, text.split("\n"))
    tree = blocks.parsed(text)
    matter = next((each.text for each in tree[:1] if each.kind == "matter"), "")
    root = blocks.sectioned([each for each in tree if each.kind != "matter"], len(page.lines))
    document = Document(page, root, bool(_SUMMARY.search(file.rpartition("/")[2])))
    if matter:
        document.matter, document.remarks = frontmatter.loaded(matter, page)
    if frontmatter.is_finding(document.matter):
        document.found = _of_one(document)
    else:
        document.found.entries = frontmatter.listed(document.matter, page)
        document.found.add(sections.read(root, page, Context()))
    _name(document)
    return document


def _of_one(document: Document) -> Found:
    """The finding that the front matter tells of; the rest of the file is its text."""
    page = document.page
    facts = list(frontmatter.facts(document.matter, 1))
    heading = next((each.heading for each in document.root.sections if each.heading), None)
    line = headline.heading(heading.text) if heading else Headline()
    entry = entries.built(Headline(), facts, page.source(1))
    if not entry.id or entry.id == line.id or not line.id:
        entry.id, entry.title = entry.id or line.id, entry.title or line.title
    found = sections.whole(document.root, entry, page)
    end = next((at for at, text in enumerate(page.lines[1:], 2) if text.strip() == "---"), 0)
    entry.body = page.excerpt(
        end + 1, min((each.source.line for each in found.entries), default=len(page.lines) + 1) - 1
    )
    found.entries.insert(0, entry)
    return found


def _name(document: Document) -> None:
    """What the file's name tells: the id of its only finding, and a severity where nothing else gives one."""
    *folders, name = document.page.file.split("/")
    full = [entry for entry in document.found.entries if entry.is_full]
    match = _FILE_ID.match(name)
    if match and ids.is_id(match[1]) and len(full) == 1 and not full[0].id:
        full[0].id = match[1]
    groups = [
        group
        for part in (name.partition(".")[0], *reversed(folders))
        if (group := severities.of_group(part.replace("_", " ")))
    ]
    for entry in document.found.entries if groups else []:
        entry.claims.append(Claim(groups[0][0], Weight.HINT, entry.source))
