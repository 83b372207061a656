"""What of a milestone is archived: table, learnings and plan under its name, beside notes and a retrospective."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from mosaic_daemon.faces.learnings import LEARNINGS
from mosaic_daemon.forges.texts import harmless
from mosaic_daemon.ground.layout import TABLE
from mosaic_daemon.milestone.metadata import Metadata
from mosaic_daemon.planning.archives import FOLDER
from mosaic_daemon.planning.papers.capfile import PLAN_FILE
from mosaic_daemon.planning.papers.graph import GRAPH_FILE

RELEASES = "docs/releases"
TRAILER = "Mosaic-Release"
MOVED: Mapping[str, str] = {
    TABLE: "tasks.md",
    LEARNINGS: "learnings.json",
    PLAN_FILE: "plan.json",
    GRAPH_FILE: "plan.md",
}
"""What is archived, and how its name ends there."""


@dataclass(frozen=True, slots=True)
class Papers:
    """What is written beside what is moved.

    Attributes:
        notes: of the release, where they are a file; else empty. retrospective: Markdown.
        closing: lines about the end of the milestone, for the archived table.
    """

    notes: str
    retrospective: str
    closing: Sequence[str]


def notes_file(tag: str) -> str:
    return f"{RELEASES}/{tag}.md"


def files(
    milestone: Metadata, there: Mapping[str, bytes], taken: Collection[str], papers: Papers
) -> dict[str, bytes | None]:
    """The archive commit: contents by path, None for what goes.

    Args:
        there: those of `MOVED` that exist. taken: paths that exist in the archive; none of them is written over.
    """
    name = _free(milestone, taken)
    commit: dict[str, bytes | None] = {}
    for path, data in there.items():
        commit[path] = None
        commit[f"{FOLDER}/{name}-{MOVED[path]}"] = data if path != TABLE else _closed(data, papers.closing)
    commit[f"{FOLDER}/{name}-retrospective.md"] = papers.retrospective.encode()
    if papers.notes:
        commit[notes_file(milestone.tag)] = f"# {milestone.tag}\n\n{papers.notes}".encode()
    return commit


def message(milestone: Metadata) -> str:
    """The guide's, with a trailer by which it is found again."""
    return (
        f"chore(orchestrator): Complete {harmless(milestone.name)} milestone release\n\n"
        f"- Tagged: {milestone.tag}\n"
        "- Release published\n"
        "- Artifacts archived to docs/tasks/\n\n"
        f"{TRAILER}: {milestone.tag}\n"
    )


def _free(milestone: Metadata, taken: Collection[str]) -> str:
    """The milestone's name without blanks, with its version where an older one is called the same."""
    plain = "-".join(milestone.name.split())
    for name in (plain, f"{plain}-{milestone.version}"):
        if not any(f"{FOLDER}/{name}-{ending}" in taken for ending in MOVED.values()):
            return name
    return f"{plain}-{milestone.version}-again"


def _closed(table: bytes, closing: Sequence[str]) -> bytes:
    lines = "\n".join(["", "## Release", "", *(f"- {line}" for line in closing), ""])
    return table.rstrip(b"\n") + b"\n" + lines.encode()
