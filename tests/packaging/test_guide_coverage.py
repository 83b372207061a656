"""`docs/guide-coverage.md`: what it names exists, so that a reader can go down the guide and find each rule."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIST = ROOT / "docs" / "guide-coverage.md"


def rows() -> list[list[str]]:
    lines = [line for line in LIST.read_text().splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


ROWS = rows()

HEADINGS = (
    "Session Start Handshake",
    "Overview",
    "Orchestrator Boundaries",
    "Delegation Mode Selection",
    "Bootstrap Templates",
    "Step 0: Prepare PRD",
    "Step 1: Parse Review Reports",
    "Step 2: Categorize into Phases",
    "Step 3: Estimate Token Usage",
    "Step 3b: Budget Guardrail",
    "Step 4: Determine Dependencies",
    "Step 5: Create Phase Issues",
    "Step 6: Create docs/TASKS.md",
    "Step 6b: Add Documentation Tasks",
    "Step 7: Commit Bootstrap",
    "Phase 2: Execution Loop",
    "When to Review",
    "Step 1: Run Codex Review",
    "Step 2: Parse Review Results",
    "Step 3: Decision Tree",
    "Step 4: Fallback Review",
    "Review Timing Guidelines",
    "Logging Review Results",
    "Worker Prompt Template",
    "Context Threshold Protocol",
    "Bulk Phase (Target: 90%)",
    "Polish Phase (Target: 100%)",
    "Phase Boundary Rule",
    "Reporting",
    "Variance Thresholds",
    "Task Type Classification",
    "Capture Learning",
    "Retrospective Triggers",
    "Enhanced Compaction Summary",
    "Cross-Project Learnings",
    "Report Cleanup",
    "Error Handling",
    "Stopping Criteria",
    "Merge-to-Main Candidate Protocol",
    "Required Completion Steps",
    "Deployment Protocol",
    "Recovery",
    "Retention Policy",
    "Kickstart Message Format",
)
"""The guide's, in its order, without what stands in brackets; of a chapter with parts, the parts."""

STEPS = 23
"""Of the execution loop."""


def test_it_is_a_list() -> None:
    """Four filled cells each, no rule twice."""
    assert len(ROWS) > 30
    assert all(len(row) == 4 and all(row) for row in ROWS)
    assert len({(heading, rule) for heading, rule, *_ in ROWS}) == len(ROWS)


def test_every_heading_of_the_guide_is_there_in_its_order() -> None:
    """With a row at the least, or under `Not yet`."""
    there = [heading for heading in dict.fromkeys(row[0] for row in ROWS) if heading in HEADINGS]
    assert there == [heading for heading in HEADINGS if heading in there]
    not_yet = " ".join(LIST.read_text().rpartition("\nNot yet:")[2].split())
    assert [heading for heading in HEADINGS if heading not in there and heading not in not_yet] == []


def test_every_step_of_the_execution_loop_is_there() -> None:
    rules = [rule.partition(":")[0] for heading, rule, *_ in ROWS if heading == "Phase 2: Execution Loop"]
    steps = {int(number) for rule in rules for number in re.findall(r"\d+", rule)}
    assert steps == set(range(1, STEPS + 1))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_module_and_test_exist(row: list[str]) -> None:
    _, _, module, test = row
    assert (ROOT / "daemon" / "mosaic_daemon" / module.strip("`")).is_file(), module
    file, _, name = test.strip("`").partition("::")
    text = (ROOT / "tests" / file).read_text()
    assert re.search(rf"^ *(async )?def {re.escape(name)}\(", text, re.MULTILINE), test
