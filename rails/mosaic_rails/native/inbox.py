"""The inbox of files, for tools that speak no protocol.

native/open/<attempt>.json     what is offered; to claim it, take the lock `native/lock` and rename it to
native/claimed/<attempt>.json  where its lease is renewed by every `touch`
results/<attempt>.json         where its result goes, by rename from a temporary file
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mosaic_rails.base import Errand

_SUFFIX = ".json"


def described(errand: Errand) -> dict[str, Any]:
    """What whoever works on it on this machine has to know: where, from what, and what is to be done."""
    return {
        "attempt": errand.attempt,
        "task_id": errand.task,
        "worktree": errand.worktree,
        "branch": errand.branch,
        "base_sha": errand.base_sha,
        "prompt": errand.prompt,
    }


@dataclass(slots=True)
class Inbox:
    """The folder `native`, and the folder of results beside it.

    Attributes:
        touched: modification times of claimed files as seen last, ns.
    """

    folder: Path
    results: Path
    touched: dict[str, int] = field(default_factory=dict)

    def result_file(self, attempt: str) -> Path:
        return self.results / f"{attempt}{_SUFFIX}"

    def show(self, errand: Errand, lease_sec: float) -> None:
        """Offer it to tools, unless it is there."""
        path = self._open / f"{errand.attempt}{_SUFFIX}"
        if path.exists() or (self._claimed / path.name).exists():
            return
        body = {
            **described(errand),
            "result_file": str(self.result_file(errand.attempt)),
            "lease_sec": round(lease_sec),
        }
        for folder in (self._open, self._claimed):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = self._open / f".{path.name}.new"
        new.write_text(json.dumps(body, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        new.rename(path)

    def hide(self, attempt: str) -> None:
        """It is over, or somebody else's: no tool shall take it any more."""
        for folder in (self._open, self._claimed):
            (folder / f"{attempt}{_SUFFIX}").unlink(missing_ok=True)
        self.touched.pop(attempt, None)

    def withdraw(self, attempt: str) -> bool:
        """Take an offer back before another is given it; False: a tool was quicker."""
        with self._locked():
            try:
                (self._open / f"{attempt}{_SUFFIX}").unlink()
            except FileNotFoundError:
                return not (self._claimed / f"{attempt}{_SUFFIX}").exists()
        return True

    def shown(self) -> list[str]:
        """Attempts that have a file, offered or claimed."""
        folders = (self._open, self._claimed)
        return sorted({path.stem for folder in folders if folder.is_dir() for path in folder.glob(f"*{_SUFFIX}")})

    def claimed(self) -> Iterator[tuple[str, bool]]:
        """Claimed attempts, and whether each was touched since the last look."""
        for path in sorted(self._claimed.glob(f"*{_SUFFIX}")) if self._claimed.is_dir() else ():
            try:
                time = path.lstat().st_mtime_ns
            except FileNotFoundError:
                continue
            yield path.stem, self.touched.get(path.stem) != time
            self.touched[path.stem] = time

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        fd = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError:
            yield  # a tool is about to claim something: a rename decides, with the lock or without it
        finally:
            os.close(fd)

    @property
    def _open(self) -> Path:
        return self.folder / "open"

    @property
    def _claimed(self) -> Path:
        return self.folder / "claimed"
