"""What one word says of a run with several jobs."""

from __future__ import annotations

import pytest

from tests.forges.fakes.ci import overall


@pytest.mark.parametrize(
    ("states", "word"),
    [
        (["green", "red", "running"], "running"),
        (["green", "cancelled", "red"], "red"),
        (["green", "cancelled"], "cancelled"),
        (["green", "skipped", "neutral"], "green"),
        (["skipped", "skipped"], "skipped"),
        (["green", "bananas"], "bananas"),
        ([], "green"),
    ],
)
def test_a_run_runs_while_a_job_does_and_then_the_worst_counts(states: list[str], word: str) -> None:
    assert overall(states) == word
