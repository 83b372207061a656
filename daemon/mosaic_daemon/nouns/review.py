"""The independent review of one accepted attempt: what is asked, and what a reviewer said."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mosaic_daemon.nouns.gate import Hold

QA_SUFFIX = "-QA"  #: the task that mends what the review of `X` found is `X-QA`

MUST_BE_MENDED = ("blocker", "critical", "high")  #: severities of findings that keep a change from its gate


class Aspect(StrEnum):
    """What a change is reviewed for."""

    CODE = "code"
    SECURITY = "security"


@dataclass(frozen=True, slots=True)
class Review:
    """What has to be reviewed before the gate.

    Attributes:
        head_sha, base_sha: the change is what `head_sha` has since it left `base_sha`.
        diff: the hash of that change: what a verdict is bound to, beside the head.
        round: rises when a person has the review done again; part of the name of every run.
        hold: what it waits for; no run is used up by it.
        missing: what it should be reviewed for as well, and nobody is there to do.
    """

    aspects: tuple[Aspect, ...]
    head_sha: str
    base_sha: str
    diff: str
    opened_at: datetime
    round: int = 1
    hold: Hold | None = None
    missing: tuple[Aspect, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing a reviewer found. `file`: with the line, if one was given; empty when none was."""

    severity: str
    title: str
    file: str = ""
    description: str = ""

    @property
    def line(self) -> str:
        return f"{self.title} ({self.file})" if self.file else self.title


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one reviewer said, read strictly.

    Attributes:
        by: the reviewer, such as `Codex 0.98.0`.
        verdict: `approve`, `request-changes` or `comment`; None where this kind of review gives none.
        blockers, critical, high: how many findings of that weight it counts.
        used: tokens, if it said.
    """

    by: str
    verdict: str | None
    blockers: int = 0
    critical: int = 0
    high: int = 0
    findings: tuple[Finding, ...] = ()
    used: int | None = None
