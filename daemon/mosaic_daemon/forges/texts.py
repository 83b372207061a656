"""Other people's words in what is written on a forge: they never become commands, pings, markup or markers."""

from __future__ import annotations

import re

_VERB = r"close[sd]?|closing|fix(?:e[sd]|ing)?|resolve[sd]?|resolving|implement(?:s|ed|ing)?"
_ISSUE = r"(?:[\w./-]+)?#\d|GH-\d|https?://\S+/(?:issues|work_items)/\d"
_CLOSING = re.compile(rf"\b({_VERB})((?:\s*:)?\s+(?:issues?\s+)?)(?={_ISSUE})", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_TRAILER = re.compile(r"^([ \t]*(?:mosaic-[\w-]+|skip-checks))[ \t]*:", re.IGNORECASE | re.MULTILINE)
_SKIPS = re.compile(r"\[(skip|no)[ -](ci|actions|checks)\]|\[(ci|actions|checks)[ -]skip\]", re.IGNORECASE)
_MENTION = re.compile(r"(?<![A-Za-z0-9])@(?=\w)")
_ELSEWHERE = re.compile(r"(?<=\w)([#!])(?=\d)")
_MARKUP = re.compile(r"[\\`*~\[\]]|(?<![^\W_])_|_(?![^\W_])")
_ENTITY = re.compile(r"&(?=[#\w])")
_BLOCK = re.compile(r"^(?:\d+(?=[.)](?:\s|\Z))|(?=[-#>+=]))")
_UNSEEN = "\u200b"  # a zero-width space: it parts what a forge would read as one word


def harmless(text: str) -> str:
    """Without words that forges obey: closing keywords (they close at the merge, before CI), `[skip ci]`, trailers."""
    text = _CONTROL.sub("", text.replace("\r", ""))
    text = without_closing(text)
    text = _SKIPS.sub(lambda found: f"({found[0][1:-1]})", text)
    return _TRAILER.sub(r"\1 -", text)


def without_closing(text: str) -> str:
    """The same text, so that no forge closes an issue when it is merged: `Closes (see) #12`."""
    return _CLOSING.sub(r"\1 (see)\2", text)


def as_markdown(text: str) -> str:
    """One line of Markdown that shows the text and is nothing but text: no HTML, no link, and nobody is told of it."""
    text = harmless(" ".join(text.split()))
    text = _MARKUP.sub(r"\\\g<0>", text)
    text = _ENTITY.sub("&amp;", text).replace("<", "&lt;")
    text = _BLOCK.sub(r"\g<0>\\", text)
    return without_pings(text)


def without_pings(text: str) -> str:
    """Mentions of people, and of other repositories' issues, that a forge does not see as such."""
    return _ELSEWHERE.sub(rf"\1{_UNSEEN}", _MENTION.sub(f"@{_UNSEEN}", text))
