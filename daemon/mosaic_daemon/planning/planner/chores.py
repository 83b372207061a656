"""The tasks that are about no finding: a phase ends with its documentation, by the guide's Step 6b, and its
verification, by Step 4; a plan may begin with its requirements, by Step 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mosaic_daemon.nouns.task import Kind
from mosaic_daemon.planning.plan import Reason
from mosaic_daemon.planning.planner import estimates
from mosaic_daemon.planning.planner.phases import Pattern

CHECKLIST = "docs/DOCUMENTATION-CHECKLIST.md"
"""Where a project keeps its documentation checklist; one that has none uses the guide's."""

REQUIREMENTS = "docs/PRD.md"

_GUIDE_CHECKLIST = "~/.config/mosaic/templates/docs/DOCUMENTATION-CHECKLIST.md"
_NAMED = 30
_DOCUMENTED = frozenset({Kind.CODE, Kind.CONFIG})


@dataclass(frozen=True, slots=True)
class Chore:
    """A task that is about no finding, without an id. Its description has no colon.

    Attributes:
        files: what it changes, where that is known.
    """

    category: str
    kind: Kind
    description: str
    prompt: str
    reasons: tuple[Reason, ...]
    files: tuple[str, ...] = ()


def needs_documentation(kinds: Sequence[Kind]) -> bool:
    """Whether a phase with tasks of these kinds changes code, an API, auth or infrastructure."""
    return not _DOCUMENTED.isdisjoint(kinds)


def documentation(pattern: Pattern, tasks: Sequence[str]) -> Chore:
    what = f"phase {pattern.number} ({pattern.title})"
    return Chore(
        "DOC",
        Kind.DOCS,
        f"Document {what} and complete {CHECKLIST}",
        f"Bring the documentation up to date with what {what} changed: {_listed(tasks)}.\n\n"
        f"- Read the commits of these tasks; `docs/TASKS.md` says what each one was about.\n"
        f"- Work through the documentation checklist, `{CHECKLIST}` or, where the project has none, "
        f"`{_GUIDE_CHECKLIST}`, and complete each item that applies.\n"
        f"- Change documents only. Report in your notes which items do not apply, and why.",
        estimates.of_documentation(len(tasks)),
    )


def verification(pattern: Pattern, tasks: Sequence[str]) -> Chore:
    what = f"phase {pattern.number} ({pattern.title})"
    return Chore(
        pattern.verification,
        Kind.VERIFICATION,
        f"Verify {what}",
        f"Verify {what}: {_listed(tasks)}.\n\n"
        f"- {pattern.checks}\n"
        f"- Check for each of these tasks that what its finding describes is gone and that nothing else broke; "
        f"`docs/TASKS.md` names the finding, `docs/reports/` describes it.\n"
        f"- Check that the documentation is up to date ({CHECKLIST}).\n"
        f"- Change nothing and commit nothing. If anything fails, report `failed` with the task, the command and its "
        f"output; else `success` with what you ran in your notes.",
        estimates.of_verification(len(tasks)),
    )


def requirements() -> Chore:
    """A worker's look at what bootstrap drafted, before anything is built on it."""
    return Chore(
        "DOC",
        Kind.DOCS,
        f"Improve {REQUIREMENTS}",
        f"Improve the requirements in `{REQUIREMENTS}`; everything that follows is aligned with them.\n\n"
        f"- Read the README, the documents, the code and its tests, and the report below `docs/reports/`.\n"
        f"- Replace every line marked `ASSUMPTION:` that the project itself answers; say where the answer stands. Keep "
        f"the mark where it remains a guess.\n"
        f"- Add requirements that the code shows and the document lacks. Keep its headings.\n"
        f"- Change this one file only.",
        estimates.of_requirements(),
        (REQUIREMENTS,),
    )


def _listed(tasks: Sequence[str]) -> str:
    more = f" and {len(tasks) - _NAMED} more" if len(tasks) > _NAMED else ""
    return (", ".join(tasks[:_NAMED]) or "no tasks") + more
