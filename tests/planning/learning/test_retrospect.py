"""The guide's "Retrospective Triggers" and "Cross-Project Learnings": what finished tasks say, and what is proposed."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mosaic_daemon.ground.errors import InputError
from mosaic_daemon.planning.learning.export import Milestone, exported, section
from mosaic_daemon.planning.learning.retrospect import Sample, accepted, proposals, retrospective
from mosaic_daemon.planning.learning.samples import captured
from mosaic_daemon.planning.papers import heuristics
from mosaic_daemon.planning.papers.heuristics import ESTIMATES
from mosaic_daemon.planning.plan import Reason
from mosaic_daemon.planning.planner.learned import LEAST, MOST, NOTHING_LEARNED, Heuristics, Learned, unlearned
from tests.planning.findings import finding, plan

TODAY = date(2026, 3, 1)
TYPES = st.sampled_from(["GUARD_ADD", "SECURITY_FIX", "TEST_ADD"])


def sample(used: int, task_type: str = "GUARD_ADD", estimate: int = 10_000, phase: int | None = 1) -> Sample:
    return Sample(f"MS-{used}", phase, task_type, estimate, used, estimate)


SAMPLES = st.lists(
    st.builds(
        Sample,
        st.text(max_size=5),
        st.none() | st.integers(1, 4),
        TYPES,
        st.integers(1, 10**7),
        st.integers(0, 10**8),
        st.integers(1, 10**7),
    ),
    max_size=20,
)


def test_variance_by_type_and_phase() -> None:
    """Sums of estimates against sums of uses."""
    found = retrospective(
        [sample(12_000), sample(24_000, phase=2), sample(10_000, "TEST_ADD", phase=None)], NOTHING_LEARNED
    )
    assert [group.line for group in found.types] == [
        "GUARD_ADD: 2 tasks, +80% (20K→36K)",
        "TEST_ADD: 1 task, +0% (10K→10K)",
    ]
    assert [group.name for group in found.phases] == ["Phase 1", "Phase 2", "No phase"]
    assert found.total is not None
    assert found.total.line == "All: 3 tasks, +53% (30K→46K)"
    assert found.total.ratings == {"acceptable": 2, "review": 0, "capture": 0, "critical": 1}


def test_patterns_are_what_repeats_and_what_is_critical() -> None:
    """One task is no pattern, and neither are two that miss in both directions."""
    samples = [sample(15_000), sample(16_000), sample(10_500), sample(4_000, "TEST_ADD"), sample(16_000, "TEST_ADD")]
    found = retrospective([*samples, sample(25_000, "REFACTOR")], NOTHING_LEARNED)
    assert found.patterns == (
        "GUARD_ADD is underestimated: 2 of 3 took over 30% more, +38% in all",
        "CRITICAL: MS-25000 (REFACTOR) +150% (10K→25K): review its classification",
    )
    assert retrospective([sample(4_000), sample(5_000)], NOTHING_LEARNED).patterns == (
        "GUARD_ADD is overestimated: 2 of 2 took over 30% less, -55% in all",
    )


@pytest.mark.parametrize(
    ("uses", "factor"),
    [
        ([16_000, 17_000, 90_000], 1.7),  # the median: one runaway is no pattern
        ([16_000, 17_000], None),  # too few
        ([13_000, 13_000, 13_000], None),  # within the guide's acceptable 30 %
        ([13_100, 13_100, 13_100], 1.3),
        ([2_000, 2_000, 2_000], 0.2),
        ([0, 0, 0], LEAST),
        ([900_000, 900_000, 900_000], MOST),
    ],
)
def test_heuristic_proposals(uses: list[int], factor: float | None) -> None:
    found = proposals([sample(used) for used in uses], NOTHING_LEARNED)
    assert [(each.factor, each.samples) for each in found] == ([(factor, len(uses))] if factor else [])


def test_a_proposal_is_about_the_planner_s_own_estimate() -> None:
    """Tasks estimated with a learnt factor do not have it applied twice; what fits by now is proposed no more."""
    samples = [Sample(f"T-{used}", 1, "GUARD_ADD", 16_000, used, 10_000) for used in (15_000, 16_000, 17_000)]
    now = Heuristics({"GUARD_ADD": Learned(1.6, 3)})
    assert proposals(samples, now) == ()
    assert [each.factor for each in proposals(samples, NOTHING_LEARNED)] == [1.6]


@given(SAMPLES)
def test_the_parts_add_up_to_the_whole(samples: list[Sample]) -> None:
    """By type as by phase, and every rating is counted once."""
    found = retrospective(samples, NOTHING_LEARNED)
    assert (found.total is None) == (not samples)
    if found.total is not None:
        for groups in (found.types, found.phases):
            assert sum(each.tasks for each in groups) == found.total.tasks == len(samples)
            assert sum(each.estimate for each in groups) == found.total.estimate
            assert sum(each.used for each in groups) == found.total.used
        assert sum(found.total.ratings.values()) == len(samples)


@given(SAMPLES)
def test_what_was_accepted_is_proposed_no_more(samples: list[Sample]) -> None:
    """And every factor is one that the planner takes."""
    found = proposals(samples, NOTHING_LEARNED)
    assert all(LEAST <= each.factor <= MOST for each in found)
    assert proposals(samples, accepted(found, NOTHING_LEARNED)) == ()


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=4), st.floats(LEAST, MOST))
def test_a_factor_changes_an_estimate_and_can_be_taken_out_again(parts: list[int], factor: float) -> None:
    reasons = [Reason(tokens, "base: x") for tokens in parts]
    adjusted = Heuristics({"GUARD_ADD": Learned(factor, 3)}).adjusted("GUARD_ADD", reasons)
    assert abs(sum(each.tokens for each in adjusted) - sum(parts) * factor) <= 1
    assert unlearned(adjusted) == sum(parts)
    assert NOTHING_LEARNED.adjusted("GUARD_ADD", reasons) == tuple(reasons)


def test_the_planner_estimates_with_what_was_learnt() -> None:
    """The type alone that it is about, and the reasons say so."""
    guard, other = finding("SEC-API-1", title="No validation"), finding("SEC-API-2", title="Key in the source")
    before = {each.task.description: each for each in plan(guard, other).tasks}
    learned = Heuristics({"GUARD_ADD": Learned(2.0, 5)})
    after = {each.task.description: each for each in plan(guard, other, heuristics=learned).tasks}
    changed = [name for name in before if before[name].reasons != after[name].reasons]
    assert changed == ["SEC-API-1: No validation"]
    assert after[changed[0]].tokens == 2 * before[changed[0]].tokens
    assert after[changed[0]].reasons[-1].why == "learned: GUARD_ADD × 2 from 5 tasks"


# --- docs/tasks/estimates.json --------------------------------------------------------------------------------------


def test_factors_are_written_and_read_again(tmp_path: Path) -> None:
    """Those that are there already stay."""
    assert heuristics.read(tmp_path) == NOTHING_LEARNED
    wanted = accepted(proposals([sample(17_000)] * 3, NOTHING_LEARNED), Heuristics({"TEST_ADD": Learned(0.5, 4)}))
    heuristics.write(tmp_path, wanted)
    assert heuristics.read(tmp_path) == wanted
    assert wanted.by_type == {"TEST_ADD": Learned(0.5, 4), "GUARD_ADD": Learned(1.7, 3)}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{\n]", ":2"),
        ("[]", "version"),
        ('{"version": 2}', "version"),
        ('{"version": 1, "factors": {"A": {"factor": "much"}}}', "factors.A.factor"),
        ('{"version": 1, "factors": {"A": {"factor": 0}}}', "0.0 is not between"),
        ('{"version": 1, "factors": {"A": {"factor": 11}}}', "11.0 is not between"),
        ('{"version": 1, "factors": []}', "factors"),
    ],
)
def test_bad_factors_are_named(tmp_path: Path, text: str, said: str) -> None:
    """The planner does not go on without them in silence."""
    file = tmp_path / ESTIMATES
    file.parent.mkdir(parents=True)
    file.write_text(text)
    with pytest.raises(InputError) as raised:
        heuristics.read(tmp_path)
    assert ESTIMATES in raised.value.line
    assert said in raised.value.line


# --- entries of the learnings file ----------------------------------------------------------------------------------


def test_entries_by_hand_count_as_far_as_they_are_in_shape() -> None:
    good = {"task_id": "UC-1", "task_type": "BULK_CLEANUP", "estimate_k": 30, "actual_k": 112.8, "variance_pct": 0}
    bad = [None, "x", {}, good | {"estimate_k": 0}, good | {"actual_k": "1K"}, good | {"task_type": 3}]
    bad += [good | {"estimate_k": True}, good | {"actual_k": -1}, good | {"actual_k": 1e300}]
    assert list(captured([*bad, good])) == [Sample("UC-1", None, "BULK_CLEANUP", 30_000, 112_800, 30_000)]


# --- ORCHESTRATOR-LEARNINGS.md --------------------------------------------------------------------------------------


def test_a_milestone_is_exported_once(tmp_path: Path) -> None:
    """Sections follow each other; what people wrote between them stays."""
    file = tmp_path / "guides" / "ORCHESTRATOR-LEARNINGS.md"
    found = retrospective([sample(17_000)] * 3, NOTHING_LEARNED)
    first, second = Milestone("shop", "0.0.1"), Milestone("shop", "0.0.2")
    assert exported(found, first, file, TODAY)
    file.write_text(file.read_text() + "\nMy own remark.\n")
    before = file.read_text()
    assert not exported(found, first, file, TODAY)
    assert file.read_text() == before
    assert exported(found, second, file, TODAY)
    text = file.read_text()
    assert text.startswith("# Orchestrator Learnings\n")
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        "## shop 0.0.1 (2026-03-01)",
        "## shop 0.0.2 (2026-03-01)",
    ]
    assert "My own remark." in text
    assert "| GUARD_ADD | 3 | 30K | 51K | +70% |" in text
    assert "- GUARD_ADD: × 1.7 instead of × 1, from 3 tasks" in text


def test_a_linked_file_stays_a_link(tmp_path: Path) -> None:
    """As managers of dotfiles make them."""
    real, link = tmp_path / "real.md", tmp_path / "link.md"
    real.write_text("# Mine\n")
    link.symlink_to(real)
    assert exported(retrospective([sample(1)], NOTHING_LEARNED), Milestone("a", "1"), link, TODAY)
    assert link.is_symlink()
    assert real.read_text().startswith("# Mine\n\n## a 1")


def test_a_file_in_another_encoding_is_named(tmp_path: Path) -> None:
    file = tmp_path / "x.md"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="not UTF-8"):
        exported(retrospective([], NOTHING_LEARNED), Milestone("a", "1"), file, TODAY)
    assert file.read_bytes() == b"\xff\xfe"


@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=10))
def test_names_cannot_break_the_section(project: str, title: str, task_type: str) -> None:
    """Neither the table nor the marker by which it is found again."""
    found = retrospective([sample(17_000, task_type)] * 3, NOTHING_LEARNED)
    text = section(found, Milestone(project, title), TODAY)
    assert text.count("-->") == text.count("<!--") == 1
    assert {line.count("|") for line in text.splitlines() if line.startswith("|")} == {6}
