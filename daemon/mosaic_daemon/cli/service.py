"""The daemon as a systemd unit: started at boot, restarted after crashes, drained before it is stopped.

`install` writes the units, enables and starts them (again: brings them up to date); `uninstall` drains and removes
them; `status` shows the unit and which of its protections really hold. Without --system it is a unit of your own.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mosaic_daemon.cli import PROGRAM, context

if TYPE_CHECKING:
    from mosaic_daemon.ground.layout import Layout
    from mosaic_daemon.service.manager import Manager


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("install", "uninstall", "status"))
    parser.add_argument("--system", action="store_true", help="a unit of the system, run as the user `mosaic`")
    parser.add_argument("--dry-run", action="store_true", help="only show what would be done")
    parser.add_argument("--no-start", action="store_true", help="install: enable it and do not start it")
    parser.add_argument(
        "--credential",
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="install: hand a secret over; NAME is forge-token, webhook-secret or notify-secret",
    )
    parser.add_argument("--json", action="store_true", help="status: one JSON document on standard output")


def execute(options: argparse.Namespace) -> int:
    from mosaic_daemon.service.manager import Manager

    layout = context.layout_of(options)
    at = Manager("system" if options.system else "user")
    match options.action:
        case "install":
            return _install(options, layout, at)
        case "uninstall":
            return _uninstall(options, layout, at)
        case _:
            return _status(options, layout, at)


def _install(options: argparse.Namespace, layout: Layout, at: Manager) -> int:
    from mosaic_daemon.app.checks import check
    from mosaic_daemon.service import files, installing

    check(context.settings_of(options, layout))  # a unit that cannot start is not installed
    if not options.dry_run:
        at.check()
        installing.check_repository(at, layout.repo)
    confined = options.dry_run or installing.can_confine(at)
    machine = files.look_around(at.scope, layout.repo, options.credential, confined=confined)
    for step in installing.install(at, layout.repo, machine, start=not options.no_start):
        context.say(f"{'would ' if options.dry_run else ''}{step.text}")
        if not options.dry_run:
            step.act()
    if options.dry_run:
        for file in files.all_of(at, layout.repo, machine):
            if not file.shared:
                context.say(f"\n# {file.path}\n{file.text}")
        return 0
    if not confined:
        context.say("note: this machine refuses user namespaces to your units: most protections do not hold")
    if options.system and (problem := installing.owner_problem(layout.repo)):
        context.say(f"note: {problem}")
    context.say(f"`{PROGRAM} service status` shows it, `journalctl` its log")
    return 0


def _uninstall(options: argparse.Namespace, layout: Layout, at: Manager) -> int:
    from mosaic_daemon.service import installing

    if not options.dry_run:
        at.check()
    for step in installing.uninstall(at, layout.repo):
        context.say(f"{'would ' if options.dry_run else ''}{step.text}")
        if not options.dry_run:
            step.act()
    return 0


def _status(options: argparse.Namespace, layout: Layout, at: Manager) -> int:
    """0: it runs and is up to date; 3: somebody should look."""
    at.check()
    found = state(at, layout.repo)
    if options.json:
        context.show_json(found)
    else:
        for line in _lines(found):
            context.say(line)
    return 0 if found["active"] == "active" and found["current"] else 3


def state(at: Manager, repository: Path) -> dict[str, Any]:
    """The unit of a repository, and what protects it now."""
    from mosaic_daemon.service import installing, manager, protections

    unit = at.unit(manager.instance(repository))
    held = protections.of_process(unit.pid, _home(unit.pid)) if unit.pid else []
    return {
        "unit": unit.name,
        "manager": at.scope,
        **{name: value for name, value in asdict(unit).items() if name != "name"},
        "current": installing.is_current(at, repository),
        "protections": [asdict(each) for each in held],
    }


def _home(pid: int) -> Path:
    """The home of the user that a process runs as."""
    import pwd

    return Path(pwd.getpwuid(Path(f"/proc/{pid}").stat().st_uid).pw_dir)


def _lines(found: dict[str, Any]) -> list[str]:
    enabled = found["enabled"] or "not installed"
    lines = [f"{found['unit']} ({found['manager']}'s manager): {found['active']}, {enabled}"]
    if found["status"]:
        lines.append(f"  says       {found['status']}")
    if found["pid"]:
        lines.append(f"  process    {found['pid']}, restarted {found['restarts']} times")
    if found["active"] == "failed":
        lines.append(f"  failed     {found['result']}; `journalctl` says why, `systemctl restart` tries again")
    if found["enabled"] and not found["current"]:
        lines.append(f"  outdated   the units are not those of this version: `{PROGRAM} service install`")
    shown = {True: "holds", False: "DOES NOT HOLD", None: "cannot be seen"}
    lines += [f"  {each['name']:<22} {shown[each['holds']]}: {each['meaning']}" for each in found["protections"]]
    return lines
