"""Headings that speak about findings without being one: what stands below them is read with more or less trust."""

from __future__ import annotations

import re
from enum import Enum

from mosaic_daemon.planning.reports import fields, vocabulary


class Trust(Enum):
    """How what is below a heading is read."""

    FULL = "findings"
    MENTION = "speaks of findings that are described elsewhere"
    NONE = "nothing below is to be mended"


_NONE = re.compile(
    vocabulary.joined(
        r"""
        (?:already |recently |previously )?
        (?:resolved|fixed|closed|remediated|mitigated|dismissed|suppressed|rejected|withdrawn)\b|
        previous|false positives?|positive|strengths?\b|good practices?|
        what (?:works?|went|is|was) (?:\w+ )?well|well done|passed\b|passing|examples?\b|sample\b|template|
        accepted risks?|risk acceptance|won'?t fix|out of scope|how to read|non-?issues?\b|commend|praise|
        things done well|compliant|not (?:a|an) (?:issue|vulnerab|finding)|no action|reporting format|format\b
        """
    ),
    re.I,
)
_MENTION = re.compile(
    vocabulary.joined(
        r"""
        (?:\w+[ -])?recommend|(?:\w+ )?remediation|next steps?|(?:\w+ )?action(?: plan| items?|s)\b|
        (?:\w+ )?roadmap|methodology|method\b|scope\b|approach|appendi|references?\b|glossary|
        (?:\w+ )?severity (?:def|rat|level|scale|class|legend|crit|guid|matrix|key|desc)|severities\b|
        risk (?:rating|matrix|scale|level)|rating|legend|classification|conclusions?\b|closing|timeline|
        tools?\b|about\b|introduction|background|disclaimer|(?:table of )?contents\b|definitions?\b|
        limitations?|assumptions?|prioriti[sz]|priority (?:order|matrix|list|def)|suggested|proposed|
        immediate (?:actions?|steps?)|(?:short|long|medium)[ -]term|checklist|verification|
        dependenc(?:y|ies) (?:graph|order)|related\b|further|sign[ -]?off|acknowledg|change ?log|history|
        revision|effort|estimates?\b|metrics\b|cross[ -]?references?|traceability|mapping|fix order|order of|
        work plan|plan\b|key\b(?! (?:find|issue|risk))|notes?$|questions?\b|coverage (?:summary|table|report)|
        environment|test results?
        """
    ),
    re.I,
)
_FINDINGS = re.compile(
    r"\b(?:findings?|issues?|vulnerabilit(?:y|ies)|problems?|bugs?|defects?|weakness(?:es)?|gaps)\b", re.I
)
_PARTS = re.compile(
    vocabulary.joined(
        r"""
        (?:executive |management )?summary|overview|
        (?:detailed |key |top |main |all |security |code quality )*(?:findings?|issues?|results?|risks?)
        (?:\s(?:by|per|in|overview|summary|list|table|details?|of)\b.*)?|
        impact|evidence|proof of concept|poc|steps to reproduce|reproduction|root cause|likelihood|code|
        analysis|test plan|acceptance criteria|statistics|counts?|totals?|discussion|context|attack scenario|
        vulnerable code|exploit(?:ation)?(?: scenario)?|consequences?|rationale|why(?: it matters)?|before|
        after|diff|patch|tests?|references|scenario|observations?|business impact|technical details?|
        suggested (?:fix|change)|current (?:code|behaviou?r)|expected.*
        """
    ),
    re.I,
)


def trust(title: str) -> Trust:
    """How to read what is below a heading with this title."""
    if _NONE.match(title):
        return Trust.NONE
    is_about_findings = bool(_FINDINGS.search(title)) and not title.lower().startswith(
        ("recommend", "related", "severity")
    )
    return Trust.MENTION if _MENTION.match(title) and not is_about_findings else Trust.FULL


def is_part(title: str) -> bool:
    """Whether a heading names a part of a report or of a finding, and so is never a finding's title."""
    return bool(_PARTS.fullmatch(title.strip(" :"))) or fields.named(title) is not None


def is_about_findings(title: str) -> bool:
    return bool(_FINDINGS.search(title))
