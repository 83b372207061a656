"""Steps 10, 16 and 18 of the guide's execution loop, each done once for each end of a task."""

from __future__ import annotations

from pathlib import Path

import pytest

from mosaic_daemon.nouns import events as ev
from mosaic_daemon.nouns.gate import Step
from mosaic_daemon.nouns.task import Kind
from mosaic_daemon.planning.learning.conclusions import Conclusions
from mosaic_daemon.repository.qa_reports import QaReports
from mosaic_daemon.store.base import Journal
from mosaic_daemon.store.ledger import Ledger
from tests.model.world import Fuse, Killed, MortalJournal
from tests.samples import HEAD, NOON, added, at, failure, stepped, to_running


def done(name: str, position: int, **fields: object) -> list[ev.TaskEvent]:
    """To the end of a task that used 30K."""
    steps = [stepped(step) for step in list(Step)[:-1]]
    result = ev.ResultAccepted(1, HEAD, 30_000, "")
    return [added(name, position, **fields), *to_running(name), result, *steps, ev.TaskDone({"summary": "done"})]


def conclusions(ledger: Ledger, root: Path) -> Conclusions:
    """As a daemon has them after its start."""
    made = Conclusions(ledger, QaReports(root), root)
    made.update(ledger.records[name] for name in ledger.take_changed())
    return made


def working(journal: Journal) -> Ledger:
    """A ledger that had its first conclusion before anything ended."""
    ledger = Ledger(journal)
    ledger.remember({"conclusions:since": NOON.isoformat()})
    return ledger


def reported(ledger: Ledger) -> list[str]:
    return [entry.event.message for _, entry in ledger.entries() if isinstance(entry.event, ev.Reported)]


@pytest.mark.parametrize("dies_after", range(1, 9))
async def test_a_daemon_that_dies_concludes_each_end_once(tmp_path: Path, dies_after: int) -> None:
    """The note, the notice that something is CRITICAL and the phase's retrospective come together or not at all."""
    fuse = Fuse()
    journal = MortalJournal(fuse)
    ledger = working(journal)
    ledger.append("T-1", *done("T-1", 0, phase=1, estimate="10K"), at=NOON)
    ledger.append("T-9", added("T-9", 9, phase=2), at=NOON)
    ledger.append("V-1", *done("V-1", 1, phase=1, estimate="10K", kind=Kind.VERIFICATION), at=NOON)
    fuse.left = dies_after
    try:
        await conclusions(ledger, tmp_path).carry_out(at(1))
    except Killed:
        fuse.left = None
        ledger = Ledger(journal)
        await conclusions(ledger, tmp_path).carry_out(at(2))
    fuse.left = None
    ledger = Ledger(journal)
    again = conclusions(ledger, tmp_path)
    assert not again.are_due
    assert [entry.task for _, entry in ledger.entries() if isinstance(entry.event, ev.TaskConcluded)] == ["T-1", "V-1"]
    critical = "CRITICAL: variance +200% (10K→30K): review task classification, possible mismatch"
    first, second, phase = reported(ledger)
    assert (first, second) == (f"T-1: {critical}", f"V-1: {critical}")
    assert phase.startswith("Phase 1 retrospective: 2 tasks, +200% (20K→60K); CRITICAL: T-1 (OTHER_FIX)")
    assert phase.endswith("`mosaic-orchestrator retro --phase 1` says more")
    assert ledger.records["T-1"].notes[-1] == critical


@pytest.mark.parametrize("estimate", [None, "0"])
async def test_an_end_without_figures_is_concluded_in_silence(tmp_path: Path, estimate: str | None) -> None:
    ledger = working(MortalJournal(Fuse()))
    ledger.append("T-1", *done("T-1", 0, estimate=estimate), at=NOON)
    before = ledger.records["T-1"].notes
    await conclusions(ledger, tmp_path).carry_out(at(1))
    assert (ledger.records["T-1"].variance, ledger.records["T-1"].notes, reported(ledger)) == (None, before, [])


async def test_only_an_end_is_concluded(tmp_path: Path) -> None:
    """A try that failed and is followed by another is none; the one after a person's request is a second one."""
    ledger = working(MortalJournal(Fuse()))
    ledger.append("T-1", added(estimate="10K"), *to_running(), at=NOON)
    ledger.append("T-1", ev.AttemptFailed(1, failure(), final=False, used=4_000), at=NOON)
    assert not conclusions(ledger, tmp_path).are_due
    ledger.append("T-1", *to_running(fence=2), ev.AttemptFailed(2, failure(), final=True, used=12_000), at=at(5))
    await conclusions(ledger, tmp_path).carry_out(at(6))
    first = ledger.records["T-1"].variance
    assert first is not None
    assert (first.estimate, first.used, first.attempts, first.ended_at) == (10_000, 16_000, 2, at(5))
    ledger.append("T-1", ev.Requeued("again", "ada"), at=at(7))
    ledger.mark_all_changed()
    assert not conclusions(ledger, tmp_path).are_due
    ledger.append("T-1", *to_running(fence=3), ev.AttemptFailed(3, failure(), final=True), at=at(8))
    await conclusions(ledger, tmp_path).carry_out(at(9))
    second = ledger.records["T-1"].variance
    assert second is not None
    assert (second.used, second.attempts) == (16_000, 3)


# --- Retrospective Triggers: milestone complete ----------------------------------------------------------------------


async def ended(ledger: Ledger, root: Path, minute: int = 1) -> list[str]:
    """What is told of everything that has ended by now."""
    ledger.mark_all_changed()
    made, before = conclusions(ledger, root), len(reported(ledger))
    if made.are_due:
        await made.carry_out(at(60 * minute))
    assert not made.are_due
    return reported(ledger)[before:]


async def test_the_end_of_the_last_phase_is_looked_back_at_once(tmp_path: Path) -> None:
    """Over all phases, with proposals; not before, not again by the next daemon, and anew after more work."""
    ledger = working(MortalJournal(Fuse()))
    for position, phase in enumerate((1, 1, 2)):
        name = f"T-{position}"
        ledger.append(name, *done(name, position, phase=phase, estimate="20K"), at=at(position))
    ledger.append("T-3", added("T-3", 3, phase=2, estimate="20K"), at=NOON)
    ledger.append("X-1", added("X-1", 4), at=NOON)
    assert not [each for each in await ended(ledger, tmp_path) if each.startswith("Milestone")]
    ledger.append("T-3", ev.TaskDeferred("later", "ada"), at=NOON)
    (said,) = await ended(ledger, tmp_path)
    assert said.startswith("Milestone retrospective: 3 tasks, +50% (60K→90K); OTHER_FIX is underestimated: 3 of 3 ")
    assert "proposed: OTHER_FIX: × 1.5 instead of × 1, from 3 tasks" in said
    assert "`retro --apply`" in said
    assert await ended(ledger, tmp_path) == []
    ledger.append("T-9", *done("T-9", 9, phase=2, estimate="30K"), at=at(80))
    (again,) = await ended(ledger, tmp_path)
    assert again.startswith("Milestone retrospective: 4 tasks, +33% (90K→120K)")


async def test_tasks_without_phases_are_no_milestone(tmp_path: Path) -> None:
    ledger = working(MortalJournal(Fuse()))
    ledger.append("T-0", *done("T-0", 0, estimate="30K"), at=NOON)
    assert await ended(ledger, tmp_path) == []


async def test_a_failed_task_keeps_the_milestone_open(tmp_path: Path) -> None:
    ledger = working(MortalJournal(Fuse()))
    ledger.append("T-0", *done("T-0", 0, phase=1, estimate="30K"), at=NOON)
    ledger.append("T-1", added("T-1", 1, phase=1), *to_running("T-1"), at=NOON)
    ledger.append("T-1", ev.AttemptFailed(1, failure(), final=True), at=NOON)
    assert await ended(ledger, tmp_path) == []


@pytest.mark.parametrize("broken", ["docs/tasks/estimates.json", "docs/tasks/plan.json"])
async def test_without_its_papers_the_milestone_is_looked_back_at_without_proposals(
    tmp_path: Path, broken: str
) -> None:
    ledger = working(MortalJournal(Fuse()))
    for position in range(3):
        name = f"T-{position}"
        ledger.append(name, *done(name, position, phase=1, estimate="20K"), at=NOON)
    (tmp_path / broken).parent.mkdir(parents=True)
    (tmp_path / broken).write_text("{")
    (said,) = await ended(ledger, tmp_path)
    assert said.startswith("Milestone retrospective: 3 tasks, +50%")
    assert "proposed" not in said


async def test_the_ends_of_an_old_ledger_are_one_notice(tmp_path: Path) -> None:
    """They are measured, so that they can be learnt from; the first end after them is told as always."""
    ledger = Ledger(MortalJournal(Fuse()))
    for position in range(3):
        name = f"T-{position}"
        ledger.append(name, *done(name, position, phase=1, estimate="10K"), at=NOON)
    (said,) = await ended(ledger, tmp_path)
    assert said.startswith("3 task(s) had ended before their variance was looked at")
    assert all(each.variance and each.variance.percent == 200 for each in ledger.records.values())
    assert await ended(ledger, tmp_path) == []
    ledger.append("T-9", *done("T-9", 9, estimate="10K"), at=at(80))
    (new,) = await ended(ledger, tmp_path)
    assert new.startswith("T-9: CRITICAL")


async def test_a_new_ledger_has_no_old_ends(tmp_path: Path) -> None:
    """Also when the daemon died between its first end and the first conclusion."""
    ledger = Ledger(journal := MortalJournal(Fuse()))
    assert await ended(ledger, tmp_path) == []
    ledger.append("T-1", *done("T-1", 0, estimate="10K"), at=NOON)
    (said,) = await ended(Ledger(journal), tmp_path)
    assert said.startswith("T-1: CRITICAL")
