"""The guide's four rules of dependencies."""

from __future__ import annotations

from hypothesis import given

from mosaic_daemon.nouns.task import Kind
from mosaic_daemon.planning.finding import Report, Severity
from mosaic_daemon.planning.plan import Plan
from mosaic_daemon.planning.planner.planner import planned
from tests.planning.findings import MILESTONE, REPORTS, finding, ids, plan


def needs(plan: Plan) -> dict[str, tuple[str, ...]]:
    return {each.task.id: each.task.depends_on for each in plan.tasks}


def needs_of(plan: Plan, finding_id: str) -> set[str]:
    """The findings that a finding's task directly waits for."""
    by_task = {task: name for name, task in ids(plan).items()}
    return {by_task.get(need, need) for need in needs(plan)[ids(plan)[finding_id]]}


def ancestors(plan: Plan) -> dict[str, set[str]]:
    """All that a task waits for, directly or not. Works only where tasks stand after what they need."""
    found: dict[str, set[str]] = {}
    for task, direct in needs(plan).items():
        found[task] = set(direct).union(*(found[need] for need in direct))
    return found


def test_a_phase_waits_for_the_verification_of_the_one_before() -> None:
    """Rule 1, with the phase before the one that exists: there are no findings of phase 2."""
    made = plan(finding("SEC-1", "One"), finding("CQ-1", "Two", severity=Severity.MEDIUM))
    assert made.phases[0].tasks[-1] == "MS-SEC-002"
    assert needs_of(made, "CQ-1") == {"MS-SEC-002"}


def test_tasks_of_one_file_come_one_after_the_other() -> None:
    """Rule 2: a chain, not every pair."""
    made = plan(*(finding(f"CQ-{number}", "One", "src/a.ts") for number in range(1, 4)))
    assert [needs_of(made, f"CQ-{number}") for number in range(1, 4)] == [set(), {"CQ-1"}, {"CQ-2"}]


def test_tasks_of_different_files_may_run_beside_each_other() -> None:
    made = plan(finding("CQ-1", "One", "src/a.ts"), finding("CQ-2", "Two", "src/b.ts"))
    assert [needs_of(made, name) for name in ("CQ-1", "CQ-2")] == [set(), set()]


def test_a_foundation_blocks_what_relies_on_it() -> None:
    """Rule 3: what mentions authentication in the same component, not what speaks of something else."""
    made = plan(
        finding("SEC-1", "Password reset leaks tokens", "src/reset.ts", body="Any login can ask for it."),
        finding("SEC-2", "Authentication is missing", "src/auth.ts"),
        finding("SEC-3", "Unbounded upload", "src/upload.ts"),
        finding("SEC-4", "Login page frames itself", "web/login.ts", component="web"),
    )
    assert ids(made)["SEC-2"] == "MS-SEC-001"
    assert [needs_of(made, f"SEC-{number}") for number in range(1, 5)] == [{"SEC-2"}, set(), set(), set()]


def test_foundations_of_one_thing_are_laid_one_after_the_other() -> None:
    made = plan(
        finding("SEC-1", "Sessions never expire", "src/a.ts"),
        finding("SEC-2", "Missing session store", "src/b.ts"),
        finding("SEC-3", "Basket kept after the session", "src/c.ts"),
    )
    assert [needs_of(made, f"SEC-{number}") for number in range(1, 4)] == [set(), {"SEC-1"}, {"SEC-2"}]


def test_one_place_that_uses_a_foundation_is_none_itself() -> None:
    made = plan(finding("SEC-1", "Missing auth on the admin route", "a.ts"), finding("SEC-2", "Broken auth", "b.ts"))
    assert [needs_of(made, f"SEC-{number}") for number in (1, 2)] == [{"SEC-2"}, set()]


def test_a_phase_ends_with_documentation_and_verification() -> None:
    """Rule 4; only what nothing else waits for is named."""
    made = plan(
        finding("CQ-1", "One", "src/a.ts"), finding("CQ-2", "Two", "src/a.ts"), finding("CQ-3", "Three", "b.ts")
    )
    documentation, verification = made.tasks[-2].task, made.tasks[-1].task
    assert set(documentation.depends_on) == {ids(made)["CQ-2"], ids(made)["CQ-3"]}
    assert verification.depends_on == (documentation.id,)


def test_an_edge_that_follows_from_others_is_left_out() -> None:
    made = plan(
        finding("CQ-1", "Typo", "a.ts", "b.ts"),
        finding("CQ-2", "Rewrite it", "a.ts"),
        finding("CQ-3", "Rewrite that", "b.ts", "a.ts"),
    )
    assert [needs_of(made, f"CQ-{number}") for number in range(1, 4)] == [set(), {"CQ-1"}, {"CQ-2"}]


@given(REPORTS)
def test_dependencies_have_no_circle_and_no_needless_edge(report: Report) -> None:
    """Each task stands after what it needs, so there is no circle; no need is reached another way as well."""
    made = planned(report, MILESTONE)
    seen: set[str] = set()
    for task, direct in needs(made).items():
        assert set(direct) <= seen
        seen.add(task)
    above = ancestors(made)
    for direct in needs(made).values():
        for need in direct:
            assert not any(need in above[other] for other in direct if other != need)


@given(REPORTS)
def test_both_ends_of_an_edge_name_each_other(report: Report) -> None:
    made = planned(report, MILESTONE)
    forward = {(need, each.task.id) for each in made.tasks for need in each.task.depends_on}
    assert forward == {(each.task.id, blocked) for each in made.tasks for blocked in each.task.blocks}
    assert sum(len(each.task.blocks) for each in made.tasks) == len(forward)


@given(REPORTS)
def test_the_rules_hold_for_any_report(report: Report) -> None:
    """A verification is after everything of its phase and of all phases before; tasks of one file never race."""
    made = planned(report, MILESTONE)
    above = ancestors(made)
    tasks = [each.task for each in made.tasks]
    earlier: set[str] = set()
    for phase in made.phases:
        verification = phase.tasks[-1]
        assert above[verification] == {*phase.tasks, *earlier} - {verification}
        assert all(earlier <= above[task] for task in phase.tasks)
        earlier = {*earlier, *phase.tasks}
    for index, task in enumerate(tasks):
        for other in tasks[:index]:
            if not set(task.files).isdisjoint(other.files):
                assert other.id in above[task.id]
    assert [task.id for task in tasks if task.kind is Kind.VERIFICATION] == [phase.tasks[-1] for phase in made.phases]
