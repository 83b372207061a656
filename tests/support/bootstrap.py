"""A review report, the command that plans from it, and a worker that does whatever was planned."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support import worker
from tests.support.daemon import environment
from tests.support.repo import Repo, git

SCRIPT = Path(sys.executable).with_name("mosaic-orchestrator")
HANDSHAKE = "Now initiating Orchestrator mode...\n"

REPORT = {
    "00-executive-summary.md": """# Executive summary

| Severity | Count |
|---|---|
| Critical | 1 |
| High | 1 |
| Medium | 1 |
| Low | 1 |

The worst is SEC-API-1: anybody can log in.
""",
    "01-security-review.md": """# Security review

### SEC-API-1: Login accepts an empty password

**Severity:** Critical
**File:** `src/auth.py:10-14`

The check is skipped when the password is empty.

### SEC-API-2: Session tokens never expire

**Severity:** High
**File:** `src/auth.py:40`
""",
    "02-code-quality-review.md": """# Code quality

### CQ-WEB-1: Orders are loaded one by one

**Severity:** Medium
**File:** `src/orders.py:5`

Replace the loop with one query.
""",
    "03-qa-test-coverage.md": """# Test coverage

### TEST-001: The cart has no tests

**Severity:** Low
**File:** `src/cart.py`
""",
}
FINDINGS = ("SEC-API-1", "SEC-API-2", "CQ-WEB-1", "TEST-001")

_MEND = worker.script(
    'if ! grep -q "commit nothing" "$MOSAIC_PROMPT_FILE"; then',
    f'echo "$MOSAIC_TASK_ID" > "$MOSAIC_TASK_ID.txt"; {worker.COMMIT}',
    "fi",
    worker.RESULT,
)
CONFIG = f"""
[worker]
runtime = "mender"
[runtimes.mender]
command = ["sh", "-c", {json.dumps(_MEND)}]
prompt = "stdin"
output = "text"
"""
"""A worker that changes a file for a finding or a document, and only looks at what it shall verify."""


def with_report(repo: Repo, report: Mapping[str, str] = REPORT, folder: str = "docs/reports/review") -> str:
    """Commit and push a report; its folder below the repository."""
    for name, text in report.items():
        file = repo.root / folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    git(repo.root, "add", folder)
    git(repo.root, "commit", "-q", "-m", "a review")
    if repo.origin is not None:
        git(repo.root, "push", "-q", "origin", "main")
    return folder


def bootstrap(
    repo: Repo, *args: str, code: int = 0, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return by_person(repo, "bootstrap", *args, code=code, env=env)


def by_person(
    repo: Repo, verb: str, *args: str, code: int = 0, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run it as a person does, in their checkout, and look at its exit code."""
    done = subprocess.run(
        [SCRIPT, verb, *args],
        cwd=repo.root,
        env=environment(repo, env or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def plan_of(repo: Repo) -> dict[str, Any]:
    """The plan as it stands on the origin's main."""
    document: dict[str, Any] = json.loads(repo.on_main("docs/tasks/plan.json") or "{}")
    return document
