"""Workers that leave the system-wide monotonic time of their first and last act."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.scene import Scene

#: Without `site` and isolated: the cheapest start this interpreter has, the same for ours, the limit and the peers.
BARE_PYTHON = (sys.executable, "-I", "-S", "-c")
PATIENCE_SEC = 60.0

_FIRST_ACT = """\
import time
first = time.monotonic_ns()
import sys
stamp, *results = sys.argv[1:]
result = "".join(results)
with open(stamp + ".start", "w") as file:
    file.write(f"{first}\\n")
"""
_LAST_ACT = """\
sys.stdout.write(result)
sys.stdout.flush()
import os
with open(stamp + ".end", "w") as file:
    file.write(f"{time.monotonic_ns()}\\n")
os._exit(0)
"""
_COMMIT = """\
import os
name = os.environ["MOSAIC_TASK_ID"] + ".txt"
with open(name, "w") as file:
    file.write(name)
os.system(f"git add {name} && git commit --quiet --message {name}")
with open(".git/refs/heads/" + os.environ["MOSAIC_BRANCH"]) as file:
    result = result.replace("HEAD", file.read().strip())
"""


STAMP = _FIRST_ACT + _LAST_ACT
"""For BARE_PYTHON: only says when it ran, in the files that its argument names."""


def stamping(stamp: Path, result: str = "") -> list[str]:
    """A command that only says when it ran, and prints a result."""
    return [*BARE_PYTHON, STAMP, str(stamp), result]


def verifying(scene: Scene, task: str) -> dict[str, Any]:
    """A task whose worker changes nothing: taken in, started, collected, and done without a merge."""
    result = json.dumps({"task_id": task, "status": "success", "notes": "nothing to change"})
    command = stamping(scene.stamps / task, result)
    return {"id": task, "description": f"{task}: look", "kind": "verification", "command": command}


def committing(scene: Scene, task: str) -> dict[str, Any]:
    """A task whose worker commits one new file."""
    result = json.dumps({"task_id": task, "status": "success", "commit_sha": "HEAD", "notes": "one file"})
    command = [*BARE_PYTHON, _FIRST_ACT + _COMMIT + _LAST_ACT, str(scene.stamps / task), result]
    return {"id": task, "description": f"{task}: write one file", "kind": "code", "command": command}


def started(scene: Scene, task: str) -> int:
    """When the task's worker began, in nanoseconds; waits for it."""
    return stamp_of(scene.stamps / f"{task}.start")


def ended(scene: Scene, task: str) -> int:
    """When the task's worker did its last act, in nanoseconds; waits for it."""
    return stamp_of(scene.stamps / f"{task}.end")


def stamp_of(file: Path) -> int:
    """The time in a stamp file, once it is complete."""
    give_up = time.monotonic() + PATIENCE_SEC
    while time.monotonic() < give_up:
        text = file.read_text() if file.exists() else ""
        if text.endswith("\n"):
            return int(text)
        time.sleep(0.002)
    raise TimeoutError(f"no worker left {file.name} within {PATIENCE_SEC:.0f} s")
