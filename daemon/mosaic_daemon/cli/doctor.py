"""Whether everything is there for the first night: programs, repository, settings, machine, service, agents, CI, forge.

It changes nothing and works with and without a running daemon. Each line says `ok`, `warn` or `not ok`, what that
means, and what mends it. Warnings do not change the exit code.
"""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING

from mosaic_daemon.cli import context, guide_probes, login_probes, machine_probes, probes, service_probes
from mosaic_daemon.cli.probes import Finding
from mosaic_daemon.nouns.task import OVER
from mosaic_daemon.views.text import one_line

if TYPE_CHECKING:
    from mosaic_daemon.forges.rest.hosting import Hosting
    from mosaic_daemon.ground.layout import Layout
    from mosaic_daemon.ground.settings import Settings

_NAME_WIDTH = 24
_WORDS = {"ok": "ok", "warning": "warn", "failure": "not ok"}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")


def execute(options: argparse.Namespace) -> int:
    from loguru import logger

    logger.remove()  # what a probe meets is told by its own line
    layout = context.layout_of(options)
    found = []
    for finding in _findings(options, layout):
        found.append(finding)
        if not options.json:
            context.say(_line(finding))
    code = _exit_code(found)
    if options.json:
        context.show_json({"ok": code == 0, "exit_code": code, "findings": [_plain(each) for each in found]})
    return code


def _line(finding: Finding) -> str:
    from mosaic_daemon.ground.secrets import redact

    text = finding.detail if finding.ok or not finding.remedy else f"{finding.detail}; {finding.remedy}"
    return f"{_WORDS[finding.level]:6}  {finding.name:<{_NAME_WIDTH}}  {one_line(redact(text))}"


def _plain(finding: Finding) -> dict[str, object]:
    from mosaic_daemon.ground.secrets import redact

    shown = asdict(finding) | {"detail": redact(finding.detail), "remedy": "" if finding.ok else finding.remedy}
    shown |= {"level": finding.level, "ok": finding.level != "failure"}
    return {name: shown[name] for name in ("name", "level", "ok", "detail", "remedy")}


def _exit_code(found: list[Finding]) -> int:
    """Wrong input first, then what a person has to mend; `try again` only where nothing else is wrong."""
    codes = {finding.code for finding in found if finding.level == "failure"}
    return next((code for code in (78, 1, 75) if code in codes), 0)


def _findings(options: argparse.Namespace, layout: Layout) -> Iterator[Finding]:
    from mosaic_daemon.ground.errors import ConfigError

    yield Finding("python", True, platform.python_version())
    yield probes.git_version()
    yield (repository := probes.opened(layout))
    yield probes.state_folder(layout)
    yield probes.daemon(layout)
    yield from machine_probes.machine(layout)
    yield from service_probes.service(layout)
    try:
        settings = context.settings_of(options, layout)
    except ConfigError as error:
        yield probes.wrong("settings", error)
        return
    yield from _settings(layout, settings)
    if repository.ok:
        yield probes.identity(layout)
        yield from probes.repository(layout, settings.tracking.base_branch)
        yield from guide_probes.papers(layout, settings)
    yield from _runtimes(layout, settings)
    yield from guide_probes.reviewers(layout, settings, _authors(layout, settings))
    yield from _gate(layout, settings)
    yield guide_probes.notify(settings)


def _settings(layout: Layout, settings: Settings) -> Iterator[Finding]:
    from mosaic_daemon.app import agents, checks
    from mosaic_daemon.ground.errors import ConfigError

    try:
        checks.check(settings)
        agents.runtimes(settings.runtimes)
    except ConfigError as error:
        yield probes.wrong("settings", error)
    else:
        file = layout.config if layout.config.exists() else "no config.toml"
        yield Finding("settings", True, f"{file}, provider {settings.forge.provider}")


def _runtimes(layout: Layout, settings: Settings) -> Iterator[Finding]:
    from mosaic_daemon.app import agents
    from mosaic_daemon.ground.errors import ConfigError, InputError
    from mosaic_daemon.runtimes.base import environment

    names = {settings.worker.runtime, *settings.runtimes}
    try:
        names |= _named_by_tasks(layout)
    except InputError as error:
        yield probes.wrong("tasks.json", error)
    try:
        known = agents.runtimes(settings.runtimes)
    except ConfigError:  # told with the settings
        return
    for name in sorted(names):
        runtime = known.get(name)
        if runtime is None:
            remedy = f"set `runtimes.{name}.command`, or name another one"
            yield Finding(f"runtime {name}", False, "nobody knows it", remedy, code=78)
            continue
        program = runtime.command[0] if runtime.command else "sh"
        env = environment(runtime, os.environ, {})
        remedy = f"install it, or set `runtimes.{name}.command`"
        yield (found := probes.program(f"runtime {name}", program, layout.repo, env["PATH"], remedy))
        if found.ok and (login := login_probes.login(name, program, env)) is not None:
            yield login


def _named_by_tasks(layout: Layout) -> set[str]:
    """The runtimes of tasks that are not over. Raises InputError: the queue cannot be read."""
    from mosaic_daemon.ground import atomicfile
    from mosaic_daemon.tracking import queuefile

    if not layout.tasks.exists():
        return set()
    data = atomicfile.read_untrusted(layout.tasks, max_bytes=queuefile.MAX_BYTES)
    tasks = queuefile.parse(data, source=str(layout.tasks)).by_id.values()
    live = (task for task in tasks if task.get("status") not in OVER)
    return {str(task["runtime"]) for task in live if task.get("runtime")}


def _authors(layout: Layout, settings: Settings) -> set[str]:
    """The runtimes whose work there will be."""
    from mosaic_daemon.ground.errors import InputError

    with suppress(InputError):  # told with the runtimes
        return {settings.worker.runtime, *_named_by_tasks(layout)}
    return {settings.worker.runtime}


def _gate(layout: Layout, settings: Settings) -> Iterator[Finding]:
    match settings.forge.provider:
        case "internal":
            yield _ci(layout, settings)
        case "wrappers":
            yield from _scripts(layout, settings)
        case _:
            yield from _forge(layout, settings)


def _ci(layout: Layout, settings: Settings) -> Finding:
    from mosaic_daemon.runtimes.base import DEFAULTS, environment

    command = settings.gate.ci_command
    if command is None or settings.gate.ci == "none":
        return Finding("ci", True, "none: nothing is run before work lands; `gate.ci_command` names a command")
    path = environment(DEFAULTS["shell"], os.environ, {})["PATH"]
    return probes.program("ci", command[0], layout.repo, path, "install it, or set `gate.ci_command`")


def _scripts(layout: Layout, settings: Settings) -> Iterator[Finding]:
    from dataclasses import fields

    from mosaic_daemon.forges.wrappers.commands import Commands, environment, filled
    from mosaic_daemon.ground.errors import ConfigError

    if not probes.origin_of(layout):
        yield Finding("wrappers", False, "they need an origin", "`git remote add origin ADDRESS`", code=78)
    try:
        commands = Commands(**settings.forge.commands)  # type: ignore[arg-type]  # pydantic has checked the names
    except ConfigError as error:
        yield probes.wrong("wrappers", error)
        return
    path = environment(os.environ)["PATH"]
    for each in fields(commands):
        template = getattr(commands, each.name)
        if isinstance(template, tuple) and template:
            remedy = f"install it, or set `forge.commands.{each.name}`"
            yield probes.program(f"script {each.name}", filled(template, {})[0], layout.repo, path, remedy)


def _forge(layout: Layout, settings: Settings) -> list[Finding]:
    import anyio

    from mosaic_daemon.forges.rest import connect
    from mosaic_daemon.ground.errors import ConfigError

    try:
        token = connect.token(settings.forge)
        hosting = connect.hosting(settings.forge, probes.origin_of(layout))
    except ConfigError as error:
        return [probes.wrong("forge", error)]
    remedy = "set `forge.token_file`; docs/forges.md names the scopes it needs"
    found = [Finding("forge token", token is not None, "found" if token else "none was found", remedy)]

    async def ask() -> list[Finding]:
        try:
            return await _asked(hosting, settings)
        finally:
            await hosting.aclose()

    return found + anyio.run(ask)


async def _asked(hosting: Hosting, settings: Settings) -> list[Finding]:
    from mosaic_daemon.forges.base import Rejected
    from mosaic_daemon.ground.errors import Unavailable

    branch = settings.tracking.base_branch
    try:
        await hosting.about()
    except (Unavailable, Rejected) as error:
        return [probes.wrong("forge reach", error)]
    found = [Finding(f"forge {each.name}", each.ok, each.detail, each.remedy) for each in await hosting.doctor(branch)]
    with suppress(Unavailable, Rejected):  # told by the forge's own probe
        if settings.tracking.commit != "off" and (await hosting.rules(branch)).guards_pushes:
            detail = f"`{branch}` is protected: where that refuses your pushes, docs/TASKS.md is not published"
            found.append(Finding("forge table", True, detail))
    return found
