"""The picture of a plan."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from mosaic_daemon.planning.finding import Report, Severity
from mosaic_daemon.planning.papers.graph import mermaid
from mosaic_daemon.planning.planner.planner import planned
from tests.planning.findings import MILESTONE, REPORTS, finding, plan

_TEXT = r'"(?:[^\W_]|[ .,:_/()·-]|<br/>|#\d+;)*"'
_LINE = re.compile(
    rf"flowchart TD|  end|  subgraph p\d\[{_TEXT}\]|  p\d(\[{_TEXT}\]| --> p\d)|  t\d+ --> t\d+"
    rf"|    t\d+(\[{_TEXT}\]|\{{\{{{_TEXT}\}}\}}|\[/{_TEXT}/\])"
)


def test_a_small_plan_is_drawn_task_by_task() -> None:
    """A box a phase, an arrow an edge; the verification has a shape of its own."""
    assert mermaid(plan(finding("TEST-1", "No tests", severity=Severity.LOW))) == (
        "flowchart TD\n"
        '  subgraph p4["Phase 4: Tests, Documentation and Cleanup"]\n'
        '    t1["MS-TEST-001 · 20K<br/>TEST-1: No tests"]\n'
        '    t2{{"MS-TEST-002 · 10.5K<br/>Verify phase 4 (Tests, Documentation and Cleanup)"}}\n'
        "  end\n"
        "  t1 --> t2\n"
    )


def test_a_plan_of_more_than_200_tasks_is_drawn_as_its_phases() -> None:
    findings = [finding(f"SEC-{number}", "One") for number in range(200)]
    drawn = mermaid(plan(*findings, finding("TEST-1", "Two", severity=Severity.LOW)))
    assert drawn.splitlines()[1].startswith('  p1["Phase 1: Critical Security Fixes<br/>202 tasks, ')
    assert drawn.splitlines()[-1] == "  p1 --> p4"
    assert len(drawn.splitlines()) == 4


def test_labels_cannot_end_their_box_or_give_orders() -> None:
    drawn = mermaid(plan(finding("SEC-1", 'x"] --> t9 %%{init}%% `<b>&#;')))
    assert 'SEC-1: x#34;#93; --#62; t9 #37;#37;#123;init#125;#37;#37; #96;#60;b#62;#38;#35;#59;"' in drawn


@given(REPORTS)
def test_every_task_and_every_edge_is_drawn_once(report: Report) -> None:
    made = planned(report, MILESTONE)
    lines = mermaid(made).splitlines()
    assert sum(bool(re.match(r"    t\d+", line)) for line in lines) == len(made.tasks)
    arrows = [line for line in lines if re.fullmatch(r"  t\d+ --> t\d+", line)]
    assert len(set(arrows)) == len(arrows) == sum(len(each.task.depends_on) for each in made.tasks)


@given(st.text(max_size=200))
def test_no_title_can_break_the_picture(title: str) -> None:
    for line in mermaid(plan(finding("SEC-1", title))).splitlines():
        assert _LINE.fullmatch(line), line
