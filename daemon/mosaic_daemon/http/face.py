"""The face as the daemon holds it: listens as the settings want it. Light to import: most daemons have no page."""

from __future__ import annotations

from collections.abc import Callable

import anyio
from loguru import logger

from mosaic_daemon.control import Handler
from mosaic_daemon.ground.errors import ConfigError
from mosaic_daemon.ground.layout import Layout
from mosaic_daemon.ground.listening import Address, Listener, Manner, permitted
from mosaic_daemon.ground.settings import HttpSettings, Settings

_CONNECTIONS = 64


def where_of(settings: HttpSettings) -> Address | None:
    """Where to listen; None: nowhere. Raises ConfigError as `permitted` does."""
    if settings.listen is None:
        return None
    return permitted(settings.listen, "http.listen", anywhere=settings.any_address)


class HttpFace:
    """Serves the page of one repository. A port that cannot be had is tried again; the daemon works all the same.

    Args:
        reload: reads the settings again, as `explain` does.

    Attributes:
        listener: the newest one; None before the first.
    """

    def __init__(self, layout: Layout, reload: Callable[[], Settings]) -> None:
        self._layout = layout
        self._reload = reload
        self._settings = HttpSettings()
        self._changed = anyio.Event()
        self.listener: Listener | None = None

    def want(self, settings: Settings) -> None:
        """Be like this from now on. Raises ConfigError as `where_of` does."""
        where_of(settings.http)
        if settings.http != self._settings:
            self._settings = settings.http
            self._changed.set()

    async def run(self, ask: Handler) -> None:
        """Serve until cancelled. `ask`: the daemon, as over its socket."""
        while True:
            self._changed = anyio.Event()
            async with anyio.create_task_group() as group:
                if (where := where_of(self._settings)) is not None:
                    group.start_soon(self._serve, where, ask)
                await self._changed.wait()
                group.cancel_scope.cancel()

    async def _serve(self, where: Address, ask: Handler) -> None:
        from mosaic_daemon.http.access import access, token_of  # noqa: PLC0415
        from mosaic_daemon.http.server import Server  # noqa: PLC0415
        from mosaic_daemon.http.site import Site  # noqa: PLC0415

        try:
            token_of(self._layout, self._settings)
        except (ConfigError, OSError) as error:
            logger.error("http: {}; nothing is served", error)
            return
        listener = Listener(Manner("http", "nothing is served meanwhile", _CONNECTIONS))
        self.listener = listener
        server: Server | None = None

        async def talk(stream: anyio.abc.SocketStream) -> None:
            nonlocal server
            if server is None:
                allowed = access(self._layout, self._settings, where, listener.port or where.port)
                server = Server(Site(self._layout, allowed, ask, self._reload))
            await server.converse(stream)

        await listener.run(where, talk)
