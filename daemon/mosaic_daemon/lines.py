"""The rails of one repository: opened once, kept over a change of settings, run in the background."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import anyio
from loguru import logger

from mosaic_daemon.ground.errors import LedgerError
from mosaic_daemon.ground.layout import Layout
from mosaic_rails.base import Rail, RailError
from mosaic_rails.leased.book import Book
from mosaic_rails.native.inbox import Inbox
from mosaic_rails.native.rail import NativeRail
from mosaic_rails.process.rail import ProcessRail

_AGAIN_SEC = 5.0


@dataclass(frozen=True, slots=True)
class Lines:
    """What reaches workers.

    Attributes:
        rails: by name. native: the one that sessions of this machine attach to, if there is one.
        elsewhere: through which repository code travels, by the name of a rail to workers elsewhere.
    """

    rails: Mapping[str, Rail]
    native: NativeRail | None = None
    elsewhere: Mapping[str, str] = field(default_factory=dict)

    async def run(self) -> None:
        """Keep all rails going, until cancelled: none of them can end another, nor the daemon."""
        async with anyio.create_task_group() as group:
            for rail in self.rails.values():
                group.start_soon(_keep_going, rail)


async def _keep_going(rail: Rail) -> None:
    while True:
        try:
            return await rail.run()
        except Exception as error:
            logger.opt(exception=error).error("rail {}: {}; started again", rail.name, error)
        await anyio.sleep(_AGAIN_SEC)


@contextmanager
def opened_lines(layout: Layout) -> Iterator[Lines]:
    """Open the rails' books. Hold the repository's lock.

    Raises:
        LedgerError: a book cannot be read.
    """
    book = _book(layout, "native")
    try:
        native = NativeRail(book, layout.attempts, Inbox(layout.native, layout.results))
        yield Lines({"process": ProcessRail(layout.attempts), "native": native}, native)
    finally:
        book.close()


def _book(layout: Layout, name: str) -> Book:
    try:
        return Book(layout.rails / f"{name}.db")
    except RailError as error:
        raise LedgerError(str(error), remedy="move it away; what runs on that rail is then started anew") from error
