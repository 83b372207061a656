"""Places in source code, out of prose, cells and links: `path:45-67`, `path#L45`, `line 45 of path`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote

from mosaic_daemon.planning.finding import Location
from mosaic_daemon.planning.reports import paths

_URL = re.compile(r"(?<![a-z0-9+.-])[a-z][a-z0-9+.-]{0,20}+://[^\s<>()\[\]`\"']++|\bwww\.[^\s<>()\[\]`\"']++", re.I)
_MAIL = re.compile(r"(?<![\w.+-])[\w.+-]++@[\w-]++\.[\w.-]++")
_SPACE = "\ue010"  # stands for a space inside a path
_SIGN = rf"\w@+~$%()\[\]{_SPACE}\-"
_WORD = re.compile(  # only what has a dot or a slash inside, or a name that needs none
    rf"(?<![{_SIGN}./\\])(?:[{_SIGN}]*+[./\\][{_SIGN}./\\]++|(?:{'|'.join(sorted(paths.BARE))})(?![{_SIGN}]))"
)
_JOINT = re.compile(r"[./\\][\w-]")
_NUMBER = r"\d{1,7}"
_DASH = r"\s?(?:-|–|—|\.\.|\b(?:to|bis)\b)\s?"
_SPAN = rf"L?{_NUMBER}(?::\d{{1,5}})?(?:{_DASH}L?{_NUMBER}(?::\d{{1,5}})?)?"
_SPANS = rf"{_SPAN}(?:\s?(?:,|;|&|\b(?:and|und)\b)\s?{_SPAN})*"
_LINE = r"(?:lines?|ln|zeilen?|ll?\.)"
_AFTER = re.compile(
    rf"`?(?::\s?(?={_NUMBER}|L\d)|#(?=L?\d)"
    rf"|(?P<words>\s?[,;:@(\[–—-]{{0,2}}\s?(?:at |on |near |around |in )?\b{_LINE}\s?[:#]?\s?)(?=L?\d)"
    rf"|\s\(?(?=L\d)|\s?\((?={_NUMBER}(?:\s?[-–,]\s?{_NUMBER})*\)))(?P<spans>{_SPANS})(?!\w|\.\d)",
    re.I,
)
_BEFORE = re.compile(
    rf"\b{_LINE}\s(?P<spans>{_SPANS})\s(?:of|in|from|at|von)\s(?:the\s)?(?:file\s)?`?$",
    re.I,
)
_OF_ANOTHER = re.compile(r"\s(?:of|in|from|von)\s(?:the\s)?(?:file\s)?`?[\w/-]*[./]\w")
_ONE_SPAN = re.compile(rf"L?({_NUMBER})(?::\d{{1,5}})?(?:{_DASH}L?({_NUMBER})(?::\d{{1,5}})?)?", re.I)
_LINK = re.compile(r"!?\[((?:[^\[\]\\]|\\.)*+)\]\(\s*<?([^\s()<>]*+)>?[^()\n]{0,200}\)")
_CODE = re.compile(r"`([^`\n]++)`")


def found(text: str, *, is_field: bool = False) -> list[Location]:
    """All places in a text, without URLs, in their order, none twice.

    Args:
        text: Markdown.
        is_field: the text stands where a place is expected, so a plain name will do: `src/api`, `My Game/a.cs`.
    """
    if not (_JOINT.search(text) or "file" in text or "LICENSE" in text or "CODEOWNERS" in text):
        return []  # neither a dot or slash inside a word, nor a name that needs none
    if "](" in text:
        text = _LINK.sub(_unlinked, text)
    text = text.replace("**", "")
    if is_field:
        text = _CODE.sub(_with_its_spaces, text)
    if "://" in text or "www." in text:
        text = _URL.sub(" ", text)
    if "@" in text:
        text = _MAIL.sub(" ", text)
    return distinct(list(_found(text, is_field)))


def spans(text: str) -> list[tuple[int, int | None]]:
    """Line numbers of `45-67`, `45, 80`, `L12`: first and last of each."""
    return [_ordered(match) for match in _ONE_SPAN.finditer(text[:2000])]


def distinct(places: list[Location]) -> list[Location]:
    """Each once; a file alone is left out where the same file is there with its lines."""
    if len(places) < 2:
        return places
    with_lines = {place.path for place in places if place.first is not None}
    return list(dict.fromkeys(place for place in places if place.first is not None or place.path not in with_lines))


def _found(text: str, is_field: bool) -> Iterator[Location]:
    for match in _WORD.finditer(text):
        word = _trimmed(match[0])
        start = match.start() + match[0].find(word)
        end = start + len(word)
        after = _AFTER.match(text, end, end + 400) if word else None
        if after and after["words"] and _OF_ANOTHER.match(text, after.end(), after.end() + 200):
            after = None
        if not paths.is_path(word, text[end : end + 1], is_field=is_field) and not _is_named_with_lines(word, after):
            continue
        if path := paths.normal(word.replace(_SPACE, " ")):
            lines = spans(after["spans"]) if after else _lines_before(text, start)
            yield from [Location(path, first, last) for first, last in lines] or [Location(path)]


def _is_named_with_lines(word: str, after: re.Match[str] | None) -> bool:
    """`bin/import` is a path when `line 12` follows."""
    return after is not None and bool(after["words"]) and after[0][0] == "`" and 0 < word.find("/") < len(word) - 1


def _lines_before(text: str, start: int) -> list[tuple[int, int | None]]:
    before = _BEFORE.search(text[max(0, start - 120) : start])
    return spans(before["spans"]) if before else []


def _ordered(match: re.Match[str]) -> tuple[int, int | None]:
    first, last = int(match[1]), int(match[2]) if match[2] else None
    return (first, last) if last is None or last >= first else (last, first)


def _unlinked(match: re.Match[str]) -> str:
    """A link to a file is that file, with the lines of the target or else of the text; any other is its text."""
    text, target = match[1], unquote(match[2])
    path, _, anchor = target.partition("#")
    if "://" in target or not paths.is_path(path, is_field=True) or match[0][0] == "!":
        return text
    if _ONE_SPAN.match(anchor):
        return f"`{target}`"
    told = next((place for place in _found(text, is_field=True) if place.first is not None), None)
    if told is None:
        return f"`{path}`"
    return f"`{path}:{told.first}-{told.last}`" if told.last else f"`{path}:{told.first}`"


def _with_its_spaces(match: re.Match[str]) -> str:
    """Code that is one path with spaces in it; several paths, or a command, stay as they are."""
    if "/" not in match[1] or " " not in match[1]:
        return match[0]
    path = re.split(r":\d|#L?\d", match[1], maxsplit=1)[0]
    *_, last = path.split(" ")
    is_one = paths.is_path(last) and not any(paths.is_path(part.rstrip(",;")) for part in path.split(" ")[:-1])
    return f"`{path.replace(' ', _SPACE)}{match[1][len(path) :]}`" if is_one else match[0]


def _trimmed(word: str) -> str:
    """The word without brackets that belong to the sentence, and its last full stop."""
    for opening, closing in (("(", ")"), ("[", "]")):
        if word.count(opening) != word.count(closing):
            word = word.strip(opening + closing)
    if word[:1] + word[-1:] in {"()", "[]"}:
        word = word.strip("()[]")
    return word.rstrip(".-+@$%~")
