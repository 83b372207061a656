"""The first line of an entry, taken apart: `[HIGH] **SEC-API-1**: Title (a.ts:3)` is severity, id, title, place."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from mosaic_daemon.planning.finding import Location, Severity
from mosaic_daemon.planning.reports import ids, inline, locations, severities, tags
from mosaic_daemon.planning.reports.severities import Weight

MAX_TITLE = 300
_LONGEST = 2000

_BOLD = re.compile(r"\s*(?:\[[ xX]\]\s+)?(?:\d+[.)]\s+)?(\*\*|__)(?=\S)((?:(?!\1).)++)\1")
_CHECKBOX = re.compile(r"\s*\[([ xX])\]\s+")
_STRUCK = re.compile(r"\s*(?:\[[ xX]\]\s+)?~~.*~~\W*$")
_NUMBER = re.compile(
    r"(?:finding|issue|item|problem|bug|vulnerability|vuln|observation)\s*#?\s*\d+(?:\.\d+)*\s*(?:[.):|]|[-–—]+(?=\s)|$)\s*"
    r"|#\d+\s*(?:[.):|]|[-–—]+(?=\s))?\s*|\d+(?:\.\d+)*[.):]\s+|\d+(?:\.\d+)+\s+",
    re.I,
)
_WORD_BEFORE_ID = re.compile(r"(?:finding|issue|vulnerability|bug)\s*:?\s+(?=[A-Z][A-Z0-9-]*-\d)", re.I)
_SEPARATOR = re.compile(r"\s*(?:[:|·•,/]|[-–—]+(?=\s|$|\[))\s*")
_GROUP = re.compile(r"[\[({]\s*([^\[\](){}]{1,120})\s*[\])}]")
_LAST_GROUP = re.compile(r"\s*[\[({]\s*([^\[\](){}]{1,200})\s*[\])}]\s*$")
_LAST_PART = re.compile(r"\s(?:[-–—]+|[|·•])\s+([^|·•]{1,120})$")
_TAG = re.compile(
    r"(?:severity\s*[:=]?\s*)?((?:very )?[A-Za-z]+(?:[ -]?\d)?)(?:[\s-]+(?:severity|priority|risk|impact))?"
    r"(?=\s*(?:[:|/\]]|$)|\s+[-–—]+(?:\s|$))",
    re.I,
)
_ALSO = re.compile(r"^(?:and|und|&|\+)\s+(?=[A-Z])")
_ORNAMENT = re.compile(r"^\s*[^\w\s\[\](){}\"'`.,/@#$~<>&+:;|·•*=%!?\\„“”«»‘’–—-]+\s*")
_LINES = re.compile(r"(?:lines?|ln|L)\s?(\d{1,7}(?:\s?[-–,]\s?L?\d{1,7})*)(?=\s*(?:[:\[(|]|[-–—]+\s|$))", re.I)
_PLACE = re.compile(r"([\w.@+/-]{1,200}(?::|#L)\d[\dL:–,-]*\d|[\w.@+/-]{1,200}(?::|#L)\d)(?=\s*(?:[:\[(|]|[-–—]+\s|$))")
_SENTENCE = re.compile(r"(?<=[\w)\]\"'’”])[.!?]\s+(?=[A-Z\[(\"“])")
_COUNT = re.compile(
    r"\W*(?:(?:\d+|no|none|zero|n/a)\b)?\W*(?:(?:open|new|total)\s+)?(?:findings?|issues?|items?|vulnerabilit(?:y|ies)|problems?|bugs?)?\W*",
    re.I,
)


@dataclass(slots=True)
class Headline:
    """What a line says.

    Attributes:
        id: empty if it gives none. is_marked: set off from the sentence by bold, brackets or a separator.
        others: ids after it, `SEC-1, SEC-2: Title`.
        claims: severities with their weights.
        title: what is left; one line without markup.
        rest: prose after the title, when the line has both.
        lines: of the file that the surroundings name.
        is_done: ticked, struck out, marked with a green check or `[FIXED]`.
    """

    id: str = ""
    is_marked: bool = False
    claims: list[tuple[Severity, Weight]] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    title: str = ""
    rest: str = ""
    locations: list[Location] = field(default_factory=list)
    lines: str = ""
    is_done: bool = False

    @property
    def is_tagged(self) -> bool:
        """A severity is stated in words or figures, not merely hinted at."""
        return any(weight > Weight.HINT for _, weight in self.claims)

    @property
    def is_count(self) -> bool:
        """It tells a number of findings, or that there are none."""
        return bool(_COUNT.fullmatch(self.title))


def heading(text: str) -> Headline:
    """A heading: all of it is the title."""
    line = Headline()
    _both_ends(inline.plain(text[:_LONGEST]), line, is_id_free=True)
    line.is_done = line.is_done or _is_done(text)
    return line


def entry(text: str) -> Headline:
    """The first line of an item or paragraph: bold text is the title where there is some, else the first sentence."""
    text = text[:_LONGEST]
    line = Headline(is_done=_is_done(text))
    bold = _BOLD.match(text)
    if bold is None:
        _both_ends(inline.plain(text), line, is_id_free=False)
        _cut(line)
        return line
    _both_ends(inline.plain(text[: bold.end()]), line, is_id_free=True)
    line.is_marked = bool(line.id)
    tail = inline.plain(text[bold.end() :])
    title = line.title
    _both_ends(tail, line, is_id_free=not line.id)
    if title:
        line.title, line.rest = title, line.title
    else:
        _cut(line)
    return line


def titled(text: str) -> str:
    """Any text as a title."""
    text = " ".join(text.split()).strip("-–—:|·•, ")
    text = text[:-1] if text.endswith(".") and not text.endswith("..") else text
    return text if len(text) <= MAX_TITLE else text[: MAX_TITLE - 1].rstrip() + "…"


def _is_done(text: str) -> bool:
    box = _CHECKBOX.match(text)
    return bool(box and box[1] in "xX") or bool(_STRUCK.match(text)) or text.lstrip("* _").startswith(("✅", "☑", "✔"))


def _cut(line: Headline) -> None:
    parts = _SENTENCE.split(line.title, maxsplit=1)
    if len(parts) == 2:
        line.rest = parts[1]
        _end(parts[0], line)


def _both_ends(text: str, line: Headline, *, is_id_free: bool) -> None:
    if (dot := severities.of_dot(text)) is not None:
        line.claims.append((dot, Weight.DOT))
    text = _CHECKBOX.sub("", severities.unsigned(text), count=1)
    rest = _start(_ORNAMENT.sub("", text).strip(), line, is_id_free)
    _end(rest, line)


def _start(text: str, line: Headline, is_id_free: bool) -> str:
    """The text without the tags it starts with; they go to the line."""
    while text:
        if line.id and (other := ids.leading(_ALSO.sub("", text))):
            line.others.append(other)
            text = _separated(_ALSO.sub("", text)[len(other) :])
            continue
        if match := _GROUP.match(text):
            if not _absorb(match[1], line):
                return text
        elif not line.id and (match := _WORD_BEFORE_ID.match(text)):
            pass
        elif match := _LINES.match(text):
            line.lines = match[0]
        elif not line.locations and (match := _PLACE.match(text)) and (places := locations.found(match[1])):
            if places[0].first is None:
                return text
            line.locations += places
        elif not line.id and (name := ids.leading(text)):
            following = text[len(name) :]
            is_marked = not following.strip() or bool(_SEPARATOR.match(following)) or following.lstrip()[:1] in "[({"
            if not (is_marked or is_id_free):
                return text
            line.id, line.is_marked = name, is_marked
            text = _separated(following)
            continue
        elif not (match := _NUMBER.match(text)) and not (match := _tag(text, line)):
            if not line.id and (name := ids.leading_short(text)) and _SEPARATOR.match(text[len(name) :]):
                line.id = name
                text = _separated(text[len(name) :])
                continue
            return text
        text = _separated(text[match.end() :])
    return text


def _end(text: str, line: Headline) -> None:
    """Makes what is left the title, without the tags at its end."""
    while text:
        match = _LAST_GROUP.search(text, max(0, len(text) - 204)) or _LAST_PART.search(text, max(0, len(text) - 130))
        if not match or not match.start() or not _absorb(match[1], line):
            break
        text = text[: match.start()]
    line.title = titled(text)


def _separated(text: str) -> str:
    while text and (match := _SEPARATOR.match(text)):
        text = text[match.end() :]
    return text.lstrip()


def _tag(text: str, line: Headline) -> re.Match[str] | None:
    match = _TAG.match(text)
    severity = severities.of_tag(match[1]) if match else None
    if severity is not None and match:
        line.claims.append((severity, tags.weight(match[0])))
        return match
    return None


def _absorb(group: str, line: Headline) -> bool:
    """Take what a group of tags holds."""
    taken = tags.of_group(group)
    if taken is None or (taken.id and line.id and taken.id != line.id):
        return False
    line.id, line.is_marked = line.id or taken.id, line.is_marked or bool(taken.id)
    line.claims += taken.claims
    line.locations += taken.locations
    line.lines = line.lines or taken.lines
    line.is_done = line.is_done or taken.is_over
    return True
