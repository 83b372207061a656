"""Release the milestone: tag, notes, a release on the forge, the milestone closed there, table and learnings archived.

Every task has to be done or deferred. Running it again goes on where it stopped, and does nothing twice; a milestone
that is released stays as it is. --dry-run shows all of it and changes nothing.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mosaic_daemon.cli import context, render
from mosaic_daemon.cli.render import Section
from mosaic_daemon.store.reader import LedgerReader
from mosaic_daemon.views.snapshot import PROGRAM
from mosaic_daemon.views.wording import RELEASE_STEP, command_to_paste

if TYPE_CHECKING:
    from mosaic_daemon.ground.layout import Layout
    from mosaic_daemon.milestone.release import Opening
    from mosaic_daemon.parts import Parts

_FAILED, _ATTENTION, _LATER = 1, 3, 75
_POLL_SEC = 0.2
_ASK_SEC = 60.0  # a tick that is under way comes first
_PATIENCE_SEC = 60.0
_NOTES = 40


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--milestone", metavar="0.0.1", default="", help="what to call tasks that no plan names")
    parser.add_argument("--dry-run", action="store_true", help="show what would be done, change nothing")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")


def execute(options: argparse.Namespace) -> int:
    from mosaic_daemon.ground import logs

    logs.configure("warning" if options.log_level == "info" else options.log_level, options.log_format)
    layout = context.layout_of(options)
    if options.dry_run:
        return _preview(options, layout)
    asked = {"actor": context.actor(), "milestone": options.milestone}
    runs, answer = context.ask_daemon(layout, "release", timeout_sec=_ASK_SEC, **asked)
    if runs:
        if not answer["released"] and not answer["remediation"]:
            _follow(layout)
    else:
        answer = context.on_files(options, "release", lambda parts: _alone(parts, options.milestone))
    return _show(options, layout, answer)


def _preview(options: argparse.Namespace, layout: Layout) -> int:
    runs, document = context.ask_daemon(layout, "release-preview", timeout_sec=_ASK_SEC, milestone=options.milestone)
    if not runs:

        async def preview(parts: Parts) -> dict[str, Any]:
            return await parts.milestones.preview(parts.clock.now(), options.milestone)

        document = context.on_files(options, "release", preview)
    if options.json:
        context.show_json({**document, "changed": False})
    else:
        render.show(list(_planned(document)))
    return _ATTENTION if document["remediation"] else 0


async def _alone(parts: Parts, asked: str) -> dict[str, Any]:
    """Without a daemon: open it, and tick until it is over, or waits for longer than a person does."""
    import anyio

    from mosaic_daemon import commands
    from mosaic_daemon.tick import Tick

    await commands.take_in_queue(parts)
    tick = Tick(parts)
    opening = await tick.request_release(context.actor(), asked)
    if opening.remediation or opening.released:
        commands.publish_queue(parts)
        return _answer(opening)
    deadline = anyio.current_time() + _PATIENCE_SEC
    while anyio.current_time() < deadline:
        report = await tick.run(rescan=True)
        if report.release is not None and not report.release.is_active:
            break
        if report.progress:
            deadline = anyio.current_time() + _PATIENCE_SEC
        else:
            await anyio.sleep(_POLL_SEC)
    return _answer(opening)


def _answer(opening: Opening) -> dict[str, Any]:
    return {"said": opening.said, "remediation": list(opening.remediation), "released": opening.released}


def _follow(layout: Layout) -> None:
    """Wait until the daemon's release is over, or does not move for longer than a person waits."""
    seen, deadline = "", time.monotonic() + _PATIENCE_SEC
    while time.monotonic() < deadline:
        release = _release(layout)
        if release.get("finished_at") or release.get("failure"):
            return
        if (now := f"{release.get('step')} {release.get('acts')}") != seen:
            seen, deadline = now, time.monotonic() + _PATIENCE_SEC
        time.sleep(_POLL_SEC)


def _release(layout: Layout) -> dict[str, Any]:
    with LedgerReader(layout.ledger) as ledger:
        system, _ = ledger.system()
    return dict(system.get("release") or {})


def _show(options: argparse.Namespace, layout: Layout, answer: Mapping[str, Any]) -> int:
    release = _release(layout)
    if answer["remediation"]:
        state, code = "remediation", _ATTENTION
    elif release.get("finished_at"):
        state, code = "released", 0
    elif release.get("failure"):
        state, code = "blocked", _FAILED
    else:
        state, code = "waiting", _LATER
    if options.json:
        context.show_json({"state": state, "said": answer["said"], "remediation": answer["remediation"], **release})
    else:
        render.show(list(_shown(state, release, answer)))
    return code


def _shown(state: str, release: Mapping[str, Any], answer: Mapping[str, Any]) -> Iterator[Section]:
    if state == "remediation":
        tasks = ", ".join(answer["remediation"])
        yield Section([[answer["said"]], [f"`{PROGRAM} run` has {tasks} done; then release again"]], loud=True)
        return
    steps = [[RELEASE_STEP.get(step, step), str(seen.get("summary", ""))] for step, seen in release["evidence"].items()]
    if steps:
        yield Section(steps, f"Milestone {release['version']}")
    if state == "released":
        yield Section([[f"plan the next one: `{PROGRAM} bootstrap REPORT_DIR`"]])
    elif state == "blocked":
        failure = release["failure"]
        again = [f"then: `{PROGRAM} release` goes on from there"]
        command = command_to_paste(failure)
        yield Section([[failure["message"]], *([[f"see: {command}"]] if command else []), again], "Blocked", loud=True)
    else:
        hold = release.get("hold") or {}
        step = RELEASE_STEP.get(release["step"], release["step"])
        waits = str(hold.get("reason") or "something cannot be reached, or written: `status` says what")
        goes_on = f"the daemon goes on with it; without one, `{PROGRAM} release` does"
        yield Section([[f"{step}: {waits}"], [goes_on]], "Waiting", loud=True)


def _planned(document: Mapping[str, Any]) -> Iterator[Section]:
    head = [["milestone", document["name"]], ["version", document["version"]], ["tag", document["tag"]]]
    head += [["commit", str(document["base_sha"])[:12]], ["provider", document["provider"]]]
    yield Section(head, "Would be released")
    if document["remediation"]:
        yield Section([[each] for each in document["remediation"]], "First: documentation tasks", loud=True)
    if document["deferred"]:
        yield Section([[task, reason] for task, reason in document["deferred"].items()], "Deferred")
    paths = document["archive"] or ["nothing: `tracking.commit` is `off`"]
    yield Section([[path] for path in paths], "Archive commit")
    yield Section([[line] for line in document["notes"].splitlines()[:_NOTES]], "Notes")
