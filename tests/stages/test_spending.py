"""What the work has taken and will take."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from mosaic_daemon.nouns.budget import Band, Budget, Cap
from mosaic_daemon.nouns.record import Deferred, NotStarted, Record, Removed
from mosaic_daemon.nouns.task import Task
from mosaic_daemon.stages.spending import Spending

CAP = Cap(100_000)


def record(name: str, estimate: str | None = "10K", used: int | None = None) -> Record:
    return Record(Task(name, "a change", estimate=estimate), position=0, used=used)


def budget_of(*records: Record) -> Budget:
    spending = Spending()
    spending.update(records)
    budget = spending.against(CAP)
    assert budget is not None
    return budget


def test_an_estimate_counts_until_the_task_is_over() -> None:
    """What was used counts as used, and no second time as still to come."""
    assert budget_of(record("A"), record("B", used=4_000)) == Budget(CAP, used=4_000, remaining=16_000)
    assert budget_of(record("A", used=25_000)) == Budget(CAP, used=25_000, remaining=0)
    put_off = replace(record("A", used=3_000), state=Deferred("later"))
    assert budget_of(put_off) == Budget(CAP, used=3_000, remaining=0)


def test_what_was_used_by_a_task_that_was_taken_out_stays_used() -> None:
    assert budget_of(replace(record("A", used=3_000), state=Removed())) == Budget(CAP, used=3_000, remaining=0)


def test_what_an_archived_milestone_used_is_no_part_of_the_next_ones() -> None:
    archived = replace(record("A", used=3_000), state=Removed(milestone="0.0.1"))
    assert budget_of(archived, record("B", used=50)) == Budget(CAP, used=50, remaining=9_950)


def test_a_task_without_an_estimate_counts_with_what_it_uses() -> None:
    assert budget_of(record("A", estimate=None, used=7)) == Budget(CAP, used=7, remaining=0)


def test_without_a_cap_there_is_no_budget() -> None:
    assert Spending().against(None) is None


_RECORDS = st.builds(
    record,
    st.sampled_from("ABC"),
    st.sampled_from((None, "8K", "1.1M", "500")),
    st.none() | st.integers(0, 10_000),
).flatmap(lambda made: st.sampled_from((made, replace(made, state=Deferred("x")), replace(made, state=NotStarted()))))


@given(st.lists(_RECORDS, max_size=12))
def test_kept_up_to_date_it_is_what_a_fresh_sum_gives(changes: list[Record]) -> None:
    spending = Spending()
    for change in changes:
        spending.update([change])
    assert spending.against(CAP) == budget_of(*{change.id: change for change in changes}.values())


def test_the_band_follows_what_is_used() -> None:
    """More used than estimated takes the slots away one by one."""
    bands = [budget_of(record("A", used=used), record("B", "40K")).band for used in (0, 35_000, 55_000, 70_000)]
    assert bands == [Band.NORMAL, Band.CONSERVATIVE, Band.FROZEN, Band.OVER]
