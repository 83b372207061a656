"""The composition root: settings become objects here and nowhere else."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from mosaic_daemon.faces.deferrals import DeferredErrors
from mosaic_daemon.faces.learnings import Learnings
from mosaic_daemon.faces.queue import QueueFace
from mosaic_daemon.faces.table import TableFace
from mosaic_daemon.forges.base import Forge
from mosaic_daemon.forges.desk import Desk, InternalDesk
from mosaic_daemon.forges.internal import Checks, InternalForge
from mosaic_daemon.forges.releases import InternalReleases, Releases
from mosaic_daemon.forges.rest.webhook import door_of
from mosaic_daemon.forges.wrappers.commands import Commands
from mosaic_daemon.forges.wrappers.commands import environment as scripts_environment
from mosaic_daemon.forges.wrappers.desk import ScriptsDesk
from mosaic_daemon.forges.wrappers.forge import Conduct, WrappersForge
from mosaic_daemon.forges.wrappers.releases import ScriptedReleases
from mosaic_daemon.ground import instance, templates
from mosaic_daemon.ground.clock import SystemClock
from mosaic_daemon.ground.errors import ConfigError
from mosaic_daemon.ground.layout import Layout
from mosaic_daemon.ground.listening import permitted
from mosaic_daemon.ground.settings import GateSettings, ReviewSettings, RuntimeSettings, Settings
from mosaic_daemon.lines import Lines, opened_lines
from mosaic_daemon.milestone.release import Milestones, Place
from mosaic_daemon.notices import Notices
from mosaic_daemon.notifiers.connect import notifiers
from mosaic_daemon.nouns.documentation import CHECKLIST
from mosaic_daemon.nouns.events import DrainChanged
from mosaic_daemon.nouns.figures import tokens
from mosaic_daemon.nouns.record import Record
from mosaic_daemon.nouns.review import Aspect
from mosaic_daemon.nouns.task import Kind, Status
from mosaic_daemon.parts import Parts
from mosaic_daemon.planning.completion import Completion
from mosaic_daemon.planning.learning.conclusions import Conclusions
from mosaic_daemon.planning.papers.capfile import CapFile
from mosaic_daemon.planning.papers.places import Places
from mosaic_daemon.repository.clone import Clone
from mosaic_daemon.repository.configuration import PersonsConfiguration
from mosaic_daemon.repository.qa_reports import QaReports
from mosaic_daemon.repository.tags import Tags
from mosaic_daemon.repository.worktrees import Worktrees
from mosaic_daemon.runtimes.base import DEFAULTS, Runtime, environment
from mosaic_daemon.stages.collect import DocsGate, Judge
from mosaic_daemon.stages.delegation import Delegation
from mosaic_daemon.stages.dispatch import Workplace
from mosaic_daemon.stages.gate import GatePolicy
from mosaic_daemon.stages.publish import Publisher
from mosaic_daemon.stages.rebuild import rebuild, stop_strays
from mosaic_daemon.stages.review import ReviewPolicy, Reviews
from mosaic_daemon.stages.review.reviewers import Desk as ReviewDesk
from mosaic_daemon.stages.schedule import Schedule
from mosaic_daemon.stages.spending import Spending
from mosaic_daemon.store.ledger import Ledger
from mosaic_daemon.store.sqlite import SqliteJournal
from mosaic_rails.process.rail import ProcessRail

_EXCLUDE = "/.mosaic/orchestrator/"


@asynccontextmanager
async def opened(layout: Layout, settings: Settings, what: str) -> AsyncIterator[Parts]:
    """Hold the repository and put everything together.

    Raises:
        AnotherInstance: somebody else holds it.
        ConfigError, InputError, LedgerError, Unavailable: it cannot be opened; the message says why.
    """
    prepare(layout)
    with instance.held(layout.lock, what), ExitStack() as stack:
        clone = await Clone.open(layout.repo, layout.clone, settings.tracking.base_branch)
        ledger = Ledger(SqliteJournal(layout.ledger))
        try:
            parts = build(layout, settings, clone, ledger, stack.enter_context(opened_lines(layout)))
            try:
                if ledger.system.draining:
                    ledger.append("", DrainChanged(False, f"{what} started"), at=parts.clock.now())
                if ledger.seq == 0:
                    await _rebuild(parts)
                yield parts
                parts.forge.recorded()
            finally:
                await parts.milestones.aclose()
                await parts.forge.aclose()
        finally:
            ledger.close()


def build(layout: Layout, settings: Settings, clone: Clone, ledger: Ledger, lines: Lines) -> Parts:
    """The parts of a tick from settings; what must outlive a change of settings is handed in."""
    check(settings)
    worktrees = Worktrees(layout.worktrees, clone)
    place_of, is_published = Places(layout.repo).of, settings.tracking.commit != "off"
    learnings, deferrals = _learnings(layout, settings, clone, ledger), DeferredErrors(ledger, clone, place_of)
    queue, table = QueueFace(layout, ledger), TableFace(layout, ledger, clone, learnings, deferrals)
    interval = timedelta(seconds=settings.tracking.interval_sec)
    forge, policy = _forge(layout, settings, clone), _policy(settings.gate, clone.branch)
    reports = QaReports(layout.repo)
    place = Place(
        ledger=ledger,
        clone=clone,
        tags=Tags(clone),
        forge=forge,
        policy=policy,
        settings=settings.milestone,
        reports=reports,
        project=layout.repo.name,
        provider=settings.forge.provider,
        tracks=is_published,
        open_releases=lambda tag: _releases(layout, settings, tag),
    )
    delegation = Delegation(settings.run.delegation, lines.rails)
    return Parts(
        ledger=ledger,
        clone=clone,
        place=Workplace(
            layout=layout,
            clone=clone,
            worktrees=worktrees,
            rails=lines.rails,
            runtimes=runtimes(settings.runtimes),
            worker=settings.worker,
            environment=dict(os.environ),
            templates=settings.templates.path,
            elsewhere=lines.elsewhere,
        ),
        judge=Judge(
            layout, clone, worktrees, settings.worker.retries, settings.worker.may_change, _docs_gate(settings, ledger)
        ),
        reviews=_reviews(layout, settings, clone),
        forge=forge,
        policy=policy,
        queue=queue,
        table=table,
        publisher=Publisher(queue, table, interval, table_enabled=is_published),
        schedule=Schedule(settings.worker.runtime, delegation),
        delegation=delegation,
        lines=lines,
        spending=Spending(),
        conclusions=Conclusions(ledger, reports, layout.repo),
        completion=Completion(ledger, place_of, in_a_file=is_published),
        milestones=Milestones(place),
        cap=CapFile(layout.repo, tokens(settings.budget.cap) if settings.budget.cap else None),
        clock=SystemClock(),
        max_workers=settings.run.max_workers,
        default_runtime=settings.worker.runtime,
        notifiers=notifiers(settings.notify, os.environ, environment(DEFAULTS["shell"], os.environ, {})),
    )


def _learnings(layout: Layout, settings: Settings, clone: Clone, ledger: Ledger) -> Learnings:
    milestone = settings.milestone
    values = {"PROJECT": layout.repo.name, "MILESTONE": milestone.name, "TASK_PREFIX": milestone.prefix}
    return Learnings(ledger, clone, {key: value or "" for key, value in values.items()}, settings.templates.path)


async def _rebuild(parts: Parts) -> None:
    """An empty ledger is a new repository, or one that lost its ledger."""
    layout, now = parts.place.layout, parts.clock.now()
    for rail in parts.place.rails.values():
        await stop_strays(rail, layout.attempts)
    await stop_strays(parts.reviews.desk.rail, layout.reviews)
    found = await rebuild(parts.ledger, parts.queue.entries(), layout.attempts, parts.clone, now)
    if found is not None:
        Notices(parts.ledger).tell("ledger", found, now)


def prepare(layout: Layout) -> None:
    """Make the state folder, and keep it out of the person's `git status`."""
    for folder in (layout.state, layout.results, layout.attempts, layout.worktrees, layout.history):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    layout.state.chmod(0o700)
    exclude = _exclude_file(layout.repo / ".git")
    lines = exclude.read_text(encoding="utf-8").splitlines() if exclude.exists() else []
    if _EXCLUDE not in lines:
        exclude.parent.mkdir(exist_ok=True)
        exclude.write_text("\n".join([*lines, _EXCLUDE]) + "\n", encoding="utf-8")


def _exclude_file(git: Path) -> Path:
    """Where git keeps the repository's own exclude lines; a worktree or submodule has its `.git` elsewhere."""
    if git.is_file():
        git = git.parent / git.read_text(encoding="utf-8").removeprefix("gitdir:").strip()
        common = git / "commondir"
        git = git / common.read_text(encoding="utf-8").strip() if common.exists() else git
    return git / "info" / "exclude"


def runtimes(configured: Mapping[str, RuntimeSettings]) -> dict[str, Runtime]:
    """The built-in runtimes with what the configuration says differently, and the configured ones.

    Raises:
        ConfigError: a new runtime lacks its command.
    """
    known = dict(DEFAULTS)
    for name, settings in configured.items():
        base = known.get(name)
        if base is None and settings.command is None:
            raise ConfigError(f"`runtimes.{name}.command` is missing: the runtime is not a built-in one")
        base = base or Runtime(name, (), "stdin", "text", {}, ())
        given = settings.model_dump(include={"command", "prompt", "output", "pass_env"}, exclude_none=True)
        known[name] = replace(base, env={**base.env, **settings.env}, **given)
    return known


def _docs_gate(settings: Settings, ledger: Ledger) -> DocsGate | None:
    if settings.docs_gate.mode == "off":
        return None
    checklist = templates.text(CHECKLIST, folder=settings.templates.path)
    over = (Status.DONE, Status.FAILED, Status.DEFERRED)

    def is_covered(record: Record) -> bool:
        to_come = (each for each in ledger.listed() if each.task.kind is Kind.DOCS and each.status not in over)
        return any(
            record.id in each.task.depends_on or (each.task.phase is not None and each.task.phase == record.task.phase)
            for each in to_come
        )

    return DocsGate(settings.docs_gate.mode == "required", checklist, is_covered)


def _forge(layout: Layout, settings: Settings, clone: Clone) -> Forge:
    if settings.forge.provider == "internal":
        return _internal(layout, settings, clone)
    if settings.forge.provider == "wrappers":
        return WrappersForge(clone, *_scripts(layout, settings))
    # The libraries behind it take longer to import than everything else together.
    from mosaic_daemon.forges.rest import connect  # noqa: PLC0415

    return connect.forge(settings.forge, clone, settings.gate.first_run_sec)


async def desk(layout: Layout, settings: Settings) -> Desk:
    """Where planning files its issues: on the configured forge, or in the table where there is none.

    Raises:
        ConfigError: it is not known where the forge is, or its token cannot be read.
    """
    if settings.forge.provider == "internal":
        return InternalDesk()
    if settings.forge.provider == "wrappers":
        return ScriptsDesk(*_scripts(layout, settings), layout.repo)
    from mosaic_daemon.forges.rest import connect  # noqa: PLC0415

    person = await PersonsConfiguration.read(layout.repo)
    return connect.desk(settings.forge, person.origin or "")


async def _releases(layout: Layout, settings: Settings, tag: str) -> Releases:
    """Where the milestone with this tag is released. Raises ConfigError as `desk` does."""
    if settings.forge.provider == "internal":
        return InternalReleases()
    if settings.forge.provider == "wrappers":
        return ScriptedReleases(*_scripts(layout, settings), layout.repo, tag)
    from mosaic_daemon.forges.rest import connect  # noqa: PLC0415

    person = await PersonsConfiguration.read(layout.repo)
    return connect.releases(settings.forge, person.origin or "")


def _scripts(layout: Layout, settings: Settings) -> tuple[Commands, Conduct]:
    conduct = Conduct(
        rail=ProcessRail(layout.forge / "runs"),
        folder=layout.forge,
        env=scripts_environment(os.environ),
        ci_timeout_sec=settings.gate.ci_timeout_sec,
        queue_timeout_sec=settings.gate.queue_timeout_sec,
    )
    commands = Commands(**settings.forge.commands)  # type: ignore[arg-type]  # pydantic has checked the names
    if settings.forge.issue_closed is not None:
        commands = replace(commands, closed=settings.forge.issue_closed)
    return commands, conduct


def _internal(layout: Layout, settings: Settings, clone: Clone) -> InternalForge:
    command = None if settings.gate.ci == "none" else settings.gate.ci_command
    shell = DEFAULTS["shell"]
    checks = Checks(
        command=command,
        env=environment(shell, os.environ, {}),
        timeout_sec=settings.gate.ci_timeout_sec,
        rail=ProcessRail(layout.checks),
        trees=Worktrees(layout.checks / "trees", clone),
    )
    return InternalForge(clone, checks)


def _reviews(layout: Layout, settings: Settings, clone: Clone) -> Reviews:
    desk = ReviewDesk(
        root=layout.reviews,
        clone=clone,
        trees=Worktrees(layout.reviews / "trees", clone),
        rail=ProcessRail(layout.reviews),
        runtimes=runtimes(settings.runtimes),
        environment=dict(os.environ),
        templates=settings.templates.path,
    )
    return Reviews(desk, review_policy(settings.review, layout))


def review_policy(settings: ReviewSettings, layout: Layout) -> ReviewPolicy:
    """Who reviews, and how; scripts are absolute where they are named by a path."""
    scripts = {Aspect.CODE: settings.code, Aspect.SECURITY: settings.security}
    return ReviewPolicy(
        mode=settings.mode,
        scripts={aspect: _of_the_person(template, layout) for aspect, template in scripts.items()},
        runtime=settings.runtime,
        other_runtime=settings.other_runtime,
        max_rounds=settings.max_rounds,
        timeout_sec=settings.timeout_sec,
    )


def _of_the_person(template: tuple[str, ...], layout: Layout) -> tuple[str, ...]:
    """A script named by its path is the one in the person's checkout, never one that the reviewed change brings."""
    if not template or "/" not in template[0]:
        return template
    return (str(layout.repo / Path(template[0]).expanduser()), *template[1:])


def _policy(settings: GateSettings, target: str) -> GatePolicy:
    return GatePolicy(
        target=target,
        ci=settings.ci,
        change_ci=settings.change_ci,
        reruns=settings.reruns,
        first_run=timedelta(seconds=settings.first_run_sec),
        queue_timeout=timedelta(seconds=settings.queue_timeout_sec),
        ci_timeout=timedelta(seconds=settings.ci_timeout_sec),
        tree_check=settings.tree_check,
        close_failure=settings.close_failure,
    )


def check(settings: Settings) -> None:
    """Settings that are valid one by one and cannot work together.

    Raises:
        ConfigError: names the keys.
    """
    door_of(settings.forge)
    if settings.http.listen is not None:
        permitted(settings.http.listen, "http.listen", anywhere=settings.http.any_address)
    is_internal = settings.forge.provider == "internal"
    if is_internal and settings.gate.ci == "required" and settings.gate.ci_command is None:
        raise ConfigError(
            "`gate.ci` is `required`, and `gate.ci_command` names no command", remedy="set `gate.ci_command`"
        )
    reviewer = settings.review.runtime
    if reviewer and (reviewer == "shell" or reviewer not in runtimes(settings.runtimes)):
        raise ConfigError(f"`review.runtime` is `{reviewer}`, which is no agent that is configured")
    if settings.tracking.commit in ("pr", "local"):
        raise ConfigError(f"`tracking.commit` is `{settings.tracking.commit}`, which this version does not have yet")
    if settings.run.delegation not in ("auto", "native", "process"):
        raise ConfigError(f"`run.delegation` is `{settings.run.delegation}`, and this version does not have it yet")
