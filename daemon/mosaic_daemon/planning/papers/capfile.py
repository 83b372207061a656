"""The cap on tokens, read from the committed plan. Light: `status` and every tick ask for it."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

from mosaic_daemon.ground.errors import InputError
from mosaic_daemon.nouns.budget import Cap

PLAN_FILE = "docs/tasks/plan.json"
MAX_PLAN_BYTES = 64 << 20


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
                if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_PLAN_BYTES:
                    raise ValueError("no ordinary file, or far too large")
                self._cap = _checked(json.loads(self._path.read_bytes())["cap"])
        except FileNotFoundError:
            self._cap, self._seen, self.problem = None, None, ""
        # Anybody may put a file there, every tick reads it, and json takes Infinity and any depth.
        except (OSError, ValueError, OverflowError, RecursionError, KeyError, TypeError, InputError) as error:
            self.problem = f"{self._path}: its `cap` cannot be read ({error!r}): the last good one stays"
        return self._cap


def _checked(cap: dict[str, Any]) -> Cap:
    return Cap(int(cap["tokens"]), "user" if cap.get("source", "user") == "user" else "derived")
