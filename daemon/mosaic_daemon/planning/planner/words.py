"""Words of a report made comparable, and made fit for one line of a table: reports are written by anybody."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from mosaic_daemon.planning.finding import Finding

_READ = 4_000
"""Characters of a body that are looked at: what a finding is about is said at its beginning."""
_BETWEEN_WORDS = re.compile(r"[\W_]+")
_UNSHOWN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})


@dataclass(frozen=True, slots=True)
class Wording:
    """What a finding says, for `mentions`: its title, and its title with the beginning of its body."""

    title: str
    text: str

    @classmethod
    def of(cls, finding: Finding) -> Wording:
        title = normalised(finding.title)
        return cls(title, title + normalised(finding.body[:_READ]))


def normalised(text: str) -> str:
    """Lower case words with single blanks between and around them; punctuation and `_` part words."""
    words = _BETWEEN_WORDS.sub(" ", text.casefold())
    return f" {words.strip()} "


def keywords(*phrases: str) -> tuple[str, ...]:
    """Phrases for `mentions`: whole words, or with `*` at the end the beginning of one (`sanitiz*`)."""
    return tuple(f" {phrase[:-1]}" if phrase.endswith("*") else f" {phrase} " for phrase in phrases)


def mentions(normal: str, phrases: tuple[str, ...]) -> bool:
    """Whether a normalised text has one of the `keywords`."""
    for phrase in phrases:  # noqa: SIM110 - a plan asks this a hundred times a finding: half the time of `any`
        if phrase in normal:
            return True
    return False


def one_line(text: str, most: int) -> str:
    """On one line, without control characters and marks that hide or reorder text, `most` characters at most."""
    spaced = " ".join(text.split())
    line = spaced if spaced.isascii() and spaced.isprintable() else _shown(spaced)
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"


def _shown(text: str) -> str:
    return " ".join("".join(each for each in text if unicodedata.category(each) not in _UNSHOWN).split())
