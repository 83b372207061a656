"""`budget`: what was used, by phase, by runtime and for reviews."""

from __future__ import annotations

from dataclasses import replace

from mosaic_daemon.nouns.events import AttemptFailed, AttemptIntended, ResultAccepted, ReviewPassed, TaskRemoved
from tests.cli.conftest import Commands, Happen
from tests.samples import HEAD, added, attempt, failure, review, to_running


def test_the_tokens_are_told_by_who_took_them(command: Commands, happen: Happen) -> None:
    """The sum is what the task has used; `explain` tells it of each attempt."""
    again = AttemptIntended(replace(attempt("A", 2), runtime="claude"))
    happen(
        "A",
        added("A", phase=1, estimate="50K"),
        *to_running("A"),
        AttemptFailed(1, failure(), final=False, used=3000),
        again,
    )
    happen("A", ResultAccepted(2, HEAD, 20_000, "", review()), ReviewPassed(HEAD, {}, (), 4000))
    told = command("budget", "--json").json
    assert told["by_runtime"] == [
        {"runtime": "claude", "attempts": 1, "used": 20_000},
        {"runtime": "shell", "attempts": 1, "used": 3000},
    ]
    assert told["reviews"] == {"reviews": 1, "used": 4000}
    assert [each["used"] for each in told["by_phase"]] == [27_000]
    shown = [line.split() for line in command("budget").out.partition("By runtime")[2].splitlines()]
    assert ["reviews", "1", "4K"] in shown
    assert ["claude", "1", "20K"] in shown
    assert [each["used"] for each in command("explain", "A", "--json").json["attempts"]] == [3000, 20_000]
    assert "20K tokens" in command("explain", "A").out


def test_the_tokens_of_a_task_that_was_taken_out_are_spent(command: Commands, happen: Happen) -> None:
    """In the sum that the daemon goes by as well; the task itself is no longer counted, until it comes back."""
    happen("A", added("A", phase=1, estimate="50K"), *to_running("A"), AttemptFailed(1, failure(), True, used=3000))
    happen("A", TaskRemoved("ada"))
    told = command("budget", "--json").json
    assert [(each["tasks"], each["estimated"], each["used"], each["remaining"]) for each in told["by_phase"]] == [
        (0, 0, 3000, 0)
    ]
    happen("A", added("A", phase=1, estimate="10K"))
    told = command("budget", "--json").json
    assert [(each["tasks"], each["used"], each["remaining"]) for each in told["by_phase"]] == [(1, 3000, 7000)]


def test_before_anything_ran_there_is_nobody_to_tell_of(command: Commands, happen: Happen) -> None:
    assert "By runtime" not in command("budget").out
    happen("A", added("A"))
    told = command("budget", "--json").json
    assert (told["by_runtime"], told["reviews"]) == ([], {"reviews": 0, "used": 0})
