"""Commits in memory: as much of git as the memory forge and scripted workers share."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

Files = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Commit:
    """`files`: the whole content by path."""

    sha: str
    parent: str | None
    files: Files
    message: str

    @property
    def tree(self) -> str:
        return tree_of(self.files)


class History:
    """Commits that form a tree of single parents: what a forge and a worker share of git."""

    def __init__(self, files: Files | None = None) -> None:
        self._commits: dict[str, Commit] = {}
        self.first = self._keep(None, dict(files or {}), "first")

    def __getitem__(self, sha: str) -> Commit:
        return self._commits[sha]

    def __contains__(self, sha: str) -> bool:
        return sha in self._commits

    def commit(self, parent: str, changes: Mapping[str, str | None], message: str = "") -> str:
        """A commit on top of `parent`; None deletes a path. The same arguments give the same commit."""
        files = {**self[parent].files, **{path: text for path, text in changes.items() if text is not None}}
        return self._keep(
            parent, {path: text for path, text in files.items() if changes.get(path, "") is not None}, message
        )

    def above(self, since: str, head: str) -> list[Commit]:
        """What `head` has and `since` has not, newest first."""
        known = {commit.sha for commit in self._line(since)}
        return [commit for commit in self._line(head) if commit.sha not in known]

    def merged(self, base: str, head: str) -> Files | tuple[str, ...]:
        """The content that merging `head` into `base` gives, or the paths that conflict."""
        common = next(commit for commit in self._line(head) if commit.sha in {each.sha for each in self._line(base)})
        mine, theirs = dict(self[base].files), self[head].files
        conflicts = []
        for path in sorted({*common.files, *theirs}):
            before, after = common.files.get(path), theirs.get(path)
            if before == after or mine.get(path) == after:
                continue
            if mine.get(path) != before:
                conflicts.append(path)
            elif after is None:
                del mine[path]
            else:
                mine[path] = after
        return tuple(conflicts) or mine

    def _line(self, sha: str | None) -> Iterator[Commit]:
        while sha is not None:
            yield self[sha]
            sha = self[sha].parent

    def _keep(self, parent: str | None, files: Files, message: str) -> str:
        sha = _name("commit", str(parent), tree_of(files), message)
        self._commits[sha] = Commit(sha, parent, files, message)
        return sha


def tree_of(files: Files) -> str:
    """The name of a content: the same files, the same name."""
    return _name("tree", *(f"{path}\0{text}" for path, text in sorted(files.items())))


def _name(*parts: str) -> str:
    return hashlib.sha1("\n".join(parts).encode(), usedforsecurity=False).hexdigest()
