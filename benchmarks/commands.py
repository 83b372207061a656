"""A8, A9, A10: commands as a user waits for them, from the shell's start of the process to its end."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence

from benchmarks.daemon import daemon
from benchmarks.figures import Figure, median, not_measured
from benchmarks.limits import bare_python, timed
from benchmarks.scene import Scene, scene, script
from benchmarks.sizes import Sizes
from benchmarks.workers import verifying
from mosaic_daemon.ground.layout import TABLE
from mosaic_daemon.tracking.table import COLUMNS, TEMPLATE

_EDITED = 10


def sync_tasks(sizes: Sizes) -> Iterator[Figure]:
    """A8: no daemon runs; the command opens the ledger itself."""
    applied, planned = [], []
    for _ in range(sizes.syncs):
        with scene() as here:
            table = here.repo / TABLE
            table.parent.mkdir()
            table.write_text(_table(sizes.rows))
            applied.append(_run(here, "mosaic-orchestrator-sync-tasks", "--apply", "--json"))
            if (taken := len(here.tasks())) != sizes.rows:
                raise RuntimeError(f"{sizes.rows} rows were to be taken in, the queue has {taken}")
            here.commit("table")
            table.write_text(table.read_text().replace("a finding", "another finding", _EDITED))
            planned.append(_run(here, "mosaic-orchestrator-sync-tasks", "--json", expected=3))
            limit = median(bare_python(here, 5))
    title, note = f"sync-tasks of {sizes.rows:,} rows", "git and the ledger included"
    yield _process("A8.plan", f"{title}: {_EDITED} of them edited, only planned", planned, (1000, limit), note)
    yield _process("A8.apply", f"{title}: all new, applied to an empty queue", applied, (1000, limit), note)


def _process(key: str, title: str, found: Sequence[float], bounds: tuple[float, float], note: str) -> Figure:
    """Of a process of its own. `bounds`: the goal, and what a bare interpreter takes; milliseconds both."""
    goal, limit = bounds
    return Figure(
        key,
        title,
        "ms",
        median(found),
        goal=goal,
        limit=limit,
        limit_is="python -c pass",
        samples=len(found),
        note=f"a process of its own: interpreter, imports, {note}",
    )


def _table(rows: int) -> str:
    cells = dict.fromkeys(COLUMNS, "") | {"status": "not-started", "description": "CQ-1: a finding, in a sentence"}
    lines = (cells | {"id": f"T-{number}", "estimate": "8K"} for number in range(rows))
    return TEMPLATE + "".join(f"| {' | '.join(line[name] for name in COLUMNS)} |\n" for line in lines)


def help_and_status(sizes: Sizes) -> Iterator[Figure]:
    """A9: runs alternate with those of a bare interpreter."""
    verbs: tuple[tuple[str, str, float, Sequence[str]], ...] = (
        ("A9.help", "mosaic-orchestrator --help", 40, ("--help",)),
        ("A9.status", "mosaic-orchestrator status, a daemon running", 150, ("status",)),
    )
    with scene() as here, daemon(here) as running:
        here.enqueue(*({**verifying(here, f"T-{number}"), "status": "deferred"} for number in range(20)))
        running.wait_for("deferred", 20)
        for key, title, goal, words in verbs:
            try:
                ours, bare = _alternating(here, words, sizes.commands)
            except RuntimeError as error:
                yield not_measured(key, error)
                continue
            yield Figure(key, title, "ms", ours, goal, limit=bare, limit_is="python -c pass", samples=sizes.commands)


def bootstrap(sizes: Sizes) -> Iterator[Figure]:
    """A10: a report with as many findings, planned, committed, pushed and put into the queue; then again, unchanged."""
    first, again = [], []
    for _ in range(sizes.bootstraps):
        with scene() as here:
            report = here.repo / "docs" / "reports" / "review"
            report.mkdir(parents=True)
            (report / "01-security-review.md").write_text(_report(sizes.findings))
            here.commit("a review")
            words = ("bootstrap", str(report), "--prefix", "MS")
            first.append(_run(here, "mosaic-orchestrator", *words))
            if (planned := len(here.tasks())) < sizes.findings:
                raise RuntimeError(f"{sizes.findings} findings were to be planned, the queue has {planned} tasks")
            again.append(_run(here, "mosaic-orchestrator", *words))
            limit = median(bare_python(here, 5))
    title, note = f"bootstrap of a report with {sizes.findings:,} findings", "git, commit and push included"
    yield _process("A10.first", f"{title}: the first time", first, (3000, limit), note)
    yield _process("A10.again", f"{title}: again, nothing changed", again, (3000, limit), note)


def _report(findings: int) -> str:
    severities = ("Critical", "High", "Medium", "Low")
    return "# Security review\n" + "".join(
        f"\n### SEC-API-{number}: Input of handler {number} is not validated\n\n"
        f"**Severity:** {severities[number % len(severities)]}\n"
        f"**File:** `src/part{number // 4}/handler.py:{number}`\n\n"
        "A caller can send any value, and it reaches the query unchecked.\n"
        for number in range(1, findings + 1)
    )


def _alternating(here: Scene, words: Sequence[str], runs: int) -> tuple[float, float]:
    """Median milliseconds of the command and of a bare interpreter."""
    _run(here, "mosaic-orchestrator", *words)  # the first one may have to compile
    found, bare = [], []
    for _ in range(runs):
        found.append(_run(here, "mosaic-orchestrator", *words))
        bare += bare_python(here, 1)
    return median(found), median(bare)


def _run(here: Scene, name: str, *words: str, expected: int = 0) -> float:
    """Milliseconds of one command in the repository.

    Raises:
        RuntimeError: it ends with another status than `expected`; with the last it said.
    """
    done: list[subprocess.CompletedProcess[str]] = []
    took = timed(
        lambda: done.append(
            subprocess.run(
                [script(name), *words], cwd=here.repo, env=here.environment, check=False, capture_output=True, text=True
            )
        )
    )
    if done[0].returncode != expected:
        said = (done[0].stderr.strip().splitlines() or [""])[-1]
        raise RuntimeError(f"`{name} {' '.join(words)}` ended with {done[0].returncode}: {said}")
    return took
