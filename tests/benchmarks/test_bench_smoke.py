"""The benchmarks run and tell what they promise, in tiny sizes. Their times are nobody's business here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXPECTED = {
    "A1": ["A1.p50", "A1.p95"],
    "A2": ["A2.p50", "A2.commit.p50"],
    "A3": ["A3"],
    "A4": ["A4", "A4.ci"],
    "A5": ["A5"],
    "A6": ["A6.running", "A6.waiting", "A6.held", "A6.stuck", "A6.deferred", "A6.changed"],
    "A6b": ["A6b"],
    "A7": ["A7.warm", "A7.cold"],
    "A8": ["A8.plan", "A8.apply"],
    "A9": ["A9.help", "A9.status"],
    "A10": ["A10.first", "A10.again"],
    "B1": ["B1.few", "B1.many"],
    "B2": ["B2"],
    "B3": ["B3.few", "B4.few", "B3.many", "B4.many"],
    "B6": [
        *("B6.status", "B6.tasks", "B6.search", "B6.task", "B6.graph", "B6.budget", "B6.events"),
        *("B6.api.status", "B6.api.tasks", "B6.metrics", "B6.seen"),
    ],
    "D1": ["D1.github", "D1.gitea", "D1.gitlab"],
    "D2": ["D2.github", "D2.gitea", "D2.gitlab"],
    "D3": ["D3.github", "D3.gitea", "D3.gitlab"],
    "E1": ["E1"],
    "E2": ["E2.precision", "E2.recall"],
}
FIELDS = {"key", "title", "unit", "ours", "goal", "limit", "limit_is", "peers", "samples", "note", "ratio", "is_met"}


@pytest.fixture
def benchmarks(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The harness, which no test run has on its path by itself."""
    monkeypatch.syspath_prepend(str(ROOT))
    return __import__("benchmarks.__main__", fromlist=["measure"])


@pytest.fixture
def tiny() -> dict[str, Any]:
    return {
        "enqueues": 2,
        "exits": 2,
        "wakeups": 2,
        "attempts": 4,
        "deliveries": 2,
        "checked_deliveries": 1,
        "tasks": 40,
        "few_tasks": 5,
        "rounds": 2,
        "ticks": 3,
        "files": 30,
        "starts": 1,
        "rows": 20,
        "syncs": 1,
        "commands": 1,
        "findings": 12,
        "bootstraps": 1,
        "service_starts": 1,
        "idle_sec": 0.2,
        "requests": 2,
        "changes": 1,
        "merges": 1,
        "ci_sec": 1.0,
        "interrupted": 1,
        "report_lines": 200,
        "readings": 1,
        "pause_sec": 0.2,
    }


@pytest.mark.slow
@pytest.mark.parametrize("family", EXPECTED)
def test_every_family_gives_its_figures(family: str, benchmarks: ModuleType, tiny: dict[str, Any]) -> None:
    """Each figure has a value of its own, and JSON holds all of it."""
    figures = list(benchmarks.measure([family], benchmarks.Sizes(**tiny)))
    run = json.loads(json.dumps(benchmarks.report.document(figures, quick=True)))
    assert [each["key"] for each in run["figures"]] == EXPECTED[family], figures
    for each in run["figures"]:
        assert set(each) == FIELDS
        assert each["ours"] > 0, each["note"]
        assert each["samples"] > 0
        assert each["unit"] in ("ms", "x", "requests", "MB")
    assert {"version", "commit", "modified", "date", "quick", "machine", "figures"} == set(run)
    assert {"cores", "python", "system", "file_system", "git", "load"} == set(run["machine"])


def test_a_figure_that_cannot_be_taken_says_why_and_costs_only_itself(
    benchmarks: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run goes on, and its report shows the reason."""

    def broken(_: object) -> None:
        raise RuntimeError("no such command")

    def good(_: object) -> list[Any]:
        return [benchmarks.Figure("A2.p50", "good", "ms", 1.0)]

    monkeypatch.setattr(benchmarks, "FAMILIES", {"A1": (broken,), "A2": (good,)})
    first, second = benchmarks.measure(["A1", "A2"], benchmarks.QUICK)
    assert (first.key, first.ours, first.is_met) == ("A1", None, None)
    assert "no such command" in benchmarks.report.lines(first)
    assert second.ours == 1.0


def test_two_runs_are_compared_figure_by_figure(benchmarks: ModuleType) -> None:
    """What got slower is marked; figures that only one run has are left out."""

    def run(**figures: float) -> dict[str, Any]:
        made = [benchmarks.Figure(key, key, "ms", ours, goal=60, limit=10) for key, ours in figures.items()]
        found: dict[str, Any] = benchmarks.report.document(made, quick=True)
        return found

    shown = benchmarks.report.comparison(run(A1=50, A2=50, A3=1), run(A1=100, A2=51))
    lines = {line[2:].split()[0]: line for line in shown.splitlines() if " ms " in line}
    assert set(lines) == {"A1", "A2"}, shown
    assert lines["A1"].startswith("! ")
    assert "2.00" in lines["A1"]
    assert lines["A2"].startswith("  ")


def test_the_command_names_its_figures_and_refuses_others() -> None:
    """`python -m benchmarks --help` lists the families; an unknown one is a usage error, not a run of everything."""
    command = [sys.executable, "-m", "benchmarks"]
    shown = subprocess.run([*command, "--help"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert all(family in shown for family in EXPECTED)
    assert subprocess.run([*command, "A99"], cwd=ROOT, check=False, capture_output=True).returncode == 2
