"""How much is measured. Samples make a figure steady; the sizes of queues and repositories belong to the goals."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Sizes:
    """Counts of samples, tasks, rows and files.

    Attributes:
        enqueues: A1. exits: A2, of each kind of task. wakeups: A6b, quiet and noisy each.
        attempts: A3. deliveries, checked_deliveries: A4, without and with a CI command.
        tasks: the long queue of A5 and A6; few_tasks: the short one. rounds: of A5. ticks: of A6, per kind.
        files: A7's repository; starts: how often it is started there cold, with two warm ones after each.
        rows, syncs: A8. commands: A9, runs of each.
        findings, bootstraps: A10.
        service_starts: B1 and B2. idle_sec: how long B3 looks on.
        merges: D1, of each dialect. ci_sec: how long D2's CI of 10 minutes is made to take; everything else as well.
        interrupted: D3, how many of its steps.
        report_lines, readings: E1.
        requests: B6, of each page. changes: B6, seen in a browser.
        pause_sec: how long the daemon is left idle before a sample that wants an idle daemon.
    """

    enqueues: int = 25
    exits: int = 25
    wakeups: int = 40
    attempts: int = 500
    deliveries: int = 50
    checked_deliveries: int = 15
    tasks: int = 10_000
    few_tasks: int = 100
    rounds: int = 5
    ticks: int = 30
    files: int = 2_000
    starts: int = 3
    rows: int = 10_000
    syncs: int = 3
    commands: int = 15
    findings: int = 1_000
    bootstraps: int = 3
    service_starts: int = 5
    idle_sec: float = 60.0
    requests: int = 100
    changes: int = 25
    merges: int = 7
    ci_sec: float = 12.0
    interrupted: int = 3
    report_lines: int = 100_000
    readings: int = 5
    pause_sec: float = 0.6


FULL = Sizes()
QUICK = replace(
    FULL,
    enqueues=8,
    exits=8,
    wakeups=15,
    attempts=60,
    deliveries=12,
    checked_deliveries=5,
    rounds=2,
    ticks=8,
    starts=1,
    syncs=1,
    commands=5,
    bootstraps=1,
    service_starts=2,
    idle_sec=20.0,
    requests=20,
    changes=5,
    merges=2,
    ci_sec=6.0,
    interrupted=2,
    readings=2,
)
