"""The rails of one repository: opened once, kept over a change of settings, run in the background."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import anyio
from loguru import logger

from mosaic_daemon.ground.errors import ConfigError, LedgerError
from mosaic_daemon.ground.layout import Layout
from mosaic_daemon.ground.settings import NatsSettings, RailsSettings
from mosaic_rails.base import Rail, RailError
from mosaic_rails.leased.book import Book
from mosaic_rails.leased.contract import Terms
from mosaic_rails.leased.rail import LeasedRail
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
def opened_lines(layout: Layout, settings: RailsSettings, origin: str) -> Iterator[Lines]:
    """Open the rails' books. Hold the repository's lock. `origin`: where code is when a rail has no relay.

    Raises:
        LedgerError: a book cannot be read. ConfigError: a rail's settings are no good.
    """
    with ExitStack() as stack:
        book = stack.enter_context(_book(layout, "native"))
        native = NativeRail(book, layout.attempts, Inbox(layout.native, layout.results))
        rails: dict[str, Rail] = {"process": ProcessRail(layout.attempts), "native": native}
        elsewhere: dict[str, str] = {}
        if settings.nats.url is not None:
            book = stack.enter_context(_book(layout, "nats"))
            rails["nats"] = _nats(layout, settings.nats, settings.nats.url, book)
            elsewhere["nats"] = settings.nats.relay or origin
        yield Lines(rails, native, elsewhere)


def _nats(layout: Layout, settings: NatsSettings, url: str, book: Book) -> LeasedRail:
    # Its library takes as long to import as a tenth of all the rest, and most repositories have no fleet.
    from mosaic_rails.nats.connection import Access  # noqa: PLC0415
    from mosaic_rails.nats.daemon import NatsDaemon  # noqa: PLC0415

    file = settings.credentials_file
    try:
        access = Access(url, settings.name or book.daemon, file.expanduser() if file else None)
        access.login()
        transport = NatsDaemon(access, settings.pool)
    except RailError as error:
        raise ConfigError(f"`rails.nats`: {error}") from error
    return LeasedRail(book, Terms("nats", book.daemon, lease_sec=settings.lease_sec), layout.attempts, transport)


@contextmanager
def _book(layout: Layout, name: str) -> Iterator[Book]:
    try:
        book = Book(layout.rails / f"{name}.db")
    except RailError as error:
        raise LedgerError(str(error), remedy="move it away; what runs on that rail is then started anew") from error
    try:
        yield book
    finally:
        book.close()
