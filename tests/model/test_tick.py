"""Commands, crashes, lost answers and clock jumps in any order, against the promises of the daemon."""

from __future__ import annotations

import tempfile
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from loguru import logger

from mosaic_daemon.forges.memory import Effect, Fault
from mosaic_daemon.ground.errors import Unavailable
from mosaic_daemon.nouns import record as states
from mosaic_daemon.nouns.fold import advance
from mosaic_daemon.nouns.record import Dispatching, Record
from mosaic_daemon.nouns.task import Status
from mosaic_rails.base import Offered, Running
from tests.model.world import World

_ENOUGH_TICKS = 200
_MOST_TASKS = 6


class Deliveries(RuleBasedStateMachine):
    """A queue that people write, workers that do as they like, a forge that answers badly, a daemon that dies."""

    def __init__(self) -> None:
        super().__init__()
        logger.remove()
        self._folder = tempfile.TemporaryDirectory()
        self.world = World(Path(self._folder.name))
        self.tasks: list[str] = []

    def teardown(self) -> None:
        try:
            self._cooperate()
        finally:
            self.world.close()
            self._folder.cleanup()

    # --- people -------------------------------------------------------------------------------------------------------

    @precondition(lambda self: len(self.tasks) < _MOST_TASKS)
    @rule(count=st.integers(1, 3), needs=st.sampled_from([0, 0, 1, 2]), shared=st.booleans())
    def enqueue(self, count: int, needs: int, shared: bool) -> None:
        for _ in range(count):
            self._enqueue(needs, shared)

    def _enqueue(self, needs: int, shared: bool) -> None:
        task = f"T-{len(self.tasks)}"
        entry: dict[str, Any] = {"id": task, "description": f"do {task}", "command": "true"}
        entry["depends_on"] = self.tasks[-needs:] if needs else []
        if shared:
            entry["branch"] = "fix/shared"
        self.tasks.append(task)
        self.world.edit(lambda tasks: tasks.append(entry))

    @precondition(lambda self: self.tasks)
    @rule(pick=st.integers(0, _MOST_TASKS), wanted=st.sampled_from(["not-started", "deferred", "blocked", "done"]))
    def ask_for_a_status(self, pick: int, wanted: str) -> None:
        task = self.tasks[pick % len(self.tasks)]

        def change(entries: list[dict[str, Any]]) -> None:
            for entry in entries:
                if entry["id"] == task:
                    entry["status"] = wanted

        self.world.edit(change)

    @precondition(lambda self: self.tasks)
    @rule(pick=st.integers(0, _MOST_TASKS))
    def change_a_description(self, pick: int) -> None:
        task = self.tasks[pick % len(self.tasks)]

        def change(entries: list[dict[str, Any]]) -> None:
            for entry in entries:
                if entry["id"] == task:
                    entry["description"] += "!"

        self.world.edit(change)

    # --- workers ------------------------------------------------------------------------------------------------------

    @rule()
    def a_worker_starts(self) -> None:
        for attempt in self.world.states(Offered):
            self.world.rail.start(attempt)

    @rule(how=st.sampled_from(["well", "badly", "silently", "lost"]))
    def a_worker_ends(self, how: str) -> None:
        for attempt in self.world.states(Running)[:1]:
            task = attempt.rpartition(".")[0]
            match how:
                case "well":
                    self.world.succeed(attempt)
                case "badly":
                    self.world.report(attempt, {"task_id": task, "status": "failed", "notes": "no"})
                case "silently":
                    self.world.rail.finish(attempt)
                case _:
                    self.world.rail.lose(attempt)

    # --- the forge, the clock, the daemon -----------------------------------------------------------------------------

    @rule(effect=st.sampled_from(Effect), answered=st.booleans())
    def the_next_merge_answers_badly(self, effect: Effect, answered: bool) -> None:
        self.world.forge.script("merge", Fault(effect, None if answered else Unavailable("no answer")))

    @rule()
    def what_was_late_happens(self) -> None:
        self.world.forge.catch_up()

    @rule(number=st.integers(0, 3))
    def somebody_pushes(self, number: int) -> None:
        self.world.forge.push({f"other{number}.txt": str(len(self.tasks))})

    @rule(seconds=st.sampled_from([-3600, 0, 1, 60, 86_400]))
    def the_clock_moves(self, seconds: int) -> None:
        self.world.now += timedelta(seconds=seconds)

    @rule(times=st.integers(1, 3))
    def tick(self, times: int) -> None:
        for _ in range(times):
            self.world.run()
            self.a_worker_starts()

    @rule()
    def the_daemon_dies(self) -> None:
        self.world.restart()

    @rule(commits=st.integers(1, 12))
    def the_daemon_dies_while_it_ticks(self, commits: int) -> None:
        self.world.journal.dies_at = commits
        self.world.run()
        self.world.journal.dies_at = None

    # --- what must hold -----------------------------------------------------------------------------------------------

    @invariant()
    def at_most_two_workers(self) -> None:
        assert len(self.world.states(Running)) <= 2
        assert len(self.world.ledger.in_state(Dispatching, states.Running)) <= 2

    @invariant()
    def no_attempt_starts_twice(self) -> None:
        assert [attempt for attempt, count in Counter(self.world.rail.starts).items() if count > 1] == []

    @invariant()
    def at_most_one_landing_per_gate(self) -> None:
        assert all(len(landed) <= 1 for landed in self.world.forge.merges.values())

    @invariant()
    def state_is_the_fold_of_events(self) -> None:
        folded: dict[str, Record] = {}
        for _, entry in self.world.journal.entries():
            if entry.task:
                folded[entry.task] = advance(folded.get(entry.task), entry.event, entry.at)  # type: ignore[arg-type]
        assert folded == dict(self.world.ledger.records)

    def _cooperate(self) -> None:
        """From here on everybody does as the daemon hopes: then every task comes to an end, and `done` is true."""
        for _ in range(_ENOUGH_TICKS):
            self.world.forge.catch_up()
            for attempt in self.world.states(Offered):
                self.world.rail.start(attempt)
            for attempt in self.world.states(Running):
                self.world.succeed(attempt)
            report = self.world.run()
            self.world.now += timedelta(minutes=10)
            if report is not None and report.idle and not report.progress:
                break
        else:
            raise AssertionError({task: record.state for task, record in self.world.ledger.records.items()})
        landed = Counter(gate.rpartition(".")[0] for gate, shas in self.world.forge.merges.items() if shas)
        assert set(self.world.ledger.records) == set(self.tasks), "nothing that was enqueued is lost"
        for task, record in self.world.ledger.records.items():
            assert record.status is not Status.IN_PROGRESS
            assert landed[task] <= 1, "one squash commit a task"
            assert record.status is not Status.DONE or landed[task] == 1
            assert record.status is not Status.NOT_STARTED or report.stuck[task]


Deliveries.TestCase.settings = settings(
    max_examples=80,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
TestDeliveries = Deliveries.TestCase
