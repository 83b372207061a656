"""Which task starts next. No I/O and no clock: records in, the next task or the reasons why there is none out.

Order: higher `priority` first, then the lower phase, then the guide's order inside a phase: in its polish quick-wins,
then what is medium, then what is hard; tasks that unblock others, tasks of the same file together, smaller estimates
before larger ones, and the order of arrival at last. No phase begins before those below it are through.
"""

from __future__ import annotations

import heapq
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice

from mosaic_daemon.nouns.completion import is_put_off, is_settled, is_to_be_documented
from mosaic_daemon.nouns.record import Gating, NotStarted, Record, Removed, Reviewing
from mosaic_daemon.nouns.system import System
from mosaic_daemon.nouns.task import Task
from mosaic_daemon.stages.delegation import EVERYTHING_HERE, Delegation
from mosaic_daemon.stages.phases import Phases

_LAST_PHASE = 1 << 30
_STUCK_SHOWN = 100
_NEVER = datetime.max.replace(tzinfo=UTC)
_Key = tuple[int, int, int, bool, str, float, int, str]


class Schedule:
    """The queue, kept up to date record by record so that a change costs the same with 100 tasks as with 10,000.

    Attributes:
        version: rises with every change.
        waits_for_a_rail: the last `pick` found only tasks whose workers cannot be reached now.

    Args:
        delegation: by which rail each task goes.
    """

    def __init__(self, default_runtime: str, delegation: Delegation = EVERYTHING_HERE) -> None:
        self._default_runtime = default_runtime
        self._delegation = delegation
        self.waits_for_a_rail = False
        self.version = 0
        self._fruitless: tuple[tuple[int, System], datetime] | None = None
        self._stuck: Mapping[str, list[str]] = {}
        self._stuck_at: tuple[int, System] | None = None
        self._records: dict[str, Record] = {}
        self._named_by: defaultdict[str, set[str]] = defaultdict(set)  # id -> tasks whose depends_on names it
        self._blocked_by: defaultdict[str, set[str]] = defaultdict(set)  # id -> tasks whose blocks names it
        self._ready: list[_Key] = []
        self._parked: defaultdict[str, list[str]] = defaultdict(list)  # resource -> tasks it holds up
        self._delayed: set[str] = set()  # tasks with a time before which they must not start
        self._busy: defaultdict[str, dict[str, None]] = defaultdict(dict)  # resource -> the tasks at work on it
        self._phases = Phases()

    def update(self, changed: Iterable[Record]) -> None:
        """Take in records as they are now."""
        self.version += 1
        touched: set[str] = set()
        for record in changed:
            before = self._records.get(record.id)
            self._records[record.id] = record
            touched |= self._link(before, record) | {record.id}
            self._occupy(before, record)
            self._note_delay(record)
            for phase in self._phases.update(before, record):
                touched |= set(self._parked.pop(_phase_name(phase), ()))
            if before is None or before.status != record.status or before.documented != record.documented:
                touched |= self._dependents(record.id)
        for task in touched:
            self._offer(task)

    def look_again(self) -> None:
        """Something changed that is in no record: who can be reached."""
        self.version += 1

    def pick(self, system: System, now: datetime) -> Record | None:
        """The task to start now, or None. It is offered again until its record says that it has started."""
        if self._fruitless is not None and self._fruitless[0] == (self.version, system) and now < self._fruitless[1]:
            return None
        for task in self._phases.polish(system):
            self._offer(task)
        later: list[_Key] = []
        chosen: Record | None = None
        waits = False
        while self._ready and chosen is None:
            key = heapq.heappop(self._ready)
            record = self._records[key[-1]]
            if not self._may_start(record):
                continue
            if (fresh := self._key(record)) != key:
                heapq.heappush(self._ready, fresh)
            elif (phase := self._phases.before(record.task)) is not None:
                self._parked[_phase_name(phase)].append(record.id)
            elif (held_up := self.held_up_by(record.task)) is not None:
                self._parked[held_up[0]].append(record.id)
            else:
                later.append(key)
                if self._delay(record, system, now) or self.stopped_runtime(record, system):
                    continue
                if self._delegation.trouble_of(record.task):
                    waits = True
                else:
                    chosen = record
        for key in later:
            heapq.heappush(self._ready, key)
        # A long queue that only waits for time is not searched again before something changes or that time has come.
        due = self.next_due(system, now) or _NEVER
        self._fruitless = ((self.version, system), due) if chosen is None else None
        self.waits_for_a_rail = waits and chosen is None
        return chosen

    def next_due(self, system: System, now: datetime) -> datetime | None:
        """When a task that only waits for time may start at the earliest; None when none does."""
        delays = [self._delay(self._records[task], system, now) for task in self._delayed]
        if self._ready:
            delays += [hold.until for hold in system.holds.values()]
        return min((due for due in delays if due is not None and due > now), default=None)

    def needs(self, task: str) -> list[str]:
        """Ids this task waits for by `depends_on` and by the others' `blocks`, sorted."""
        record = self._records[task]
        return sorted({*record.task.depends_on, *self._blocked_by[task]})

    def held_up_by(self, task: Task) -> tuple[str, str] | None:
        """What keeps it from running now beside another: (`branch x` or `file y`, the other task)."""
        for name in _resources(task):
            for other in self._busy.get(name, ()):
                if other != task.id:
                    return name, other
        return None

    def why(self, task: str, system: System, now: datetime) -> list[str]:
        """Each reason why a `not-started` task does not start now; empty when only a free slot is missing."""
        record = self._records[task]
        reasons = []
        for need in self.needs(task):
            other = self._records.get(need)
            if other is not None and is_settled(other):
                continue
            if other is None or isinstance(other.state, Removed):
                reasons.append(f"depends on {need}, which does not exist")
            else:
                unwritten = " and not documented yet" if is_to_be_documented(other) else ""
                reasons.append(f"depends on {need}, which is {other.status}{unwritten}")
        if cycle := self.cycle_of(task):
            reasons.append(f"is part of a circle of dependencies: {' -> '.join([*cycle, cycle[0]])}")
        if is_put_off(record) and record.task.category:
            reasons.append(f"is {record.task.category}: it is deferred and documented, not tried")
        if phase := self._phases.waited_for(record.task):
            reasons.append(phase)
        if held_up := self.held_up_by(record.task):
            reasons.append(f"waits for {held_up[1]} on the same {held_up[0]}")
        if stopped := self.stopped_runtime(record, system):
            reasons.append(stopped)
        if unreachable := self._delegation.trouble_of(record.task):
            reasons.append(unreachable)
        if due := self._delay(record, system, now):
            hold = system.holds.get(self._runtime(record))
            reasons.append(
                f"waits until {due.isoformat(timespec='seconds')}: {hold.reason if hold else self._reason(record)}"
            )
        return reasons

    def cycle_of(self, task: str) -> list[str] | None:
        """The shortest circle of dependencies this task is in, as ids in order, starting with it.

        What is done holds up nobody, so it is no part of one.
        """
        came_from: dict[str, str] = {}
        queue = [task]
        for current in queue:
            for need in self._open_needs(current):
                if need == task:
                    path = [current]
                    while path[-1] != task:
                        path.append(came_from[path[-1]])
                    return path[::-1]
                if need not in came_from:
                    came_from[need] = current
                    queue.append(need)
        return None

    def _open_needs(self, task: str) -> list[str]:
        if task not in self._records or is_settled(self._records[task]):
            return []
        return self.needs(task)

    def waiting(self) -> Iterator[str]:
        """Ids of the tasks that have not started."""
        return (task for task, record in self._records.items() if isinstance(record.state, NotStarted))

    def waiting_count(self) -> int:
        return sum(1 for _ in self.waiting())

    def stuck(self, system: System, now: datetime) -> Mapping[str, list[str]]:
        """Why each of the first hundred waiting tasks does not start; worked out again only when something changed."""
        if self._stuck_at != (self.version, system):
            self._stuck = {task: self.why(task, system, now) for task in islice(self.waiting(), _STUCK_SHOWN)}
            self._stuck_at = (self.version, system)
        return self._stuck

    def _link(self, before: Record | None, after: Record) -> set[str]:
        """Bring the dependency edges up to date; returns the other tasks whose needs or dependents changed."""
        old, new = _edges(before), _edges(after)
        if old == new:
            return set()
        for need in old[0]:
            self._named_by[need].discard(after.id)
        for blocked in old[1]:
            self._blocked_by[blocked].discard(after.id)
        for need in new[0]:
            self._named_by[need].add(after.id)
        for blocked in new[1]:
            self._blocked_by[blocked].add(after.id)
        return {*old[0], *old[1], *new[0], *new[1]}

    def _dependents(self, task: str) -> set[str]:
        return self._named_by[task] | set(self._records[task].task.blocks)

    def _occupy(self, before: Record | None, after: Record) -> None:
        """A task holds its branch and its files from its start until it is on the base branch, or given up."""
        if before is not None and _at_work(before) and _at_work(after) and before.task == after.task:
            return
        if before is not None and _at_work(before):
            for name in _resources(before.task):
                self._busy[name].pop(before.id, None)
                if not self._busy[name]:
                    del self._busy[name]
                for task in self._parked.pop(name, ()):
                    self._offer(task)
        if _at_work(after):
            for name in _resources(after.task):
                self._busy[name][after.id] = None

    def _note_delay(self, record: Record) -> None:
        if isinstance(record.state, NotStarted) and record.state.not_before is not None:
            self._delayed.add(record.id)
        else:
            self._delayed.discard(record.id)

    def _offer(self, task: str) -> None:
        record = self._records.get(task)
        if record is not None and self._may_start(record):
            heapq.heappush(self._ready, self._key(record))

    def _may_start(self, record: Record) -> bool:
        return (
            isinstance(record.state, NotStarted)
            and not is_put_off(record)
            and all(need in self._records and is_settled(self._records[need]) for need in self.needs(record.id))
        )

    def stopped_runtime(self, record: Record, system: System) -> str | None:
        """Why its runtime is stopped here until somebody mends something; None when it is not, or is not needed."""
        if not self._delegation.starts_here(record.task):
            return None
        hold = system.holds.get(self._runtime(record))
        return hold.reason if hold is not None and hold.until is None else None

    def _delay(self, record: Record, system: System, now: datetime) -> datetime | None:
        """The time before which it must not start, if that is still ahead."""
        times = [record.state.not_before] if isinstance(record.state, NotStarted) else []
        if hold := system.holds.get(self._runtime(record)):
            times.append(hold.until)
        return max((time for time in times if time is not None and time > now), default=None)

    @staticmethod
    def _reason(record: Record) -> str:
        return record.state.reason if isinstance(record.state, NotStarted) else ""

    def _runtime(self, record: Record) -> str:
        return runtime_of(record.task, self._default_runtime)

    def _key(self, record: Record) -> _Key:
        task = record.task
        return (
            -task.priority,
            _LAST_PHASE if task.phase is None else task.phase,
            self._phases.rank(record),
            not self._dependents(task.id),
            min(task.files, default=""),
            _estimate(task.estimate),
            record.position,
            task.id,
        )


def runtime_of(task: Task, default: str) -> str:
    """The runtime a task runs on: its own, `shell` for one that only has a command, or the configured default."""
    return task.runtime or ("shell" if task.command is not None else default)


def _edges(record: Record | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if record is None or isinstance(record.state, Removed):
        return (), ()
    return record.task.depends_on, record.task.blocks


def _at_work(record: Record) -> bool:
    return record.occupies_slot or isinstance(record.state, Reviewing | Gating)


def _resources(task: Task) -> Iterator[str]:
    yield f"branch {task.work_branch}"
    for file in task.files:
        yield f"file {file}"


def _phase_name(phase: int) -> str:
    """As a resource that holds tasks up."""
    return f"phase {phase}"


_UNITS: Mapping[str, float] = {"": 1.0, "K": 1e3, "M": 1e6}


def _estimate(text: str | None) -> float:
    """Tokens; tasks without an estimate come after those that have one."""
    match = re.fullmatch(r"([\d.]+)([KM]?)", text.strip().upper()) if text else None
    return float(match[1]) * _UNITS[match[2]] if match else float("inf")
