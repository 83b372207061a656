"""What the readers of Markdown share: the page they are on, where on it they are, and what they have found."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from mosaic_daemon.planning.finding import Leftover, Severity, Source
from mosaic_daemon.planning.reports import asides, ids, severities
from mosaic_daemon.planning.reports.asides import Trust
from mosaic_daemon.planning.reports.entries import Entry
from mosaic_daemon.planning.reports.headline import Headline
from mosaic_daemon.planning.reports.severities import Claim, Weight

_NOTHING = re.compile(
    r"\W*(?:none|nothing|n/?a|nil|"
    r"no (?:\w+[ -]){0,4}(?:findings?|issues?|vulnerabilit\w+|problems?|items?|risks?|concerns?)?)\b"
    r"(?:(?:.{0,60}(?:found|identified|detected|reported|remain\w*|time|open|discovered))?\W*)",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Page:
    """A Markdown file: its name relative to the report's folder, and its lines, free of control characters."""

    file: str
    lines: list[str]

    def source(self, line: int) -> Source:
        return Source(self.file, line)

    def excerpt(self, first: int, last: int) -> str:
        """The text of these lines as Markdown, without the indentation of the first."""
        lines = self.lines[first - 1 : last]
        indent = len(lines[0]) - len(lines[0].lstrip(" ")) if lines else 0
        if indent:
            lines = [line[min(indent, len(line) - len(line.lstrip(" "))) :] for line in lines]
        return "\n".join(lines).strip("\n").rstrip()


@dataclass(frozen=True, slots=True)
class Context:
    """Where on the page something stands.

    Attributes:
        claim: the severity that headings above give it.
        aside: the heading above that makes it no finding; trust: how far.
        path: the file that headings above name.
        is_of_findings: headings above announce findings.
    """

    claim: Claim | None = None
    aside: str = ""
    trust: Trust = Trust.FULL
    path: str = ""
    is_of_findings: bool = False

    def below(self, title: str) -> Context:
        """The context below a heading that is no finding."""
        trust = asides.trust(title)
        about = self.is_of_findings or asides.is_about_findings(title)
        if self.trust is Trust.NONE or trust is Trust.FULL:
            return replace(self, is_of_findings=about)
        return replace(self, trust=trust, aside=title, claim=None, is_of_findings=about)

    def of_severity(self, severity: Severity, weight: Weight, source: Source) -> Context:
        return replace(self, claim=Claim(severity, weight, source))


@dataclass(slots=True)
class Found:
    """What was found so far."""

    entries: list[Entry] = field(default_factory=list)
    leftovers: list[Leftover] = field(default_factory=list)

    def add(self, other: Found) -> None:
        self.entries += other.entries
        self.leftovers += other.leftovers


def says_nothing(title: str) -> bool:
    """Whether a text says that there are no findings."""
    return not any(sign.isalnum() for sign in title) or bool(_NOTHING.fullmatch(title))


def is_finding(line: Headline, context: Context) -> bool:
    """Whether a line is one by itself: by its id or its severity, or by its title where only findings stand."""
    if says_nothing(line.title) or line.is_count or severities.of_tag(line.title) is not None:
        return bool(line.id and line.is_marked and not line.title)
    if line.id:
        return line.is_marked or line.is_tagged or context.claim is not None
    return line.is_tagged or context.claim is not None


def placed(entry: Entry, context: Context) -> Entry:
    """The entry with what its surroundings say."""
    if not entry.id or not ids.is_id(entry.id):
        short_without_proof = entry.id and not entry.claims and not context.claim
        entry.id = "" if short_without_proof else entry.id
    if context.claim:
        entry.claims.append(context.claim)
    if context.trust is not Trust.FULL:
        entry.aside = context.aside
        entry.is_banned = context.trust is Trust.NONE
    return entry
