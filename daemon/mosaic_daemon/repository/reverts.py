"""Whether a change takes back what other tasks have landed lately: agents that work on a stale copy do that, and every
check stays green.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from mosaic_daemon.ground.git import Git

_LANDINGS = 20
_LEAST_LINES = 3
_TRIVIAL = 4
_DIFF = (
    *("-c", "core.bigFileThreshold=1m", "-c", "diff.noPrefix=false", "-c", "diff.mnemonicPrefix=false"),
    *("diff", "--unified=0", "--no-color", "--no-ext-diff", "--no-textconv", "--find-renames"),
)
_HEADER = re.compile(r'^(?:---|\+\+\+) (?:"?[ab]/)?(.*?)"?$')


@dataclass(frozen=True, slots=True)
class Reverted:
    """`path`: the file; `by`: the squash commit whose work in it would be gone."""

    path: str
    by: str


@dataclass(slots=True)
class _Diff:
    """Lines per path, only those that say something; `created` and `deleted` are whole files."""

    added: dict[str, Counter[str]] = field(default_factory=dict)
    removed: dict[str, Counter[str]] = field(default_factory=dict)
    created: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)


async def reverted(git: Git, base: str, head: str, task: str) -> tuple[Reverted, ...]:
    """Files in which `head` undoes the better part of what another task's squash commit brought to `base`.

    Looked at are the last twenty of them: a file one of them created and `head` deletes, and lines one of them added
    of which `head` removes more than half.
    """
    mine = _parsed(await git.run(*_DIFF, f"{base}...{head}"))
    if not mine.deleted and not mine.removed:
        return ()
    found: dict[str, Reverted] = {}
    for commit in await _landings(git, base, task):
        theirs = _parsed(await git.run(*_DIFF, f"{commit}^", commit))
        for path in _undone(mine, theirs):
            found.setdefault(path, Reverted(path, commit))
    return tuple(found.values())


async def _landings(git: Git, base: str, task: str) -> list[str]:
    """The newest squash commits of other tasks."""
    trailer = "%(trailers:key=Mosaic-Task,valueonly,separator=%x2C)"
    args = (
        "log",
        "--first-parent",
        f"--max-count={_LANDINGS}",
        "--grep=^Mosaic-Task: ",
        f"--format=%H {trailer}",
        base,
    )
    lines = (line.partition(" ") for line in (await git.run(*args)).splitlines())
    return [commit for commit, _, owner in lines if owner and owner != task]


def _undone(mine: _Diff, theirs: _Diff) -> Iterable[str]:
    yield from sorted(mine.deleted & theirs.created)
    for path, lines in theirs.added.items():
        gone = (mine.removed.get(path, Counter()) & lines).total()
        if path not in mine.deleted and gone >= _LEAST_LINES and gone * 2 > lines.total():
            yield path


def _parsed(text: str) -> _Diff:
    diff, old, new = _Diff(), "", ""
    for line in text.split("\n"):
        if line.startswith("diff --git "):
            old, new = "", ""
        elif line.startswith("--- ") and not old:
            old = _path(line)
        elif line.startswith("+++ ") and not new:
            new = _path(line)
            if old == "/dev/null":
                diff.created.add(new)
            elif new == "/dev/null":
                diff.deleted.add(old)
        elif line.startswith("+") and len(line.strip()) > _TRIVIAL:
            diff.added.setdefault(new, Counter())[line[1:]] += 1
        elif line.startswith("-") and len(line.strip()) > _TRIVIAL:
            diff.removed.setdefault(old, Counter())[line[1:]] += 1
    return diff


def _path(header: str) -> str:
    found = _HEADER.match(header)
    return found[1] if found else ""
