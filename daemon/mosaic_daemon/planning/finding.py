"""What a review report says, as values. `reports` reads them, the planner turns them into tasks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """The guide's four; each report's own words are mapped to them when it is read."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def rank(self) -> int:
        """0 is the most severe."""
        return list(Severity).index(self)


@dataclass(frozen=True, slots=True)
class Location:
    """Where in the reviewed project: a path relative to its root with `/`, and lines counted from 1, or None."""

    path: str
    first: int | None = None
    last: int | None = None

    def __str__(self) -> str:
        if self.first is None:
            return self.path
        return f"{self.path}:{self.first}" + (f"-{self.last}" if self.last not in (None, self.first) else "")


@dataclass(frozen=True, slots=True)
class Source:
    """Where in the report: a file relative to the report's folder, and the line, counted from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One entry of a review report.

    Attributes:
        id: as the report spells it, `SEC-API-1`; one made of the content where the report gives none.
        has_own_id: the report gave it.
        title: one line without markup.
        component: the workspace it is about (`api`), lower case; empty when nothing says so.
        locations: in the order of their appearance, none twice.
        body: the report's text about it, as Markdown, for whoever mends it.
        sources: everywhere the report speaks of it; the first is the fullest.
        fingerprint: the same after edits that leave the finding what it is; tells whether it is known already.
    """

    id: str
    severity: Severity
    title: str
    fingerprint: str
    component: str = ""
    locations: tuple[Location, ...] = ()
    body: str = ""
    sources: tuple[Source, ...] = ()
    has_own_id: bool = True


@dataclass(frozen=True, slots=True)
class Leftover:
    """Something that looks like a finding and could not be placed, with why."""

    source: Source
    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class Remark:
    """Something a person should know of: contradicting severities, counts that do not add up, an id used twice."""

    message: str
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """A report as it was read.

    Attributes:
        name: of its folder or file, without an extension.
        findings: each one once, in the order of the report, its summary aside.
    """

    name: str
    findings: tuple[Finding, ...]
    leftovers: tuple[Leftover, ...] = ()
    remarks: tuple[Remark, ...] = ()
