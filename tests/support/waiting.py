"""Waiting for a condition with a deadline and a name, never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE_SEC = 45.0
"""Long enough for a machine that is busy with other tests; a test that works never waits for it."""


def until(condition: Callable[[], T], what: str, *, patience_sec: float = PATIENCE_SEC) -> T:
    """The condition's value as soon as it is true; fails by its name when it does not come."""
    end = time.monotonic() + patience_sec
    while not (value := condition()):
        assert time.monotonic() < end, f"waited in vain for: {what}"
        time.sleep(0.01)
    return value
