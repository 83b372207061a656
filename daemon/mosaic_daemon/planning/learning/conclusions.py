"""What follows a task's end, once for each: steps 10, 16 and 18 of the guide's execution loop.

Its reports are cleaned up, its variance is measured, and the end of a phase, and of the last one, is looked back at.
Cleaning up may be done again; the rest is one transaction of the ledger.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from mosaic_daemon.ground.failpoints import failpoint
from mosaic_daemon.nouns import events as ev
from mosaic_daemon.nouns.record import Done, Failed, Record
from mosaic_daemon.nouns.task import Kind
from mosaic_daemon.nouns.variance import Rating
from mosaic_daemon.planning.learning.classification import finding_of
from mosaic_daemon.planning.learning.milestone import Phases, looked_back
from mosaic_daemon.planning.learning.retrospect import retrospective
from mosaic_daemon.planning.learning.samples import sample_of, variance_of
from mosaic_daemon.planning.planner.learned import NOTHING_LEARNED
from mosaic_daemon.repository.qa_reports import Cleaned, QaReports
from mosaic_daemon.store.ledger import Ledger

_PATTERNS = 3
_SINCE, _LOOKED_BACK = "conclusions:since", "conclusions:milestone"


class Concluded(NamedTuple):
    """What came of it: what is in the ledger now, and why reports could not be cleaned up."""

    entries: tuple[ev.Entry, ...]
    problems: tuple[str, ...]


class Conclusions:
    """The tasks that have ended and are not concluded yet. `root`: the person's checkout.

    What a ledger that never concluded anything has of old ends is measured and learnt from as well, with one notice for
    all of them: nobody can do anything about them any more.
    """

    def __init__(self, ledger: Ledger, reports: QaReports, root: Path) -> None:
        self._ledger = ledger
        self._reports = reports
        self._root = root
        self._ended: set[str] = set()
        self._phases = Phases()

    @property
    def are_due(self) -> bool:
        return bool(self._ended) or self._is_first or self._end_is_new

    def update(self, changed: Iterable[Record]) -> None:
        """Take in records as they are now."""
        records = list(changed)
        self._phases.update(records)
        for record in records:
            if record.is_to_be_concluded:
                self._ended.add(record.id)
            else:
                self._ended.discard(record.id)

    async def carry_out(self, now: datetime) -> Concluded:
        """Conclude them all.

        Raises:
            LedgerError: nothing was recorded; it is done again.
        """
        records = [record for task in sorted(self._ended) if (record := self._ledger.records[task]).is_to_be_concluded]
        problems = [problem for record in records for problem in (await self._clean(record)).problems]
        failpoint("conclude.cleaned")
        entries = [entry for record in records for entry in self._entries(record, now)]
        memos = {_SINCE: now.isoformat()} if self._is_first else {}
        if self._end_is_new:
            memos[_LOOKED_BACK] = self._phases.end
            entries.append(ev.Entry(now, "", "daemon", looked_back(self._ledger.in_state(Done, Failed), self._root)))
        if self._is_first:
            entries = [*self._quiet(entries, now)]
        self._ledger.append_all(entries, memos)
        self._ended.clear()
        return Concluded(tuple(entries), tuple(dict.fromkeys(problems)))

    @property
    def _is_first(self) -> bool:
        return self._ledger.memo(_SINCE) is None

    @property
    def _end_is_new(self) -> bool:
        """All phases are over, and were looked back at before the last of them was, or never."""
        return self._phases.end > (self._ledger.memo(_LOOKED_BACK) or "")

    @staticmethod
    def _quiet(entries: Iterable[ev.Entry], now: datetime) -> Iterable[ev.Entry]:
        """Without their notices, but for one."""
        kept = [entry for entry in entries if not isinstance(entry.event, ev.Reported)]
        if kept:
            said = f"{len(kept)} task(s) had ended before their variance was looked at: measured now, with one notice"
            more = "`mosaic-orchestrator retro` shows them"
            yield from (*kept, ev.Entry(now, "", "daemon", ev.Reported("variance", f"{said}; {more}")))

    async def _clean(self, record: Record) -> Cleaned:
        finding = [each for each in [finding_of(record.task)] if each]
        if not isinstance(record.state, Done):
            return await self._reports.escalate(finding)
        return await self._reports.delete([*finding, *self._of_phase(record)])

    def _of_phase(self, record: Record) -> list[str]:
        """The findings whose reports go with this task because it verifies their phase."""
        if not _ends_phase(record):
            return []
        findings = (finding_of(each.task) for each in self._ledger.listed() if each.task.phase == record.task.phase)
        return list(dict.fromkeys(filter(None, findings)))

    def _entries(self, record: Record, now: datetime) -> Iterable[ev.Entry]:
        variance = variance_of(record)
        yield ev.Entry(now, record.id, "daemon", ev.TaskConcluded(record.fence, variance))
        if variance is not None and variance.rating is Rating.CRITICAL:
            yield ev.Entry(now, "", "daemon", ev.Reported(f"variance {record.id}", f"{record.id}: {variance.note}"))
        if _ends_phase(record):
            yield ev.Entry(now, "", "daemon", self._looked_back(record.task.phase))

    def _looked_back(self, phase: int | None) -> ev.Reported:
        ended = [each for each in self._ledger.in_state(Done, Failed) if each.task.phase == phase]
        found = retrospective([sample for each in ended if (sample := sample_of(each))], NOTHING_LEARNED)
        said = found.total.line.removeprefix("All: ") if found.total else "nothing was measured"
        line = "; ".join((f"Phase {phase} retrospective: {said}", *found.patterns[:_PATTERNS]))
        return ev.Reported(
            f"phase {phase}", f"{line}; `mosaic-orchestrator retro --phase {phase}` says more", found.as_dict()
        )


def _ends_phase(record: Record) -> bool:
    return isinstance(record.state, Done) and record.task.kind is Kind.VERIFICATION and record.task.phase is not None
