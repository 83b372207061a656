"""How far a milestone is: what the ledger and the table know, as far as a new plan has to respect it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from mosaic_daemon.ground import atomicfile
from mosaic_daemon.ground.errors import InputError
from mosaic_daemon.ground.layout import Layout
from mosaic_daemon.nouns.budget import Budget, Cap
from mosaic_daemon.nouns.task import OVER, Status
from mosaic_daemon.planning import archives
from mosaic_daemon.planning.finding import Report
from mosaic_daemon.planning.papers import heuristics
from mosaic_daemon.planning.plan import Milestone, Plan
from mosaic_daemon.planning.planner import planner
from mosaic_daemon.planning.planner.learned import NOTHING_LEARNED, Heuristics
from mosaic_daemon.store.reader import LedgerReader
from mosaic_daemon.tracking import table

_STARTED = ("in-progress", "needs-qa", "done")
_MAX_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Progress:
    """Attributes:
    statuses: of every task that is known, by id; the ledger's word wins over the table's.
    used: tokens of all attempts so far. heuristics: what finished work has taught about estimates.
    archived: ids of tasks of milestones that are over.
    """

    statuses: Mapping[str, str]
    used: int = 0
    heuristics: Heuristics = NOTHING_LEARNED
    archived: frozenset[str] = frozenset()

    @classmethod
    def of(cls, layout: Layout) -> Progress:
        """Read them from the checkout's table and the ledger.

        Raises:
            InputError: the table or the learnt factors cannot be read. LedgerError: the ledger cannot be read.
        """
        rows = table.parse(_table(layout), source=str(layout.table)).rows
        statuses, used = {row.cells["id"]: row.cells["status"] for row in rows}, 0
        try:
            with LedgerReader(layout.ledger) as ledger:
                for row in ledger.rows(*Status):
                    statuses[row["task"]["id"]] = row["status"]
                    used += row.get("used") or 0
        except FileNotFoundError:
            pass
        return cls(statuses, used, heuristics.read(layout.repo), archives.tasks(layout.repo))

    def planned(self, report: Report, milestone: Milestone, known: Plan | None) -> Plan:
        """The plan for a report that leaves alone what has begun.

        A phase that gets new work after its documentation or verification has begun gets these a second time.
        """
        taken = frozenset(self.statuses) | self.archived
        plan = planner.planned(report, milestone, known, taken, self.heuristics)
        if known is None:
            return plan
        before = {each.task.id: each for each in known.tasks}
        grown = {each.task.phase for each in plan.tasks if each.task.id not in before and each.fingerprint}
        again = {
            name
            for name, each in before.items()
            if self._has_begun(name) and not each.fingerprint and each.task.phase in grown
        }
        if again:
            left = tuple(each for each in known.tasks if each.task.id not in again)
            plan = planner.planned(report, milestone, replace(known, tasks=left), taken, self.heuristics)
        tasks = tuple(
            before[name] if self._has_begun(name := each.task.id) and name in before else each for each in plan.tasks
        )
        return replace(plan, tasks=tasks)

    def budget(self, plan: Plan, cap: Cap) -> Budget:
        remaining = sum(each.tokens for each in plan.tasks if self.statuses.get(each.task.id) not in OVER)
        return Budget(cap, self.used, remaining)

    def _has_begun(self, task: str) -> bool:
        return self.statuses.get(task) in _STARTED


def _table(layout: Layout) -> str:
    try:
        return atomicfile.read_untrusted(layout.table, max_bytes=_MAX_BYTES).decode("utf-8")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as error:
        raise InputError(f"is not UTF-8: {error.reason}", source=str(layout.table), remedy="save it as UTF-8") from None
