"""Who does the work, and who reviews it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from mosaic_daemon.ground.errors import ConfigError
from mosaic_daemon.ground.layout import Layout
from mosaic_daemon.ground.settings import ReviewSettings, RuntimeSettings, Settings
from mosaic_daemon.nouns.review import Aspect
from mosaic_daemon.repository.clone import Clone
from mosaic_daemon.repository.worktrees import Worktrees
from mosaic_daemon.runtimes.base import DEFAULTS, Runtime
from mosaic_daemon.stages.review import ReviewPolicy, Reviews
from mosaic_daemon.stages.review.reviewers import Desk as ReviewDesk
from mosaic_rails.process.rail import ProcessRail


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


def reviews(layout: Layout, settings: Settings, clone: Clone) -> Reviews:
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
