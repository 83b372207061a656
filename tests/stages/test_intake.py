"""Whose word counts: the ownership of every field and every status, case by case, and nothing that stops the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mosaic_daemon.ground.errors import Refused
from mosaic_daemon.nouns import events as ev
from mosaic_daemon.nouns.attempt import FailureClass
from mosaic_daemon.nouns.gate import Step
from mosaic_daemon.nouns.record import Record, Removed
from mosaic_daemon.nouns.task import Status
from mosaic_daemon.stages import intake
from mosaic_daemon.store.ledger import Ledger
from mosaic_daemon.store.memory import MemoryJournal
from mosaic_daemon.tracking.entry import DAEMON_FIELDS, PEOPLE_FIELDS
from mosaic_daemon.tracking.merge import FaceChanges
from mosaic_daemon.tracking.view import entry_of
from tests.samples import HEAD, added, at, failure, folded, states, stepped, to_gate, to_review, to_running

STATES = states()
#: How the record of each state came about, to have it in a ledger.
HISTORIES: dict[str, list[ev.TaskEvent]] = {
    "not-started": [added()],
    "dispatching": [added(), to_running()[0]],
    "running": [added(), *to_running()],
    "stopping": [added(), *to_running(), ev.StopRequested("deferred", "x", "x")],
    "reviewing": to_review(),
    "needs-qa": [*to_review(), ev.QaNeeded(HEAD, "T-1-QA", failure(FailureClass.REVIEW), {}, ())],
    "blocked-in-review": [*to_review(), ev.ReviewBlocked(failure(FailureClass.REVIEW))],
    "gating": to_gate(Step.MERGEABLE),
    "intended": [*to_gate(Step.MERGE), ev.GateIntended(Step.MERGE, "k", {})],
    "merged": to_gate(Step.VERIFY),
    "closing": to_gate(Step.CLOSE),
    "done": [*to_gate(Step.CLOSE), ev.TaskDone({"summary": "done"})],
    "failed": [added(), *to_running(), ev.AttemptFailed(1, failure(), final=True)],
    "blocked": [added(), ev.TaskBlocked("x", "x")],
    "blocked-in-gate": [*to_gate(Step.MERGEABLE), ev.GateBlocked(failure(FailureClass.GATE))],
    "blocked-conflict": [*to_gate(Step.MERGEABLE), ev.GateBlocked(failure(FailureClass.CONFLICT))],
    "blocked-intended": [
        *to_gate(Step.MERGE),
        ev.GateIntended(Step.MERGE, "k", {}),
        ev.GateBlocked(failure(FailureClass.GATE)),
    ],
    "blocked-merged": [*to_gate(Step.MERGE), stepped(Step.MERGE), ev.GateBlocked(failure(FailureClass.CI))],
    "deferred": [added(), ev.TaskDeferred("x", "x")],
    "removed": [added(), ev.TaskRemoved("x")],
}


def ledger_with(*histories: str) -> Ledger:
    """T-1 in the first of these states, T-2 in the second, and so on."""
    ledger = Ledger(MemoryJournal())
    for number, name in enumerate(histories, 1):
        for event in HISTORIES[name]:
            if isinstance(event, ev.TaskAdded):
                ledger.append(f"T-{number}", added(f"T-{number}", number), at=at(0))
            else:
                ledger.append(f"T-{number}", _of(event, f"T-{number}"), at=at(0))
    return ledger


def _of(event: ev.TaskEvent, task: str) -> ev.TaskEvent:
    match event:
        case ev.AttemptIntended():
            return to_running(task)[0]
        case ev.GateIntended():
            return replace(event, key=f"{task}:{event.key}")
        case _:
            return event


def take(ledger: Ledger, changes: FaceChanges) -> intake.Taken:
    """Take them in, and see that the ledger takes what comes of it."""
    taken = intake.take_in(changes, ledger, "tasks.json", at(9))
    ledger.append_all(taken.entries)
    return taken


def edit(ledger: Ledger, task: str = "T-1", /, **values: Any) -> intake.Taken:
    """A person changes fields of an entry that showed what the ledger says."""
    shown = entry_of(ledger.records[task])
    return take(ledger, FaceChanges({}, {}, {task: {name: (shown.get(name), value) for name, value in values.items()}}))


def kinds(taken: intake.Taken) -> list[str]:
    return [entry.event.kind for entry in taken.entries]


def refusals(taken: intake.Taken) -> list[ev.EditRefused]:
    return [entry.event for entry in taken.entries if isinstance(entry.event, ev.EditRefused)]


_TAKEN_OUT = ("not-started", "failed", "blocked", "blocked-in-review", "needs-qa", "deferred", "removed")
_FORWARD = "it can only go forward"
_DONE = "it is done, with evidence"
_START = "just being started"
_WORD = "never taken on anybody's word"
#: What comes of asking: an event's kind, nothing, or words of the refusal.
ASKED: dict[str, dict[str, str | None]] = {
    "not-started": {"not-started": None, "deferred": "task-deferred", "blocked": "task-blocked"},
    "dispatching": {"not-started": _START, "deferred": _START, "blocked": _START},
    "running": dict.fromkeys(("not-started", "deferred", "blocked"), "stop-requested"),
    "stopping": {"not-started": "stop-requested", "deferred": None, "blocked": "stop-requested"},
    "reviewing": {"not-started": "requeued", "deferred": "task-deferred", "blocked": "task-blocked"},
    "needs-qa": {"not-started": "requeued", "deferred": "task-deferred", "blocked": "task-blocked"},
    "blocked-in-review": {"not-started": "review-resumed", "deferred": "task-deferred", "blocked": None},
    "gating": {"not-started": "requeued", "deferred": "task-deferred", "blocked": "task-blocked"},
    "intended": dict.fromkeys(("not-started", "deferred", "blocked"), _FORWARD),
    "merged": dict.fromkeys(("not-started", "deferred", "blocked"), _FORWARD),
    "closing": dict.fromkeys(("not-started", "deferred", "blocked"), _FORWARD),
    "done": dict.fromkeys(("not-started", "deferred", "blocked"), _DONE),
    "failed": {"not-started": "requeued", "deferred": "task-deferred", "blocked": "task-blocked"},
    "blocked": {"not-started": "requeued", "deferred": "task-deferred", "blocked": None},
    "blocked-in-gate": {"not-started": "gate-resumed", "deferred": "task-deferred", "blocked": None},
    "blocked-conflict": {"not-started": "requeued", "deferred": "task-deferred", "blocked": None},
    "blocked-intended": {"not-started": "gate-resumed", "deferred": _FORWARD, "blocked": None},
    "blocked-merged": {"not-started": "gate-resumed", "deferred": _FORWARD, "blocked": None},
    "deferred": {"not-started": "requeued", "deferred": None, "blocked": "task-blocked"},
}


class TestStatus:
    """`status` is shared: people ask for three of the seven and take them back, the others are the daemon's."""

    @pytest.mark.parametrize("wanted", Status)
    @pytest.mark.parametrize("state", ASKED)
    def test_every_request_in_every_state(self, state: str, wanted: Status) -> None:
        """The whole table; whatever is answered, the fold takes it."""
        record = ledger_with(state).records["T-1"]
        expected = ASKED[state].get(wanted.value, _WORD)
        if expected is None:
            assert intake.request(record, wanted, "please", "person") is None
        elif " " in expected:
            with pytest.raises(Refused, match=expected) as caught:
                intake.request(record, wanted, "please", "person")
            assert caught.value.where == "T-1"
        else:
            event = intake.request(record, wanted, "please", "person")
            assert event is not None
            assert event.kind == expected
            folded(event, record=record)

    def test_a_request_in_a_file_is_the_same_request(self) -> None:
        """Done, or refused aloud with what was written kept in the log."""
        ledger = ledger_with("not-started", "done")
        assert kinds(edit(ledger, status="deferred")) == ["task-deferred"]
        assert kinds(edit(ledger, status="not-started")) == ["requeued"]
        (refused,) = refusals(edit(ledger, status="done"))
        assert refused.changed == {"status": ("not-started", "done")}
        assert _WORD in refused.reason
        (refused,) = refusals(edit(ledger, "T-2", status="not-started"))
        assert refused.reason == _DONE

    @pytest.mark.parametrize("nonsense", ["Done", "finished", 5, ["done"], {"x": 1}, True, 1.5])
    def test_what_is_no_status(self, nonsense: object) -> None:
        """Refused, and the other fields of the entry are taken."""
        ledger = ledger_with("not-started")
        taken = edit(ledger, status=nonsense, priority=7)
        assert kinds(taken) == ["task-edited", "edit-refused"]
        assert ledger.records["T-1"].task.priority == 7

    @pytest.mark.parametrize("nothing", [None, ""])
    def test_no_status_is_not_started(self, nothing: object) -> None:
        """An empty cell, a field that was taken out."""
        ledger = ledger_with("failed")
        assert kinds(edit(ledger, status=nothing)) == ["requeued"]

    @pytest.mark.parametrize("status", Status)
    def test_a_new_entry_with_a_status(self, status: Status) -> None:
        """What people may ask for is done; what is the daemon's is refused aloud and blocked until somebody says."""
        ledger = Ledger(MemoryJournal())
        taken = take(ledger, FaceChanges({"T-1": {"id": "T-1", "description": "x", "status": status.value}}, {}, {}))
        record = ledger.records["T-1"]
        match status:
            case Status.NOT_STARTED | Status.DEFERRED | Status.BLOCKED:
                assert record.status is status
                assert refusals(taken) == []
            case _:
                assert record.status is Status.BLOCKED
                assert len(refusals(taken)) == 1
                assert "ask for `not-started`" in record.notes[-1]
                assert kinds(edit(ledger, status="not-started")) == ["requeued"]

    def test_an_edit_while_its_worker_is_being_started_waits(self) -> None:
        """Told again later, nothing of it lost, nothing refused."""
        ledger = ledger_with("dispatching", "not-started")
        both: dict[str, Any] = {"T-1": {"status": ("in-progress", "deferred")}, "T-2": {"priority": (0, 1)}}
        taken = take(ledger, FaceChanges({}, {}, both))
        assert (taken.later, kinds(taken)) == ({"T-1"}, ["task-edited"])


class TestFields:
    """The first block of an entry is people's, the second the daemon's, what is in neither is kept."""

    VALUES: Mapping[str, Any] = {
        "description": "else",
        "issue": "#9",
        "repo": "web",
        "branch": "fix/x",
        "depends_on": ["T-9"],
        "blocks": ["T-8"],
        "estimate": "5.2K",
        "priority": -3,
        "kind": "docs",
        "phase": 4,
        "files": ["a/b.py"],
        "runtime": "codex",
        "command": ["make", "x"],
        "prompt": "do it well",
        "rail": "process",
        "fixes_main": True,
        "category": "medium",
    }

    def test_every_field_is_in_this_test(self) -> None:
        """A new one needs a line."""
        assert set(self.VALUES) == set(PEOPLE_FIELDS)

    @pytest.mark.parametrize("state", [name for name in HISTORIES if name not in ("dispatching", "removed")])
    @pytest.mark.parametrize("field", VALUES)
    def test_people_own_theirs_in_every_state(self, field: str, state: str) -> None:
        """Set, and taken back to nothing."""
        ledger = ledger_with(state)
        before = entry_of(ledger.records["T-1"])
        value = self.VALUES[field]
        taken = edit(ledger, **{field: value})
        assert kinds(taken) == ["task-edited"]
        assert entry_of(ledger.records["T-1"]) == {**before, field: value}
        event = taken.entries[0].event
        assert isinstance(event, ev.TaskEdited)
        assert event.changed == {field: (before[field], value)}
        if field != "description":
            assert kinds(edit(ledger, **{field: None})) == ["task-edited"]
            assert entry_of(ledger.records["T-1"]) == before

    @pytest.mark.parametrize("field", DAEMON_FIELDS)
    @pytest.mark.parametrize("state", ["not-started", "running", "done", "blocked-merged"])
    def test_the_daemon_owns_its_own(self, field: str, state: str) -> None:
        """Refused aloud, with what was written; nothing changes."""
        ledger = ledger_with(state)
        before = entry_of(ledger.records["T-1"])
        taken = edit(ledger, **{field: {"evil": 1}})
        (refused,) = refusals(taken)
        assert refused.changed[field][1] == {"evil": 1}
        assert len(taken.entries) == 1
        assert entry_of(ledger.records["T-1"]) == before

    def test_unknown_fields_are_kept(self) -> None:
        """Added, changed, taken out; whatever they hold."""
        ledger = ledger_with("not-started")
        edit(ledger, mine={"a": [1, None]}, other="x")
        assert ledger.records["T-1"].task.extra == {"mine": {"a": [1, None]}, "other": "x"}
        edit(ledger, mine=None, other="y")
        assert ledger.records["T-1"].task.extra == {"other": "y"}

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("kind", "cod"),
            ("priority", "high"),
            ("branch", "-x"),
            ("branch", "a..b"),
            ("files", ["../x"]),
            ("depends_on", "T-1"),
            ("depends_on", ["../x"]),
            ("command", [""]),
            ("phase", -1),
            ("estimate", "much"),
            ("description", None),
            ("description", 7),
        ],
    )
    def test_a_value_that_cannot_be(self, field: str, value: object) -> None:
        """Named and refused; the entry beside it is taken in."""
        ledger = ledger_with("not-started", "not-started")
        both: dict[str, Any] = {"T-1": {field: (None, value)}, "T-2": {"priority": (0, 5)}}
        taken = take(ledger, FaceChanges({}, {}, both))
        assert len(taken.problems) == 1
        assert "T-1" in taken.problems[0]
        assert field in taken.problems[0]
        assert len(refusals(taken)) == 1
        assert ledger.records["T-2"].task.priority == 5
        assert taken.rejected == set()

    def test_what_both_sides_changed_alike_is_no_change(self) -> None:
        """Nor is nothing written in another way."""
        ledger = ledger_with("not-started")
        ledger.append("T-1", ev.TaskDeferred("x", "x"), at=at(1))
        changes = {"T-1": {"status": ("not-started", "deferred"), "issue": (None, ""), "files": (None, [])}}
        assert take(ledger, FaceChanges({}, {}, changes)).entries == []

    def test_an_edit_and_a_request_in_one(self) -> None:
        """Both are done, the edit first."""
        ledger = ledger_with("failed")
        assert kinds(edit(ledger, prompt="better", status="not-started", notes="x")) == [
            "task-edited",
            "edit-refused",
            "requeued",
        ]


class TestComingAndGoing:
    """Entries that appear, disappear, and appear again."""

    def test_new_ones_stand_in_the_order_they_came(self) -> None:
        """After those that are there, none in the place of another."""
        ledger = ledger_with("done", "removed")
        new = {name: {"id": name, "description": name} for name in ("z", "a", "m")}
        take(ledger, FaceChanges(new, {}, {}))
        assert [record.id for record in ledger.listed()] == ["T-1", "z", "a", "m"]
        assert len({record.position for record in ledger.records.values()}) == 5

    def test_a_bad_new_one_is_named_and_left(self) -> None:
        """With the good ones around it taken in."""
        ledger = Ledger(MemoryJournal())
        new = {
            "a": {"id": "a", "description": "x"},
            "b": {"id": "b"},
            "c": {"id": "c", "description": "x", "status": "nonsense"},
            "d": {"id": "d", "description": "x"},
        }
        taken = take(ledger, FaceChanges(new, {}, {}))
        assert list(ledger.records) == ["a", "d"]
        assert taken.rejected == {"b", "c"}
        assert len(taken.problems) == 2

    @pytest.mark.parametrize("state", HISTORIES)
    def test_taking_one_out(self, state: str) -> None:
        """Only one that waits; others are refused aloud and come back with the next publication."""
        ledger = ledger_with(state)
        taken = take(ledger, FaceChanges({}, {"T-1": {}}, {}))
        gone = isinstance(ledger.records["T-1"].state, Removed)
        assert gone == (state in _TAKEN_OUT)
        assert len(refusals(taken)) == (not gone)

    def test_one_that_comes_back_keeps_its_fences(self) -> None:
        """A new life, the old count."""
        ledger = ledger_with("failed")
        take(ledger, FaceChanges({}, {"T-1": {}}, {}))
        take(ledger, FaceChanges({"T-1": {"id": "T-1", "description": "again"}}, {}, {}))
        record = ledger.records["T-1"]
        assert (record.fence, record.tries, record.status) == (1, {}, Status.NOT_STARTED)

    def test_one_that_comes_back_after_a_lost_ledger(self) -> None:
        """Its fences go on from what was found."""
        ledger = Ledger(MemoryJournal())
        ledger.remember({intake.FENCES: '{"T-1": 4}'})
        new = {name: {"id": name, "description": "x"} for name in ("T-1", "T-2")}
        take(ledger, FaceChanges(new, {}, {}))
        assert (ledger.records["T-1"].fence, ledger.records["T-2"].fence) == (4, 0)

    @pytest.mark.parametrize("state", [name for name in HISTORIES if name != "removed"])
    def test_an_entry_of_a_task_that_is_there_already(self, state: str) -> None:
        """Its people's fields are an edit; its status and the daemon's fields say nothing."""
        ledger = ledger_with(state)
        before = entry_of(ledger.records["T-1"])
        raw = {"id": "T-1", "description": "else", "status": "done", "attempt": 99, "notes": "x", "priority": 0}
        taken = take(ledger, FaceChanges({"T-1": raw}, {}, {}))
        assert kinds(taken) == ["task-edited"]
        assert entry_of(ledger.records["T-1"]) == {**before, "description": "else"}

    def test_a_bad_entry_of_a_task_that_is_there_already(self) -> None:
        """Named, and the rest goes on: one bad row of a table is not all its rows."""
        ledger = ledger_with("not-started")
        new = {"T-1": {"id": "T-1", "description": "x", "branch": "-x"}, "T-2": {"id": "T-2", "description": "y"}}
        taken = take(ledger, FaceChanges(new, {}, {}))
        assert "T-2" in ledger.records
        assert len(taken.problems) == 1
        assert len(refusals(taken)) == 1

    def test_changes_to_what_was_never_there(self) -> None:
        """Or is no more: nothing."""
        ledger = ledger_with("removed")
        changes = FaceChanges({}, {"T-1": {}, "T-9": {}}, {"T-1": {"priority": (0, 1)}, "T-9": {"priority": (0, 1)}})
        assert take(ledger, changes).entries == []


_VALUES = st.sampled_from([None, "", "x", 5, -1, ["T-2"], "done", "deferred", "blocked", "not-started", {"a": 1}, True])
_FIELDS = st.sampled_from(["status", *PEOPLE_FIELDS, *DAEMON_FIELDS, "mine", "id"])
_CHANGES = st.dictionaries(_FIELDS, st.tuples(_VALUES, _VALUES), max_size=4)
_RAW = st.dictionaries(_FIELDS, _VALUES, max_size=4)
_IDS = st.sampled_from(["T-1", "T-2", "T-3"])


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.sampled_from([*HISTORIES]), st.sampled_from([*HISTORIES])),
    st.dictionaries(_IDS, _RAW, max_size=3),
    st.lists(_IDS, max_size=2, unique=True),
    st.dictionaries(_IDS, _CHANGES, max_size=3),
)
def test_whatever_people_write_the_ledger_takes_what_comes_of_it(
    histories: tuple[str, str],
    new: dict[str, dict[str, Any]],
    gone: list[str],
    changed: dict[str, dict[str, tuple[Any, Any]]],
) -> None:
    """No exception, no transition that does not fit, no task that loses its fence, nothing done on anybody's word."""
    ledger = ledger_with(*histories)
    before: dict[str, Record] = dict(ledger.records)
    entries = {name: {"description": "x", **raw, "id": name} for name, raw in new.items() if name not in gone}
    changed = {name: fields for name, fields in changed.items() if name not in gone and name not in entries}
    take(ledger, FaceChanges(entries, {name: {} for name in gone}, changed))
    for name, record in ledger.records.items():
        assert record.id == name
        assert record.fence >= before.get(name, record).fence
        assert (record.status is Status.DONE) == (name in before and before[name].status is Status.DONE)
        assert record.stage is None or before[name].attempt is not None
