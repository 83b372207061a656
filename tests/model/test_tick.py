"""Edits, requests, crashes, lost answers, limits and clock jumps in any order, against the promises of the daemon.

`MOSAIC_MODEL_EXAMPLES=5000` looks further than a usual run does. A run that fails takes some minutes more, to find the
shortest way to the failure.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from loguru import logger

from mosaic_daemon.forges.base import Answer, Delayed, Guard, Moved, Sent, Verdict
from mosaic_daemon.forges.memory import Effect, Fault
from mosaic_daemon.ground.errors import Unavailable
from mosaic_daemon.nouns import events as ev
from mosaic_daemon.nouns import record as states
from mosaic_daemon.nouns.phase import Stage
from mosaic_daemon.nouns.record import Dispatching, Done, Removed
from mosaic_daemon.nouns.task import Status
from mosaic_daemon.nouns.variance import learning
from mosaic_rails.base import Cause, Offered, Running
from mosaic_rails.memory import End
from tests.model.world import World
from tests.store.refold import refolded

_ENOUGH_TICKS = 200
_ENOUGH_REQUESTS = 40
_MOST_TASKS = 6
_PICK = st.integers(0, _MOST_TASKS - 1)
#: After how many instants the daemon dies; None: it lives.
_FUSE = st.none() | st.integers(1, 30)
#: Workers use 1K each: as expected, 67 % more, four times as much.
_FIELDS = st.fixed_dictionaries(
    {"estimate": st.sampled_from([None, "1K", "600", "250"]), "phase": st.sampled_from([None, None, 1, 1, 2])}
)
_ANSWERS: dict[str, Answer | Exception | None] = {
    "as it is": None,
    "sent": Sent("500"),
    "later": Delayed("rate limited"),
    "no answer": Unavailable("connection reset"),
}
_EDITS: list[dict[str, Any]] = [
    *({"status": wanted} for wanted in ("not-started", "deferred", "blocked", "done", "in-progress", "nonsense")),
    *({"category": "architectural"}, {"category": "hard"}, {"category": None}),
    *({"notes": "mine"}, {"attempt": 0}, {"priority": "high"}, {"branch": "-x"}),
]


class Deliveries(RuleBasedStateMachine):
    """A queue and a table that people write, workers that do as they like, a forge that answers badly, a daemon that
    dies.
    """

    def __init__(self) -> None:
        super().__init__()
        logger.remove()
        self._folder = tempfile.TemporaryDirectory()
        self.world = World(Path(self._folder.name))
        self.tasks: list[str] = []
        self.marks: Counter[str] = Counter()  # how often a person has edited a task's description
        self.unread: set[str] = set()  # tasks of which a person took something back that the daemon may not have read

    def teardown(self) -> None:
        try:
            self._cooperate()
            self._ask_again()
        finally:
            self.world.close()
            self._folder.cleanup()

    # --- people -------------------------------------------------------------------------------------------------------

    @initialize(count=st.integers(1, 3), needs=st.integers(0, 1), shared=st.booleans(), fields=_FIELDS)
    def begin(self, count: int, needs: int, shared: bool, fields: Mapping[str, Any]) -> None:
        self.enqueue(count, needs, shared, backwards=False, fields=fields)

    @precondition(lambda self: len(self.tasks) < _MOST_TASKS)
    @rule(
        count=st.integers(1, 3),
        needs=st.sampled_from([0, 0, 1, 2]),
        shared=st.booleans(),
        backwards=st.booleans(),
        fields=_FIELDS,
    )
    def enqueue(self, count: int, needs: int, shared: bool, backwards: bool, fields: Mapping[str, Any]) -> None:
        for _ in range(count):
            before = self.tasks[-needs:] if needs else []
            entry: dict[str, Any] = {"id": f"T-{len(self.tasks)}", "description": "do it", **fields}
            entry |= {"depends_on": [] if backwards else before, "branch": "fix/shared" if shared else None}

            def change(entries: list[dict[str, Any]], entry: dict[str, Any] = entry, before: Any = before) -> None:
                entries.append(entry)
                for each in entries:
                    if backwards and each.get("id") in before:
                        each["blocks"] = [*each.get("blocks", []), entry["id"]]

            if self.world.edit(change):
                self.tasks.append(entry["id"])

    @precondition(lambda self: self.tasks)
    @rule(pick=_PICK, values=st.sampled_from(_EDITS))
    def edit_an_entry(self, pick: int, values: dict[str, Any]) -> None:
        self._change(pick, **values)

    @precondition(lambda self: self.tasks)
    @rule(pick=_PICK)
    def edit_a_description(self, pick: int) -> None:
        if self._change(pick, description=lambda entry: entry["description"] + "!"):
            self.marks[self._task(pick)] += 1

    @precondition(lambda self: self.tasks)
    @rule(pick=_PICK)
    def take_one_out(self, pick: int) -> None:
        task = self._task(pick)
        self._forget(task)
        self.world.edit(lambda entries: entries.__setitem__(slice(None), [e for e in entries if e.get("id") != task]))

    @rule(text=st.sampled_from([b"{", b"", b'{"version": 1, "tasks": [{}]}', None]))
    def break_the_queue(self, text: bytes | None) -> None:
        """And mend it: editors do that in two writes."""
        file = self.world.layout.tasks
        good = file.read_bytes() if file.exists() else None
        if text in (b"{", b""):
            self.world.write(text)
            self.world.run()
            self.world.work()
            self.world.work()
            self.world.now += timedelta(seconds=3)
            assert self._starts_nothing(), "until it is mended"
        else:
            self._forget(*self.tasks)
            file.unlink(missing_ok=True) if text is None else self.world.write(text)
            self.world.run()
        if good is not None and (not file.exists() or file.read_bytes() == text):
            self.world.write(good)

    @rule(wanted=st.sampled_from(["not-started", "deferred", "done"]), pick=_PICK)
    def edit_the_table(self, wanted: str, pick: int) -> None:
        row = re.compile(rf"^(\| T-{pick} \| )[a-z-]+", re.MULTILINE)
        self.world.edit_table(lambda text: row.sub(rf"\g<1>{wanted}", text))

    @rule(fuse=_FUSE)
    def drain_for_a_while(self, fuse: int | None) -> None:
        self._drain(True)
        assert self._starts_nothing(fuse)
        self._drain(False)

    def _drain(self, draining: bool) -> None:
        self.world.ledger.append("", ev.DrainChanged(draining, "person"), at=self.world.now)

    def _starts_nothing(self, fuse: int | None = None) -> bool:
        fences = {task: record.fence for task, record in self.world.ledger.records.items()}
        self.world.run(fuse)
        return all(record.fence == fences.get(task, 0) for task, record in self.world.ledger.records.items())

    def _task(self, pick: int) -> str:
        return self.tasks[pick % len(self.tasks)]

    def _description(self, task: str) -> str:
        return "do it" + "!" * self.marks[task]

    def _change(self, pick: int, **values: Any) -> bool:
        """A person changes fields of a task's entry; False when it is not in the file."""
        return self._change_entry(self._task(pick), **values)

    def _change_entry(self, task: str, **values: Any) -> bool:
        found: list[bool] = []

        def change(entries: list[dict[str, Any]]) -> None:
            for entry in entries:
                if entry.get("id") == task:
                    entry.update({name: value(entry) if callable(value) else value for name, value in values.items()})
                    found.append(True)
                    if entry.get("branch") == "-x" or entry.get("priority") == "high":
                        self.unread.add(entry["id"])  # what breaks a rule is refused together with what does not

        self.world.edit(change)
        return bool(found)

    def _forget(self, *tasks: str) -> None:
        """A person takes these out: what the daemon has not read of them nobody can ask for."""
        for task in tasks:
            record = self.world.ledger.records.get(task)
            if record is None or record.task.description != self._description(task):
                self.unread.add(task)

    # --- workers ------------------------------------------------------------------------------------------------------

    @rule()
    def workers_start(self) -> None:
        for attempt in self.world.states(Offered):
            self.world.rail.start(attempt)

    @rule(how=st.sampled_from(["alike", "badly", "silently", "unnamed", "limited", "lost", "shut down"]))
    def a_worker_ends(self, how: str) -> None:
        for attempt in [*self.world.states(Running), *self.world.states(Offered)][:1]:
            self.world.rail.start(attempt)
            match how:
                case "alike":  # two of them conflict
                    self.world.succeed(attempt, "same.txt")
                case "badly":
                    self.world.report(attempt, status="failed")
                case "silently":
                    self.world.report(attempt)
                case "unnamed":
                    self.world.commit_work(attempt)
                    self.world.report(attempt, status="success", commit_sha=None)
                case "limited":
                    self.world.limited(attempt, self.world.now + timedelta(minutes=10))
                case "shut down":
                    self.world.rail.finish(attempt, End(cause=Cause.REVOKED, exit_code=None, signal=15))
                case _:
                    self.world.rail.lose(attempt)

    @rule(pick=_PICK, fence=st.integers(1, 4))
    def a_result_comes_again(self, pick: int, fence: int) -> None:
        """Of an attempt that is over, or that never was: it says success, and counts for nothing."""
        record = self.world.ledger.records.get(f"T-{pick}")
        if record is None or record.fence != fence or not record.occupies_slot:
            result = {"task_id": f"T-{pick}", "status": "success", "commit_sha": self.world.forge.head}
            self.world.layout.result_file(f"T-{pick}.{fence}").write_text(json.dumps(result))

    # --- reviewers ----------------------------------------------------------------------------------------------------

    @rule()
    def reviewers_start(self) -> None:
        for run in self.world.reviewing(Offered):
            self.world.reviewers.start(run)

    @rule(
        how=st.sampled_from(
            [
                *("approves", "finds", "finds", "contradicts", "of another head", "rubbish", "badly", "limited"),
                *("lost", "shut down"),
            ]
        ),
        times=st.integers(1, 3),
    )
    def reviewers_end(self, how: str, times: int) -> None:
        for run in self.world.reviewing(Running)[:times]:
            self.world.review(run, how)

    # --- the forge and the clock --------------------------------------------------------------------------------------

    @rule(
        act=st.sampled_from(["merge", "merge", "open_change", "close_issue"]),
        effect=st.sampled_from(Effect),
        answer=st.sampled_from([*_ANSWERS]),
    )
    def the_next_act_goes_wrong(
        self, act: Literal["open_change", "merge", "close_issue"], effect: Effect, answer: str
    ) -> None:
        self.world.forge.script(act, Fault(effect, _ANSWERS[answer]))

    @rule(effect=st.sampled_from([Effect.NOW, Effect.NEVER]))
    def the_next_merge_is_refused(self, effect: Effect) -> None:
        """Or said to be: what was refused does not happen later."""
        self.world.forge.script("merge", Fault(effect, Moved("405")))

    @rule()
    def what_was_late_happens(self) -> None:
        self.world.forge.catch_up()

    @rule(question=st.sampled_from(["queue", "change", "commit"]), verdict=st.sampled_from(Verdict))
    def ci_says(self, question: str, verdict: Verdict) -> None:
        self.world.verdicts[question].append(verdict)

    @rule(guards=st.booleans())
    def the_forge_guards_the_base_or_not(self, guards: bool) -> None:
        self.world.forge.guards_base = guards
        self.world.forge.guard = Guard.FULL if guards else Guard.HEAD

    @rule(path=st.sampled_from(["other.txt", "same.txt", "T-0.txt"]))
    def somebody_pushes(self, path: str) -> None:
        self.world.forge.push({path: f"by somebody after {self.world.ledger.seq}"})

    @rule(seconds=st.sampled_from([-3600, 1, 11, 600, 86_400]))
    def the_clock_moves(self, seconds: int) -> None:
        self.world.now += timedelta(seconds=seconds)

    # --- the daemon ---------------------------------------------------------------------------------------------------

    @rule(fuse=_FUSE)
    def tick(self, fuse: int | None) -> None:
        self.world.run(fuse)

    @rule(fuse=_FUSE, times=st.integers(1, 4))
    def tick_and_work(self, fuse: int | None, times: int) -> None:
        """Without this, little is ever done between the accidents."""
        for _ in range(times - 1):
            self.world.run()
            self.world.work()
        self.world.run(fuse)
        self.world.work()

    @rule()
    def the_daemon_dies(self) -> None:
        self.world.restart()

    # --- what must hold -----------------------------------------------------------------------------------------------

    @invariant()
    def at_most_two_workers(self) -> None:
        assert len(self.world.states(Running)) <= 2
        assert len(self.world.ledger.in_state(Dispatching, states.Running)) <= 2

    @invariant()
    def every_live_worker_is_known(self) -> None:
        live = self.world.ledger.in_state(Dispatching, states.Running)
        assert set(self.world.states(Running)) <= {record.attempt.name for record in live if record.attempt}

    @invariant()
    def no_attempt_starts_twice(self) -> None:
        assert len(self.world.rail.starts) == len(set(self.world.rail.starts))

    @invariant()
    def no_review_runs_twice(self) -> None:
        assert len(self.world.reviewers.starts) == len(set(self.world.reviewers.starts))

    @invariant()
    def a_gate_is_only_for_the_reviewed_head(self) -> None:
        for record in self.world.ledger.in_state(states.Gating):
            assert isinstance(record.state, states.Gating)
            gate = record.state.gate
            assert gate.evidence["review"]["head_sha"] == gate.head_sha
            assert gate.evidence["review"]["verdict"] == "approve"

    @invariant()
    def what_needs_qa_has_its_remedy(self) -> None:
        """Which was added with it, and goes on from the commit that was reviewed."""
        for record in self.world.ledger.in_state(states.NeedsQa):
            assert isinstance(record.state, states.NeedsQa)
            assert record.state.qa in self.world.ledger.records
            remedies = [event.event for _, event in self.world.journal.entries() if event.task == record.state.qa]
            first = next(each for each in remedies if isinstance(each, ev.TaskAdded))
            assert self.world.forge.history[first.start_from]

    @invariant()
    def tasks_start_after_what_they_need_and_one_a_branch(self) -> None:
        records = self.world.ledger.records
        busy = self.world.ledger.in_state(Dispatching, states.Running)
        needed = {need for record in busy for need in record.task.depends_on}
        written = {entry.task for _, entry in self.world.journal.entries() if entry.event.kind == "deferral-documented"}
        assert all(isinstance(records[need].state, Done) or need in written for need in needed)
        assert len({record.task.work_branch for record in busy}) == len(busy)

    @invariant()
    def at_most_one_landing_per_gate_and_task(self) -> None:
        assert all(len(landed) <= 1 for landed in self.world.forge.merges.values())
        landed = Counter(gate.rpartition(".")[0] for gate in self.world.forge.merges)
        assert all(count <= 1 for count in landed.values())
        assert self.world.forge.needless == []

    @invariant()
    def at_most_one_gate_between_guard_and_verdict(self) -> None:
        """Several may stand there when a person resumed blocked ones: then one after the other moves."""
        assert len(set(self.world.in_window()) - self.world.resumed()) <= 1

    @invariant()
    def state_is_the_fold_of_events(self) -> None:
        assert refolded(self.world.journal) == (self.world.ledger.records, self.world.ledger.system)

    @invariant()
    def done_is_what_can_be_read_back(self) -> None:
        history = self.world.forge.history
        for record in self.world.ledger.in_state(Done):
            assert isinstance(record.state, Done)
            evidence = record.state.evidence
            commit = history[evidence["merge_sha"]]
            assert commit in history.above(history.first, self.world.forge.head)
            by = evidence.get("delivered_with", record.id)
            assert f"Mosaic-Task: {by}" in commit.message.splitlines()
            assert evidence["review"]["head_sha"] == evidence["head_sha"]
            assert commit.tree == evidence["tree"]
            assert evidence["ci"] in ("green", "absent")
            assert self.world.forge.comments[f"internal:{by}"]

    # --- the end ------------------------------------------------------------------------------------------------------

    def _cooperate(self) -> None:
        """From here on everybody does as the daemon hopes: then everything comes to rest, and nothing is lost."""
        self.world.verdicts.clear()
        for _ in range(_ENOUGH_TICKS):
            self.world.forge.catch_up()
            self.world.work()
            report = self.world.run()
            self.world.now += timedelta(minutes=10)
            for promise in (self.at_most_two_workers, self.every_live_worker_is_known, self.no_attempt_starts_twice):
                promise()
            self.tasks_start_after_what_they_need_and_one_a_branch()
            self.at_most_one_landing_per_gate_and_task()
            self.at_most_one_gate_between_guard_and_verdict()
            if report is not None and report.idle and not report.progress:
                break
        else:
            raise AssertionError({task: record.state for task, record in self.world.ledger.records.items()})
        lost = set(self.tasks) - set(self.world.ledger.records) - self.unread
        assert lost <= set(self.world.queued()), "what is enqueued is not lost: what cannot be taken in stays there"
        for task, record in self.world.ledger.records.items():
            assert record.status is not Status.IN_PROGRESS
            assert record.status is not Status.NOT_STARTED or report.stuck[task]
            is_theirs = isinstance(record.state, Removed) or task in self.unread or task not in self.tasks
            assert is_theirs or record.task.description == self._description(task)

    def _ask_again(self) -> None:
        """Whatever was put off, given up or blocked can be asked for again, and is delivered then."""
        for _ in range(_ENOUGH_REQUESTS):
            if not self._left():
                break
            self.world.edit(self._mend)
            for task in self._left():
                self._change_entry(task, status="not-started", depends_on=[], blocks=[], category=None)
            self._cooperate()
        assert self._left() == {}
        assert set(self.tasks) - self.unread <= set(self.world.ledger.records)
        self._what_was_learnt_is_there_once()
        self._what_was_deferred_is_documented_once()
        done = {record.id: "done" for record in self.world.ledger.in_state(Done)}
        assert self.world.queued() == done
        assert self.world.shown() == done

    def _what_was_learnt_is_there_once(self) -> None:
        """Each end of a task that was far from its estimate, and nothing else; every end was concluded once."""
        ends = [
            (entry.task, entry.event)
            for _, entry in self.world.journal.entries()
            if isinstance(entry.event, ev.TaskConcluded)
        ]
        assert len(ends) == len({(task, event.fence) for task, event in ends})
        assert all(record.concluded == record.fence for record in self.world.ledger.in_state(Done))
        taught = [learning(task, event.variance) for task, event in ends if event.variance]
        found = self.world.learnings()
        assert [each for at, each in enumerate(found) if each in found[:at]] == []
        assert [each for each in found if each not in taught] == []
        for record in self.world.ledger.records.values():
            if record.variance is not None and record.variance.rating.is_learning:
                assert learning(record.id, record.variance) in found

    def _what_was_deferred_is_documented_once(self) -> None:
        """However often it was deferred; and every phase came to its end."""
        written = {entry.task for _, entry in self.world.journal.entries() if entry.event.kind == "deferral-documented"}
        assert Counter(self.world.deferred_errors()) == dict.fromkeys(written, 1)
        numbers = {record.task.phase for record in self.world.ledger.listed()} - {None}
        phases = self.world.ledger.system.phases
        assert all(phases[number].stage is Stage.COMPLETE for number in numbers if number is not None)

    def _left(self) -> dict[str, object]:
        """What is not delivered, by task; entries that could not be taken in as they stand in the file."""
        records = {record.id: record.state for record in self.world.ledger.listed()}
        return {task: state for task, state in (self.world.queued() | records).items() if not isinstance(state, Done)}

    def _mend(self, entries: list[dict[str, Any]]) -> None:
        """People correct the entries that could not be taken in."""
        taken = {record.id for record in self.world.ledger.listed()}
        for entry in entries:
            if entry.get("id") not in taken:
                for name in ("status", "priority", "branch", "attempt"):
                    entry.pop(name, None)


Deliveries.TestCase.settings = settings(
    max_examples=int(os.environ.get("MOSAIC_MODEL_EXAMPLES", "300")),
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
TestDeliveries = Deliveries.TestCase
