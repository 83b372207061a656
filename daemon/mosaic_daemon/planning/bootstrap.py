"""Bootstrap: a report and what is there already become a plan, and the plan becomes issues, files, a commit, a queue.

`proposed` only reads. `carried_out` acts, one step after the other, each of them harmless when it is done again: an
issue is looked for before it is made, files are written and committed together or not at all, the queue's file is told
last. A bootstrap that dies is run again.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from mosaic_daemon.forges.desk import Desk
from mosaic_daemon.ground.errors import InputError, Refused
from mosaic_daemon.ground.failpoints import failpoint
from mosaic_daemon.ground.layout import TABLE, Layout
from mosaic_daemon.ground.settings import Settings
from mosaic_daemon.nouns.budget import Band, Budget, Cap, derived_cap
from mosaic_daemon.nouns.figures import tokens, tokens_text
from mosaic_daemon.planning import archives, reports, versions
from mosaic_daemon.planning.archives import Archive
from mosaic_daemon.planning.finding import Report
from mosaic_daemon.planning.papers import files, phase_issues, record
from mosaic_daemon.planning.papers.capfile import PLAN_FILE
from mosaic_daemon.planning.papers.files import Project
from mosaic_daemon.planning.papers.record import PlanRecord
from mosaic_daemon.planning.plan import Milestone, Plan, prefix_of
from mosaic_daemon.planning.progress import Progress
from mosaic_daemon.repository.checkout import OURS, Checkout

_LEFT = 5


@dataclass(frozen=True, slots=True)
class Wish:
    """What the person asks for; None and empty: what the settings, the last plan or a default says.

    Attributes:
        report: the folder or file of the report; None only with `resume`.
        milestone: its version, its name, or both. mvp: it is declared to be the MVP.
        improves_prd: a worker goes over the PRD first.
        cap: tokens. resume, fresh: what to do with an archived table when there is none.
    """

    report: Path | None
    prefix: str = ""
    milestone: str = ""
    mvp: bool = False
    improves_prd: bool = False
    cap: int | None = None
    quality_gates: str = ""
    resume: bool = False
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class Proposed:
    """A plan that nobody has acted on yet.

    Attributes:
        record: the plan with its cap; None where an archived table is taken back as it is.
        budget: what was used, and what is left to do.
        archive: the archived table to go on with, or the one that is left alone; None when there is a table.
        resumes: the former of the two.
        known: the plan of an earlier bootstrap.
    """

    record: PlanRecord | None
    budget: Budget | None
    archive: Archive | None = None
    resumes: bool = False
    known: Plan | None = None

    @property
    def is_over(self) -> bool:
        """The plan needs more than the cap that the user named: nothing is made before a person chooses a way out."""
        return self.budget is not None and self.budget.band is Band.OVER and self.budget.cap.source == "user"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it.

    Attributes:
        record: the plan with its issues. commit: its sha; None when everything was committed already.
        changed: the files that the commit changes.
        unpushed: why the commit could not be pushed; empty when it is on the origin.
    """

    record: PlanRecord | None
    commit: str | None
    changed: tuple[str, ...]
    unpushed: str


class ArchiveFound(Refused):
    """There is no table, but an archived one has unfinished tasks: only a person knows what that means."""

    exit_code = 3


def proposed(wish: Wish, layout: Layout, settings: Settings) -> Proposed:
    """The plan; nothing is changed.

    Raises:
        InputError: the report, or a file of an earlier bootstrap, cannot be read, or has no finding.
        ArchiveFound: `wish` has to say what to do with it.
    """
    archive = None if layout.table.exists() else archives.newest(layout.repo)
    if archive is not None and archive.unfinished and not (wish.resume or wish.fresh):
        some = ", ".join(archive.unfinished[:_LEFT])
        raise ArchiveFound(
            f"there is no {TABLE}, but the archived milestone {archive.name!r} has {len(archive.unfinished)} of "
            f"{archive.rows} tasks that are neither done nor deferred: {some}",
            where=archive.path,
            remedy="`bootstrap --resume` goes on with them, `bootstrap --fresh` starts anew",
        )
    if wish.resume and archive is None:
        why = f"there is a {TABLE}" if layout.table.exists() else "nothing was archived"
        raise Refused(f"there is nothing to resume: {why}", where=str(layout.repo), remedy="leave `--resume` out")
    if wish.report is None:
        return Proposed(None, None, archive, resumes=True)
    _check_apart(wish.report, layout)
    report = reports.read(wish.report, root=layout.repo)
    if not report.findings:
        raise _nothing_found(report, wish.report)
    progress = Progress.of(layout)
    known = record.read(layout.repo) if layout.table.exists() or wish.resume else None
    if known is None and wish.resume and archive is not None and archive.plan is not None:
        known = record.parsed(archive.plan, source=archive.path)
    old = known.plan if known else None
    milestone = _milestone(wish, layout, settings, old.milestone if old else None)
    plan = progress.planned(report, milestone, old)
    cap = _cap(wish, settings, plan, known)
    gates = wish.quality_gates or (known.quality_gates if known else "")
    return Proposed(PlanRecord(plan, cap, gates), progress.budget(plan, cap), archive, wish.resume, old)


@dataclass(frozen=True, slots=True)
class Outside:
    """What a plan is carried out on. `queue`: puts entries into `tasks.json`."""

    checkout: Checkout
    desk: Desk
    queue: Callable[[list[dict[str, Any]]], None]


async def carried_out(proposal: Proposed, project: Project, outside: Outside) -> Outcome:
    """Make the issues, write and commit the files, push, and tell the queue's file.

    Raises:
        Unavailable: the forge or the origin cannot be reached now; running it again goes on from there.
        Refused, Rejected: something is in the way; the message says what.
    """
    filed = proposal.record
    outside.checkout.changed(files_of(proposal, project))  # whatever is in the way is met before an issue is made
    if filed is not None:
        issues = await phase_issues.filed(
            filed.plan, outside.desk, known=proposal.known, values=project.values, folder=project.folder
        )
        filed = replace(filed, plan=filed.plan.with_issues(issues))
        failpoint("bootstrap.filed")
    checkout = outside.checkout
    kept = checkout.untracked(*files.KEPT)  # a bootstrap that died before its commit has written them
    written = {path: checkout.read(path) or b"" for path in kept}
    written |= files_of(replace(proposal, record=filed), project)
    changed = tuple(path for path, content in written.items() if path in kept or checkout.read(path) != content)
    commit = checkout.commit(written, _message(proposal))
    failpoint("bootstrap.committed")
    unpushed = checkout.push()
    failpoint("bootstrap.pushed")
    if filed is not None and not unpushed:
        outside.queue(files.entries(filed.plan))
    return Outcome(filed, commit, changed, unpushed)


def files_of(proposal: Proposed, project: Project) -> dict[str, bytes]:
    """Every file as it should be; issues that are not made yet are left blank."""
    archived = proposal.archive.text if proposal.archive and proposal.resumes else None
    if proposal.record is None:
        plan = proposal.archive.plan if proposal.archive else None
        return {TABLE: archived or b"", **({PLAN_FILE: plan} if plan and project.read(PLAN_FILE) is None else {})}
    return files.papers(proposal.record, project, table_text=archived)


def project_of(proposal: Proposed, layout: Layout, settings: Settings, checkout: Checkout, now: datetime) -> Project:
    """What the papers are made for: the repository, and the guide's template variables."""
    plan = proposal.record.plan if proposal.record else None
    first = plan.phases[0] if plan else None
    values = {
        "PROJECT": plan.milestone.project if plan else layout.repo.name,
        "MILESTONE": plan.milestone.title if plan else "",
        "CURRENT_DATETIME": now.isoformat(timespec="seconds"),
        "TASK_PREFIX": plan.milestone.prefix if plan else "",
        "PHASE_ISSUE": first.issue if first else "",
        "PHASE_BRANCH": first.branch if first else "",
    }
    return Project(layout.repo, checkout.read, settings.templates.path, values)


def _check_apart(report: Path, layout: Layout) -> None:
    """Raise InputError for a folder with our own files in it: the next bootstrap would read this one's as findings."""
    folder = os.path.realpath(report)  # a link that leads in a circle is no error of this one
    for own in (TABLE, PLAN_FILE):
        if Path(os.path.realpath(layout.repo / own)).is_relative_to(folder):
            raise InputError(
                f"is the folder of {own} too, which is no report",
                source=str(report),
                remedy="give the report's own folder, such as docs/reports/NAME",
            )


def _nothing_found(report: Report, path: Path) -> InputError:
    lost = "; ".join(f"{each.source}: {each.reason}" for each in report.leftovers[:_LEFT])
    return InputError(
        "no finding could be read" + (f"; not placed: {lost}" if lost else ""),
        source=str(path),
        remedy="a finding is a heading, a table row or a list item with an id or a severity; see docs/bootstrap.md",
    )


def _milestone(wish: Wish, layout: Layout, settings: Settings, old: Milestone | None) -> Milestone:
    asked = versions.read(wish.milestone)
    project = old.project if old else layout.repo.name
    return Milestone(
        project=project,
        prefix=wish.prefix or settings.milestone.prefix or (old.prefix if old else prefix_of(project)),
        version=_version(asked.version, layout, old, mvp=wish.mvp or settings.milestone.mvp),
        name=asked.name or settings.milestone.name or (old.name if old else ""),
        shared_branches=settings.milestone.branches == "phase",
        improves_prd=wish.improves_prd or settings.milestone.improve_prd or bool(old and old.improves_prd),
    )


def _version(asked: str, layout: Layout, old: Milestone | None, *, mvp: bool) -> str:
    if old is None:
        history = [*archives.names(layout.repo), *Checkout(layout.repo, "").tags()]
        return versions.planned(asked, history, mvp=mvp)
    if asked not in ("", old.version):
        raise InputError(
            f"milestone {asked}: the one that is planned is {old.version}",
            source=PLAN_FILE,
            remedy="release that one first, or leave `--milestone` out to add to it",
        )
    return old.version


def _cap(wish: Wish, settings: Settings, plan: Plan, known: PlanRecord | None) -> Cap:
    if wish.cap is not None:
        return Cap(wish.cap, "user")
    if settings.budget.cap is not None:
        return Cap(tokens(settings.budget.cap), "user")
    if known is not None and known.cap.source == "user":
        return known.cap
    return Cap(derived_cap(plan.tokens), "derived")


def _message(proposal: Proposed) -> str:
    if proposal.record is None:
        name = proposal.archive.name if proposal.archive else ""
        return f"{OURS}Resume {name} from its archive"
    plan = proposal.record.plan
    return (
        f"{OURS}Bootstrap tasks.md from review report\n\n"
        f"Parsed {len(plan.findings)} findings into {len(plan.tasks)} tasks across {len(plan.phases)} phases.\n"
        f"Estimated total: {tokens_text(plan.tokens)} tokens."
    )
