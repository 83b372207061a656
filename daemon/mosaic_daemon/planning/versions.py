"""Versions of milestones, by the guide's hard rule: `0.0.1`, `0.0.2`, … before the MVP, and `0.1.0` for it alone.

A milestone has a version and may have a name as well, `M6-AgentOrchestration-Fixes`, which people see on the forge and
its archive is called by.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mosaic_daemon.ground.errors import InputError

_NUMBER = r"(0|[1-9]\d{0,5})"
_VERSION = re.compile(rf"v?{_NUMBER}\.{_NUMBER}\.{_NUMBER}", re.ASCII)
_BOTH = re.compile(r"(v?\d+\.\d+\.\d+)(?:\s*[:–—]\s*|\s+-?\s*)(\S.*)", re.ASCII)
_ALMOST = re.compile(r"[vV]?\d+(?:\.\d+)*(?:[-+.][\w.-]*)?", re.ASCII)
_NAME = re.compile(r"\w(?:[^/\\\x00-\x1f\x7f]{0,98}[^/\\\x00-\x20\x7f.])?")


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """A final one: a release candidate is no milestone."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    @property
    def next(self) -> Version:
        return Version(self.major, self.minor, self.patch + 1)


FIRST, MVP = Version(0, 0, 1), Version(0, 1, 0)


@dataclass(frozen=True, slots=True)
class Title:
    """What somebody calls a milestone; either may be empty."""

    version: str
    name: str


def read(text: str) -> Title:
    """`0.0.2`, `M6-AgentOrchestration-Fixes`, or both: `0.0.2: Hardening`.

    Raises:
        InputError: it looks like a version and is none, or cannot be the name of a file.
    """
    text = " ".join(text.split())
    if found := version_of(text):
        return Title(str(found), "")
    both = _BOTH.fullmatch(text)
    if both and (found := version_of(both[1])):
        return Title(str(found), _name(both[2]))
    if _ALMOST.fullmatch(text):
        raise InputError(f"milestone {text!r} is no version", remedy="write three numbers, such as `0.0.1`")
    return Title("", _name(text) if text else "")


def version_of(text: str) -> Version | None:
    """`0.0.2` or `v0.0.2`; None for everything else, release candidates too."""
    found = _VERSION.fullmatch(text.strip())
    return Version(*map(int, found.groups())) if found else None


def planned(asked: str, history: Iterable[str], *, mvp: bool = False) -> str:
    """The version to plan for.

    Args:
        asked: what somebody wants; empty: the next one.
        history: names of tags and of archived milestones, without the one that is being worked on.
        mvp: this milestone is declared to be the MVP.

    Raises:
        InputError: the rule forbids it; says what would do.
    """
    known = list(history)
    past = sorted(version for each in known if (version := version_of(each)))
    proposed = _proposed(past, mvp=mvp)
    if not asked.strip():
        return str(proposed)
    version = version_of(asked)
    if version is None:
        raise InputError(f"milestone {asked!r} is no version", remedy=f"write three numbers, such as `{proposed}`")
    if problem := _forbidden(version, past, mvp=mvp, is_first=not known):
        raise InputError(f"milestone {version}: {problem}", remedy=_remedy(version, proposed, mvp=mvp))
    return str(version)


def _proposed(past: Sequence[Version], *, mvp: bool) -> Version:
    if mvp:
        if _is_released(past):
            raise InputError(f"the MVP is released already: there is {past[-1]}", remedy="do not declare another one")
        return MVP
    return past[-1].next if past and past[-1] >= FIRST else FIRST


def _forbidden(version: Version, past: Sequence[Version], *, mvp: bool, is_first: bool) -> str:
    """Why not, or nothing."""
    if mvp:
        return "" if version == MVP else f"the MVP is {MVP}"
    if not _is_released(past):
        if version == MVP:
            return "it is reserved for the MVP, and this milestone is not declared to be that"
        if (version.major, version.minor) != (0, 0):
            return "before the MVP versions stay 0.0.x"
        if version < FIRST or (is_first and version != FIRST):
            return f"the first milestone is {FIRST}"
    if version in past:
        return "there is a tag or an archive of it already"
    return f"it would come after {past[-1]}" if past and version < past[-1] else ""


def _is_released(past: Sequence[Version]) -> bool:
    return bool(past) and past[-1] >= MVP


def _remedy(version: Version, proposed: Version, *, mvp: bool) -> str:
    way_out = "`--mvp` or `milestone.mvp` declares it" if version == MVP and not mvp else ""
    return "; ".join(filter(None, (f"the next one is {proposed}", way_out)))


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise InputError(
            f"{text[:100]!r} cannot name a milestone: its archive is a file of that name",
            remedy="at most 100 characters that begin with a letter or digit, and no slash",
        )
    return text
