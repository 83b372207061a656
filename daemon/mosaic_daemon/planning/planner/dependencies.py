"""Which task waits for which, by the guide's Step 4, and no edge that follows from others.

Every edge leads from an earlier place in the plan to a later one, so there are no circles by construction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mosaic_daemon.planning.planner.draft import Draft
from mosaic_daemon.planning.planner.words import Wording, keywords, mentions


@dataclass(frozen=True, slots=True)
class Chapter:
    """A phase while it is linked.

    Attributes:
        drafts: in their order. ids: of their tasks, one each.
        closing: ids of the tasks that end the phase, one after the other; the verification is the last.
    """

    drafts: Sequence[Draft]
    ids: Sequence[str]
    closing: Sequence[str]


# A foundation is what a title says is missing, broken or to be added, but for one place that only uses it; whoever
# mentions the same thing relies on it.
_TO_BE_LAID = keywords(
    "add", "adds", "implement*", "introduce*", "missing", "no", "lack*", "without", "absent", "broken",
    "not implemented", "not enforced", "disabled", "repair", "replace*", "fix", "bypass*", "does not", "do not",
    "never", "weak", "insecure",
)  # fmt: skip
_ONE_PLACE = keywords(
    "endpoint*", "route", "routes", "page", "pages", "form", "forms", "handler*", "controller*", "button*",
)  # fmt: skip
_FOUNDATIONS: Mapping[str, tuple[str, ...]] = {
    "authentication": keywords(
        "authentication", "unauthenticated", "auth", "authn", "login", "jwt", "oauth", "token verification"
    ),
    "authorization": keywords("authorization", "authorisation", "authz", "access control", "rbac", "role check*"),
    "session": keywords("session", "sessions"),
    "cryptography": keywords(
        "encryption", "unencrypted", "cryptography", "crypto", "hashing", "key management"
    ),
}  # fmt: skip


def founded(wording: Wording) -> frozenset[str]:
    """What of authentication, authorization, session and cryptography a finding lays or repairs the foundation of."""
    laid = mentions(wording.title, _TO_BE_LAID) and not mentions(wording.title, _ONE_PLACE)
    return _mentioned(wording.title) if laid else frozenset()


def relied_on(wording: Wording) -> frozenset[str]:
    """Which of those foundations it speaks of at all."""
    return _mentioned(wording.text)


def _mentioned(text: str) -> frozenset[str]:
    return frozenset(name for name, words in _FOUNDATIONS.items() if mentions(text, words))


def dependencies(chapters: Iterable[Chapter]) -> dict[str, tuple[str, ...]]:
    """The ids each task depends on, transitively reduced, for all tasks of the chapters in their order.

    What waits for nothing in its own phase waits for the verification of the phase before; what nothing in its phase
    waits for is waited for by the tasks that close it. All others follow from these.
    """
    edges: dict[str, tuple[str, ...]] = {}
    before: tuple[str, ...] = ()
    for chapter in chapters:
        needs = _needs(chapter.drafts)
        for task, own in zip(chapter.ids, needs, strict=True):
            edges[task] = tuple(chapter.ids[index] for index in own) or before
        needed = {index for own in needs for index in own}
        ends = tuple(task for index, task in enumerate(chapter.ids) if index not in needed) or before
        for task in chapter.closing:
            edges[task] = ends
            ends = (task,)
        before = ends
    return edges


def _needs(drafts: Sequence[Draft]) -> list[list[int]]:
    """Per draft the places of those it comes after in its phase, rising, reduced.

    Chains instead of every pair: the next task of a file waits for the last one before it, and so do the foundations
    of one thing in one component; the first of all others that mention it there waits for the last of these.
    """
    last_of_file: dict[str, int] = {}
    last_foundation: dict[tuple[str, str], int] = {}
    needs: list[set[int]] = []
    for index, draft in enumerate(drafts):
        bases = [(draft.finding.component, name) for name in draft.founds or draft.relies]
        own = {last_of_file[file] for file in draft.files if file in last_of_file}
        own.update(last_foundation[base] for base in bases if base in last_foundation)
        needs.append(own)
        last_of_file.update(dict.fromkeys(draft.files, index))
        if draft.founds:
            last_foundation.update(dict.fromkeys(bases, index))
    return _reduced(needs)


def _reduced(needs: Sequence[set[int]]) -> list[list[int]]:
    """Without the edges that a longer way makes needless. Places only need lower ones.

    Ancestors are bits of one integer a task: 10,000 tasks take some megabytes and a pass over the edges.
    """
    ancestors: list[int] = []
    reduced: list[list[int]] = []
    for own in needs:
        reached, kept = 0, []
        for need in sorted(own, reverse=True):
            if not reached >> need & 1:
                kept.append(need)
                reached |= ancestors[need] | 1 << need
        ancestors.append(reached)
        reduced.append(kept[::-1])
    return reduced
