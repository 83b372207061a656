"""The guide's "Variance check", "Variance Thresholds" and "Capture Learning"."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mosaic_daemon.nouns.variance import Rating, Variance, learning, measured, percent, rating
from tests.samples import NOON

TOKENS = st.integers(1, 10**12)


def variance(estimate: int, used: int, task_type: str = "GUARD_ADD", attempts: int = 1) -> Variance:
    return Variance(estimate, used, task_type, attempts, NOON)


@pytest.mark.parametrize(
    ("used", "wanted"),
    [
        (10_000, Rating.ACCEPTABLE),
        (13_000, Rating.ACCEPTABLE),
        (13_001, Rating.REVIEW),
        (7_000, Rating.ACCEPTABLE),
        (6_999, Rating.REVIEW),
        (15_000, Rating.REVIEW),
        (15_001, Rating.CAPTURE),
        (5_000, Rating.REVIEW),
        (4_999, Rating.CAPTURE),
        (20_000, Rating.CAPTURE),
        (20_001, Rating.CRITICAL),
        (0, Rating.CAPTURE),
    ],
)
def test_variance_thresholds(used: int, wanted: Rating) -> None:
    """0-30 %, 30-50 %, 50-100 %, above: |variance| > 50 % is captured, > 100 % is CRITICAL."""
    assert variance(10_000, used).rating is wanted


def test_what_each_threshold_leaves_in_the_notes() -> None:
    """Nothing for the acceptable ones, which are only logged."""
    assert variance(10_000, 12_000).note == ""
    assert variance(10_000, 14_000).note == "variance +40% (10K→14K): flagged for review"
    assert variance(8_000, 13_000).note == "variance +63% (8K→13K): captured as a learning"
    critical = "CRITICAL: variance +276% (30K→112.8K): review task classification, possible mismatch"
    assert variance(30_000, 112_800).note == critical
    assert variance(15_000, 300).note == "variance -98% (15K→300): captured as a learning"


@given(TOKENS, st.integers(0, 10**12))
def test_the_variance_is_what_the_guide_calculates(estimate: int, used: int) -> None:
    """(actual - estimate) / estimate × 100, to the next whole percent; the rating never contradicts it."""
    exact = 100 * (used - estimate) / estimate
    assert abs(percent(estimate, used) - exact) <= 0.5 + abs(exact) * 1e-12
    bounds = {Rating.ACCEPTABLE: (0, 30), Rating.REVIEW: (30, 50), Rating.CAPTURE: (50, 100)}
    low, high = bounds.get(rating(estimate, used), (100, float("inf")))
    assert low - 1e-6 <= abs(exact) <= high + 1e-6


@given(TOKENS, st.integers(0, 10**12), st.integers(1, 1_000))
def test_the_rating_is_about_the_ratio_alone(estimate: int, used: int, scale: int) -> None:
    assert rating(estimate, used) is rating(estimate * scale, used * scale)


@pytest.mark.parametrize(
    ("estimate", "used", "wanted"),
    [
        ("8K", 5_200, (8_000, 5_200)),
        ("8K", 0, (8_000, 0)),
        (None, 5_200, None),
        ("8K", None, None),
        ("0", 5, None),
        ("0K", 0, None),
    ],
)
def test_nothing_is_measured_without_use_and_estimate(
    estimate: str | None, used: int | None, wanted: tuple[int, int] | None
) -> None:
    assert measured(estimate, used) == wanted


def test_capture_learning_in_the_guides_shape() -> None:
    """Its own example: the same keys in the same order, the same kinds of values."""
    east = timezone(timedelta(hours=2))
    at = datetime(2026, 2, 5, 21, 45, tzinfo=east)
    keywords = ("object injection", "type guards")
    entry = learning("UC-CLEAN-003", Variance(30_000, 112_800, "BULK_CLEANUP", 3, at, 200, keywords))
    assert list(entry) == [
        "task_id",
        "task_type",
        "estimate_k",
        "actual_k",
        "variance_pct",
        "characteristics",
        "analysis",
        "captured_at",
    ]
    assert entry | {"analysis": ""} == {
        "task_id": "UC-CLEAN-003",
        "task_type": "BULK_CLEANUP",
        "estimate_k": 30,
        "actual_k": 112.8,
        "variance_pct": 276,
        "characteristics": {"file_count": 200, "keywords": ["object injection", "type guards"]},
        "analysis": "",
        "captured_at": "2026-02-05T19:45:00Z",
    }
    assert type(entry["estimate_k"]) is int
    said = "BULK_CLEANUP took 3.8 × its estimate over 3 attempts: review task classification, possible mismatch"
    assert entry["analysis"] == said


@pytest.mark.parametrize(
    ("used", "wanted"),
    [
        (16_000, "GUARD_ADD took 1.6 × its estimate: underestimated"),
        (1_000, "GUARD_ADD took 0.1 × its estimate: overestimated, or done already"),
    ],
)
def test_the_analysis_says_in_which_direction(used: int, wanted: str) -> None:
    assert variance(10_000, used).analysis == wanted
