"""The guide's documentation gate: what a change touches, and whether it was documented or says why not.

Changes to code, API, authentication or infrastructure need what the documentation checklist names for them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

_DOCUMENTS = (".md", ".rst", ".adoc", ".mdx", ".1", ".5", ".8")
_SPECIFICATIONS = re.compile(r"(?i)(^|/)(openapi|swagger|asyncapi)[^/]*\.(ya?ml|json)$|\.proto$")
_TESTS = re.compile(
    r"(?i)(^|/)(tests?|__tests__|spec|fixtures)/|(^|/)test_[^/]*$|[._-](test|spec)\.[a-z]+$|_test\.[a-z]+$"
)
_SURFACES = {
    "infrastructure": re.compile(
        r"(?i)(^|/)(dockerfile[^/]*|docker-compose[^/]*|compose\.ya?ml|helm|k8s|terraform|ansible|systemd|deploy)(/|$)"
        r"|\.(tf|service|nomad)$|(^|/)\.(github|gitea|forgejo|woodpecker|circleci)/|(^|/)\.gitlab-ci\.yml$"
    ),
    "authentication": re.compile(
        r"(?i)(^|[/_.-])(auth(?:n|z|entica\w*|ori[sz]\w*)?|oauth\w*|login|sessions?|permissions?|acl|jwt|tokens?)([/_.-]|$)"
    ),
    "API": re.compile(r"(?i)(^|/)(api|routes?|controllers?|endpoints?|graphql|handlers?)([/_.-]|$)"),
}
_NAMED = {
    "infrastructure": ("settings", "upgrade", "runbook", "logs", "operation"),
    "authentication": ("permission", "secret", "trust", "auth", "security"),
    "API": ("endpoint", "api", "format"),
    "code": ("readme", "guide", "function", "changelog"),
}
_REASON = re.compile(r"(?i)\bdoc(?:s|umentation)?\b\s*(?:[:—–-]|not |is not |are not |need|un)\s*\S.{7,}")
CHECKLIST = "docs/DOCUMENTATION-CHECKLIST.md"
"""The project's own; also the name of the template that stands in for it."""

_ITEM = re.compile(r"^[ \t]*[-*+] \[[ xX]\] (.+)$", re.MULTILINE)
_SHOWN = 3


def surfaces(paths: Iterable[str]) -> tuple[str, ...]:
    """What of it has to be documented: `API`, `authentication`, `infrastructure`, or just `code`; empty: nothing."""
    source = [path for path in paths if not is_document(path) and not _TESTS.search(path)]
    found = tuple(name for name, pattern in _SURFACES.items() if any(pattern.search(path) for path in source))
    return found or (("code",) if source else ())


def is_document(path: str) -> bool:
    """Whether people read it: a text below `docs` or anywhere, a README, a changelog, an API's description."""
    pure = PurePosixPath(path)
    first = pure.parts[0].lower() if len(pure.parts) > 1 else ""
    bare = pure.stem.upper() in ("README", "CHANGELOG", "UPGRADING", "CHANGES", "NEWS")
    return first in ("docs", "doc") or pure.suffix.lower() in _DOCUMENTS or bare or bool(_SPECIFICATIONS.search(path))


def says_why_not(notes: str) -> bool:
    """Whether the worker gave a reason: `documentation: internal refactoring only`, `docs not needed because …`."""
    return bool(_REASON.search(notes))


def missing(paths: Iterable[str], notes: str, checklist: str) -> str:
    """What of the documentation is missing, one line that names the checklist's items; empty when nothing is."""
    changed = list(paths)
    touched = surfaces(changed)
    if not touched or any(is_document(path) for path in changed) or says_why_not(notes):
        return ""
    words = {word for name in touched for word in _NAMED[name]}
    items = [item for item in _ITEM.findall(checklist) if any(word in item.lower() for word in words)]
    asked = f": {'; '.join(' '.join(item.split()) for item in items[:_SHOWN])}" if items else ""
    return (
        f"it changes {' and '.join(touched)} and no documentation{asked}. "
        "Document it, or give the reason in the notes (`documentation: …`)"
    )
