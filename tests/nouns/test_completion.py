"""The guide's "Two-Phase Completion Protocol", sentence by sentence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mosaic_daemon.nouns.completion import category, is_error, is_settled, is_to_be_deferred, reason, risk
from mosaic_daemon.nouns.phase import Stage, Standing, bulk_complete, polish_complete
from mosaic_daemon.nouns.record import Record
from mosaic_daemon.nouns.task import Category, Kind
from tests.samples import failure, states

STATES = states()


def record(state: str, *, worker: Category | None = None, **fields: Any) -> Record:
    """In a state of `samples.states`, in phase 2, its end concluded."""
    found = STATES[state]
    last = replace(found.last_failure or failure(), category=worker) if found.last_failure or worker else None
    task = replace(found.task, **{"phase": 2, **fields})
    return replace(found, task=task, last_failure=last, concluded=found.fence)


class TestBulkPhase:
    """Target: 90%. When 90% is reached, transition to Polish (do NOT declare success)."""

    @pytest.mark.parametrize(
        ("total", "fixed", "deferred", "documented", "stage"),
        [
            (10, 0, 0, 0, Stage.BULK),
            (10, 8, 0, 0, Stage.BULK),
            (1000, 899, 0, 0, Stage.BULK),
            (1000, 900, 0, 0, Stage.POLISH),
            (10, 9, 0, 0, Stage.POLISH),
            (5, 4, 0, 0, Stage.BULK),
            (5, 4, 1, 0, Stage.POLISH),
            (5, 4, 1, 1, Stage.COMPLETE),
            (10, 3, 2, 2, Stage.BULK),
            (10, 9, 1, 0, Stage.POLISH),
            (10, 9, 1, 1, Stage.COMPLETE),
            (3, 3, 0, 0, Stage.COMPLETE),
            (2, 0, 2, 2, Stage.COMPLETE),
        ],
    )
    def test_the_stage_of_a_phase(self, total: int, fixed: int, deferred: int, documented: int, stage: Stage) -> None:
        """What people deferred is triaged: 90 % of the rest. Nothing is complete before it is documented."""
        assert Standing(1, total, fixed, deferred, documented).stage is stage

    @pytest.mark.parametrize(
        ("fields", "counts"),
        [
            ({}, True),
            ({"kind": Kind.TEST}, True),
            ({"kind": Kind.DOCS, "description": "DOC-1: the README lies"}, True),
            ({"kind": Kind.DOCS, "description": "Document phase 2 (Security Hardening)"}, False),
            ({"kind": Kind.VERIFICATION}, False),
            ({"phase": None}, False),
        ],
    )
    def test_what_counts(self, fields: dict[str, Any], counts: bool) -> None:
        """Errors, not what closes their phase."""
        assert is_error(record("not-started", **fields)) is counts

    def test_what_mends_another_is_no_error_of_its_own(self) -> None:
        assert not is_error(replace(record("failed", kind=Kind.QA), mends="T-1"))


class TestCategorize:
    """Quick-win <5 min, Medium 5-30 min, Hard >30 min or uncertain, Architectural requires design change."""

    @pytest.mark.parametrize(
        ("state", "estimate", "found"),
        [
            ("not-started", "3K", Category.QUICK_WIN),
            ("not-started", "5K", Category.QUICK_WIN),
            ("running", "5001", Category.MEDIUM),
            ("needs-qa", "25K", Category.MEDIUM),
            ("not-started", None, Category.MEDIUM),
            ("not-started", "25.1K", Category.HARD),
            ("failed", "3K", Category.HARD),
        ],
    )
    def test_by_rule(self, state: str, estimate: str | None, found: Category) -> None:
        """By the rows of the guide's estimates; what was tried and failed for good is uncertain."""
        assert category(record(state, estimate=estimate)) is found

    @pytest.mark.parametrize(
        ("worker", "people", "found"),
        [
            (Category.ARCHITECTURAL, None, Category.ARCHITECTURAL),
            (Category.FRAMEWORK, None, Category.FRAMEWORK),
            (Category.QUICK_WIN, None, Category.HARD),
            (Category.ARCHITECTURAL, Category.QUICK_WIN, Category.QUICK_WIN),
            (None, Category.ARCHITECTURAL, Category.ARCHITECTURAL),
        ],
    )
    def test_by_word(self, worker: Category | None, people: Category | None, found: Category) -> None:
        """The worker's who gave up, and before it people's. A worker's word fixes nothing."""
        assert category(record("failed", worker=worker, category=people)) is found

    def test_a_worker_who_did_not_give_up_says_nothing(self) -> None:
        assert category(record("not-started", worker=Category.HARD, estimate="3K")) is Category.QUICK_WIN

    def test_work_priority(self) -> None:
        """Quick-win → Medium → Hard."""
        assert sorted(Category, key=lambda each: each.rank)[:3] == [Category.QUICK_WIN, Category.MEDIUM, Category.HARD]


class TestPhaseCompleteWhen:
    """All Quick-win/Medium fixed, all Hard attempted (fixed or documented), Architectural items documented."""

    @pytest.mark.parametrize(
        ("state", "people", "stage", "deferred"),
        [
            ("failed", None, Stage.POLISH, True),
            ("failed", None, Stage.BULK, False),
            ("failed", Category.HARD, Stage.POLISH, True),
            ("failed", Category.QUICK_WIN, Stage.POLISH, False),
            ("failed", Category.MEDIUM, Stage.POLISH, False),
            ("failed", Category.ARCHITECTURAL, Stage.BULK, True),
            ("not-started", Category.HARD, Stage.POLISH, False),
            ("not-started", Category.ARCHITECTURAL, Stage.BULK, True),
            ("not-started", Category.FRAMEWORK, Stage.POLISH, True),
            ("blocked", Category.ARCHITECTURAL, Stage.POLISH, True),
            ("blocked", None, Stage.POLISH, False),
            ("blocked-merged", Category.ARCHITECTURAL, Stage.POLISH, False),
            ("blocked-in-gate", Category.ARCHITECTURAL, Stage.POLISH, False),
            ("running", Category.ARCHITECTURAL, Stage.POLISH, False),
            ("needs-qa", Category.ARCHITECTURAL, Stage.POLISH, False),
            ("done", Category.ARCHITECTURAL, Stage.POLISH, False),
        ],
    )
    def test_what_is_documented_and_deferred(
        self, state: str, people: Category | None, stage: Stage, deferred: bool
    ) -> None:
        """Not what was never tried, nor what is on its way, nor what only a person can unblock."""
        assert is_to_be_deferred(record(state, category=people), stage) is deferred

    def test_not_what_closes_the_phase(self) -> None:
        assert not is_to_be_deferred(record("failed", kind=Kind.VERIFICATION), Stage.POLISH)

    def test_not_before_its_end_is_concluded(self) -> None:
        """Its reports are escalated and its variance measured first."""
        assert not is_to_be_deferred(replace(record("failed"), concluded=None), Stage.POLISH)

    @pytest.mark.parametrize("state", STATES)
    def test_what_nothing_waits_for_any_more(self, state: str) -> None:
        """Done, or delivered with an earlier milestone, or deferred and documented."""
        delivered = ("done", "archived")
        assert is_settled(record(state)) is (state in delivered)
        assert is_settled(replace(record(state), documented=True)) is (state in (*delivered, "deferred"))

    def test_the_reason_and_the_risk(self) -> None:
        assert reason(record("failed")) == "Hard: 1 attempt(s), the last one failed: it broke"
        assert reason(record("not-started", category=Category.ARCHITECTURAL)) == "Architectural: requires design change"
        risks = {phase: risk(record("failed", phase=phase)) for phase in (1, 2, 3, 4, 7)}
        assert risks == {1: "High", 2: "High", 3: "Medium", 4: "Low", 7: "Low"}


class TestReporting:
    """The guide's lines."""

    def test_when_transitioning_from_bulk_to_polish(self) -> None:
        assert bulk_complete(Standing(2, 130, 119, 0, 0)) == (
            "Phase 2 Bulk Complete: 91% (119/130)\nEntering Polish Phase: 11 errors to triage"
        )

    def test_89_9_percent_is_not_90(self) -> None:
        assert Standing(2, 1000, 899, 0, 0).share == "89% (899/1000)"

    def test_when_polish_phase_complete(self) -> None:
        """What was fixed counts by what it was triaged as, what is documented by what it is documented as."""
        triaged = [Category.QUICK_WIN, Category.MEDIUM, Category.MEDIUM, Category.HARD]
        left = [Category.QUICK_WIN, Category.FRAMEWORK]
        assert polish_complete(Standing(2, 50, 48, 2, 2), triaged, left) == (
            "Phase 2 Complete: 96% (48/50)\n"
            "- Quick-wins: 1 fixed\n"
            "- Medium: 2 fixed\n"
            "- Hard: 1 fixed, 1 documented\n"
            "- Framework limitations: 1 documented\n"
            "Documented in docs/reports/deferred/deferred-errors.md"
        )

    def test_architectural_items_have_a_line_where_there_are_any(self) -> None:
        told = polish_complete(Standing(2, 10, 9, 1, 1), [], [Category.ARCHITECTURAL])
        assert "\n- Architectural: 1 documented\n" in told
        assert "Architectural" not in polish_complete(Standing(2, 10, 10, 0, 0), [], [])
