"""What `doctor` finds of what the guide's rules need: reviewers, a checklist, learnings, a way to tell people."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from mosaic_daemon.cli import probes
from mosaic_daemon.cli.probes import Finding

if TYPE_CHECKING:
    from mosaic_daemon.ground.layout import Layout
    from mosaic_daemon.ground.settings import Settings
    from mosaic_daemon.runtimes.base import Runtime
    from mosaic_daemon.stages.review.policy import ReviewPolicy

_ITEM = re.compile(rb"^[ \t]*[-*+] \[[ xX]\] ", re.MULTILINE)


def reviewers(layout: Layout, settings: Settings, authors: Iterable[str]) -> Iterator[Finding]:
    """Who reviews what these runtimes make, and whether anybody does."""
    from mosaic_daemon.app import agents
    from mosaic_daemon.ground.errors import ConfigError

    if settings.review.mode == "off":
        yield Finding("review", True, "off: nothing is reviewed")
        return
    policy = agents.review_policy(settings.review, layout)
    try:
        known = agents.runtimes(settings.runtimes)
    except ConfigError:  # told with the settings
        return
    found = {aspect.value: _found(script) for aspect, script in policy.scripts.items()}
    for aspect, path in found.items():
        script = settings.review.code if aspect == "code" else settings.review.security
        detail = path or (f"`{script[0]}` is not there, or not executable" if script else "no script is configured")
        yield Finding(f"review {aspect}", True, detail)
    if policy.runtime in known:  # a wrong name is told with the settings
        program = known[policy.runtime].command[0]
        remedy = "install it, or set `review.runtime`"
        yield probes.program("review fallback", program, layout.repo, os.environ.get("PATH", ""), remedy)
    for author in sorted(set(authors) & known.keys()):
        yield _reviewed(policy, author, known, [aspect for aspect, path in found.items() if not path])


def _reviewed(policy: ReviewPolicy, author: str, known: Mapping[str, Runtime], without_script: list[str]) -> Finding:
    """Whether the work of this runtime is reviewed. In `auto` mode nobody has to be there, unless it was asked for."""
    from mosaic_daemon.stages.review.reviewers import fallback_runtime, may_use_scripts

    may_use = may_use_scripts(policy, author)
    open_for = without_script if may_use else [aspect.value for aspect in policy.scripts]
    name, agent = f"review of {author}", known.get(fallback_runtime(policy, author))
    if not open_for or (agent is not None and _found(agent.command)):
        by = ["the scripts"] if len(open_for) < len(policy.scripts) else []
        by += [f"runtime {agent.name}"] if open_for and agent is not None else []
        return Finding(name, True, f"by {' and '.join(by)}")
    nobody = f"nobody reviews it for {' and '.join(open_for)}"
    if policy.other_runtime and policy.runtime in ("", author):
        remedy = "set `review.runtime` to another agent that is installed, or `review.other_runtime = false`"
        return Finding(name, False, f"{nobody}: it has to be another runtime than {author}", remedy)
    remedy = "install the scripts, or set `review.runtime` to an agent that is installed"
    if policy.mode == "auto":
        return Finding(name, True, f"{nobody}, and its evidence says so; {remedy}")
    return Finding(name, False, nobody, remedy)


def _found(argv: tuple[str, ...]) -> str:
    return shutil.which(argv[0], path=os.environ.get("PATH")) or "" if argv else ""


def papers(layout: Layout, settings: Settings) -> Iterator[Finding]:
    """The documentation checklist and what was learnt, as they are on the base branch."""
    from mosaic_daemon.faces.learnings import LEARNINGS, parsed
    from mosaic_daemon.ground.errors import InputError

    branch = settings.tracking.base_branch
    if settings.docs_gate.mode != "off":
        yield _checklist(layout, settings, branch)
    told = probes.on_base(layout, branch, LEARNINGS)
    try:
        detail = "none yet" if told is None else f"{LEARNINGS}, {len(told)} bytes"
        if told is not None:
            parsed(told)
    except InputError as error:
        yield Finding("learnings", False, error.line, f"mend it on `{branch}`: nothing is added to it before", code=78)
    else:
        yield Finding("learnings", True, detail)


def _checklist(layout: Layout, settings: Settings, branch: str) -> Finding:
    from mosaic_daemon.ground import templates
    from mosaic_daemon.ground.errors import InputError
    from mosaic_daemon.nouns.documentation import CHECKLIST

    own = probes.on_base(layout, branch, CHECKLIST)
    try:
        text = templates.text(CHECKLIST, folder=settings.templates.path).encode() if own is None else own
    except InputError as error:
        return probes.wrong("docs checklist", error)
    where = f"{CHECKLIST} on `{branch}`" if own is not None else "the template's: the project has none of its own"
    items = len(_ITEM.findall(text))
    remedy = "write what is asked for as `- [ ] …`"
    return Finding("docs checklist", items > 0, f"{where}, {items} items" if items else f"{where}, no items", remedy)


def notify(settings: Settings) -> Finding:
    """Whether anybody is told when a person is needed."""
    from mosaic_daemon.ground.errors import ConfigError
    from mosaic_daemon.notifiers.connect import notifiers

    try:
        found = notifiers(settings.notify, os.environ, {})
    except ConfigError as error:
        return probes.wrong("notify", error)
    ways = ", ".join(each.name for each in found)
    return Finding("notify", True, ways or "nobody is told when a person is needed; `status` shows it")
