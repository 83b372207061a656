"""`explain`: why a task is where it is and what would move it, state by state."""

from __future__ import annotations

import pytest

from mosaic_daemon.nouns.attempt import Failure, FailureClass
from mosaic_daemon.nouns.events import (
    AttemptFailed,
    AttemptIntended,
    AttemptReleased,
    DeferralDocumented,
    GateBlocked,
    GateHeld,
    GateIntended,
    QaNeeded,
    Reported,
    ReviewBlocked,
    ReviewHeld,
    ReviewPassed,
    RuntimeHeld,
    StopRequested,
    TaskArchived,
    TaskBlocked,
    TaskDeferred,
    TaskDone,
    TaskRemoved,
)
from mosaic_daemon.nouns.gate import Hold, Step
from mosaic_daemon.nouns.task import Category
from tests.cli.conftest import Commands, Happen
from tests.samples import HEAD, MERGE, NOON, added, at, attempt, failure, to_gate, to_review, to_running
from tests.support import worker
from tests.support.fixtures import Start
from tests.support.repo import Repo

RED = Failure(
    FailureClass.CI,
    "gate:mergeable",
    "its CI is red",
    command="sh -c 'make  test\nmake lint'",
    cwd="/srv/a b",
    tail="\x1b[31mFAIL\x1b[0m test_x\n",
    at=NOON,
)


def explained(command: Commands, task: str) -> str:
    answer = command("explain", task)
    assert (answer.code, answer.err) == (0, "")
    return answer.out


def section(text: str, title: str) -> list[str]:
    """The lines below a title."""
    _, _, rest = text.partition(f"\n{title}\n")
    return [line.strip() for line in rest.partition("\n\n")[0].splitlines()]


def test_dependencies_are_named_with_their_state_and_the_way_out(command: Commands, happen: Happen) -> None:
    happen("F", added("F"), *to_running("F"), AttemptFailed(1, failure(), final=True))
    happen("P", added("P", 1, blocks=("W",)))
    happen("W", added("W", 2, depends_on=("F", "NONE")))
    text = explained(command, "W")
    assert section(text, "Why") == [
        "depends on F, which is failed",
        "depends on NONE, which does not exist",
        "depends on P, which is not-started",
        "no daemon is running",
    ]
    assert section(text, "What would move it") == [
        "F is failed: see mosaic-orchestrator explain F, then mosaic-orchestrator retry F",
        "add a task NONE, or take it out of the dependencies of W",
        "P has to be done first; it is not started",
        "start the daemon: mosaic-orchestrator run",
    ]


def test_a_circle_is_named(command: Commands, happen: Happen) -> None:
    happen("A", added("A", depends_on=("B",)))
    happen("B", added("B", 1, depends_on=("C",)))
    happen("C", added("C", 2, depends_on=("A",)))
    text = explained(command, "A")
    assert "is part of a circle of dependencies: A -> B -> C -> A" in text
    assert "take one of these dependencies out" in text


def test_who_holds_the_branch_or_the_file(command: Commands, happen: Happen) -> None:
    happen("R", added("R", files=("src/a.py",)), *to_running("R"))
    happen("W", added("W", 1, files=("src/a.py",)))
    assert "waits for R on the same file src/a.py" in explained(command, "W")


def test_a_held_runtime(command: Commands, happen: Happen) -> None:
    happen("W", added("W", runtime="claude"))
    happen("", RuntimeHeld("claude", Hold("the provider's limit: 5 hours", at(10**10))))
    assert "the provider's limit: 5 hours" in explained(command, "W")


def test_a_failure_is_shown_with_what_can_be_pasted(command: Commands, happen: Happen) -> None:
    """The command keeps its spaces and lines, and where it was run; the tail is fit for a terminal."""
    happen("B", *to_gate(Step.MERGEABLE, "B"), GateBlocked(RED))
    for text in (explained(command, "B"), command.on_terminal("explain", "B")):
        assert "cd '/srv/a b' && sh -c 'make  test\n" in text
        assert "\x1b[31mFAIL" not in text
        assert "FAIL test_x" in text
    plain = explained(command, "B")
    assert section(plain, "What went wrong") == [
        "What  CI is red",
        "Step  trying the merge and its CI",
        "Said  its CI is red",
    ]
    assert section(plain, "What would move it") == [
        "see it with the command above, and mend what is in its way",
        "then: mosaic-orchestrator retry B",
        "or leave it: mosaic-orchestrator cancel B",
    ]


def test_a_block_that_may_have_merged_can_only_go_forward(command: Commands, happen: Happen) -> None:
    intent = GateIntended(Step.MERGE, "B.1:merge:0", {"merge": "c" * 40})
    happen("B", *to_gate(Step.MERGE, "B"), intent, GateBlocked(failure(FailureClass.GATE)))
    text = explained(command, "B")
    assert "it can only go forward" in text
    assert "cancel" not in text


def test_each_attempt_with_its_outcome_and_its_log(repo: Repo, command: Commands, happen: Happen) -> None:
    released = AttemptReleased(2, "the provider's limit")
    failed = AttemptFailed(1, failure(message="exit 3"), final=False)
    happen("T", added("T"), *to_running("T"), failed, *to_running("T", 2), released)
    log = repo.state / "attempts" / "T.1" / "output.log"
    log.parent.mkdir(parents=True)
    log.write_text("hello\n")
    text = explained(command, "T")
    first, log_line, second, no_log = section(text, "Attempts")
    assert first.split() == ["T.1", "shell@process", "0s", "failed:", "exit", "3"]
    assert log_line == ".mosaic/orchestrator/attempts/T.1/output.log"
    assert second.endswith("did not count: the provider's limit")
    assert no_log == "no log"
    shown = command("explain", "T", "--json").json
    assert [each["log"] for each in shown["attempts"]] == [str(log), None]
    assert [each["kind"] for each in shown["events"]][:3] == ["task-added", "attempt-intended", "attempt-started"]


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ([added("T"), AttemptIntended(attempt("T"))], "a worker is being started"),
        ([added("T"), *to_running("T")], "pid 7 works on it, attempt 1"),
        (
            [added("T"), *to_running("T"), StopRequested("deferred", "x", "ada")],
            "is being stopped; then it is deferred",
        ),
        (to_review("T"), "the independent code and security review looks at cccccccccccc"),
        ([*to_review("T"), ReviewHeld(Hold("the provider's limit", NOON))], "the provider's limit"),
        ([*to_review("T"), QaNeeded(HEAD, "T-QA", failure(), {}, ())], "T-QA mends that on the same branch"),
        (to_gate(Step.MAIN_CI, "T"), "its work is accepted: CI of the merge commit"),
        ([*to_gate(Step.MERGE, "T"), GateHeld(Hold("the checkout is dirty"))], "the checkout is dirty"),
        ([*to_gate(Step.CLOSE, "T"), TaskDone({"merge_sha": MERGE, "ci": "green"})], "as dddddddddddd, CI green"),
        ([added("T"), TaskDeferred("later", "ada")], "it was put off: later"),
        ([added("T"), TaskBlocked("wait for ada", "ada")], "it was blocked: wait for ada"),
        ([added("T"), TaskRemoved("tasks.json")], "taken out of the queue"),
        (
            [added("T"), TaskDeferred("later", "ada"), TaskArchived("0.0.1")],
            "it was put off (later), and is archived with milestone 0.0.1",
        ),
    ],
    ids=[
        "dispatching",
        "running",
        "stopping",
        "review",
        "review-held",
        "needs-qa",
        "gate",
        "held",
        "done",
        "deferred",
        "blocked",
        "removed",
        "archived",
    ],
)
def test_every_state_says_why(command: Commands, happen: Happen, events: list[object], said: str) -> None:
    happen("T", *events)
    assert said in explained(command, "T")


def test_a_review_is_shown_with_what_it_said(command: Commands, happen: Happen) -> None:
    """Who said what of which commit; what they found; and how to have one done again that came to no verdict."""
    said = {"by": "Codex 0.98.0", "head_sha": HEAD, "aspects": ["code", "security"]}
    finding = {"severity": "blocker", "title": "it divides by zero", "file": "src/a.py:3"}
    found = {**said, "verdict": "needs-qa", "findings": [finding]}
    note = "Review: needs-qa (1 blocker) → QA task A-QA created"
    happen("A", *to_review("A"), QaNeeded(HEAD, "A-QA", failure(FailureClass.REVIEW), found, (note,)))
    text = explained(command, "A")
    assert section(text, "Review")[0].split() == ["Verdict", "needs-qa"]
    assert section(text, "Review")[-1].split(maxsplit=1) == ["blocker", "it divides by zero (src/a.py:3)"]
    assert note in text
    assert command("explain", "A", "--json").json["review"] == found
    happen("B", *to_review("B"), ReviewPassed(HEAD, {**said, "verdict": "approve"}, ("Review: approve",)))
    text = explained(command, "B")
    assert section(text, "Review")[1].split(maxsplit=1) == ["By", "Codex 0.98.0"]
    assert "divides" not in text
    happen("C", *to_review("C"), ReviewBlocked(failure(FailureClass.REVIEW, "no reviewer came to a verdict")))
    text = explained(command, "C")
    assert "no reviewer came to a verdict" in text
    assert any("then have it reviewed again: mosaic-orchestrator retry C" in line for line in text.splitlines())
    happen("D", *to_review("D"))
    status = command("status").out
    assert section(status, "In review")[0].split()[:5] == ["D", "code", "and", "security", "review"]
    assert command("explain", "D", "--json").json["stage"] == "reviewing"


def test_one_gate_at_a_time_goes_to_the_base_branch(command: Commands, happen: Happen) -> None:
    happen("A", *to_gate(Step.MAIN_CI, "A"))
    happen("B", *to_gate(Step.LEASE, "B"))
    assert "A is before it" in explained(command, "B")


def test_what_is_only_in_the_file_yet(repo: Repo, command: Commands, happen: Happen) -> None:
    """Good or bad."""
    repo.write_tasks({"id": "NEW", "description": "a"}, {"id": "BAD", "description": "b", "kind": "cod"})
    assert "the daemon has not read it there yet" in explained(command, "NEW")
    assert "did you mean 'code'?" in explained(command, "BAD")
    happen("OLD", added("OLD"))
    for typed, meant in (("NEWW", "NEW"), ("OLDD", "OLD")):
        answer = command("explain", typed)
        assert (answer.code, answer.out) == (78, "")
        assert f"did you mean `{meant}`?" in answer.err


def test_a_broken_queue_and_broken_settings_hold_everything(repo: Repo, command: Commands, happen: Happen) -> None:
    happen("T", added("T"))
    repo.write_queue(b"{")
    repo.configure("[run]\npol_sec = 1\n")
    text = explained(command, "T")
    assert "tasks.json:1:" in text
    assert "did you mean `poll_sec`?" in text


def test_with_a_running_daemon(repo: Repo, command: Commands, start: Start) -> None:
    """Slots, the drain, and what is told to be done about it."""
    flag = repo.folder / "go"
    repo.configure("[run]\nmax_workers = 1\n")
    repo.write_tasks(repo.task("A", worker.waiting(flag)), repo.task("B"))
    daemon = start(repo)
    daemon.until(lambda: repo.record("A")["state"]["kind"] == "running", "the worker to work")
    assert "every slot is in use (A)" in explained(command, "B")
    assert "mosaic-orchestrator logs A --follow" in explained(command, "A")
    daemon.ask("drain")
    assert "mosaic-orchestrator drain --resume" in explained(command, "B")
    flag.touch()
    assert daemon.wait() == 0
    assert "start the daemon: mosaic-orchestrator run" in explained(command, "B")


def test_events_of_the_repository_do_not_mix_in(command: Commands, happen: Happen) -> None:
    happen("T", added("T"))
    happen("", Reported("origin", "cannot be reached"))
    assert "cannot be reached" not in explained(command, "T")


def test_a_phase_that_waits_for_the_one_before_names_what_keeps_that_open(command: Commands, happen: Happen) -> None:
    """Without any dependency between them."""
    happen("F", added("F", phase=1), *to_running("F"), AttemptFailed(1, failure(), final=True))
    happen("D", added("D", 1, phase=1), TaskDeferred("later", "ada"), DeferralDocumented("a.md"))
    happen("W", added("W", 2, phase=2))
    assert "waits for phase 1: F (failed)" in explained(command, "W")


def test_what_is_put_off_by_its_category_says_so(command: Commands, happen: Happen) -> None:
    happen("A", added("A", phase=1, category=Category.ARCHITECTURAL))
    assert "is architectural: it is deferred and documented, not tried" in explained(command, "A")
