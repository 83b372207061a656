"""Which task starts next: compared with a naive reading of the rules, whatever has changed and in whatever order."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mosaic_daemon.nouns import events as ev
from mosaic_daemon.nouns.completion import category
from mosaic_daemon.nouns.gate import Hold
from mosaic_daemon.nouns.phase import PhaseState, Stage
from mosaic_daemon.nouns.record import Deferred, Gating, NotStarted, Record, Removed, Reviewing
from mosaic_daemon.nouns.system import System
from mosaic_daemon.nouns.task import Category, Status, Task
from mosaic_daemon.stages.schedule import Schedule, runtime_of
from tests.samples import NOON, added, at, folded, states, task, to_running

IDLE = System()
STATES = states()


def waiting(id: str, position: int = 0, **fields: object) -> Record:  # noqa: A002
    return folded(added(id, position, **fields))


def in_state(state: str, id: str, position: int = 0, **fields: object) -> Record:  # noqa: A002
    """A record in a named state of `samples.states`, of this task."""
    record = STATES[state]
    return replace(record, task=Task(id, id, **fields), position=position)  # type: ignore[arg-type]


def scheduled(*records: Record) -> Schedule:
    schedule = Schedule("claude")
    schedule.update(records)
    return schedule


def order(schedule: Schedule, system: System = IDLE, now: datetime = NOON) -> list[str]:
    """Ids in the order in which they start when each is done before the next is asked for."""
    started = []
    while (record := schedule.pick(system, now)) is not None:
        started.append(record.id)
        schedule.update([replace(record, state=STATES["done"].state)])
    return started


class Oracle:
    """The rules, read one by one over all records, with nothing kept between two questions."""

    def __init__(self, records: Iterable[Record], system: System, now: datetime) -> None:
        self.records = {record.id: record for record in records}
        self.listed = [record for record in self.records.values() if not isinstance(record.state, Removed)]
        self.system, self.now = system, now
        self.blockers: dict[str, set[str]] = {}
        self.dependents: dict[str, set[str]] = {}
        for record in self.listed:
            for need in record.task.depends_on:
                self.dependents.setdefault(need, set()).add(record.id)
            for blocked in record.task.blocks:
                self.blockers.setdefault(blocked, set()).add(record.id)
                self.dependents.setdefault(record.id, set()).add(blocked)
        self.busy: dict[str, set[str]] = {}
        for record in self.listed:
            if record.occupies_slot or isinstance(record.state, Reviewing | Gating):
                for resource in self.resources(record.task):
                    self.busy.setdefault(resource, set()).add(record.id)

    @staticmethod
    def resources(of: Task) -> set[str]:
        return {f"branch {of.work_branch}", *(f"file {file}" for file in of.files)}

    @staticmethod
    def settled(record: Record) -> bool:
        return record.status is Status.DONE or (record.status is Status.DEFERRED and record.documented)

    def startable(self, record: Record) -> bool:
        if not isinstance(record.state, NotStarted):
            return False
        for need in {*record.task.depends_on, *self.blockers.get(record.id, ())}:
            if need not in self.records or not self.settled(self.records[need]):
                return False
        of = record.task
        if of.phase is not None and of.category in (Category.ARCHITECTURAL, Category.FRAMEWORK):
            return False
        if of.phase is not None and any(
            each.task.phase is not None and each.task.phase < of.phase and not self.settled(each)
            for each in self.listed
            if not of.fixes_main
        ):
            return False
        if any(self.busy.get(resource, set()) - {record.id} for resource in self.resources(record.task)):
            return False
        hold = self.system.holds.get(runtime_of(record.task, "claude"))
        if hold is not None and (hold.until is None or hold.until > self.now):
            return False
        return record.state.not_before is None or record.state.not_before <= self.now

    def key(self, record: Record) -> tuple[object, ...]:
        of = record.task
        figure = of.estimate or ""
        scale = {"K": 1000, "M": 1_000_000}.get(figure[-1:], 1)
        tokens = float(figure.rstrip("KM")) * scale if figure else float("inf")
        phase = float("inf") if of.phase is None else of.phase
        unblocks = bool(self.dependents.get(record.id))
        rank = category(record).rank if of.phase in self.system.phases else 0
        return (-of.priority, phase, rank, not unblocks, min(of.files, default=""), tokens, record.position)

    def pick(self) -> str | None:
        ready = [record for record in self.listed if self.startable(record)]
        return min(ready, key=self.key).id if ready else None


class TestOrder:
    """Priority, phase, then the guide's order inside a phase."""

    def test_higher_priority_first_then_lower_phase(self) -> None:
        """Whatever came first; no phase comes after all of them."""
        records = [
            waiting("late", 0),
            waiting("two", 1, phase=2),
            waiting("one", 2, phase=1),
            waiting("urgent", 3, phase=9, priority=1),
            waiting("idle", 4, phase=0, priority=-1),
        ]
        assert order(scheduled(*records)) == ["late", "idle", "one", "two", "urgent"], "a phase ends before the next"
        for number, each in enumerate(records):
            records[number] = replace(each, task=replace(each.task, phase=each.task.phase and 1))
        assert order(scheduled(*records)) == ["late", "idle", "urgent", "two", "one"]

    def test_inside_a_phase(self) -> None:
        """Those that unblock others, then file by file, then the smaller ones, then as they came."""
        records = [
            waiting("big", 0, estimate="1.5M"),
            waiting("unknown", 1),
            waiting("small", 2, estimate="900"),
            waiting("medium", 3, estimate="8K"),
            waiting("b-file", 4, files=("b.py",), estimate="1K"),
            waiting("a-file", 5, files=("a.py",), estimate="9K"),
            waiting("first", 6, estimate="2M"),
            waiting("waits", 7, depends_on=("first",), priority=1),
            waiting("same", 8, estimate="8K"),
        ]
        assert order(scheduled(*records)) == [
            "first",
            "waits",
            "small",
            "medium",
            "same",
            "big",
            "unknown",
            "a-file",
            "b-file",
        ]

    def test_a_task_that_unblocks_another_by_now_comes_earlier(self) -> None:
        """Also when the other one arrives after it was queued, by either end of the edge."""
        for edge in ({"depends_on": ("x",)}, {}):
            schedule = scheduled(waiting("a", 0), waiting("x", 1, blocks=() if edge else ("later",)))
            schedule.pick(IDLE, at(0))
            schedule.update([waiting("later", 2, **edge)])
            assert schedule.pick(IDLE, at(0)) == waiting("x", 1, blocks=() if edge else ("later",))

    def test_and_later_again_when_nothing_waits_for_it_any_more(self) -> None:
        """Taken out of the queue, or edited."""
        schedule = scheduled(waiting("a", 0), waiting("x", 1), waiting("y", 2, depends_on=("x",)))
        assert getattr(schedule.pick(IDLE, at(0)), "id", None) == "x"
        schedule.update([folded(added("y", 2, depends_on=("x",)), ev.TaskRemoved("test"))])
        assert getattr(schedule.pick(IDLE, at(0)), "id", None) == "a"


class TestDependencies:
    """A task starts when all it waits for is done: not earlier, and not never."""

    @pytest.mark.parametrize("state", [name for name in STATES if name not in ("done", "archived")])
    def test_only_done_is_done(self, state: str) -> None:
        """In any other state the dependents wait, and the reason names it."""
        schedule = scheduled(in_state(state, "x"), waiting("y", 1, depends_on=("x",)), in_state("done", "z", 2))
        picked = schedule.pick(IDLE, at(0))
        assert picked is None or picked.id == "x"
        (reason,) = schedule.why("y", IDLE, at(0))
        assert reason.startswith("depends on x, which ")
        assert ("does not exist" in reason) == (state == "removed")

    def test_what_was_done_in_an_archived_milestone_is_done(self) -> None:
        schedule = scheduled(in_state("archived", "x"), waiting("y", 1, depends_on=("x",)))
        assert getattr(schedule.pick(IDLE, at(0)), "id", None) == "y"
        assert schedule.why("y", IDLE, at(0)) == []

    def test_both_ends_of_an_edge_mean_the_same(self) -> None:
        """`blocks` here is `depends_on` there, and both together are one."""
        records = [
            waiting("a", 0, depends_on=("b",)),
            waiting("b", 1, blocks=("c", "a")),
            waiting("c", 2, depends_on=("a",)),
        ]
        schedule = scheduled(*records)
        assert (schedule.needs("a"), schedule.needs("b"), schedule.needs("c")) == (["b"], [], ["a", "b"])
        assert order(schedule) == ["b", "a", "c"]

    def test_unknown_ids_are_named(self) -> None:
        """Until somebody adds them."""
        schedule = scheduled(waiting("a", 0, depends_on=("later",), blocks=("nobody",)))
        assert schedule.pick(IDLE, at(0)) is None
        assert schedule.why("a", IDLE, at(0)) == ["depends on later, which does not exist"]
        schedule.update([waiting("later", 1)])
        assert order(schedule) == ["later", "a"]

    def test_an_edge_that_is_taken_back(self) -> None:
        """By an edit at either end, or with the task it belongs to."""
        schedule = scheduled(waiting("a", 0, depends_on=("x",)), waiting("b", 1, blocks=("c",)), waiting("c", 2))
        schedule.update([waiting("a", 0), in_state("removed", "b", 1, blocks=("c",))])
        assert order(schedule) == ["a", "c"]

    @pytest.mark.parametrize("size", [1, 2, 3, 7])
    def test_a_circle_is_named_in_order(self, size: int) -> None:
        """Each of its tasks says the whole of it; one that only leads into it does not."""
        ids = [f"t{n}" for n in range(size)]
        records = [waiting(name, n, depends_on=(ids[(n + 1) % size],)) for n, name in enumerate(ids)]
        schedule = scheduled(*records, waiting("out", 99, depends_on=("t0",)))
        assert schedule.pick(IDLE, at(0)) is None
        for n, name in enumerate(ids):
            circle = ids[n:] + ids[:n]
            assert schedule.cycle_of(name) == circle
            reasons = schedule.why(name, IDLE, at(0))
            assert reasons[-1] == f"is part of a circle of dependencies: {' -> '.join([*circle, name])}"
        assert schedule.cycle_of("out") is None

    def test_the_shortest_circle_is_named(self) -> None:
        """Of several that a task is in, also through `blocks`."""
        schedule = scheduled(
            waiting("a", 0, depends_on=("b", "d")),
            waiting("b", 1, depends_on=("c",)),
            waiting("c", 2, depends_on=("a",)),
            waiting("d", 3),
            waiting("e", 4, blocks=("d",), depends_on=("e2",)),
            waiting("a2", 5, blocks=("d",), depends_on=("a",)),
        )
        assert schedule.cycle_of("a") in (["a", "d", "a2"], ["a", "b", "c"])
        schedule.update([waiting("d", 3, depends_on=("a",))])
        assert schedule.cycle_of("a") == ["a", "d"]

    def test_a_long_chain_is_walked(self) -> None:
        """No recursion that ends at a thousand."""
        records = [waiting(f"t{n}", n, depends_on=(f"t{n + 1}",)) for n in range(5000)]
        schedule = scheduled(*records, waiting("t5000", 5000))
        assert schedule.cycle_of("t0") is None
        assert getattr(schedule.pick(IDLE, at(0)), "id", None) == "t5000"


class TestSideBySide:
    """Two tasks never run at once on the same branch or the same file."""

    @pytest.mark.parametrize(
        "state", ["dispatching", "running", "stopping", "reviewing", "gating", "merged", "closing"]
    )
    @pytest.mark.parametrize(
        ("mine", "theirs", "what"),
        [
            ({"files": ("a.py",)}, {"files": ("b.py", "a.py")}, "file a.py"),
            ({"branch": "x"}, {"branch": "x"}, "branch x"),
            ({"branch": "task/b"}, {}, "branch task/b"),
        ],
    )
    def test_the_second_one_waits_until_the_first_is_out_of_the_way(
        self, state: str, mine: dict[str, object], theirs: dict[str, object], what: str
    ) -> None:
        """From its start until it is on the base branch or given up."""
        schedule = scheduled(in_state(state, "a", 0, **mine), waiting("b", 1, **theirs))
        assert schedule.pick(IDLE, at(0)) is None
        assert schedule.why("b", IDLE, at(0)) == [f"waits for a on the same {what}"]
        for end in ("done", "failed", "blocked-merged", "needs-qa", "deferred"):
            schedule = scheduled(in_state(state, "a", 0, **mine), waiting("b", 1, **theirs))
            schedule.pick(IDLE, at(0))
            schedule.update([in_state(end, "a", 0, **mine)])
            assert getattr(schedule.pick(IDLE, at(0)), "id", None) == "b"

    def test_another_one_goes_first_meanwhile(self) -> None:
        """Even if it comes later in the order."""
        schedule = scheduled(
            in_state("running", "a", 0, files=("f",)), waiting("b", 1, files=("f",), priority=9), waiting("c", 2)
        )
        assert getattr(schedule.pick(IDLE, at(0)), "id", None) == "c"

    def test_three_on_the_same_file_go_one_by_one(self) -> None:
        """None is forgotten, none starts beside another."""
        schedule = scheduled(*(waiting(name, n, files=("f",)) for n, name in enumerate("abc")))
        assert order(schedule) == ["a", "b", "c"]
        records = {name: waiting(name, n, files=("f",)) for n, name in enumerate("abc")}
        schedule = scheduled(*records.values())
        for name in "abc":
            assert getattr(schedule.pick(IDLE, at(0)), "id", None) == name
            schedule.update([in_state("running", name, 0, files=("f",))])
            assert schedule.pick(IDLE, at(0)) is None
            schedule.update([in_state("done", name, 0, files=("f",))])

    def test_a_file_that_two_hold_by_an_edit_is_free_when_both_have_gone(self) -> None:
        """A person names the file while both are at work already."""
        schedule = scheduled(
            in_state("running", "a", 0, files=("f",)), in_state("running", "b", 1), waiting("c", 2, files=("f",))
        )
        schedule.update([in_state("running", "b", 1, files=("f",))])
        schedule.update([in_state("done", "a", 0, files=("f",))])
        assert schedule.pick(IDLE, at(0)) is None
        schedule.update([in_state("done", "b", 1, files=("f",))])
        assert getattr(schedule.pick(IDLE, at(0)), "id", None) == "c"

    def test_an_edit_lets_go_of_a_file(self) -> None:
        """Of the one at work, or of the one that waits."""
        for edited in ("a", "b"):
            schedule = scheduled(in_state("running", "a", 0, files=("f",)), waiting("b", 1, files=("f",)))
            assert schedule.pick(IDLE, at(0)) is None
            schedule.update([in_state("running", "a", 0)] if edited == "a" else [waiting("b", 1)])
            assert getattr(schedule.pick(IDLE, at(0)), "id", None) == "b"


class TestWaiting:
    """Time and providers."""

    def test_a_delay_is_kept_and_told(self) -> None:
        """Not before its time; the next one in order starts meanwhile."""
        late = folded(added("a"), *to_running("a"), ev.AttemptReleased(1, "limit reached", at(60)))
        schedule = scheduled(late, waiting("b", 1))
        assert schedule.next_due(IDLE, at(0)) == at(60)
        assert getattr(schedule.pick(IDLE, at(0)), "id", None) == "b"
        assert schedule.why("a", IDLE, at(0)) == ["waits until 2026-03-01T12:01:00+00:00: limit reached"]
        assert getattr(schedule.pick(IDLE, at(60)), "id", None) == "a"
        assert schedule.next_due(IDLE, at(60)) is None
        assert schedule.why("a", IDLE, at(60)) == []

    def test_a_held_runtime_stops_its_own_tasks_only(self) -> None:
        """By the task's own runtime, by `shell` for a command, by the default."""
        records = [waiting("a", 0), waiting("b", 1, command="true"), waiting("c", 2, runtime="codex")]
        limit = Hold("limit", at(60))
        for runtime, left in {"claude": "b c", "shell": "a c", "codex": "a b", "other": "a b c"}.items():
            system = System(holds={runtime: limit})
            assert order(scheduled(*records), system) == left.split()
            assert order(scheduled(*records), system, at(60)) == ["a", "b", "c"]
            assert order(scheduled(*records), System(holds={runtime: Hold("not installed")}), at(60)) == left.split()
        assert scheduled(*records).why("a", System(holds={"claude": Hold("not installed")}), at(0)) == ["not installed"]
        assert scheduled(*records).next_due(System(holds={"claude": limit}), at(0)) == at(60)

    def test_it_is_offered_again_until_it_has_started(self) -> None:
        """Asking twice loses nothing."""
        schedule = scheduled(waiting("a"), waiting("b", 1))
        assert [getattr(schedule.pick(IDLE, at(0)), "id", None) for _ in range(3)] == ["a", "a", "a"]

    def test_a_slot_that_is_missing_is_no_reason(self) -> None:
        """Nothing keeps it but that."""
        assert scheduled(waiting("a"), in_state("running", "b", 1)).why("a", IDLE, at(0)) == []

    def test_the_stuck_ones_are_told_as_they_are_now(self) -> None:
        """Also when only time has gone by."""
        late = folded(added("a"), *to_running("a"), ev.AttemptReleased(1, "limit", at(60)))
        schedule = scheduled(late, waiting("b", 1, depends_on=("x",)))
        assert schedule.stuck(IDLE, at(0)) == {
            "a": ["waits until 2026-03-01T12:01:00+00:00: limit"],
            "b": ["depends on x, which does not exist"],
        }
        schedule.update([waiting("x", 2)])
        assert schedule.stuck(IDLE, at(61)) == {"a": [], "b": ["depends on x, which is not-started"], "x": []}


IDS = ("a", "b", "c", "d", "e")
_SOME = st.lists(st.sampled_from([*IDS, "nobody"]), max_size=2).map(tuple)
TASKS = st.builds(
    Task,
    id=st.sampled_from(IDS),
    description=st.just("x"),
    branch=st.sampled_from(["", "", "task/a", "shared"]),
    depends_on=_SOME,
    blocks=_SOME,
    estimate=st.sampled_from([None, "8K", "1.1M", "900"]),
    priority=st.integers(-1, 1),
    phase=st.sampled_from([None, 0, 1]),
    files=st.lists(st.sampled_from(["f", "g"]), max_size=2).map(tuple),
    runtime=st.sampled_from([None, "codex"]),
    fixes_main=st.sampled_from([False, False, True]),
    category=st.sampled_from([None, None, *Category]),
)


@st.composite
def records(draw: st.DrawFn) -> Record:
    of = draw(TASKS)
    record = STATES[draw(st.sampled_from([*STATES, *["not-started"] * 12, *["done"] * 4, *["running"] * 3]))]
    if isinstance(record.state, NotStarted):
        not_before = draw(st.sampled_from([None, None, at(30)]))
        record = replace(record, state=replace(record.state, not_before=not_before))
    if isinstance(record.state, Deferred):
        record = replace(record, documented=draw(st.booleans()))
    return replace(record, task=of, position=IDS.index(of.id))


POLISHING = System(phases={0: PhaseState(Stage.COMPLETE), 1: PhaseState(Stage.POLISH)})
SYSTEMS = st.sampled_from(
    [IDLE, IDLE, POLISHING, System(holds={"codex": Hold("x", at(30))}), System(holds={"claude": Hold("x")})]
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.lists(records(), max_size=3), SYSTEMS, st.sampled_from([0, 60])), max_size=12))
def test_after_any_changes_it_picks_what_the_rules_say(steps: list[tuple[list[Record], System, int]]) -> None:
    """And says a reason for exactly those that cannot start."""
    schedule = Schedule("claude")
    now: dict[str, Record] = {}
    for changed, system, second in steps:
        now.update({record.id: record for record in changed})
        schedule.update({record.id: record for record in changed}.values())
        oracle = Oracle(now.values(), system, at(second))
        picked = schedule.pick(system, at(second))
        assert (picked.id if picked else None) == oracle.pick()
        for record in now.values():
            if isinstance(record.state, NotStarted):
                assert (schedule.why(record.id, system, at(second)) == []) == oracle.startable(record)


def test_ten_thousand_tasks() -> None:
    """Two at a time to the end: always what the rules say, nothing left, nothing twice."""
    chance = random.Random(20260301)
    size = 10_000
    now: dict[str, Record] = {}
    for number in range(size):
        needs = tuple(f"t{chance.randrange(number)}" for _ in range(chance.randrange(3)) if number)
        files = tuple(f"f{chance.randrange(3000)}" for _ in range(chance.randrange(3)))
        now[f"t{number}"] = waiting(
            f"t{number}",
            number,
            depends_on=needs,
            files=files,
            priority=chance.randrange(3),
            phase=chance.choice([None, 1 + 3 * number // size]),
            estimate=chance.choice([None, "5K", "1M"]),
        )
    schedule = Schedule("claude")
    schedule.update(now.values())
    live: list[str] = []
    done: list[str] = []
    for turn in range(2 * size):
        if turn % 2000 == 0:
            picked = schedule.pick(IDLE, at(0))
            assert (picked.id if picked else None) == Oracle(now.values(), IDLE, at(0)).pick()
        record = schedule.pick(IDLE, at(0)) if len(live) < 2 else None
        if record is None:
            if not live:
                break
            record = now[live.pop(chance.randrange(len(live)))]
            done.append(record.id)
            changed = replace(record, state=STATES["done"].state)
        else:
            live.append(record.id)
            changed = replace(record, state=STATES["running"].state)
        now[record.id] = changed
        schedule.update([changed])
    assert sorted(done) == sorted(now)
    places: Mapping[str, int] = {name: place for place, name in enumerate(done)}
    assert all(places[need] < places[name] for name, record in now.items() for need in record.task.depends_on)


def test_the_runtime_of_a_task() -> None:
    """Its own, `shell` for one that only has a command, else the default."""
    assert runtime_of(task(), "claude") == "claude"
    assert runtime_of(task(command="x"), "claude") == "shell"
    assert runtime_of(task(command="x", runtime="codex"), "claude") == "codex"
