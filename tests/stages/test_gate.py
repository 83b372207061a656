"""The gate's state machine: every step, every answer, death between any two calls, a base branch that never rests."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest

from mosaic_daemon.forges.base import (
    Answer,
    Conflict,
    Delayed,
    Forbidden,
    Guard,
    Moved,
    NothingToMerge,
    Sent,
    Undecided,
    Verdict,
)
from mosaic_daemon.forges.memory import Effect, Fault, in_turn
from mosaic_daemon.ground.errors import Unavailable
from mosaic_daemon.nouns import events as ev
from mosaic_daemon.nouns.attempt import FailureClass
from mosaic_daemon.nouns.gate import STEPS, Step
from mosaic_daemon.nouns.record import Blocked, Failed, Gating, NotStarted
from mosaic_daemon.nouns.task import Kind, Status
from mosaic_daemon.repository.reverts import Reverted
from mosaic_daemon.stages import gate
from tests.samples import added, at, failure, folded, task, to_gate, to_running
from tests.stages.gates import Boundaries, GateBench

PRESENT = gate.GatePolicy("main", ci="required", change_ci="required")


async def test_the_way_through() -> None:
    """Eight steps in their order, one commit, one comment, evidence for each."""
    bench = GateBench()
    record = await bench.run()
    assert record.status is Status.DONE
    bench.check_done()
    steps = [entry.event.step for _, entry in bench.journal.entries() if isinstance(entry.event, ev.GateStepped)]
    assert steps == list(STEPS[:-1])
    intents = [entry.event.key for _, entry in bench.journal.entries() if isinstance(entry.event, ev.GateIntended)]
    assert intents == ["T-1.1:pr:0", "T-1.1:merge:1", "T-1.1:close:2"]
    assert bench.forge.comments == {"#7": [f"Merged as {bench.forge.head}."]}
    assert bench.forge.calls["tidy"] == 1
    assert record.notes[-1] == f"done: {bench.forge.head[:12]} on main | CI: green | closed: #7"


async def test_every_act_has_its_intent_recorded_before() -> None:
    """Whoever looks at the journal at the moment of the act finds what is about to be done."""
    bench = GateBench()
    open_intents: list[object] = []

    def note(operation: str, when: str) -> None:
        if when == "before" and operation in ("open_change", "merge", "close_issue"):
            state = bench.journal.load().records[0].state
            assert isinstance(state, Gating)
            open_intents.append(state.gate.intent)

    bench.forge.hooks.append(note)
    await bench.run()
    assert open_intents == [
        {"key": "T-1.1:pr:0", "open": "task/t-1", "try": 1},
        {"key": "T-1.1:merge:1", "merge": bench.head, "onto": bench.forge.history.first, "try": 1},
        {"key": "T-1.1:close:2", "close": "#7", "try": 1},
    ]


async def boundaries(**more: object) -> int:
    bench = GateBench(**more)  # type: ignore[arg-type]
    count = Boundaries(bench.forge)
    await bench.run()
    return count.seen


INSTANTS = range(asyncio.run(boundaries()))


@pytest.mark.parametrize("instant", INSTANTS)
async def test_death_between_any_two_calls(instant: int) -> None:
    """The next daemon goes on from the record: done, once merged, once commented."""
    bench = GateBench()
    Boundaries(bench.forge).kill_at(instant)
    assert (await bench.run()).status is Status.DONE
    bench.check()
    assert len(bench.landed) == 1
    assert len(bench.forge.comments["#7"]) == 1


async def test_death_at_any_two_instants() -> None:
    """Also while the next daemon is picking up the pieces."""
    for instants in product(INSTANTS, range(1, 12)):
        bench = GateBench()
        Boundaries(bench.forge).kill_at(instants[0], sum(instants))
        assert (await bench.run()).status is Status.DONE
        bench.check()
        assert (len(bench.landed), len(bench.forge.comments["#7"])) == (1, 1), instants


@pytest.mark.parametrize("guards_base", [True, False])
@pytest.mark.parametrize("instant", INSTANTS)
async def test_somebody_commits_between_any_two_calls(instant: int, guards_base: bool) -> None:
    """The squash lands once, on top of what is really there, and its tree is checked against that."""
    bench = GateBench()
    bench.forge.guards_base = guards_base
    Boundaries(bench.forge).push_at(instant, "other.txt")
    assert (await bench.run()).status is Status.DONE
    bench.check()
    assert len(bench.landed) == 1
    files = bench.forge.history[bench.forge.head].files
    assert files == {"a.txt": "mine", "other.txt": f"by somebody at {instant}"}


@pytest.mark.parametrize("guards_base", [True, False])
@pytest.mark.parametrize("instant", INSTANTS)
async def test_somebody_commits_a_conflict_between_any_two_calls(instant: int, guards_base: bool) -> None:
    """Landed before it, or sent back to a worker with the file named, or blocked where it was too late to go back."""
    bench = GateBench()
    bench.forge.guards_base = guards_base
    Boundaries(bench.forge).push_at(instant, "a.txt")
    record = await bench.run()
    bench.check()
    assert len(bench.landed) <= 1
    if not bench.landed:
        assert record.last_failure is not None
        assert "a.txt" in record.last_failure.message
        if guards_base:
            assert isinstance(record.state, NotStarted)
    else:
        assert record.status is Status.DONE


async def test_somebody_commits_and_the_daemon_dies() -> None:
    """Any instant for the one, any close to it for the other."""
    for push, distance, guards in product(INSTANTS, range(-2, 8), (True, False)):
        kill = push + distance
        bench = GateBench()
        bench.forge.guards_base = guards
        plan = Boundaries(bench.forge)
        plan.push_at(push, "other.txt")
        plan.kill_at(kill)
        assert (await bench.run()).status is Status.DONE, (push, kill, guards)
        bench.check()
        assert len(bench.landed) == 1, (push, kill, guards)


ANSWERS: dict[str, Answer | Exception] = {
    "sent": Sent("500"),
    "moved": Moved("405"),
    "delayed": Delayed("rate limited"),
    "forbidden": Forbidden(failure(FailureClass.GATE, "405 Method Not Allowed")),
    "unavailable": Unavailable("connection reset"),
    "broken": ValueError("no JSON"),
}


@pytest.mark.parametrize("answer", ANSWERS)
async def test_a_merge_that_is_done_and_answered_badly(answer: str) -> None:
    """The probe decides: whatever was said, it is merged, and merged once."""
    bench = GateBench()
    bench.forge.script("merge", Fault(answer=ANSWERS[answer]))
    await bench.run(until=Step.MERGE)
    for _ in range(2):
        try:
            await bench.run()
        except ValueError:
            bench.restart()
    assert bench.status is Status.DONE
    assert len(bench.landed) == 1
    assert bench.forge.calls["merge"] == 1


@pytest.mark.parametrize(
    ("answer", "status", "word"),
    [
        ("sent", Status.BLOCKED, "no commit of it is on the base branch"),
        ("forbidden", Status.BLOCKED, "405 Method Not Allowed"),
        ("delayed", Status.DONE, ""),
        ("moved", Status.DONE, ""),
        ("unavailable", Status.DONE, ""),
    ],
)
async def test_a_merge_that_is_answered_and_not_done(answer: str, status: Status, word: str) -> None:
    """Answered well is not done; a refusal blocks with its words; what passes is tried again."""
    bench = GateBench()
    bench.forge.script("merge", Fault(Effect.NEVER, ANSWERS[answer]))
    record = await bench.run()
    assert record.status is status
    bench.check()
    if status is Status.BLOCKED:
        assert record.last_failure is not None
        assert word in record.last_failure.message
        assert not bench.landed
        bench.ask(Status.NOT_STARTED)
        assert (await bench.run()).status is Status.DONE
    assert len(bench.landed) == 1


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("after", range(8))
@pytest.mark.parametrize("push", [None, "other.txt"])
async def test_a_merge_that_shows_late(answer: str, after: int, push: str | None) -> None:
    """Forges merge in the background. Whenever it shows, however it was answered: one commit, and the task is done."""
    bench = GateBench()
    bench.forge.script("merge", Fault(Effect.LATER, ANSWERS[answer]))
    await bench.run(until=Step.MERGE)
    for look in range(40):
        if look == 1 and push:
            bench.forge.push({push: "by somebody"})
        if look == after + 1:
            bench.forge.guards_base = False
            bench.forge.catch_up()
        if bench.status is Status.BLOCKED:
            bench.ask(Status.NOT_STARTED)
        try:
            await bench.look() if bench.step else None
        except (Unavailable, ValueError):
            bench.restart()
        bench.check()
    assert bench.status is Status.DONE
    assert len(bench.landed) == 1


async def test_a_change_that_takes_back_the_work_of_others() -> None:
    """Blocked with the file and its commit named; naming the file says that it is meant."""
    bench = GateBench()
    bench.forge.reverts = (Reverted("a.txt", "c" * 40),)
    record = await bench.run()
    assert record.status is Status.BLOCKED
    assert record.last_failure is not None
    assert record.last_failure.code == "suspect_revert"
    assert "a.txt (cccccccccccc)" in record.last_failure.message
    assert not bench.landed
    bench.append(ev.TaskEdited(replace(bench.task, files=("a.txt",)), {}, "test"))
    bench.ask(Status.NOT_STARTED)
    assert (await bench.run()).status is Status.DONE


async def test_a_squash_of_a_wrong_tree_is_seen() -> None:
    """The forge slipped something in: blocked, with both trees named."""
    bench = GateBench()
    bench.forge.script("merge", Fault(spoils={"evil.txt": "x"}))
    record = await bench.run()
    assert record.status is Status.BLOCKED
    assert isinstance(record.state, Blocked)
    assert record.state.gate is not None
    assert record.state.gate.step is Step.VERIFY
    assert "tree" in record.state.failure.message
    bench.ask(Status.NOT_STARTED)
    assert (await bench.run()).status is Status.BLOCKED  # asking does not make it right


async def test_a_base_branch_that_was_wound_back_after_the_merge() -> None:
    """What has landed is gone again: blocked, never done."""
    bench = GateBench()
    await bench.run(until=Step.VERIFY)
    bench.forge.head = bench.forge.history.first
    record = await bench.run()
    assert record.status is Status.BLOCKED
    assert record.last_failure is not None
    assert "is not on main any more" in record.last_failure.message


@pytest.mark.parametrize("red_first", [True, False])
async def test_the_base_branch_has_to_be_clear_and_green(red_first: bool) -> None:
    """Red or running: hold, use no try, say why; then on."""
    bench = GateBench()
    first = Verdict.RED if red_first else Verdict.PENDING
    bench.forge.ci = in_turn(first, first, Verdict.GREEN)
    record = await bench.run()
    assert record.status is Status.DONE
    assert record.tries == {}
    held = [entry.event for _, entry in bench.journal.entries() if isinstance(entry.event, ev.GateHeld)]
    assert len(held) == 1  # said once, although it was looked at twice
    assert ("red" if red_first else "running") in held[0].hold.reason
    assert bench.forge.calls["queue"] == 3


async def test_the_change_itself_has_to_be_green() -> None:
    """Red: back to a worker once, with the check named; red again: blocked."""
    bench = GateBench()
    bench.forge.ci = lambda question, _: Verdict.RED if question == "change" else Verdict.GREEN
    record = await bench.run()
    assert isinstance(record.state, NotStarted)
    assert record.tries == {"ci": 1}
    bench.accept()
    record = await bench.run()
    assert record.status is Status.BLOCKED
    assert record.last_failure is not None
    assert record.last_failure.kind is FailureClass.CI
    assert record.last_failure.command == f"ci {bench.head}"
    assert not bench.landed


async def test_a_conflict_goes_back_once_and_then_blocks() -> None:
    """With the files named, and a person's request starts it over."""
    bench = GateBench()
    bench.forge.push({"a.txt": "theirs"})
    record = await bench.run()
    assert isinstance(record.state, NotStarted)
    assert "a.txt" in record.state.reason
    bench.accept()
    record = await bench.run()
    assert record.status is Status.BLOCKED
    bench.ask(Status.NOT_STARTED)
    assert isinstance(bench.record.state, NotStarted)
    bench.head = bench.forge.history.commit(bench.forge.head, {"a.txt": "both"})
    bench.accept()
    assert (await bench.run()).status is Status.DONE


async def test_a_change_that_changes_nothing_is_no_success() -> None:
    """The task fails, and says so."""
    bench = GateBench(changes={})
    record = await bench.run()
    assert isinstance(record.state, Failed)
    assert record.state.failure.kind is FailureClass.NO_CHANGES


@pytest.mark.parametrize("kind", [Kind.VERIFICATION, Kind.TRACKING])
@pytest.mark.parametrize("instant", [None, *INSTANTS])
async def test_a_verification_without_a_change_closes_its_issue(kind: Kind, instant: int | None) -> None:
    """Nothing is merged; `done` still means that the issue is closed, also when the daemon dies on the way."""
    bench = GateBench(task(kind=kind, issue="#7"), changes={})
    if instant is not None:
        Boundaries(bench.forge).kill_at(instant)
    record = await bench.run()
    assert record.status is Status.DONE
    bench.check_done()
    assert not bench.landed
    assert bench.forge.comments == {"#7": ["Nothing had to be changed."]}
    assert record.notes[-1] == f"done: nothing to change at {bench.forge.head[:12]} | closed: #7"


async def test_a_verification_with_a_change_is_merged_like_any_other() -> None:
    """Only doing nothing is special."""
    bench = GateBench(task(kind=Kind.VERIFICATION))
    assert (await bench.run()).status is Status.DONE
    assert len(bench.landed) == 1


async def test_ci_of_the_merge_commit_decides() -> None:
    """Pending waits; red blocks with the commit named and goes on only when it is green."""
    bench = GateBench()
    asked = in_turn(Verdict.PENDING, Verdict.PENDING, Verdict.RED)
    bench.forge.ci = lambda question, sha: asked(question, sha) if question == "commit" else Verdict.GREEN
    record = await bench.run()
    assert record.status is Status.BLOCKED
    assert record.last_failure is not None
    assert bench.forge.head in record.last_failure.message
    assert record.last_failure.command
    bench.forge.ci = in_turn(Verdict.GREEN)
    bench.ask(Status.NOT_STARTED)
    assert (await bench.run()).status is Status.DONE
    assert len(bench.landed) == 1


@pytest.mark.parametrize("question", ["change", "commit"])
async def test_without_a_verdict_nothing_is_green_where_ci_is_required(question: str) -> None:
    """Blocked; where it is not required, absence with its proof will do."""
    for policy, status in ((PRESENT, Status.BLOCKED), (gate.GatePolicy("main"), Status.DONE)):
        bench = GateBench(policy=policy)
        bench.forge.ci = lambda asked, _: Verdict.ABSENT if asked == question else Verdict.GREEN
        record = await bench.run()
        assert record.status is status
        if status is Status.DONE:
            done = [entry.event for _, entry in bench.journal.entries() if isinstance(entry.event, ev.TaskDone)]
            step = "mergeable" if question == "change" else "main-ci"
            seen = next(
                entry.event.evidence
                for _, entry in bench.journal.entries()
                if isinstance(entry.event, ev.GateStepped) and entry.event.step == step
            )
            assert seen["detail"] == "the repository has no CI"
            assert len(done) == 1
        else:
            assert "never started" in record.notes[-1]


async def test_a_forge_that_has_not_decided_yet() -> None:
    """Wait and look again; a rule that forbids it blocks."""
    bench = GateBench()
    bench.forge.mergeabilities.extend([Undecided("checking"), Undecided("checking"), Undecided("still checking")])
    assert (await bench.run()).status is Status.DONE
    held = [entry.event.hold.reason for _, entry in bench.journal.entries() if isinstance(entry.event, ev.GateHeld)]
    assert held == ["checking", "still checking"]
    bench = GateBench()
    bench.forge.mergeabilities.append(
        Forbidden(replace(failure(FailureClass.GATE, "needs two approvals"), command="x"))
    )
    record = await bench.run()
    assert record.status is Status.BLOCKED
    assert record.notes[-1] == "gate:mergeable: needs two approvals | x"


@pytest.mark.parametrize("answer", [Conflict(()), NothingToMerge()])
async def test_what_may_be_merged_already_is_never_given_up(answer: Conflict | NothingToMerge) -> None:
    """After a round that sent a merge, the probe for it comes before any judgement of the change."""
    bench = GateBench()
    bench.forge.script("merge", Fault(Effect.LATER, Moved("405")))
    await bench.run(until=Step.MERGE)
    await bench.look()
    await bench.look()
    assert bench.step is Step.MAIN_CLEAR
    bench.forge.catch_up()
    bench.forge.mergeabilities.append(answer)
    assert (await bench.run()).status is Status.DONE
    assert len(bench.landed) == 1


async def test_a_base_branch_that_never_rests() -> None:
    """A hundred rounds, then blocked: bounded, and said."""
    bench = GateBench()

    def push(operation: str, when: str) -> None:
        if (operation, when) == ("merge", "before"):
            bench.forge.push({"other.txt": f"round {bench.forge.calls['merge']}"})

    bench.forge.hooks.append(push)
    for _ in range(20):
        try:
            await bench.run()
        except AssertionError:
            continue
        break
    assert bench.status is Status.BLOCKED
    assert bench.forge.calls["merge"] == 101
    assert not bench.landed


@pytest.mark.parametrize("operation", ["base", "queue", "find_change", "mergeability", "change_ci", "find_landed"])
async def test_an_outage_is_not_a_failure(operation: str) -> None:
    """It is raised as it is, nothing is recorded, nothing is counted, and the same look works later."""
    bench = GateBench()
    down = [True, True]

    def fail(asked: str, when: str) -> None:
        if asked == operation and when == "before" and down:
            down.pop()
            raise Unavailable("forge down")

    bench.forge.hooks.append(fail)
    record = await bench.run()
    assert record.status is Status.DONE
    assert record.tries == {}
    assert down == []


@pytest.mark.parametrize("act", ["open_change", "close_issue"])
@pytest.mark.parametrize("effect", [Effect.NOW, Effect.LATER])
async def test_an_act_that_is_done_and_answered_badly(act: str, effect: Effect) -> None:
    """A pull request is opened once, an issue commented once, whatever was answered."""
    bench = GateBench()
    bench.forge.script(act, Fault(effect, Unavailable("502")))  # type: ignore[arg-type]
    bench.forge.hooks.append(
        lambda operation, when: bench.forge.catch_up() if (operation, when) == (act, "after") else None
    )
    assert (await bench.run()).status is Status.DONE
    assert bench.forge.calls[act] == 1
    assert len(bench.forge.comments["#7"]) == 1


async def test_an_issue_that_somebody_closed_already() -> None:
    """Nothing is said twice."""
    bench = GateBench()
    await bench.run(until=Step.CLOSE)
    bench.forge.close_by_hand(gate.machine.proposal_of(bench.record, bench.record.state.gate, "main"))  # type: ignore
    assert (await bench.run()).status is Status.DONE
    assert bench.forge.calls["close_issue"] == 0


@pytest.mark.parametrize("step", [step for step in Step if step not in (Step.LEASE, Step.MAIN_CLEAR)])
async def test_a_task_that_is_edited_in_its_gate(step: Step) -> None:
    """It lands once and is done: what was accepted is what counts."""
    bench = GateBench()
    await bench.run(until=step)
    edited = replace(bench.task, branch="other", description="else", kind=Kind.DOCS, files=("x",))
    bench.append(ev.TaskEdited(edited, {}, "test"))
    assert (await bench.run()).status is Status.DONE
    assert len(bench.landed) == 1


def test_the_lease_goes_to_the_gate_in_the_window_and_then_to_the_oldest() -> None:
    """One gate between guard and verdict; those that only close an issue are not in anybody's way."""

    def gating(id: str, step: Step, opened: int) -> object:  # noqa: A002
        record = folded(*to_gate(step, id))
        assert isinstance(record.state, Gating)
        return replace(record, state=replace(record.state, gate=replace(record.state.gate, opened_at=at(opened))))

    def holder(*records: object) -> str | None:
        return gate.lease_holder(records)  # type: ignore[arg-type]

    assert holder() is None
    assert holder(folded(added()), folded(added(), *to_running())) is None
    assert holder(gating("A", Step.LEASE, 5), gating("B", Step.LEASE, 3)) == "B"
    assert holder(gating("A", Step.LEASE, 1), gating("B", Step.MAIN_CI, 9)) == "B"
    assert holder(gating("A", Step.LEASE, 1), gating("B", Step.CLOSE, 0)) == "A"
    assert holder(gating("B", Step.CLOSE, 0)) is None
    resumed = (gating("A", Step.MERGE, 1), gating("B", Step.MAIN_CI, 9), gating("C", Step.MERGE, 0))
    assert [holder(*resumed), holder(*resumed[::2])] == ["B", "C"]


UNKNOWN = {"answered": Sent("200"), "no answer": Unavailable("502")}


@pytest.mark.parametrize("dies", [False, True])
@pytest.mark.parametrize("answer", UNKNOWN)
@pytest.mark.parametrize("act", ["open_change", "merge", "close_issue"])
async def test_what_may_have_been_sent_is_looked_for_before_it_is_sent_again(act: str, answer: str, dies: bool) -> None:
    """However often somebody looks in the first minute: a forge that takes its time is not asked twice."""
    bench = GateBench()
    bench.forge.guard = Guard.HEAD
    bench.forge.script(act, Fault(Effect.LATER, UNKNOWN[answer]))  # type: ignore[arg-type]
    await bench.run(until={"open_change": Step.PR, "merge": Step.MERGE, "close_issue": Step.CLOSE}[act])
    started = bench.now
    while bench.now - started < timedelta(minutes=1):
        with suppress(Unavailable):
            await bench.look()
        if dies and bench.forge.calls[act]:
            bench.restart()
        bench.waited += timedelta(seconds=3)
    assert bench.forge.calls[act] == 1
    bench.forge.catch_up()
    assert (await bench.run()).status is Status.DONE
    assert bench.forge.calls[act] == 1
    bench.check()
