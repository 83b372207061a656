"""The cap on tokens, read from the committed plan. Light: `status` and every tick ask for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mosaic_daemon.ground.errors import InputError
from mosaic_daemon.nouns.budget import Cap

PLAN_FILE = "docs/tasks/plan.json"


class CapFile:
    """The cap that holds now: the configured one, else the one of the plan in the repository's checkout.

    Attributes:
        problem: why the plan's cap cannot be read; empty when it can.
    """

    def __init__(self, root: Path, configured: int | None) -> None:
        self._path = root / PLAN_FILE
        self._configured = configured
        self._seen: tuple[int, int] | None = None
        self._cap: Cap | None = None
        self.problem = ""

    def read(self) -> Cap | None:
        """None when there is none. A damaged file leaves the last good one; one `stat` while it stays as it is."""
        if self._configured is not None:
            return Cap(self._configured)
        try:
            status = self._path.stat()
            if self._seen != (status.st_mtime_ns, status.st_size):
                self._seen = (status.st_mtime_ns, status.st_size)
                self.problem = ""
                self._cap = _checked(json.loads(self._path.read_bytes())["cap"])
        except FileNotFoundError:
            self._cap, self._seen, self.problem = None, None, ""
        except (OSError, ValueError, KeyError, TypeError, InputError) as error:
            self.problem = f"{self._path}: its `cap` cannot be read ({error!r}): the last good one stays"
        return self._cap


def _checked(cap: dict[str, Any]) -> Cap:
    return Cap(int(cap["tokens"]), "user" if cap.get("source", "user") == "user" else "derived")
