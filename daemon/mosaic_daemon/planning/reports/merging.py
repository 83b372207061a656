"""Entries about the same finding become one; findings that merely share an id are told apart."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from mosaic_daemon.planning.finding import Finding, Leftover, Location, Remark, Severity
from mosaic_daemon.planning.reports import asides, clustering, entries, ids, inline, locations, paths
from mosaic_daemon.planning.reports.entries import Entry
from mosaic_daemon.planning.reports.severities import Weight


@dataclass(slots=True)
class Merged:
    """What became of the entries."""

    findings: list[Finding] = field(default_factory=list)
    leftovers: list[Leftover] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)


def merged(found: Sequence[Entry], order: Sequence[str], summaries: Iterable[str]) -> Merged:
    """The findings of all entries.

    Args:
        found: in the order of the report.
        order: names of the report's files. summaries: those that only sum up others.
    """
    result = Merged()
    found = [each for entry in found for each in (entry, *(replace(entry, id=name) for name in entry.others))]
    clusters = _without_mentions(clustering.clustered(found), result)
    place = {file: at for at, file in enumerate(order)}
    brief = frozenset(summaries)
    for cluster in clusters:
        cluster.sort(key=lambda entry: (not entry.is_full, entry.source.file in brief, -len(entry.body)))
    clusters.sort(key=lambda cluster: (place.get(cluster[0].source.file, 0), cluster[0].source.line))
    used: dict[str, int] = defaultdict(int)
    taken = {entry.id.casefold() for entry in found if entry.id}
    for cluster in clusters:
        if reason := _over(cluster):
            result.leftovers.append(Leftover(cluster[0].source, _text(cluster[0]), reason))
        else:
            result.findings.append(_finding(cluster, used, taken, result.remarks))
    return result


def fingerprint(kind: str, *parts: str) -> str:
    """A short, stable digest."""
    return hashlib.sha256("\0".join([kind, *parts]).encode(errors="replace")).hexdigest()[:16]


def _without_mentions(clusters: list[list[Entry]], result: Merged) -> list[list[Entry]]:
    """Without those that stand only under headings that announce something else."""
    kept = []
    for cluster in clusters:
        if any(not entry.aside or _describes(entry) for entry in cluster):
            kept.append([entry for entry in cluster if not entry.is_banned])
            continue
        entry = cluster[0]
        is_clear = bool(entry.id) or bool(entry.places and entry.claims) or (entry.is_banned and bool(entry.claims))
        if is_clear:
            result.leftovers.append(
                Leftover(entry.source, _text(entry), f"it is under {inline.plain(entry.aside)[:60]!r}")
            )
    return kept


def _describes(entry: Entry) -> bool:
    """Whether an entry in an appendix or a plan is a full description nevertheless."""
    return (
        bool(entry.id)
        and entry.is_full
        and not entry.is_banned
        and any(claim.weight is Weight.WORD for claim in entry.claims)
    )


def _over(cluster: Sequence[Entry]) -> str:
    entry = next((entry for entry in cluster if entry.over), None)
    return f"{entry.over} ({entry.source})" if entry else ""


def _text(entry: Entry) -> str:
    return f"{entry.id}: {entry.title}" if entry.id and entry.title else entry.id or entry.title


def _finding(cluster: list[Entry], used: dict[str, int], taken: set[str], remarks: list[Remark]) -> Finding:
    fullest = cluster[0]
    severity = _severity(cluster, remarks)
    titles = [entry.title for entry in cluster if entry.title]
    title = next((each for each in titles if not asides.is_part(each)), "") or next(iter(titles), "") or fullest.id
    places = _places(cluster)
    own = next((entry.id for entry in cluster if entry.id), "")
    path = places[0].path if places else ""
    count = used[own.casefold()] if own else 0
    mark = _mark(cluster, title, path, used)
    name = own or _made_id(mark, taken)
    if count:
        name = _suffixed(own, count, taken)
        remarks.append(
            Remark(f"{own} is given to more than one finding; {title!r} is called {name} here", fullest.source)
        )
    component = next((entry.component for entry in cluster if entry.component), "") or ids.component(own)
    return Finding(
        id=name,
        severity=severity,
        title=title,
        fingerprint=mark,
        component=component or next((each for place in places if (each := paths.component(place.path))), ""),
        locations=tuple(places),
        body=max((entry.body for entry in cluster if entry.is_full == fullest.is_full), key=len),
        sources=tuple(dict.fromkeys(entry.source for entry in cluster)),
        has_own_id=bool(own) and not count,
    )


def _mark(cluster: Sequence[Entry], title: str, path: str, used: dict[str, int]) -> str:
    """The fingerprint: by the id, for the second of an id by its title as well; else the scanner's, else by title."""
    own = next((entry.id.casefold() for entry in cluster if entry.id), "")
    if own:
        used[own] += 1
        is_first = used[own] == 1
        mark = fingerprint("id", own) if is_first else fingerprint("same id", own, clustering.normal(title))
    else:
        given = next((entry.mark for entry in cluster if entry.mark), "")
        mark = given or fingerprint("title", clustering.normal(title), path)
    used[f"\0{mark}"] += 1
    return mark if used[f"\0{mark}"] == 1 else fingerprint("again", mark, str(used[f"\0{mark}"]))


def _places(cluster: Sequence[Entry]) -> list[Location]:
    """Those of the fullest entry, then what the others add. A bare name that ends a known path is that path."""
    found: list[Location] = []
    full: dict[str, str] = {}
    for entry in cluster:
        for place in entry.places:
            path = full.setdefault(place.path.rpartition("/")[2], place.path) if "/" not in place.path else place.path
            full.setdefault(place.path.rpartition("/")[2], place.path)
            found.append(Location(path, place.first, place.last))
    return locations.distinct(found)


def _severity(cluster: Sequence[Entry], remarks: list[Remark]) -> Severity:
    fullest = cluster[0]
    claims = entries.heard([claim for entry in cluster for claim in entry.claims if not entry.aside])
    if not claims:
        said = next((entry.unknown for entry in cluster if entry.unknown), "")
        why = f"severity {said!r} is not known" if said else "no severity is given"
        remarks.append(Remark(f"{_text(fullest)}: {why}; taken as medium", fullest.source))
        return Severity.MEDIUM
    # A figure or a priority that is milder than the word is no contradiction; a word that is overruled is one.
    heaviest = max(claim.weight for claim in claims)
    other = next((each for each in claims if each.weight == heaviest and each.severity != claims[0].severity), None)
    if other is not None:
        told = f"{claims[0].severity} at {claims[0].source}, {other.severity} at {other.source}"
        text = f"{_text(fullest)}: severities contradict each other: {told}; the most severe counts"
        remarks.append(Remark(text, claims[0].source))
    return claims[0].severity


def _made_id(mark: str, taken: set[str]) -> str:
    name = next(name for size in range(6, 17) if (name := f"F-{mark[:size]}") not in taken or size == 16)
    taken.add(name)
    return name


def _suffixed(own: str, count: int, taken: set[str]) -> str:
    """`SEC-1-b` for the second, and on to letters that no finding has."""
    while True:
        letters, number = "", count
        while number >= 0:
            letters, number = chr(ord("a") + number % 26) + letters, number // 26 - 1
        name = f"{own}-{letters}"
        if name.casefold() not in taken:
            taken.add(name.casefold())
            return name
        count += 1
