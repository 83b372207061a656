"""A kill leaves what the kernel knows, a power loss does not. The seed is printed; `MOSAIC_TEST_SEED` gives one."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.crash.power import LOSE, UNMOUNTABLE
from tests.support.killing import seed

REPO = Path(__file__).parents[2]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.parametrize("kind", ["ext4", "xfs"]),
    pytest.mark.parametrize("what", LOSE),
]


def lose(folder: Path, kind: str, what: str, *more: str) -> subprocess.CompletedProcess[str]:
    """A series of power losses in a process of its own; skips where they cannot be had."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip(f"no power is cut on {kind}: only root may mount, and needs unshare")
    drawn = seed()
    argv = ["unshare", "--mount", sys.executable, "-m", "tests.crash.power", str(folder), kind, what, str(drawn), *more]
    done = subprocess.run(argv, cwd=REPO, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode == UNMOUNTABLE or done.stderr.startswith("unshare:"):
        pytest.skip(f"no power is cut on {kind}: {done.stdout}{done.stderr}".strip())
    sys.stdout.write(f"{kind}: {done.stdout.strip()}; seed {drawn}\n")
    return done


def test_what_was_called_durable_outlives_the_power(tmp_path: Path, kind: str, what: str) -> None:
    """The ledger's batches, the faces' versions, the starts and ends of attempts; and all that is there is whole."""
    done = lose(tmp_path, kind, what)
    assert done.returncode == 0, done.stderr
    assert "power losses" in done.stdout


def test_a_sync_that_is_left_out_is_found(tmp_path: Path, kind: str, what: str) -> None:
    """Without this, a disk that loses nothing would make the test above pass."""
    done = lose(tmp_path, kind, what, "careless")
    assert done.returncode == 1, "nothing was found"
    assert re.search("lost|durable|torn|started again|ran twice|Ledger", done.stderr.splitlines()[-1]), done.stderr
