"""Which entries are about the same finding, in time that grows with their number alone."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from mosaic_daemon.planning.reports import vocabulary
from mosaic_daemon.planning.reports.entries import Entry

_WORD = re.compile(r"[^\W_]+")
_LINES = re.compile(r"(?::|\blines?\s+|#l?)\d+(?:\s*[-–]\s*l?\d+)?", re.I)
_NOISE = vocabulary.words(
    """
    a an and are as at be by for from has have in into is it its no not of on or that the this to with without
    """
)
_ALIKE = 0.5
_MOST = 16  # findings that share an id, and entries of one, beyond which only equal titles are recognised


def clustered(found: Sequence[Entry]) -> list[list[Entry]]:
    """The entries by the finding they are about, in no particular order."""
    fullest_first = sorted(found, key=lambda each: not each.is_full)
    by_id: dict[str, _SameId] = defaultdict(_SameId)
    for entry in fullest_first:
        if entry.id:
            by_id[entry.id.casefold()].add(entry)
    named = [cluster for same in by_id.values() for cluster in same.clusters]
    with_id: dict[str, _SameTitle] = defaultdict(_SameTitle)
    for cluster in named:
        for title in {normal(entry.title) for entry in cluster[:_MOST]}:
            with_id[title].index(cluster, cluster)
    without: dict[str, _SameTitle] = defaultdict(_SameTitle)
    marked = []
    for entry in fullest_first:
        if entry.id:
            continue
        title = normal(entry.title)
        if entry.mark:
            marked.append([entry])
        elif title not in with_id or not with_id[title].add_to_one(entry):
            without[title].add(entry)
    return [*named, *(cluster for same in without.values() for cluster in same.clusters), *marked]


def normal(title: str) -> str:
    """A title as it is compared: words only, without line numbers."""
    return " ".join(_WORD.findall(_LINES.sub(" ", title).casefold()))


class _SameId:
    """Entries with one id: one finding, unless they describe different ones."""

    def __init__(self) -> None:
        self.clusters: list[list[Entry]] = []
        self._by_title: dict[str, list[Entry]] = {}

    def add(self, entry: Entry) -> None:
        title = normal(entry.title)
        cluster = self._by_title.get(title) or self._alike(entry)
        if cluster is None:
            self.clusters.append(cluster := [])
        cluster.append(entry)
        self._by_title.setdefault(title, cluster)

    def _alike(self, entry: Entry) -> list[Entry] | None:
        fitting = [cluster for cluster in self.clusters[:_MOST] if _is_same(entry, cluster[:_MOST])]
        return max(fitting, key=lambda cluster: _likeness(entry.title, cluster[0].title), default=None)


class _SameTitle:
    """Entries with one title: one finding for each place, and one without a place belongs to the first."""

    def __init__(self) -> None:
        self.clusters: list[list[Entry]] = []
        self._by_path: dict[str, list[Entry]] = {}
        self._placeless: list[Entry] | None = None

    def add(self, entry: Entry) -> None:
        cluster = self._fitting(entry)
        if cluster is None:
            cluster = []
            self.clusters.append(cluster)
        cluster.append(entry)
        self._note(cluster, [entry])

    def index(self, cluster: list[Entry], entries: Sequence[Entry]) -> None:
        """Make a cluster known that was made elsewhere."""
        self.clusters.append(cluster)
        self._note(cluster, entries)

    def add_to_one(self, entry: Entry) -> bool:
        """Add the entry to the only cluster that it fits, if there is exactly one."""
        cluster = self._fitting(entry) if entry.places or len(self.clusters) == 1 else None
        if cluster is not None:
            cluster.append(entry)
        return cluster is not None

    def _fitting(self, entry: Entry) -> list[Entry] | None:
        if not entry.places:
            return self.clusters[0] if self.clusters else None
        paths = (place.path for place in entry.places)
        return next((self._by_path[path] for path in paths if path in self._by_path), self._placeless)

    def _note(self, cluster: list[Entry], entries: Sequence[Entry]) -> None:
        paths = [place.path for entry in entries for place in entry.places]
        for path in paths:
            self._by_path.setdefault(path, cluster)
        if not paths:
            self._placeless = self._placeless or cluster
        elif self._placeless is cluster:
            self._placeless = None


def _is_same(entry: Entry, cluster: Sequence[Entry]) -> bool:
    """Whether an entry with the id of these is about the same: a different description of the same rank is not."""
    if any(_likeness(entry.title, other.title) >= _ALIKE for other in cluster):
        return True
    for other in cluster:
        are_rivals = entry.is_full == other.is_full and not entry.aside and not other.aside
        if are_rivals and (entry.is_full or (entry.block == other.block and entry.source.file == other.source.file)):
            return False
        if not entry.is_full and not _share_place(entry, other):
            return False
    return True


def _likeness(one: str, other: str) -> float:
    """0 to 1: how much of the shorter title is in the longer; by beginnings of words: `auth` is `authentication`."""
    first, second = _stems(one), _stems(other)
    shorter = min(len(first), len(second))
    return len(first & second) / shorter if shorter else 1.0


def _stems(title: str) -> set[str]:
    return {word[:4] for word in _WORD.findall(title.lower()) if word not in _NOISE}


def _share_place(one: Entry, other: Entry) -> bool:
    first = {place.path for place in one.places[:_MOST]}
    second = {place.path for place in other.places[:_MOST]}
    return not first or not second or bool(first & second)
