"""What is reviewed, by what changed: the guide's Review Timing Guidelines as one pure function.

A path that is nothing else is source code: what is not known is reviewed rather than waved through.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from enum import StrEnum
from pathlib import PurePosixPath

from mosaic_daemon.ground.layout import TABLE
from mosaic_daemon.nouns.review import Aspect
from mosaic_daemon.repository.commits import Change

_DOC_SUFFIXES = frozenset((".md", ".mdx", ".rst", ".adoc", ".asciidoc", ".textile"))
_FIGURE_SUFFIXES = frozenset((".txt", ".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".pdf", ".drawio", ".mmd"))
_DOC_FOLDERS = frozenset(("docs", "doc", "documentation"))
_DOC_NAMES = ("readme", "license", "licence", "copying", "notice", "authors", "changelog", "contributing")
_CONFIG_SUFFIXES = frozenset(
    (".yml", ".yaml", ".toml", ".json", ".jsonc", ".json5", ".ini", ".cfg", ".conf", ".properties", ".env", ".lock")
)
_TEST_FOLDERS = frozenset(("test", "tests", "__tests__", "spec", "specs", "testdata", "__mocks__"))
_TRACKING_FOLDERS = (("docs", "tasks"), (".mosaic",))


class Surface(StrEnum):
    """What a path is to a reviewer."""

    SOURCE = "source"
    CONFIG = "config"
    TEST = "test"
    DOCS = "docs"
    TRACKING = "tracking"


ASPECTS = {
    Surface.SOURCE: (Aspect.CODE, Aspect.SECURITY),
    Surface.CONFIG: (Aspect.SECURITY,),
    Surface.TEST: (Aspect.CODE,),
    Surface.DOCS: (),
    Surface.TRACKING: (),
}
"""The guide's table."""


def aspects(paths: Iterable[str]) -> tuple[Aspect, ...]:
    """What a change of these paths is reviewed for; empty: not at all."""
    wanted = {aspect for path in paths for aspect in ASPECTS[surface(path)]}
    return tuple(aspect for aspect in Aspect if aspect in wanted)


def surface(path: str) -> Surface:
    """What this path is, by its name alone."""
    file = PurePosixPath(path)
    folders = tuple(part.lower() for part in file.parts[:-1])
    if path == TABLE or any(folders[: len(each)] == each for each in _TRACKING_FOLDERS):
        return Surface.TRACKING
    if _is_docs(file, folders):
        return Surface.DOCS
    if _is_test(file, folders):
        return Surface.TEST
    return Surface.CONFIG if _is_config(file) else Surface.SOURCE


def diff_hash(changes: Iterable[Change]) -> str:
    """What a verdict is bound to: the paths a change touches and what they hold afterwards."""
    lines = sorted(f"{change.mode} {change.blob}\t{change.path}\0" for change in changes)
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def _is_docs(file: PurePosixPath, folders: tuple[str, ...]) -> bool:
    suffix, name = file.suffix.lower(), file.name.lower()
    if suffix in _DOC_SUFFIXES:
        return True
    if suffix in _FIGURE_SUFFIXES and not _DOC_FOLDERS.isdisjoint(folders):
        return True
    return suffix in ("", ".txt") and name.partition(".")[0] in _DOC_NAMES


def _is_test(file: PurePosixPath, folders: tuple[str, ...]) -> bool:
    name = file.name.lower()
    stem = name.partition(".")[0]
    marked = stem.startswith("test_") or stem.endswith(("_test", "_spec")) or stem == "conftest"
    return marked or ".test." in name or ".spec." in name or not _TEST_FOLDERS.isdisjoint(folders)


def _is_config(file: PurePosixPath) -> bool:
    name = file.name.lower()
    is_dotfile = name.startswith(".") and name.count(".") == 1
    return is_dotfile or name.startswith(".env.") or file.suffix.lower() in _CONFIG_SUFFIXES
