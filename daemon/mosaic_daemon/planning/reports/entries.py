"""An entry: one place of a report that speaks of a finding. Several entries may be about one finding."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from mosaic_daemon.planning.finding import Location, Severity, Source
from mosaic_daemon.planning.reports import fields, headline, ids, inline, locations, paths, severities, tags
from mosaic_daemon.planning.reports.blocks import Block
from mosaic_daemon.planning.reports.fields import Field
from mosaic_daemon.planning.reports.headline import Headline
from mosaic_daemon.planning.reports.severities import Claim, Weight

_LETTERS = dict(zip("CHMLI", (*Severity, Severity.LOW), strict=True))
_BLANK = re.compile(r"\W*(?:(?:n/?a|none|nil|tbd|unknown|multiple|various|all)\W*)?", re.I)


@dataclass(slots=True)
class Entry:
    """What one place says.

    Attributes:
        others: further ids that it gives, each of a finding of its own.
        claims: everything it says of the severity.
        unknown: a severity that nobody knows, as written.
        is_full: it is where the finding is described, not a line in a list of many.
        block: where it is one of several: the table or list they are all in, by its place.
        aside: the heading it is under, when that announces something else than findings; empty for most.
        is_banned: that heading says that nothing below is to be mended.
        over: why it is no longer to be mended: ticked, `Status: fixed`; empty for most.
        mark: the scanner's own fingerprint.
    """

    title: str
    source: Source
    id: str = ""
    others: list[str] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    unknown: str = ""
    component: str = ""
    places: list[Location] = field(default_factory=list)
    body: str = ""
    is_full: bool = False
    block: int = 0
    aside: str = ""
    is_banned: bool = False
    over: str = ""
    mark: str = ""


def built(line: Headline, facts: Sequence[Field], source: Source) -> Entry:
    """An entry of its first line and its labelled facts."""
    entry = Entry(line.title, source, line.id, line.others)
    entry.claims = [Claim(severity, weight, source) for severity, weight in line.claims]
    add_severity(entry, facts)
    if stated := fields.first(facts, "id"):
        entry.id = entry.id or ids.stated(inline.plain(stated.value))
    for name in ("title", "issue", "text"):
        if not entry.title and (told := fields.first(facts, name)):
            said = headline.entry(told.value.partition("\n")[0])
            entry.title, entry.id = said.title, entry.id or said.id
    if component := fields.first(facts, "component"):
        entry.component = component_of(component.value)
    entry.places = locations.distinct([*line.locations, *places_of(facts)])
    if status := fields.first(facts, "status"):
        entry.over = over(inline.plain(status.value))
    if line.is_done:
        entry.over = "it is marked as done"
    return entry


def add_severity(entry: Entry, facts: Sequence[Field]) -> None:
    """What the labelled facts say of severity; of several kinds only the first is heard, a priority is lighter."""
    for names, weight in ((("severity", "risk"), Weight.WORD), (("priority",), Weight.PRIORITY)):
        for name in names:
            stated = [each for each in facts if each.name == name and not is_blank(inline.plain(each.value))]
            claims = [
                claim for each in stated if (claim := _claim(inline.plain(each.value), weight, entry.source, each))
            ]
            entry.claims += claims
            if stated and not claims and name == "severity":
                entry.unknown = inline.plain(stated[0].value)[:60]
            if claims:
                break
    for each in facts:
        score = severities.of_cvss(inline.plain(each.value)) if each.name == "cvss" else None
        if score is not None:
            entry.claims.append(Claim(score, Weight.FIGURE, Source(entry.source.file, each.line)))


def _claim(value: str, weight: Weight, source: Source, fact: Field) -> Claim | None:
    severity = severities.of_value(value)
    if severity is None and (number := re.fullmatch(r"\W*(\d{1,2}(?:\.\d+)?)(?:\s*/\s*10)?\W*", value)):
        score = float(number[1])
        if fact.name == "priority" or (score.is_integer() and "." not in number[1] and score <= 5 and "/" not in value):
            severity = severities.of_value(f"{'p' if fact.name == 'priority' else 'sev'}{min(int(score), 5)}")
        elif score <= 10:
            severity, weight = severities.of_figure(score), Weight.FIGURE
    if severity is None and "cvss" in value.lower():
        severity, weight = severities.of_cvss(value), Weight.FIGURE
    if severity is None and fact.name in ("severity", "risk", "priority"):
        severity = _LETTERS.get(value.strip().upper())
    if severity is None and fact.name in ("severity", "priority") and not any(sign.isalpha() for sign in value):
        severity = severities.of_dot(value)
    return Claim(severity, weight, Source(source.file, fact.line)) if severity is not None else None


def places_of(facts: Iterable[Field]) -> list[Location]:
    """Files, with the lines that stand in a field of their own."""
    found = [place for each in facts if each.name == "place" for place in locations.found(each.value, is_field=True)]
    lines = [locations.spans(inline.plain(each.value)) for each in facts if each.name == "lines"]
    bare = [place for place in found if place.first is None]
    for place, ranges in zip(bare, lines, strict=False):
        at = found.index(place)
        found[at : at + 1] = [Location(place.path, first, last) for first, last in ranges] or [place]
    return locations.distinct(found)


def component_of(value: str) -> str:
    """A component as a report names it: `apps/api` and `@acme/api` are `api`."""
    name = inline.plain(value).split(",")[0].strip().lower()
    return "" if is_blank(name) else paths.component(f"{name}/") or name.rpartition("/")[2][:60]


def over(status: str) -> str:
    """Why an entry with this status is not to be mended, or nothing."""
    return f"its status is {status[:40]!r}" if tags.is_over(status) else ""


def is_blank(value: str) -> bool:
    """Whether a cell or field is there and says nothing."""
    return bool(_BLANK.fullmatch(value)) and severities.of_dot(value) is None


def text_places(blocks: Sequence[Block]) -> list[Location]:
    """Places that prose speaks of: those with lines, or else all; advice on how to mend it is left out."""
    found: list[Location] = []
    for block in blocks:
        if block.kind == "paragraph" and not _is_advice(block.text):
            found += locations.found(block.text)
        elif block.kind == "row":
            found += [place for cell in block.cells for place in locations.found(cell)]
        if block.kind != "quote" or not fields.is_quotation(block):
            found += text_places(block.children)
    with_lines = [place for place in found if place.first is not None]
    return locations.distinct(with_lines or found)


def with_text(stated: list[Location], told: list[Location]) -> list[Location]:
    """The places of labels, then those that the text gives with their lines."""
    if not stated:
        return told
    whole = {suffix: place.path for place in stated for suffix in _suffixes(place.path)}
    lined = [replace(place, path=whole.get(place.path, place.path)) for place in told if place.first is not None]
    return locations.distinct([*stated, *lined])


def _suffixes(path: str) -> Iterator[str]:
    """The path, and what of it prose may call it by."""
    yield path
    yield from (path[match.end() :] for match in re.finditer(r"[/ ]", path[:500]))


def heard(claims: Sequence[Claim]) -> list[Claim]:
    """The claims that count, the most severe first. A mere hint counts where nobody says more."""
    told = [claim for claim in claims if claim.weight > Weight.HINT] or list(claims)
    return sorted(told, key=lambda claim: (claim.severity.rank, -claim.weight))


def _is_advice(text: str) -> bool:
    colon = text.find(":", 0, 40)
    return colon > 0 and fields.named(text[:colon]) == "fix"
