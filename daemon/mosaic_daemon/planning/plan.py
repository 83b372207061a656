"""A plan: what bootstrap shows, writes down and hands to the daemon. Made by `planner.planned`."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mosaic_daemon.nouns.task import Task
from mosaic_daemon.planning.finding import Finding, Leftover, Remark, Severity


@dataclass(frozen=True, slots=True)
class Milestone:
    """What is planned for.

    Attributes:
        project: the project's name. prefix: of all task ids, `MS`.
        version: `0.0.1`. name: people's name for it; the version where they gave none.
        shared_branches: all tasks of a phase use the phase's branch, instead of one each.
        improves_prd: a worker goes over `docs/PRD.md` before everything else.
    """

    project: str
    prefix: str
    version: str
    name: str = ""
    shared_branches: bool = False
    improves_prd: bool = False

    @property
    def title(self) -> str:
        return self.name or self.version


@dataclass(frozen=True, slots=True)
class Reason:
    """A part of an estimate: tokens, and what they are for (`base: add guard or validation`, `+1 file`)."""

    tokens: int
    why: str


@dataclass(frozen=True, slots=True)
class PlannedTask:
    """A task and where it comes from.

    Attributes:
        fingerprint: of the finding it mends; empty for verification and documentation.
        tokens: the estimate; the sum of `reasons`. `task.estimate` says the same, rounded, as `8K`.
    """

    task: Task
    fingerprint: str = ""
    reasons: tuple[Reason, ...] = ()

    @property
    def tokens(self) -> int:
        return sum(reason.tokens for reason in self.reasons)


@dataclass(frozen=True, slots=True)
class Phase:
    """All findings of one severity.

    Attributes:
        number: 1 to 4. title: `Critical Security Fixes`. branch: the guide's pattern, `fix/security`.
        tasks: ids in the order in which they are to be done, documentation and verification last.
        labels: of its issue. issue: `#12`, `TASKS:P1`; empty until it is known.
    """

    number: int
    severity: Severity
    title: str
    branch: str
    tasks: tuple[str, ...]
    labels: tuple[str, ...] = ()
    issue: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole plan. Every finding is in exactly one task; what is no finding for certain is in `leftovers`.

    Attributes:
        report: the report's name.
        tasks: in the order of the table: by phase, then as in `Phase.tasks`.
    """

    milestone: Milestone
    report: str
    findings: tuple[Finding, ...]
    phases: tuple[Phase, ...]
    tasks: tuple[PlannedTask, ...]
    leftovers: tuple[Leftover, ...] = ()
    remarks: tuple[Remark, ...] = ()

    @property
    def tokens(self) -> int:
        return sum(task.tokens for task in self.tasks)

    def with_issues(self, issues: dict[int, str]) -> Plan:
        """The plan with the issue of each phase, by its number, in the phases and in their tasks."""
        return replace(
            self,
            phases=tuple(replace(phase, issue=issues.get(phase.number, phase.issue)) for phase in self.phases),
            tasks=tuple(
                replace(each, task=replace(each.task, issue=issues.get(each.task.phase or 0, each.task.issue)))
                for each in self.tasks
            ),
        )


def prefix_of(name: str) -> str:
    """How task ids begin in a project of this name: `mosaic-shop` gives `MS`, `shop` gives `SHO`."""
    words = "".join(letter if letter.isalnum() and letter.isascii() else " " for letter in name).split()
    letters = "".join(word[0] for word in words[:4]) if len(words) > 1 else "".join(words)[:3]
    return (letters if letters[:1].isalpha() else f"T{letters}").upper()
