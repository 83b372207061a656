"""The plan of a report, and what an earlier plan does to it."""

from __future__ import annotations

import subprocess
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mosaic_daemon.ground.errors import InputError
from mosaic_daemon.nouns.figures import tokens_text
from mosaic_daemon.nouns.task import Kind
from mosaic_daemon.planning.finding import Leftover, Remark, Report, Severity, Source
from mosaic_daemon.planning.plan import Milestone, Plan, PlannedTask
from mosaic_daemon.planning.planner.planner import planned
from mosaic_daemon.tracking.entry import validate
from tests.planning.findings import MILESTONE, MILESTONES, REPORTS, duplicates, finding, ids, plan

HIGH, MEDIUM, LOW = Severity.HIGH, Severity.MEDIUM, Severity.LOW


def task_of(plan: Plan, finding_id: str) -> PlannedTask:
    return next(each for each in plan.tasks if each.task.id == ids(plan)[finding_id])


@pytest.mark.parametrize(
    ("severity", "phase"),
    [
        (Severity.CRITICAL, (1, "fix/security", "Critical Security Fixes", ("security", "critical"), "MS-SEC-002")),
        (HIGH, (2, "fix/security", "Security Hardening", ("security", "high"), "MS-HIGH-001")),
        (MEDIUM, (3, "fix/code-quality", "Code Quality and Performance", ("code-quality", "medium"), "MS-CQ-002")),
        (LOW, (4, "fix/test-coverage", "Tests, Documentation and Cleanup", ("test-coverage", "low"), "MS-TEST-001")),
    ],
)
def test_each_severity_is_a_phase_of_the_guide(severity: Severity, phase: tuple[object, ...]) -> None:
    """Number, branch pattern, title, labels and the verification task's id are the guide's."""
    made = plan(finding("SEC-API-1", "Secrets in the log", severity=severity))
    (only,) = made.phases
    assert (only.number, only.branch, only.title, only.labels, only.tasks[-1]) == phase
    assert only.severity is severity
    assert only.tasks == tuple(each.task.id for each in made.tasks)


@pytest.mark.parametrize(
    ("id", "title", "severity", "task"),
    [
        ("SEC-API-1", "Anything", Severity.CRITICAL, "MS-SEC-001"),
        ("SEC-API-1", "Anything", HIGH, "MS-SEC-001"),
        ("SEC-API-1", "Anything", MEDIUM, "MS-CQ-001"),
        ("CQ-WEB-3", "Anything", HIGH, "MS-HIGH-001"),
        ("PERF-1", "Anything", HIGH, "MS-HIGH-001"),
        ("CQ-WEB-3", "Anything", MEDIUM, "MS-CQ-001"),
        ("PERF-DB-2", "Anything", MEDIUM, "MS-PERF-001"),
        ("TEST-001", "Anything", LOW, "MS-TEST-001"),
        ("DOC-4", "Anything", LOW, "MS-DOC-001"),
        ("CQ-WEB-3", "Data is lost on restart", Severity.CRITICAL, "MS-CQ-001"),
        ("F-1", "Passwords are logged", Severity.CRITICAL, "MS-SEC-001"),
        ("F-1", "N+1 queries in the order list", MEDIUM, "MS-PERF-001"),
        ("F-1", "Billing is untested", LOW, "MS-TEST-001"),
        ("F-1", "README is out of date", LOW, "MS-DOC-001"),
        ("F-1", "Names are hard to read", LOW, "MS-CQ-001"),
    ],
)
def test_the_category_follows_the_guides_prefixes(id: str, title: str, severity: Severity, task: str) -> None:  # noqa: A002
    """By the finding's id, else by the words of its title."""
    assert ids(plan(finding(id, title, severity=severity)))[id] == task


def test_the_reports_file_tells_what_an_id_does_not() -> None:
    source = (Source("03-qa-test-coverage.md", 7),)
    assert ids(plan(finding("F-1", "Billing", severity=LOW, sources=source))) == {"F-1": "MS-TEST-001"}


def test_a_scanners_number_tells_what_a_title_does_not() -> None:
    assert ids(plan(finding("F-1", "Old parser", body="| CWE | CWE-94 |"))) == {"F-1": "MS-SEC-001"}


def test_numbers_run_per_category_over_all_phases() -> None:
    """The verification of phase 1 is the last SEC of its phase; phase 2 goes on after it."""
    made = plan(finding("SEC-1", "One"), finding("SEC-2", "Two"), finding("SEC-3", "Three", severity=HIGH))
    assert ids(made) == {"SEC-1": "MS-SEC-001", "SEC-2": "MS-SEC-002", "SEC-3": "MS-SEC-004"}
    assert [each.task.id for each in made.tasks if each.task.kind is Kind.VERIFICATION] == ["MS-SEC-003", "MS-HIGH-001"]


def test_a_task_says_what_its_finding_says() -> None:
    made = plan(finding("SEC-API-1", "Injection in the search", "src/a.ts", "./src/a.ts", "src//b.ts", "/etc/passwd"))
    task = task_of(made, "SEC-API-1").task
    assert task.description == "SEC-API-1: Injection in the search"
    assert (task.repo, task.branch, task.phase, task.kind) == ("api", "fix/security-ms-sec-001", 1, Kind.CODE)
    assert task.files == ("src/a.ts", "src/b.ts")
    assert task.estimate == "35K"


def test_the_worker_is_told_what_the_report_says_and_where() -> None:
    told = plan(finding("SEC-1", "Weak hash", body="MD5 is used.", sources=(Source("notes.md", 12),)))
    assert task_of(told, "SEC-1").task.prompt == "SEC-1: Weak hash\n\nThe report says (notes.md:12):\n\nMD5 is used."


def test_a_long_finding_is_cut_in_the_prompt() -> None:
    told = plan(finding("SEC-1", "Weak hash", body="word " * 5_000, sources=(Source("notes.md", 12),)))
    prompt = task_of(told, "SEC-1").task.prompt or ""
    assert len(prompt) < 7_000
    assert prompt.endswith("(cut here; the whole text is in the report)")


def test_texts_of_a_report_stay_on_one_short_line() -> None:
    title = "Bad\nthing\x1b[31m \u202e reversed " + "very " * 200 + "long"
    description = task_of(plan(finding("SEC-1", title)), "SEC-1").task.description
    assert description.isprintable()
    assert len(description) <= 200
    assert description.startswith("SEC-1: Bad thing[31m reversed very")


@pytest.mark.parametrize(
    ("id", "title", "files", "kind"),
    [
        ("SEC-1", "Anything", ("src/a.ts",), Kind.CODE),
        ("SEC-1", "Anything", (), Kind.CODE),
        ("SEC-1", "Anything", ("deploy.yml", "Dockerfile"), Kind.CONFIG),
        ("SEC-1", "Anything", ("deploy.yml", "src/a.ts"), Kind.CODE),
        ("TEST-1", "Anything", ("src/a.ts",), Kind.TEST),
        ("CQ-1", "Anything", ("src/a.spec.ts",), Kind.TEST),
        ("DOC-1", "Anything", ("src/a.ts",), Kind.DOCS),
        ("CQ-1", "Anything", ("docs/setup.md",), Kind.DOCS),
    ],
)
def test_the_kind_is_what_mending_changes(id: str, title: str, files: tuple[str, ...], kind: Kind) -> None:  # noqa: A002
    assert task_of(plan(finding(id, title, *files)), id).task.kind is kind


def test_no_report_gives_leave_to_change_the_orchestrators_own_files() -> None:
    """A task's files are what its worker may change, and anybody may have written the report."""
    own = ("docs/TASKS.md", "docs/tasks", "docs/tasks/plan.json", ".mosaic/x", "./docs//TASKS.md", ".mosaic")
    made = plan(finding("SEC-API-1", "A fault", *own, "docs/tasks.py", "src/docs/TASKS.md"))
    assert made.tasks[0].task.files == ("docs/tasks.py", "src/docs/TASKS.md")


def test_a_phase_that_changes_code_gets_a_documentation_task() -> None:
    """It comes after the phase's findings and before the verification, and names the checklist."""
    made = plan(finding("SEC-1", "One", "src/a.ts"), finding("TEST-1", "Two", severity=LOW))
    documentation = [each.task for each in made.tasks if each.task.kind is Kind.DOCS]
    assert [task.id for task in documentation] == ["MS-DOC-001"]
    assert documentation[0].depends_on == ("MS-SEC-001",)
    assert documentation[0].blocks == ("MS-SEC-002",)
    assert "DOCUMENTATION-CHECKLIST.md" in documentation[0].description
    assert "DOCUMENTATION-CHECKLIST.md" in (documentation[0].prompt or "")


@pytest.mark.parametrize(
    ("severity", "words"),
    [(Severity.CRITICAL, "security tests"), (LOW, "final quality gates")],
)
def test_a_verification_says_what_to_run(severity: Severity, words: str) -> None:
    verification = plan(finding("SEC-1", "One", severity=severity)).tasks[-1].task
    assert verification.kind is Kind.VERIFICATION
    assert words in (verification.prompt or "")
    assert "MS-" in (verification.prompt or "")


def test_inside_a_phase_blockers_come_first_then_files_together_then_simple_before_complex() -> None:
    made = plan(
        finding("CQ-1", "Rewrite the parser", "src/parser.ts"),
        finding("CQ-2", "Typo in a message", "src/text.ts"),
        finding("CQ-3", "Replace the cache", "src/cache.ts"),
        finding("CQ-4", "Null check in the cache", "src/cache.ts"),
        finding("SEC-5", "Missing authentication", "src/auth.ts"),
    )
    assert [made.tasks[index].task.description[:5] for index in range(5)] == [
        "SEC-5",
        "CQ-4:",
        "CQ-3:",
        "CQ-2:",
        "CQ-1:",
    ]


def test_tasks_of_a_phase_share_its_branch_where_that_is_wanted() -> None:
    made = plan(finding("SEC-1", "One"), milestone=replace(MILESTONE, shared_branches=True))
    assert {each.task.branch for each in made.tasks} == {"fix/security"}


def test_leftovers_and_remarks_of_the_report_are_the_plans() -> None:
    leftover, remark = Leftover(Source("a.md", 1), "?", "no severity"), Remark("counts differ")
    made = planned(Report("review", (), (leftover,), (remark,)), MILESTONE)
    assert (made.tasks, made.phases, made.leftovers, made.remarks) == ((), (), (leftover,), (remark,))


@pytest.mark.parametrize("prefix", ["", "-MS", "M S", "MS/..", "X" * 60, "a..b"])
def test_a_prefix_that_no_id_can_begin_with_is_refused(prefix: str) -> None:
    with pytest.raises(InputError, match="prefix"):
        planned(Report("review", ()), Milestone("shop", prefix, "0.0.1"))


# A second bootstrap.


def test_an_edited_finding_updates_its_task() -> None:
    first = plan(finding("SEC-1", "Injection in search", "src/a.ts", fingerprint="f"))
    edited = plan(finding("SEC-1", "Injection in the search box", "src/b.ts", fingerprint="f"), known=first)
    assert len(edited.tasks) == len(first.tasks)
    task = task_of(edited, "SEC-1").task
    assert (task.id, task.branch) == ("MS-SEC-001", "fix/security-ms-sec-001")
    assert (task.description, task.files) == ("SEC-1: Injection in the search box", ("src/b.ts",))
    assert edited.remarks == ()


def test_a_new_fingerprint_under_the_same_id_and_title_is_the_same_task() -> None:
    first = plan(finding("SEC-1", "Injection in search", fingerprint="old"))
    again = plan(finding("SEC-1", "Injection in search", fingerprint="new"), known=first)
    assert [each.task.id for each in again.tasks] == [each.task.id for each in first.tasks]
    assert (again.remarks, again.tasks[0].fingerprint) == ((), "new")


def test_a_changed_severity_moves_the_task_and_keeps_its_id_and_branch() -> None:
    """It takes the issue of the phase it is in now."""
    one, two = finding("SEC-1", "One", fingerprint="1"), finding("SEC-2", "Two", fingerprint="2")
    first = plan(one, two, finding("SEC-3", "Three", severity=HIGH)).with_issues({1: "#1", 2: "#2"})
    moved = plan(one, replace(two, severity=HIGH), finding("SEC-3", "Three", severity=HIGH), known=first)
    task = task_of(moved, "SEC-2").task
    assert (task.id, task.branch, task.phase, task.issue) == ("MS-SEC-002", "fix/security-ms-sec-002", 2, "#2")
    assert task.depends_on == ("MS-SEC-003",)
    assert [phase.issue for phase in moved.phases] == ["#1", "#2"]
    assert len(moved.tasks) == len(first.tasks)


def test_a_finding_that_is_gone_keeps_its_task_with_a_remark() -> None:
    first = plan(finding("SEC-1", "One", "src/a.ts"), finding("SEC-2", "Two", "src/b.ts"))
    later = plan(finding("SEC-1", "One", "src/a.ts"), known=first)
    assert ids(later) == ids(first)
    assert [remark.message for remark in later.remarks] == [
        "SEC-2 is no longer in the report; MS-SEC-002 stays: take it out if it is settled"
    ]
    assert later.tasks == first.tasks


def test_new_findings_get_the_next_free_numbers() -> None:
    """Also after ids that only stay for a finding that is gone, and after the verification."""
    first = plan(finding("SEC-1", "One"), finding("SEC-2", "Two"))
    later = plan(finding("SEC-0", "Zero"), finding("SEC-1", "One"), known=first)
    assert ids(later) == {"SEC-0": "MS-SEC-004", "SEC-1": "MS-SEC-001", "SEC-2": "MS-SEC-002"}
    assert later.phases[0].tasks[-1] == "MS-SEC-003"
    assert set(later.tasks[-2].task.depends_on) == {"MS-SEC-001", "MS-SEC-002", "MS-SEC-004"}


def test_an_id_that_another_report_uses_for_something_else_is_a_new_task() -> None:
    """Neither the title nor a file has anything in common, whatever the fingerprint says."""
    first = plan(finding("SEC-1", "Injection in search", "src/a.ts", fingerprint="f"))
    later = plan(finding("SEC-1", "Cookies without SameSite", "web/b.ts", fingerprint="f"), known=first)
    assert {each.task.id for each in later.tasks if each.fingerprint} == {"MS-SEC-001", "MS-SEC-003"}
    assert "another finding" in later.remarks[0].message
    assert "Injection in search" in later.remarks[0].message
    assert plan(finding("SEC-1", "Cookies without SameSite", "web/b.ts", fingerprint="f"), known=later) == later


def test_an_id_reused_for_the_same_file_is_the_same_task() -> None:
    first = plan(finding("SEC-1", "Injection in search", "src/a.ts", fingerprint="f"))
    later = plan(finding("SEC-1", "Query built by hand", "src/a.ts", fingerprint="g"), known=first)
    assert [each.task.id for each in later.tasks] == [each.task.id for each in first.tasks]
    assert later.remarks == ()


def test_what_people_gave_a_task_stays() -> None:
    first = plan(finding("SEC-1", "One"))
    told = replace(
        first, tasks=tuple(replace(t, task=replace(t.task, priority=5, runtime="codex")) for t in first.tasks)
    )
    again = plan(finding("SEC-1", "One"), known=told)
    assert {(each.task.priority, each.task.runtime) for each in again.tasks} == {(5, "codex")}


def test_ids_of_tasks_that_are_there_besides_are_not_given_again() -> None:
    made = planned(
        Report("review", (finding("SEC-1", "One"),)), MILESTONE, taken=("MS-SEC-007", "MS-DOC-001", "OTHER-1")
    )
    assert [each.task.id for each in made.tasks] == ["MS-SEC-008", "MS-DOC-002", "MS-SEC-009"]


def test_a_prefix_that_differs_in_case_alone_makes_no_branch_twice() -> None:
    first = plan(finding("SEC-1", "One", fingerprint="1"), milestone=replace(MILESTONE, prefix="ms"))
    later = plan(finding("SEC-2", "Two", fingerprint="2"), known=first)
    assert duplicates(each.task.branch for each in later.tasks) == []


@given(REPORTS, MILESTONES)
def test_every_finding_is_in_exactly_one_task_of_its_phase(report: Report, milestone: Milestone) -> None:
    made = planned(report, milestone)
    numbers = {severity: severity.rank + 1 for severity in Severity}
    wanted = sorted((each.fingerprint, numbers[each.severity]) for each in report.findings)
    assert sorted((each.fingerprint, each.task.phase or 0) for each in made.tasks if each.fingerprint) == wanted
    assert [task for phase in made.phases for task in phase.tasks] == [each.task.id for each in made.tasks]
    assert [each.task.phase for each in made.tasks] == sorted(each.task.phase or 0 for each in made.tasks)


@given(REPORTS, MILESTONES)
def test_every_task_is_one_that_the_queue_takes(report: Report, milestone: Milestone) -> None:
    """Ids, branches, files and figures pass the check of `tasks.json`; ids and branches are unique."""
    made = planned(report, milestone)
    for each in made.tasks:
        fields = ("id", "description", "repo", "branch", "estimate", "kind", "phase", "prompt")
        entry = {name: getattr(each.task, name) for name in fields}
        lists = {name: list(getattr(each.task, name)) for name in ("depends_on", "blocks", "files")}
        validate({**entry, **lists, "kind": each.task.kind.value}, source="plan")
        assert each.task.description.isprintable()
        assert each.task.estimate == tokens_text(each.tokens)
        assert each.tokens > 0
    assert duplicates(each.task.id for each in made.tasks) == []
    assert duplicates(each.task.branch for each in made.tasks) == []


def test_git_takes_the_branches() -> None:
    severities = zip(("SEC-1", "SEC-2", "CQ-3", "TEST-4"), Severity, strict=True)
    made = plan(*(finding(name, "One", severity=severity) for name, severity in severities))
    for each in made.tasks:
        subprocess.run(["git", "check-ref-format", "--branch", each.task.branch], check=True, capture_output=True)


@given(REPORTS, MILESTONES)
def test_the_same_report_again_changes_nothing(report: Report, milestone: Milestone) -> None:
    first = planned(report, milestone)
    assert planned(report, milestone, first) == first
    issued = first.with_issues({1: "#1", 2: "#2", 3: "#3", 4: "#4"})
    assert planned(report, milestone, issued) == issued


def test_findings_that_differ_in_their_bodies_alone_keep_their_tasks() -> None:
    """The plan puts the simpler one first, which the report names last."""
    longer, shorter = (finding("SEC-1", "Weak hash", "a.ts", body=body) for body in ("Add a test for it.", ""))
    first = plan(longer, shorter)
    assert plan(longer, shorter, known=first) == first


@given(st.lists(REPORTS, min_size=2, max_size=4))
def test_a_run_of_different_reports_settles_and_doubles_nothing(reports: list[Report]) -> None:
    """Each plan keeps all ids of the one before, has each finding once, and is the same when made again."""
    known: Plan | None = None
    for report in reports:
        made = planned(report, MILESTONE, known)
        assert planned(report, MILESTONE, made) == made
        tasks = {each.task.id: each.task.branch for each in made.tasks}
        assert len(tasks) == len(made.tasks)
        kept = {each.task.id: each.task.branch for each in known.tasks} if known else {}
        assert kept.items() <= tasks.items()
        gone = sum("stays" in remark.message for remark in made.remarks)
        assert len([each for each in made.tasks if each.fingerprint]) == len(report.findings) + gone
        known = made


def test_the_requirements_come_first_when_they_are_to_be_improved() -> None:
    """One task of kind docs for `docs/PRD.md`; everything waits for it; planned again it is the same one."""
    wanted = replace(MILESTONE, improves_prd=True)
    findings = (finding("SEC-1"), finding("CQ-1", severity=MEDIUM))
    made = plan(*findings, milestone=wanted)
    first = made.tasks[0].task
    assert (first.id, first.kind, first.files, first.depends_on) == ("MS-DOC-001", Kind.DOCS, ("docs/PRD.md",), ())
    assert [each.task.id for each in made.tasks if not each.task.depends_on] == [first.id]
    assert plan(*findings, milestone=wanted, known=made) == made
