"""What changes in the state folder wakes the loop. A hint, nothing more: a rescan finds what no signal told of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import anyio
import watchfiles

from mosaic_daemon.app.folder import prepare
from mosaic_daemon.ground.layout import Layout

_NAMES = ("tasks.json", "config.toml")


class Watch:
    """Of the queue, the configuration and the inbox of results.

    Args:
        wake: called from the event loop after a change.
        poll_sec: how often it wakes the loop at the least; asked again whenever it arms itself.
    """

    def __init__(self, layout: Layout, wake: Callable[[], None], poll_sec: Callable[[], float]) -> None:
        self._layout = layout
        self._wake = wake
        self._poll_sec = poll_sec
        self._stop = anyio.Event()

    def stop(self) -> None:
        """Before it is cancelled: a watch that is cancelled alone ends only after its next timeout."""
        self._stop.set()

    async def run(self) -> None:
        """Until it is stopped."""
        layout = self._layout
        while True:
            inode = layout.state.stat().st_ino
            async for _ in watchfiles.awatch(
                layout.state,
                layout.results,
                watch_filter=lambda _, path: Path(path).name in _NAMES or Path(path).parent.name == "results",
                recursive=False,
                step=20,
                debounce=50,
                stop_event=self._stop,
                rust_timeout=int(self._poll_sec() * 1000),
                yield_on_timeout=True,
            ):
                self._wake()
                # A folder that was removed and made again silences its watch for ever: arm a new one.
                if not layout.state.exists() or layout.state.stat().st_ino != inode:
                    break
            if self._stop.is_set():
                return
            prepare(layout)
