"""What answers are made of: the repository, the daemon, and who may ask."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mosaic_daemon.control import Handler
from mosaic_daemon.ground import instance
from mosaic_daemon.ground.layout import Layout
from mosaic_daemon.ground.settings import Settings
from mosaic_daemon.http.access import Access
from mosaic_daemon.store.mirror import Mirror
from mosaic_daemon.views.explanation import explained
from mosaic_daemon.views.snapshot import answering, overview, unknown_daemon
from mosaic_daemon.views.text import utc_now


class Site:
    """One repository as it is served. `answered`: answers by status."""

    def __init__(self, layout: Layout, access: Access, ask: Handler, settings: Callable[[], Settings]) -> None:
        self.layout = layout
        self.access = access
        self.ask = ask
        self.settings = settings
        self.mirror = Mirror(layout.ledger)
        self.answered: Counter[int] = Counter()
        self._overview: tuple[object, dict[str, Any]] = (None, {})

    async def view(self) -> View:
        """What is true now, to be looked at in a thread."""
        return View(self, await self.ask("about", {}), utc_now())

    def overview(self, about: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        """What `status` shows, made anew when something that it is made of has changed."""
        with self.mirror.look() as ledger:
            key = (ledger.seq, self._files(), sorted(about.items(), key=str), f"{now:%Y%m%d%H%M}")
        if self._overview[0] != key:
            daemon = answering(about, unknown_daemon() | (instance.holder(self.layout.lock) or {}))
            self._overview = (key, overview(self.layout, now, daemon=daemon, look=self.mirror.look))
        return self._overview[1] | {"at": now.isoformat(timespec="seconds")}

    def _files(self) -> list[tuple[int, int] | None]:
        """What tells whether the files were changed that people write."""
        return [_stamp(path) for path in (self.layout.tasks, self.layout.config)]


def _stamp(path: Any) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


@dataclass(frozen=True, slots=True)
class View:
    """One look. `about`: what the daemon says of itself."""

    site: Site
    about: Mapping[str, Any]
    now: datetime

    @property
    def layout(self) -> Layout:
        return self.site.layout

    @property
    def mirror(self) -> Mirror:
        return self.site.mirror

    def overview(self) -> dict[str, Any]:
        return self.site.overview(self.about, self.now)

    def explained(self, task: str) -> dict[str, Any]:
        """Raises InputError: there is no such task."""
        daemon = answering(self.about, unknown_daemon())
        return explained(task, self.layout, self.site.settings, daemon, self.mirror.look)
