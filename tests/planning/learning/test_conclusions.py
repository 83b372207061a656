"""Steps 10, 16 and 18 of the guide's execution loop, each done once for each end of a task."""

from __future__ import annotations

from pathlib import Path

import pytest

from mosaic_daemon.nouns import events as ev
from mosaic_daemon.nouns.gate import Step
from mosaic_daemon.nouns.task import Kind
from mosaic_daemon.planning.learning.conclusions import Conclusions
from mosaic_daemon.repository.qa_reports import QaReports
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
    made = Conclusions(ledger, QaReports(root))
    made.update(ledger.records[name] for name in ledger.take_changed())
    return made


def reported(ledger: Ledger) -> list[str]:
    return [entry.event.message for _, entry in ledger.entries() if isinstance(entry.event, ev.Reported)]


@pytest.mark.parametrize("dies_after", range(1, 9))
async def test_a_daemon_that_dies_concludes_each_end_once(tmp_path: Path, dies_after: int) -> None:
    """The note, the notice that something is CRITICAL and the phase's retrospective come together or not at all."""
    fuse = Fuse()
    journal = MortalJournal(fuse)
    ledger = Ledger(journal)
    ledger.append("T-1", *done("T-1", 0, phase=1, estimate="10K"), at=NOON)
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
    ledger = Ledger(MortalJournal(Fuse()))
    ledger.append("T-1", *done("T-1", 0, estimate=estimate), at=NOON)
    before = ledger.records["T-1"].notes
    await conclusions(ledger, tmp_path).carry_out(at(1))
    assert (ledger.records["T-1"].variance, ledger.records["T-1"].notes, reported(ledger)) == (None, before, [])


async def test_only_an_end_is_concluded(tmp_path: Path) -> None:
    """A try that failed and is followed by another is none; the one after a person's request is a second one."""
    ledger = Ledger(MortalJournal(Fuse()))
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
