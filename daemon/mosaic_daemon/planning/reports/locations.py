"""Places in source code, out of prose, cells and links: `path:45-67`, `path#L45`, `line 45 of path`."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from urllib.parse import unquote

from mosaic_daemon.planning.finding import Location
from mosaic_daemon.planning.reports import vocabulary

_EXTENSIONS = vocabulary.words(
    """
    ts tsx mts cts js jsx mjs cjs py pyi go rs java kt kts rb php cs c h cc cpp cxx hpp m mm swift scala sh bash
    zsh fish ps1 bat sql html htm css scss sass less vue svelte astro json jsonc json5 yaml yml toml md mdx rst
    txt xml ini cfg conf env lock prisma graphql gql proto tf tfvars hcl gradle properties ipynb ex exs erl hs
    lua pl dart groovy r jl sol zig nix csproj sln erb ejs hbs pug twig jinja j2 tpl template example dockerfile
    service timer mk cmake csv pem key
    """
)
_BARE = vocabulary.words(
    """
    Dockerfile Makefile Jenkinsfile Gemfile Procfile Vagrantfile Rakefile CODEOWNERS LICENSE Containerfile
    Caddyfile Justfile .env .npmrc .gitignore .dockerignore .editorconfig .eslintrc .prettierrc .babelrc
    """
)
_PRODUCTS = re.compile(
    r"(?:node|vue|next|nuxt|express|react|angular|three|d3|ember|backbone|chart|moment|alpine|nest|asp)\.(?:js|net)",
    re.I,
)
_URL = re.compile(
    r"\b[a-z][a-z0-9+.-]{0,20}://[^\s<>()\[\]`\"']++|\bwww\.[^\s<>()\[\]`\"']++|(?<![\w.+-])[\w.+-]++@[\w-]++\.[\w.-]++",
    re.I,
)
_WORD = re.compile(r"[\w.@+~$%()\[\]/\\-]++")
_NUMBER = r"\d{1,7}"
_SPAN = rf"L?{_NUMBER}(?:(?::\d{{1,5}})?\s?(?:-|–|—|\.\.|\bto\b)\s?L?{_NUMBER})?(?::\d{{1,5}})?"
_SPANS = rf"{_SPAN}(?:\s?(?:,|;|&|\band\b)\s?{_SPAN})*"
_AFTER = re.compile(
    rf"(?::\s?(?={_NUMBER}|L\d)|#(?=L?\d)"
    rf"|\s?[,;:@(\[–—-]{{0,2}}\s?(?:at |on |near |around )?\b(?:lines?|ln|ll?\.)\s?[:#]?\s?(?=L?\d)"
    rf"|\s\(?(?=L\d)|\s?\((?={_NUMBER}(?:\s?[-–,]\s?{_NUMBER})*\)))(?P<spans>{_SPANS})(?![\w.])",
    re.I,
)
_BEFORE = re.compile(rf"\blines?\s(?P<spans>{_SPANS})\s(?:of|in|from|at)\s(?:the\s)?(?:file\s)?$", re.I)
_ONE_SPAN = re.compile(rf"L?({_NUMBER})(?:(?::\d{{1,5}})?\s?(?:-|–|—|\.\.|to)\s?L?({_NUMBER}))?", re.I)
_WORKSPACE = re.compile(r"(?:^|/)(?:apps|packages|services|libs|plugins|modules|workspaces|projects)/([^/:]+)(?:/|$)")
_LINK = re.compile(r"\]\(\s*<?([^\s()<>]++)>?")


def found(text: str, *, is_field: bool = False) -> list[Location]:
    """All places in a text, without URLs, in their order, none twice.

    Args:
        text: prose or Markdown; back quotes are ignored.
        is_field: the text stands where a place is expected, so a plain name will do: `src/api`, `Dockerfile.dev`.
    """
    text = _URL.sub(" ", text.replace("`", "").replace("**", ""))
    return distinct(list(_found(text, is_field)))


def spans(text: str) -> list[tuple[int, int | None]]:
    """Line numbers of `45-67`, `45, 80`, `L12`: first and last of each."""
    return [_ordered(match) for match in _ONE_SPAN.finditer(text[:2000])]


def linked(text: str) -> list[str]:
    """Targets of links, without URLs and anchors of the page itself."""
    return [unquote(target) for target in _LINK.findall(text) if "://" not in target and target[0] != "#"]


def distinct(places: list[Location]) -> list[Location]:
    """Each once; a file alone is left out where the same file is there with its lines."""
    with_lines = {place.path for place in places if place.first is not None}
    return list(dict.fromkeys(place for place in places if place.first is not None or place.path not in with_lines))


def component(path: str) -> str:
    """The workspace that a path is in: `api` of `apps/api/src/a.ts`."""
    match = _WORKSPACE.search(path)
    return match[1].lower() if match else ""


def normal(path: str) -> str:
    """A path relative to the project, with `/`; nothing for what cannot be one."""
    path = posixpath.normpath(path.replace("\\", "/").strip()).lstrip("/")
    while path.startswith("../"):
        path = path[3:]
    return "" if path in {".", ".."} else path


def _found(text: str, is_field: bool) -> Iterator[Location]:
    for match in _WORD.finditer(text):
        word = _trimmed(match[0])
        start = match.start() + match[0].find(word)
        end = start + len(word)
        if not word or not _is_path(word, text[end : end + 1], is_field) or not (path := normal(word)):
            continue
        lines = _lines(text, start, end)
        yield from [Location(path, first, last) for first, last in lines] or [Location(path)]


def _lines(text: str, start: int, end: int) -> list[tuple[int, int | None]]:
    if after := _AFTER.match(text, end, end + 400):
        return spans(after["spans"])
    if before := _BEFORE.search(text[max(0, start - 120) : start]):
        return spans(before["spans"])
    return []


def _ordered(match: re.Match[str]) -> tuple[int, int | None]:
    first, last = int(match[1]), int(match[2]) if match[2] else None
    return (first, last) if last is None or last >= first else (last, first)


def _trimmed(word: str) -> str:
    """The word without brackets that belong to the sentence, and its last full stop."""
    for opening, closing in (("(", ")"), ("[", "]")):
        if word.count(opening) != word.count(closing):
            word = word.strip(opening + closing)
    if word[:1] + word[-1:] in {"()", "[]"}:
        word = word.strip("()[]")
    return word.rstrip(".-+@$%~")


def _is_path(word: str, following: str, is_field: bool) -> bool:
    folder, _, name = word.replace("\\", "/").rpartition("/")
    if not name:  # a folder: `src/api/`
        return is_field and bool(folder.strip("./"))
    if name in _BARE or name.startswith((".env.", "Dockerfile.")):
        return True
    stem, dot, extension = name.rpartition(".")
    if following == "(" or not any(sign.isalpha() for sign in name):
        return False
    if dot and (stem or folder) and extension.lower() in _EXTENSIONS:
        return bool(stem) and (bool(folder) or not _PRODUCTS.fullmatch(name))
    return is_field and bool(folder) and not word.startswith("@")
