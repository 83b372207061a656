"""What `doctor` finds of the way in which the daemon runs: whose unit it is, and what really protects it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mosaic_daemon.cli import PROGRAM
from mosaic_daemon.cli.probes import Finding
from mosaic_daemon.ground import instance
from mosaic_daemon.ground.errors import MosaicError

if TYPE_CHECKING:
    from mosaic_daemon.ground.layout import Layout

_GROUPS = Path("/sys/fs/cgroup/cgroup.controllers")


def service(layout: Layout) -> Iterator[Finding]:
    """How it runs, what protects it, and what limits its workers."""
    unit = _unit(layout)
    if unit is None:
        yield _alone(layout)
        return
    yield _state(unit)
    for each in unit["protections"]:
        if each["holds"] is False and not (unit["manager"] == "system" and each["name"] == "home read-only"):
            remedy = f"`{PROGRAM} service install` again; docs/service.md says what it takes"
            detail = f"does not hold, although the unit asks for it: {each['meaning']}"
            yield Finding(f"protection {each['name']}", False, detail, remedy, warning=True)
    held = [each["name"] for each in unit["protections"] if each["holds"]]
    if held:
        yield Finding("protections", True, f"of the daemon: {', '.join(held)}")
    yield _limits(unit["manager"])


def _alone(layout: Layout) -> Finding:
    holder = instance.holder(layout.lock)
    if holder is not None and holder.get("what") == instance.DAEMON:
        detail = "none: the daemon runs as your user, without confinement, and is not started again"
    else:
        detail = f"not installed; `{PROGRAM} service install` makes it start at boot and after crashes"
    return Finding("service", True, detail)


def _unit(layout: Layout) -> dict[str, Any] | None:
    """The unit of this repository, the user's or else the system's; None without one."""
    if shutil.which("systemctl") is None:
        return None
    from mosaic_daemon.cli.service import state
    from mosaic_daemon.service.manager import Manager

    for scope in ("user", "system"):
        try:
            found = state(Manager(scope), layout.repo)
        except (MosaicError, OSError, KeyError):
            continue
        if found["enabled"] or found["active"] in ("active", "failed"):
            return found
    return None


def _state(unit: dict[str, Any]) -> Finding:
    flag = "--user " if unit["manager"] == "user" else ""
    text = f"{unit['manager']}'s unit, {unit['active']}, {unit['enabled'] or 'not enabled'}"
    if unit["active"] == "failed":
        remedy = f"`journalctl {flag}-u '{unit['unit']}'` says why; mend it, then `systemctl {flag}restart` it"
        return Finding("service", False, f"{text}: {unit['result']}", remedy)
    if not unit["current"]:
        return Finding("service", False, f"{text}, of another version", f"`{PROGRAM} service install`", warning=True)
    if unit["active"] != "active":
        return Finding("service", False, text, f"`systemctl {flag}start '{unit['unit']}'`", warning=True)
    if unit["manager"] == "user" and not _lingers():
        remedy = "`loginctl enable-linger`"
        return Finding("service", False, f"{text}; it ends when you log out", remedy, warning=True)
    return Finding("service", True, text)


def _lingers() -> bool:
    import pwd

    return Path("/var/lib/systemd/linger", pwd.getpwuid(os.getuid()).pw_name).exists()


def _limits(scope: str) -> Finding:
    """The limits of the workers' slice hold only where the kernel gives the manager these controllers."""
    own = f"user.slice/user-{os.getuid()}.slice/user@{os.getuid()}.service"
    file = _GROUPS if scope == "system" else _GROUPS.parent / own / _GROUPS.name
    try:
        there = set(file.read_text().split())
    except OSError:
        there = set()
    missing = [name for name in ("cpu", "memory", "pids") if name not in there]
    if missing:
        detail = f"of workers do not hold for {', '.join(missing)}: the manager has no such controller here"
        remedy = "boot with control groups of version 2 alone (`systemd.unified_cgroup_hierarchy=1`)"
        return Finding("limits", False, detail, remedy, warning=True)
    return Finding("limits", True, "of workers hold: CPU, memory, number of processes")
