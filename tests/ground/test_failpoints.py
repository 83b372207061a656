"""Failpoints: named, at the nth time, and nothing at all without the variable."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from mosaic_daemon.ground.failpoints import ENVIRONMENT, failpoint

_PROGRAM = """
from mosaic_daemon.ground.failpoints import failpoint
for n in range(1, 4):
    try:
        failpoint("other")
        failpoint("here")
        print(n, end=" ", flush=True)
    except OSError as error:
        print(type(error).__name__, error.errno, end=" ", flush=True)
"""


def test_without_the_variable_nothing_happens() -> None:
    """Whatever the name."""
    failpoint("anything")


@pytest.mark.parametrize(
    ("spec", "printed", "status"),
    [
        ("", "1 2 3 ", 0),
        ("here=kill", "", -9),
        ("here", "", -9),
        ("here:2=kill", "1 ", -9),
        ("here:3=raise", "1 2 FailpointRaised 5 ", 0),
        ("here:4=kill", "1 2 3 ", 0),
        ("elsewhere=kill", "1 2 3 ", 0),
        ("here=delay", "1 2 3 ", 0),
    ],
)
def test_what_is_asked_for_happens_once(spec: str, printed: str, status: int) -> None:
    """At its own name alone."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        env={**os.environ, ENVIRONMENT: spec},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.returncode) == (printed, status)
