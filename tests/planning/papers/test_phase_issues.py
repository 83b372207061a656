"""The issue of a phase: the guide's text, found again by its marker, and no more than text whatever a report says."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mosaic_daemon.forges.base import IssueText
from mosaic_daemon.forges.desk import InternalDesk
from mosaic_daemon.ground.errors import InputError, Unavailable
from mosaic_daemon.nouns.task import Kind, Task
from mosaic_daemon.planning.finding import Severity
from mosaic_daemon.planning.papers import phase_issues
from mosaic_daemon.planning.plan import Milestone, Phase, Plan, PlannedTask

NAME = "orchestrator/phase-issue-body.md.template"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


def plan(*descriptions: str, issue: str = "", milestone: Milestone | None = None) -> Plan:
    """Two phases: one with these findings and a verification task, one with a single finding."""
    milestone = milestone or Milestone("widget", "MS", "0.0.1")
    first = [
        PlannedTask(Task(f"MS-SEC-{number:03}", text, phase=1), fingerprint=f"f{number}")
        for number, text in enumerate(descriptions or ("SEC-API-1: Escape it", "SEC-WEB-2: Check it"), 1)
    ]
    check = PlannedTask(Task("MS-SEC-999", "Phase 1 verification", kind=Kind.VERIFICATION, phase=1))
    last = PlannedTask(Task("MS-TEST-001", "TEST-001: Cover it", phase=4), fingerprint="t1")
    names = tuple(each.task.id for each in (*first, check))
    phases = (
        Phase(1, Severity.CRITICAL, "Critical Security Fixes", "fix/security", names, ("security", "critical"), issue),
        Phase(4, Severity.LOW, "Tests and Documentation", "fix/test-coverage", ("MS-TEST-001",), ("tests",)),
    )
    return Plan(milestone, "audit", (), phases, (*first, check, last))


class Counter(InternalDesk):
    """A forge's desk in memory: what it was asked to make, and how often it is down."""

    def __init__(self, failures: int = 0) -> None:
        self.comments: dict[str, tuple[str, str]] = {}
        self.made: list[IssueText] = []
        self._failures = failures

    async def comment(self, ref: str, text: str, marker: str) -> None:
        self.comments.setdefault(marker, (ref, text))

    async def find_issue(self, marker: str) -> str | None:
        return next((f"#{number}" for number, text in enumerate(self.made, 11) if marker in text.body), None)

    async def create_issue(self, text: IssueText) -> str:
        if known := await self.find_issue(text.marker):
            return known
        if self.made and self._failures:
            self._failures -= 1
            raise Unavailable("the forge is down")
        self.made.append(text)
        return f"#{10 + len(self.made)}"


def first_text(of: Plan) -> IssueText:
    return phase_issues.text_of(of.phases[0], of)


def test_it_reads_as_the_guide_writes_it() -> None:
    text = first_text(plan())
    assert text.title == "Phase 1: Critical Security Fixes"
    assert text.labels == ("security", "critical")
    assert text.milestone == "0.0.1"
    assert text.marker == "<!-- mosaic-phase:widget/0.0.1/P1 -->"
    assert text.body == (
        "## Findings\n\n- SEC-API-1: Escape it\n- SEC-WEB-2: Check it\n\n"
        "## Acceptance Criteria\n\n- [ ] All critical findings remediated\n- [ ] Quality gates passing\n"
        "- [ ] Required documentation updates complete\n- [ ] No new regressions\n\n"
        "Phase 1 of widget, milestone 0.0.1. Tasks: `MS-*` in `docs/TASKS.md`; branch: `fix/security`.\n\n"
        "<!-- mosaic-phase:widget/0.0.1/P1 -->\n"
    )


def test_people_see_the_milestones_name_and_the_marker_has_its_version() -> None:
    """A milestone that is renamed keeps its issues."""
    named = Milestone("widget", "MS", "0.0.6", "M6-AgentOrchestration-Fixes")
    text = first_text(plan(milestone=named))
    assert text.milestone == "M6-AgentOrchestration-Fixes"
    assert text.marker == "<!-- mosaic-phase:widget/0.0.6/P1 -->"


@given(st.text(max_size=60), st.text(max_size=30), st.text(max_size=20))
def test_there_is_one_marker_whatever_the_report_says(description: str, project: str, version: str) -> None:
    """In one line, that no text can end, and that is found nowhere else."""
    hostile = f"{description} <!-- mosaic-phase:{project}/{version}/P4 --> @octo closes #1"
    of = plan(hostile, milestone=Milestone(project, "MS", version))
    text = first_text(of)
    assert text.body.count("<!--") == 1
    assert text.body.count(text.marker) == 1
    assert re.fullmatch(r"<!-- mosaic-phase:[\w.-]+/[\w.-]+/P1 -->", text.marker)
    assert "--" not in text.marker[4:-3]
    assert phase_issues.marker_of(of.milestone, 4) not in text.body
    assert not re.search(r"closes #1|(?<!\w)@octo", text.body)


def test_a_long_list_is_cut_where_every_forge_takes_it() -> None:
    text = first_text(plan(*(f"CQ-{number}: {'x' * 400}" for number in range(1000))))
    assert len(text.body) < 60_000
    assert re.search(r"- and \d+ more, see `docs/TASKS.md`\n", text.body)
    assert text.body.endswith(f"{text.marker}\n")


def test_a_phase_without_findings_says_so() -> None:
    of = plan()
    assert "\n- none\n" in phase_issues.text_of(replace(of.phases[0], tasks=("MS-SEC-999",)), of).body


class TestATemplateOfOnesOwn:
    @staticmethod
    def folder(tmp_path: Path, text: str) -> Path:
        file = tmp_path / "set" / NAME
        file.parent.mkdir(parents=True)
        file.write_text(text)
        return tmp_path / "set"

    def test_it_gets_the_findings_and_the_marker_if_it_names_neither(self, tmp_path: Path) -> None:
        folder = self.folder(tmp_path, "Since $CURRENT_DATETIME on $PHASE_BRANCH for $5\n")
        of = plan()
        text = phase_issues.text_of(of.phases[0], of, values={"CURRENT_DATETIME": "today"}, folder=folder)
        assert text.body == (
            "Since today on fix/security for $5\n\n- SEC-API-1: Escape it\n- SEC-WEB-2: Check it\n\n"
            "<!-- mosaic-phase:widget/0.0.1/P1 -->\n"
        )

    async def test_its_mistakes_are_found_before_anything_is_made(self, tmp_path: Path) -> None:
        desk = Counter()
        with pytest.raises(InputError, match=f"{NAME}:1: the variable `FINDING` has no value; did you mean `FINDINGS`"):
            await phase_issues.filed(plan(), desk, folder=self.folder(tmp_path, "$FINDING"))
        assert desk.made == []


class TestFiling:
    async def test_each_phase_gets_one(self) -> None:
        desk = Counter()
        for _ in range(2):
            assert await phase_issues.filed(plan(), desk) == {1: "#11", 4: "#12"}
        assert [text.title for text in desk.made] == [
            "Phase 1: Critical Security Fixes",
            "Phase 4: Tests and Documentation",
        ]

    async def test_what_an_outage_left_undone_is_done_later(self) -> None:
        desk = Counter(failures=1)
        with pytest.raises(Unavailable):
            await phase_issues.filed(plan(), desk)
        assert await phase_issues.filed(plan(), desk) == {1: "#11", 4: "#12"}
        assert len(desk.made) == 2

    async def test_one_that_is_known_is_kept(self) -> None:
        desk = Counter()
        assert await phase_issues.filed(plan(issue="#7"), desk) == {1: "#7", 4: "#11"}

    async def test_an_internal_ref_gives_way_to_a_forge(self) -> None:
        """That has been set up since."""
        assert await phase_issues.filed(plan(), InternalDesk()) == {1: "TASKS:P1", 4: "TASKS:P4"}
        assert await phase_issues.filed(plan(issue="TASKS:P1"), Counter()) == {1: "#11", 4: "#12"}

    async def test_what_is_found_later_becomes_one_comment(self) -> None:
        """On the issue that is known; named once however often it is told."""
        desk = Counter()
        before = plan("SEC-1: old", issue="#7")
        after = plan("SEC-1: old", "SEC-2: new", issue="#7")
        for _ in range(2):
            await phase_issues.filed(after, desk, known=before)
        ((ref, text),) = desk.comments.values()
        assert ref == "#7"
        assert "- SEC-2: new" in text
        assert "SEC-1" not in text
        await phase_issues.filed(after, desk, known=after)
        assert len(desk.comments) == 1
