"""Inline Markdown as plain text on one line. Every expression here takes linear time."""

from __future__ import annotations

import html
import re

_ESCAPE_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*+[ -/]*+[@-~]?|\][^\x07\x1b]*+(?:\x07|\x1b\\)?|.)?", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
_LINK = re.compile(
    r"!?\[((?:[^\[\]\\]|\\.)*+)\](?:\((?:<[^<>]*+>|[^\s()]*+)(?:\s++[\"'(][^\"')]*+[\"')])?\)|\[[^\[\]]*+\])"
)
_CODE = re.compile(r"(?<!`)(`++)([^`]++)\1(?!`)")
_TAG = re.compile(
    r"</?(?:a|abbr|b|br|center|code|del|details|div|em|font|h[1-6]|hr|i|img|ins|kbd|li|mark|p|pre|s|small|span|strong|sub|"
    r"summary|sup|table|tbody|td|th|tr|u|ul)(?:\s[^<>]*+)?/?>",
    re.I,
)
_KEY = re.compile(r"<(?:kbd|mark)>([^<>]{1,60})</(?:kbd|mark)>", re.I)
_AUTOLINK = re.compile(r"<([A-Za-z][A-Za-z0-9+.-]{1,31}+:[^\s<>]*+)>")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_STRONG = re.compile(r"\*\*|~~|(?<!\w)__(?=\S)|(?<=\S)__(?!\w)")
_EMPHASIS = re.compile(r"(?<![\w*])([*_])(?=[^\s*_])([^*_]*+)(?<=\S)\1(?![\w*])")
_PROTECTED = str.maketrans(
    {"*": "\ue000", "_": "\ue001", "~": "\ue002", "<": "\ue003", "&": "\ue004", "\\": "\ue005", "[": "\ue006"}
)
_RESTORED = str.maketrans(
    {mark: sign for sign, mark in zip("*_~<&\\[", "\ue000\ue001\ue002\ue003\ue004\ue005\ue006", strict=True)}
)


def clean(text: str) -> str:
    """The text without terminal escapes and control characters; line ends and tabs stay."""
    return _CONTROL.sub("", _ESCAPE_SEQUENCE.sub("", text))


def uncommented(text: str) -> str:
    """The text without HTML comments."""
    parts = []
    at = 0
    while (start := text.find("<!--", at)) >= 0 and (end := text.find("-->", start + 4)) >= 0:
        parts.append(text[at:start])
        at = end + 3
    return "".join([*parts, text[at:]])


def _shown(match: re.Match[str]) -> str:
    """A link's text; a badge is set off from the text around it as brackets would do."""
    return f" [{match[1]}] " if match[0][0] == "!" and match[1] else match[1]


def plain(text: str) -> str:
    """What a reader sees: one line, no markup, no control characters."""
    has_protected = "\\" in text or "`" in text
    if has_protected:
        text = _ESCAPED.sub(lambda match: match[1].translate(_PROTECTED), text)
        text = _CODE.sub(lambda match: match[2].strip().translate(_PROTECTED), text)
    if "[" in text:
        text = _LINK.sub(_shown, text)
    if "<" in text:
        text = _KEY.sub(r" [\1] ", text)
        text = _TAG.sub(" ", _AUTOLINK.sub(r"\1", uncommented(text)))
    if "*" in text or "_" in text or "~" in text:
        text = _EMPHASIS.sub(r"\2", _STRONG.sub("", text))
    if "&" in text:
        text = html.unescape(text)
    if has_protected:
        text = text.translate(_RESTORED)
    text = " ".join(text.split())
    if text.isprintable():
        return text
    return " ".join("".join(sign if sign.isprintable() else " " for sign in clean(text)).split())
