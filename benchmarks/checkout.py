"""A7: starting an attempt in a repository of many files."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

from benchmarks import limits
from benchmarks.daemon import daemon
from benchmarks.figures import Figure, median
from benchmarks.loop import NO_TABLE, start_after_rename
from benchmarks.scene import Scene, scene
from benchmarks.sizes import Sizes

_WARM_PER_COLD = 2


def attempt_start(sizes: Sizes) -> Iterator[Figure]:
    """A7: cold in a daemon that was just started on a repository it has never seen, then warm in the same one."""
    cold: list[float] = []
    warm: list[float] = []
    by_hand: list[float] = []
    with scene(files=sizes.files, config=NO_TABLE) as here:
        for _ in range(sizes.starts):
            by_hand.append(limits.worktree_add(here))
            first, *others = _starts(here, sizes)
            cold.append(first)
            warm += others
    limit, limit_is = median(by_hand), "`git worktree add` of the same repository"
    yield Figure(
        "A7.warm",
        f"enqueue → worker running, {sizes.files} files, later attempts, p50",
        "ms",
        median(warm),
        goal=200,
        limit=limit,
        limit_is=limit_is,
        samples=len(warm),
        note="in an idle daemon that could prepare for it; wake-up included, the table switched off",
    )
    yield Figure(
        "A7.cold",
        f"the same, first attempt, / `git worktree add` ({limit:.0f} ms)",
        "x",
        median(cold) / limit,
        goal=1.1,
        limit=1,
        limit_is=limit_is,
        samples=len(cold),
        note=f"{median(cold):.0f} ms; wake-up included, the table switched off",
    )


def _starts(here: Scene, sizes: Sizes) -> list[float]:
    """Milliseconds from enqueue to start: the first one in a daemon without a past, and more."""
    config = here.layout.config.read_text()
    shutil.rmtree(here.layout.state)
    shutil.rmtree(here.stamps)
    here.stamps.mkdir()
    here.layout.state.mkdir(mode=0o700)
    here.layout.config.write_text(config)
    with daemon(here) as running:
        return [start_after_rename(here, running, number, sizes) for number in range(1 + _WARM_PER_COLD)]
