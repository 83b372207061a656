"""Where in the project a task's error is: what the table's columns have no room for, the plan knows."""

from __future__ import annotations

from pathlib import Path

from mosaic_daemon.ground.errors import InputError
from mosaic_daemon.nouns.record import Record
from mosaic_daemon.planning.papers import record as paper
from mosaic_daemon.planning.papers.capfile import PLAN_FILE


class Places:
    """Looks it up in the checkout's plan, which is read again when it has changed."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._seen: tuple[int, int] | None = None
        self._places: dict[str, str] = {}

    def of(self, record: Record) -> str:
        """`path:line`; without a usable plan the task's own files, and nothing where nobody named any."""
        try:
            status = (self._root / PLAN_FILE).stat()
            seen = (status.st_mtime_ns, status.st_size)
            if seen != self._seen:
                self._places, self._seen = self._read(), seen
        except (OSError, InputError):
            self._places, self._seen = {}, None
        return self._places.get(record.id) or ", ".join(record.task.files)

    def _read(self) -> dict[str, str]:
        found = paper.read(self._root)
        if found is None:
            return {}
        locations = {each.fingerprint: each.locations for each in found.plan.findings}
        return {
            each.task.id: ", ".join(map(str, locations.get(each.fingerprint, ())))
            for each in found.plan.tasks
            if each.fingerprint
        }
