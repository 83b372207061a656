"""A milestone's release on one line, from the JSON in which the ledger keeps it. Light: `status` asks for it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any

from mosaic_daemon.ground.layout import Layout
from mosaic_daemon.nouns.task import OVER
from mosaic_daemon.views.wording import RELEASE_STEP

_PROGRAM = "mosaic-orchestrator"


def released(release: Mapping[str, Any] | None) -> str:
    """What proves that the newest milestone is released; empty while it is not."""
    if not release or not release["finished_at"]:
        return ""
    return str(release["evidence"].get("archive", {}).get("summary", f"milestone {release['version']} is released"))


def line(layout: Layout, release: Mapping[str, Any] | None, by_status: Mapping[str, int]) -> str:
    """Where the release is, or what would start it; empty while tasks are left."""
    if found := under_way(release):
        return found
    if not by_status:
        return released(release)
    if set(by_status) - set(OVER):
        return ""
    if _is_automatic(layout):
        return f"all tasks are over; the daemon releases the milestone when `{_PROGRAM} status --criteria` is met"
    return f"all tasks are over: `{_PROGRAM} release` releases the milestone (`milestone.release` is `manual`)"


def under_way(release: Mapping[str, Any] | None) -> str:
    """Where an open release stands; empty when there is none."""
    if not release or release["finished_at"]:
        return ""
    step = RELEASE_STEP.get(release["step"], release["step"])
    where = f"{release['version']} is being released: {step}"
    if failure := release.get("failure"):
        return f"{where}; blocked: {failure['message']}; mend it, then `{_PROGRAM} release`"
    hold = release.get("hold")
    return f"{where}; waits: {hold['reason']}" if hold else where


def _is_automatic(layout: Layout) -> bool:
    """`milestone.release` of the repository's file, without the cost of reading all settings."""
    try:
        text = layout.config.read_text(encoding="utf-8")
        return bool(tomllib.loads(text).get("milestone", {}).get("release") == "auto")
    except (OSError, ValueError, AttributeError):
        return False
