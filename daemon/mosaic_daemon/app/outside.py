"""The way to the forge: where changes land, issues are filed and releases published."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta

from mosaic_daemon.forges.base import Forge
from mosaic_daemon.forges.desk import Desk, InternalDesk
from mosaic_daemon.forges.internal import Checks, InternalForge
from mosaic_daemon.forges.releases import InternalReleases, Releases
from mosaic_daemon.forges.wrappers.commands import Commands
from mosaic_daemon.forges.wrappers.commands import environment as scripts_environment
from mosaic_daemon.forges.wrappers.desk import ScriptsDesk
from mosaic_daemon.forges.wrappers.forge import Conduct, WrappersForge
from mosaic_daemon.forges.wrappers.releases import ScriptedReleases
from mosaic_daemon.ground.layout import Layout
from mosaic_daemon.ground.settings import GateSettings, Settings
from mosaic_daemon.repository.clone import Clone
from mosaic_daemon.repository.configuration import PersonsConfiguration
from mosaic_daemon.repository.worktrees import Worktrees
from mosaic_daemon.runtimes.base import DEFAULTS, environment
from mosaic_daemon.stages.gate import GatePolicy
from mosaic_rails.process.rail import ProcessRail


def forge_of(layout: Layout, settings: Settings, clone: Clone) -> Forge:
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


async def releases(layout: Layout, settings: Settings, tag: str) -> Releases:
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


def gate_policy(settings: GateSettings, target: str) -> GatePolicy:
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
