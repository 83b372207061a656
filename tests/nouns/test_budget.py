"""The guide's budget guardrail."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mosaic_daemon.ground.errors import InputError
from mosaic_daemon.nouns.budget import WAYS_OUT, Band, Budget, Cap, derived_cap, share


@pytest.mark.parametrize(
    ("projected", "band", "slots"),
    [
        (0, Band.NORMAL, 2),
        (69_999, Band.NORMAL, 2),
        (70_000, Band.CONSERVATIVE, 1),
        (90_000, Band.CONSERVATIVE, 1),
        (90_001, Band.FROZEN, 0),
        (100_000, Band.FROZEN, 0),
        (100_001, Band.OVER, 0),
    ],
)
def test_the_projected_total_decides_the_mode(projected: int, band: Band, slots: int) -> None:
    """Below 70 % two workers, to 90 % one, above none, above the cap stop and ask."""
    budget = Budget(Cap(100_000), used=projected // 3, remaining=projected - projected // 3)
    assert (budget.projected, budget.band, budget.slots) == (projected, band, slots)
    assert budget.share == pytest.approx(projected / 100_000)


def test_over_the_cap_the_user_is_asked_for_one_of_three_ways_out() -> None:
    assert WAYS_OUT == ("reduce scope", "split into phases", "approve a higher budget")
    assert all(way in Band.OVER.meaning for way in WAYS_OUT)


@pytest.mark.parametrize("cap", [0, -1])
def test_a_budget_of_nothing_is_refused(cap: int) -> None:
    with pytest.raises(InputError, match="more than 0"):
        Cap(cap)


@pytest.mark.parametrize(
    ("estimates", "cap"),
    [(0, 10_000), (6_000, 10_000), (100_000, 150_000), (187_400, 290_000), (1_000_001, 1_600_000)],
)
def test_a_derived_cap_is_half_as_much_again_in_a_round_figure(estimates: int, cap: int) -> None:
    assert derived_cap(estimates) == cap


@given(st.integers(0, 10**12))
def test_a_plan_starts_in_the_normal_band_of_its_derived_cap(estimates: int) -> None:
    cap = derived_cap(estimates)
    assert Budget(Cap(cap, "derived"), used=0, remaining=estimates).band is Band.NORMAL
    assert len(str(cap).rstrip("0")) <= 2


@given(st.builds(Cap, st.integers(1, 10**9), st.sampled_from(("user", "derived"))), *[st.integers(0, 10**9)] * 2)
def test_more_work_never_means_more_workers(cap: Cap, used: int, remaining: int) -> None:
    assert Budget(cap, used, remaining + 1).slots <= Budget(cap, used, remaining).slots


def test_beyond_a_cap_that_nobody_named_work_goes_on_with_one_worker() -> None:
    assert Budget(Cap(100, "derived"), 100, 100).slots == 1


def test_the_line_for_people_has_all_figures_and_what_they_mean() -> None:
    line = Budget(Cap(320_000), 120_000, 90_000).line
    assert line == "120K used + 90K to come = 210K of 320K (66%): normal, up to 2 workers"
    assert Budget(Cap(100, "derived"), 100, 100).line.endswith("of 100, a soft cap (200%): over, 1 worker")


@pytest.mark.parametrize(
    ("status", "estimate", "used", "expected"),
    [
        ("not-started", "8K", None, (0, 8_000)),
        ("in-progress", "8K", 3_000, (3_000, 5_000)),
        ("in-progress", "8K", 9_000, (9_000, 0)),
        ("done", "8K", 3_000, (3_000, 0)),
        ("deferred", "8K", None, (0, 0)),
        ("not-started", None, None, (0, 0)),
    ],
)
def test_a_task_counts_what_it_used_and_what_is_left_of_its_estimate(
    status: str, estimate: str | None, used: int | None, expected: tuple[int, int]
) -> None:
    assert share(status, estimate, used) == expected
