"""A repository held, with everything that a tick needs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

from mosaic_daemon.app.assembly import build
from mosaic_daemon.app.folder import prepare
from mosaic_daemon.ground import instance
from mosaic_daemon.ground.layout import Layout
from mosaic_daemon.ground.settings import Settings
from mosaic_daemon.lines import opened_lines
from mosaic_daemon.notices import Notices
from mosaic_daemon.nouns.events import DrainChanged
from mosaic_daemon.parts import Parts
from mosaic_daemon.repository.clone import Clone
from mosaic_daemon.stages.rebuild import rebuild, stop_strays
from mosaic_daemon.store.ledger import Ledger
from mosaic_daemon.store.sqlite import SqliteJournal


@asynccontextmanager
async def opened(layout: Layout, settings: Settings, what: str) -> AsyncIterator[Parts]:
    """Hold the repository and put everything together.

    Raises:
        AnotherInstance: somebody else holds it.
        ConfigError, InputError, LedgerError, Unavailable: it cannot be opened; the message says why.
    """
    prepare(layout)
    with instance.held(layout.lock, what), ExitStack() as stack:
        clone = await Clone.open(layout.repo, layout.clone, settings.tracking.base_branch)
        ledger = Ledger(SqliteJournal(layout.ledger))
        try:
            parts = build(
                layout, settings, clone, ledger, stack.enter_context(opened_lines(layout, settings.rails, clone.url))
            )
            try:
                if ledger.system.draining:
                    ledger.append("", DrainChanged(False, f"{what} started"), at=parts.clock.now())
                if ledger.seq == 0:
                    await _rebuild(parts)
                yield parts
                parts.forge.recorded()
            finally:
                await parts.milestones.aclose()
                await parts.forge.aclose()
        finally:
            ledger.close()


async def _rebuild(parts: Parts) -> None:
    """An empty ledger is a new repository, or one that lost its ledger."""
    layout, now = parts.place.layout, parts.clock.now()
    for rail in parts.place.rails.values():
        await stop_strays(rail, layout.attempts)
    await stop_strays(parts.reviews.desk.rail, layout.reviews)
    found = await rebuild(parts.ledger, parts.queue.entries(), layout.attempts, parts.clone, now)
    if found is not None:
        Notices(parts.ledger).tell("ledger", found, now)
