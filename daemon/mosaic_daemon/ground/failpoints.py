"""Named places where a fault can be injected: `MOSAIC_FAILPOINT=name[:nth]=kill|raise|delay`.

The variable is read once, when the process starts. Without it a failpoint costs one comparison.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter

ENVIRONMENT = "MOSAIC_FAILPOINT"


class FailpointRaised(OSError):
    """The injected I/O error."""


_spec = os.environ.get(ENVIRONMENT, "")
_hits: Counter[str] = Counter()


def failpoint(name: str) -> None:
    """Do what the environment asks for at `name`: die as by `kill -9`, raise an I/O error, or wait a second."""
    if not _spec:
        return
    place, _, action = _spec.partition("=")
    wanted, _, nth = place.partition(":")
    if wanted != name:
        return
    _hits[name] += 1
    if _hits[name] != int(nth or 1):
        return
    match action:
        case "raise":
            raise FailpointRaised(5, f"injected at {name}")
        case "delay":
            time.sleep(1.0)
        case _:
            os.kill(os.getpid(), signal.SIGKILL)
