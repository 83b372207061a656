"""What a repository says of itself: package metadata, its README's first paragraph, how it is likely tested.

All of it is somebody's text: reads are bounded, links are not followed, and what cannot be read says nothing.
"""

from __future__ import annotations

import html
import json
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt

from mosaic_daemon.ground import atomicfile
from mosaic_daemon.ground.errors import InputError

_MAX_BYTES = 1 << 18
_README_CHARS = 1 << 14
_README = re.compile(r"readme(\.(md|markdown|rst|txt))?", re.IGNORECASE)
_NO_TEST = "no test specified"  # what `npm init` writes
_TARGET = re.compile(r"^(check|lint|test)[ \t]*:(?!=)", re.MULTILINE)
_NODE_TOOLS = (("pnpm-lock.yaml", "pnpm"), ("yarn.lock", "yarn"), ("package-lock.json", "npm"))


@dataclass(frozen=True, slots=True)
class _Source:
    """A file of metadata, and the folder it stands in."""

    root: Path
    file: str
    text: str

    def has(self, name: str) -> bool:
        return (self.root / name).exists()

    def says(self, about: Mapping[str, Any], gates: Iterable[str]) -> Manifest:
        return Manifest(self.file, _line(about.get("name")), _line(about.get("description")), tuple(gates))


@dataclass(frozen=True, slots=True)
class Manifest:
    """A file of package metadata. `gates`: commands that are likely to test what it describes; words of ours alone."""

    file: str
    name: str = ""
    description: str = ""
    gates: tuple[str, ...] = ()


def manifests(root: Path) -> tuple[Manifest, ...]:
    """Those at the root of the repository, the ones that decide how it is tested first."""
    found = ((_Source(root, file, _text_of(root, file)), reader) for file, reader in _READERS.items())
    return tuple(reader(source) for source, reader in found if source.text)


def quality_gates(root: Path) -> str:
    """A guess at the command that says whether all is well: `make check`, `npm test`; empty where nothing hints."""
    found = {each.file: each.gates for each in manifests(root)}
    own = found.get("Makefile")
    gates = own or [gate for gates in found.values() for gate in gates]
    return " && ".join(dict.fromkeys(gates))


def readme(root: Path) -> tuple[str, str]:
    """Its name and its first paragraph without markup; both empty when there is none."""
    try:
        names = sorted(each.name for each in root.iterdir() if _README.fullmatch(each.name))
    except OSError:
        return "", ""
    for name in names:
        if paragraph := _first_paragraph(_text_of(root, name)[:_README_CHARS]):
            return name, paragraph
    return "", ""


def _text_of(root: Path, file: str) -> str:
    """The text of a file right below `root`; empty when it is not there, no ordinary file, too large, or no text."""
    try:
        return atomicfile.read_untrusted(root / file, max_bytes=_MAX_BYTES).decode("utf-8-sig")
    except (OSError, InputError, UnicodeDecodeError):
        return ""


def _first_paragraph(text: str) -> str:
    """Badges, rows of links, lists, headings, HTML and reStructuredText's directives are none."""
    tokens = MarkdownIt().parse(text)
    for opened, token in pairwise(tokens):
        if opened.type != "paragraph_open" or opened.level:
            continue
        linked, own, words = 0, "", ""
        for child in token.children or ():
            linked += {"link_open": 1, "link_close": -1}.get(child.type, 0)
            shown = child.content if child.type in ("text", "code_inline") else " " * child.type.endswith("break")
            words += shown
            own += "" if linked else shown
        if re.search(r"\w{2}", own) and not words.startswith(".."):
            return " ".join(words.split())
    return ""


def _makefile(source: _Source) -> Manifest:
    targets = set(_TARGET.findall(source.text))
    wanted = ["check"] if "check" in targets else [name for name in ("lint", "test") if name in targets]
    return source.says({}, (f"make {name}" for name in wanted))


def _pyproject(source: _Source) -> Manifest:
    content = _toml(source.text)
    tools = _table(content, "tool")
    gates = [gate for tool, gate in (("ruff", "ruff check ."), ("mypy", "mypy")) if tool in tools]
    if "pytest" in source.text or source.has("tests"):
        gates.append("pytest")
    return source.says(_table(content, "project") or _table(tools, "poetry"), gates)


def _package_json(source: _Source) -> Manifest:
    content = _json(source.text)
    scripts = _table(content, "scripts")
    tool = next((tool for file, tool in _NODE_TOOLS if source.has(file)), "npm")
    gates = [f"{tool} run lint"] if "lint" in scripts else []
    if "test" in scripts and _NO_TEST not in str(scripts["test"]):
        gates.append(f"{tool} test")
    return source.says(content, gates)


def _cargo(source: _Source) -> Manifest:
    return source.says(_table(_toml(source.text), "package"), ["cargo test"])


def _go(source: _Source) -> Manifest:
    module = re.search(r"^module[ \t]+(\S+)", source.text, re.MULTILINE)
    return source.says({"name": module[1] if module else ""}, ["go vet ./...", "go test ./..."])


def _composer(source: _Source) -> Manifest:
    content = _json(source.text)
    return source.says(content, ["composer test"] if "test" in _table(content, "scripts") else [])


def _pom(source: _Source) -> Manifest:
    """Read as text: an XML parser would follow what its document type says. The parent's name is not the project's."""
    own = _without(source.text, "<parent>", "</parent>").partition("<dependencies>")[0]
    name = _between(own, "<name>", "</name>") or _between(own, "<artifactId>", "</artifactId>")
    about = {"name": name, "description": _between(own, "<description>", "</description>")}
    return source.says(about, ["./mvnw verify" if source.has("mvnw") else "mvn verify"])


_READERS: Mapping[str, Callable[[_Source], Manifest]] = {
    "Makefile": _makefile,
    "pyproject.toml": _pyproject,
    "package.json": _package_json,
    "Cargo.toml": _cargo,
    "go.mod": _go,
    "composer.json": _composer,
    "pom.xml": _pom,
}


def _table(content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = content.get(name)
    return value if isinstance(value, Mapping) else {}


def _toml(text: str) -> Mapping[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError):
        return {}


def _json(text: str) -> Mapping[str, Any]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, Mapping) else {}


def _line(value: object) -> str:
    return " ".join(value.split()) if isinstance(value, str) else ""


def _between(text: str, opening: str, closing: str) -> str:
    _, found, rest = text.partition(opening)
    inner, ended, _ = rest.partition(closing)
    return _line(html.unescape(inner)) if found and ended else ""


def _without(text: str, opening: str, closing: str) -> str:
    before, _, rest = text.partition(opening)
    return before + rest.partition(closing)[2] if rest else text
