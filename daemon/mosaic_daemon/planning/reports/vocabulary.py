"""How the word lists of this package are written down: long ones, wrapped, without a quote around each word."""

from __future__ import annotations


def words(text: str) -> frozenset[str]:
    """The words of a text, which spaces and line ends set apart."""
    return frozenset(text.split())


def joined(text: str) -> str:
    """One expression out of several lines, each without the space around it; write `\\s` or `[ ]` at their ends."""
    return "".join(line.strip() for line in text.splitlines())
