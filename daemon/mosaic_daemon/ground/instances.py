"""The daemons of this user on this machine: a small file each, in the user's own state, which the others read.

What is in it is for people (`list`) and for limits that one account has in all repositories. Nothing depends on its
being there: it holds no truth.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from mosaic_daemon.ground import atomicfile
from mosaic_daemon.ground.errors import MosaicError

STATE = Path("~/.local/state/mosaic-orchestrator")
_FOLDER = "instances"
_MOST_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Limited:
    """An account that its provider lets do nothing until then.

    Attributes:
        account: a name that is the same wherever the same account is used; see `runtimes.accounts`.
    """

    account: str
    reason: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Instance:
    """One repository that had a daemon."""

    repository: Path
    limited: tuple[Limited, ...] = ()


def write(instance: Instance) -> None:
    """Replace this instance's file.

    Raises:
        OSError, MosaicError: it cannot be written.
    """
    folder = STATE.expanduser() / _FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    document = {
        "version": 1,
        "repository": str(instance.repository),
        "limited": [
            {"account": each.account, "reason": each.reason, "until": each.until.isoformat()}
            for each in instance.limited
        ],
    }
    atomicfile.write(folder / _name(instance.repository), json.dumps(document).encode())


def read_all() -> Sequence[Instance]:
    """All of them; a file that cannot be understood is left out."""
    found = []
    for file in sorted((STATE.expanduser() / _FOLDER).glob("*.json")):
        with suppress(OSError, MosaicError, ValueError, KeyError, TypeError):
            found.append(_parsed(json.loads(atomicfile.read_untrusted(file, max_bytes=_MOST_BYTES))))
    return found


def changed_at() -> int:
    """Rises whenever one of the files is written; 0 without any."""
    try:
        return (STATE.expanduser() / _FOLDER).stat().st_mtime_ns
    except OSError:
        return 0


def _name(repository: Path) -> str:
    return f"{hashlib.sha256(os.fsencode(repository)).hexdigest()[:16]}.json"


def _parsed(document: dict[str, Any]) -> Instance:
    limited = (
        Limited(str(each["account"]), str(each["reason"]), datetime.fromisoformat(each["until"]))
        for each in document["limited"]
    )
    return Instance(Path(document["repository"]), tuple(limited))
