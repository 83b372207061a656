"""The parts of a tick, from settings."""

from __future__ import annotations

import os
from datetime import timedelta

from mosaic_daemon.app.agents import reviews, runtimes
from mosaic_daemon.app.checks import check
from mosaic_daemon.app.outside import forge_of, gate_policy, releases
from mosaic_daemon.faces.deferrals import DeferredErrors
from mosaic_daemon.faces.learnings import Learnings
from mosaic_daemon.faces.queue import QueueFace
from mosaic_daemon.faces.table import TableFace
from mosaic_daemon.ground import templates
from mosaic_daemon.ground.clock import SystemClock
from mosaic_daemon.ground.layout import Layout
from mosaic_daemon.ground.settings import Settings
from mosaic_daemon.lines import Lines
from mosaic_daemon.milestone.release import Milestones, Place
from mosaic_daemon.notifiers.connect import notifiers
from mosaic_daemon.nouns.documentation import CHECKLIST
from mosaic_daemon.nouns.figures import tokens
from mosaic_daemon.nouns.record import Record
from mosaic_daemon.nouns.task import Kind, Status
from mosaic_daemon.parts import Parts
from mosaic_daemon.planning.completion import Completion
from mosaic_daemon.planning.learning.conclusions import Conclusions
from mosaic_daemon.planning.papers.capfile import CapFile
from mosaic_daemon.planning.papers.places import Places
from mosaic_daemon.repository.clone import Clone
from mosaic_daemon.repository.qa_reports import QaReports
from mosaic_daemon.repository.tags import Tags
from mosaic_daemon.repository.worktrees import Worktrees
from mosaic_daemon.runtimes.base import DEFAULTS, environment
from mosaic_daemon.stages.collect import DocsGate, Judge
from mosaic_daemon.stages.delegation import Delegation
from mosaic_daemon.stages.dispatch import Workplace
from mosaic_daemon.stages.publish import Publisher
from mosaic_daemon.stages.schedule import Schedule
from mosaic_daemon.stages.spending import Spending
from mosaic_daemon.store.ledger import Ledger


def build(layout: Layout, settings: Settings, clone: Clone, ledger: Ledger, lines: Lines) -> Parts:
    """The parts of a tick from settings; what must outlive a change of settings is handed in."""
    check(settings)
    worktrees = Worktrees(layout.worktrees, clone)
    place_of, is_published = Places(layout.repo).of, settings.tracking.commit != "off"
    learnings, deferrals = _learnings(layout, settings, clone, ledger), DeferredErrors(ledger, clone, place_of)
    queue, table = QueueFace(layout, ledger), TableFace(layout, ledger, clone, learnings, deferrals)
    interval = timedelta(seconds=settings.tracking.interval_sec)
    forge, policy = forge_of(layout, settings, clone), gate_policy(settings.gate, clone.branch)
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
        open_releases=lambda tag: releases(layout, settings, tag),
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
        reviews=reviews(layout, settings, clone),
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
