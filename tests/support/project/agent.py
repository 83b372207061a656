"""An agent that does what its script says, by task and attempt. Run by file name, with the script's path.

It prints as Claude Code does: events, and a result with the tokens it took.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

_SIGN_OF_LIFE_SEC = 0.25
_FOR_EVER_SEC = 3600


def main() -> None:
    task, attempt = os.environ["MOSAIC_TASK_ID"], os.environ["MOSAIC_ATTEMPT"]
    script = json.loads(Path(sys.argv[1]).read_text())
    with Path(script["effects"]).open("a") as effects:
        effects.write(f"{attempt}\n")
    act = script["attempts"][attempt]
    if act["does"] == "stalls":
        say({"type": "assistant", "message": {"id": "1", "usage": usage(act["used"])}})
        time.sleep(_FOR_EVER_SEC)
    threading.Thread(target=signs_of_life, daemon=True).start()
    finish(act, ACTS[act["does"]](task, attempt, act))


def works(task: str, attempt: str, act: dict[str, Any]) -> str:
    if path := act["file"]:
        append(path, attempt)
        commit(attempt)
    return result(task, commit_sha=git("rev-parse", "HEAD"))


def breaks_ci(task: str, attempt: str, act: dict[str, Any]) -> str:
    append("BROKEN", attempt)
    return works(task, attempt, act)


def fails(task: str, attempt: str, act: dict[str, Any]) -> str:
    append(act["file"], attempt)
    commit(attempt)
    return result(task, status="failed", notes="quality gates: 3 errors of ruff, 1 failed test")


def forgets_to_commit(task: str, attempt: str, act: dict[str, Any]) -> str:
    said = works(task, attempt, act)
    append("left-over.txt", attempt)
    return said


def says_nothing(task: str, attempt: str, act: dict[str, Any]) -> str:
    works(task, attempt, act)
    return "I think that is all."


ACTS = {
    "works": works,
    "breaks-ci": breaks_ci,
    "fails": fails,
    "forgets-to-commit": forgets_to_commit,
    "says-nothing": says_nothing,
}


def append(path: str, line: str) -> None:
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as out:
        out.write(f"{line}\n")


def commit(message: str) -> None:
    git("add", "-A")
    git("commit", "-q", "-m", message)


def git(*args: str) -> str:
    return subprocess.run(["git", *args], check=True, capture_output=True, text=True).stdout.strip()


def result(task: str, *, status: str = "success", commit_sha: str | None = None, notes: str = "as asked") -> str:
    return json.dumps({"task_id": task, "status": status, "commit_sha": commit_sha, "notes": notes})


def finish(act: dict[str, Any], said: str) -> None:
    end = {"type": "result", "subtype": "success", "is_error": False, "result": said}
    say({**end, "usage": usage(act["used"])})


def usage(tokens: int) -> dict[str, int]:
    return {"input_tokens": tokens - 1, "output_tokens": 1}


def say(event: dict[str, Any]) -> None:
    sys.stdout.write(f"{json.dumps(event)}\n")
    sys.stdout.flush()


def signs_of_life() -> None:
    """A slow machine is no stall."""
    while True:
        time.sleep(_SIGN_OF_LIFE_SEC)
        say({"type": "system", "subtype": "status"})


if __name__ == "__main__":
    main()
