"""The guide's "Stopping Criteria", one by one: when each is met, and the evidence it names."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mosaic_daemon.nouns.stopping import Requirements, Situation, Standing, criteria, reason_to_stop

PRD = Requirements("docs/PRD.md")


def done(task: str = "T-1", **facts: Any) -> Standing:
    proven = {"kind": "code", "phase": 1, "merged": "d" * 40, "ci": "green", "closed": "2026-03-01T12:00:00+00:00"}
    return Standing(**{"task": task, "status": "done", **proven, **facts})


def other(status: str, task: str = "T-2", **facts: Any) -> Standing:
    return Standing(**{"task": task, "status": status, "kind": "code", "phase": 1, **facts})


DOCS = done("D-1", kind="docs")
WHOLE = Situation([done(), DOCS], requirements=PRD, milestone="0.0.1", release="v0.0.1 released")


def given(*tasks: Standing, **facts: Any) -> Situation:
    return replace(WHOLE, tasks=tasks, **facts)


CASES: dict[str, tuple[int, Situation, bool, str]] = {
    "1 all done": (1, WHOLE, True, "2 of 2 done"),
    "1 some deferred": (1, given(done(), other("deferred")), True, "1 of 2 done, 1 deferred"),
    "1 one left": (1, given(done(), other("needs-qa")), False, "not yet: T-2"),
    "1 no tasks": (1, replace(given(), release=""), False, "no tasks yet"),
    "1 all archived": (1, given(), True, "v0.0.1"),
    "1 many left": (1, given(*(other("failed", f"T-{n}") for n in range(9))), False, "T-4 and 4 more"),
    "2 nothing": (2, WHOLE, False, "nothing is blocked"),
    "2 others go on": (2, given(other("blocked", reason="x"), other("not-started", "T-3")), False, "the rest goes on"),
    "2 only stopped ones": (2, given(done(), other("blocked", reason="no access")), True, "T-2 blocked: no access"),
    "2 a deadlock": (2, given(other("not-started"), blocker="deadlock: 1"), True, "deadlock: 1"),
    "2 not documented": (2, given(other("failed")), True, "T-2 failed: NOT DOCUMENTED"),
    "3 no agent": (3, WHOLE, False, "has no context"),
    "3 below": (3, replace(WHOLE, context=54), False, "54%"),
    "3 at it": (3, replace(WHOLE, context=55), True, "55%"),
    "4 below": (4, replace(WHOLE, context=59), False, "59%"),
    "4 at it": (4, replace(WHOLE, context=60), True, "60%"),
    "5 none": (5, replace(WHOLE, requirements=None), False, "neither"),
    "5 current": (5, WHOLE, True, "names all"),
    "5 behind": (5, replace(WHOLE, requirements=Requirements("docs/PRD.md", ("SEC-1",))), False, "not name SEC-1"),
    "5 rewritten": (
        5,
        replace(WHOLE, requirements=Requirements("x", ("SEC-1",), is_newer=True)),
        True,
        "after the last",
    ),
    "5 guesses": (5, replace(WHOLE, requirements=Requirements("x", assumptions=3)), True, "3 marked ASSUMPTION:"),
    "6 documented": (6, WHOLE, True, "1 documentation tasks done"),
    "6 not applicable": (6, given(done(kind="test"), DOCS), True, "no change to code"),
    "6 not done": (6, given(done(), other("not-started", "D-2", kind="docs")), False, "not done: D-2"),
    "6 one deferred": (
        6,
        given(done(), DOCS, other("deferred", "D-2", kind="docs")),
        True,
        "1 documentation tasks done",
    ),
    "6 all deferred": (6, given(done(), other("deferred", kind="docs")), False, "no documentation task for phase 1"),
    "6 a phase without": (6, given(done(phase=2), DOCS), False, "no documentation task for phase 2"),
    "6 no phase": (6, given(done(phase=None)), False, "no phase"),
    "6 a checklist": (6, given(done(), checklist=("docs/C.md", 0)), True, "docs/C.md: complete"),
    "6 an open checklist": (6, replace(WHOLE, checklist=("docs/C.md", 2)), False, "docs/C.md: 2 open"),
    "7 released": (7, WHOLE, True, "v0.0.1 released"),
    "7 not yet": (7, replace(WHOLE, release=""), False, "no milestone release yet (0.0.1)"),
    "7 no milestone": (7, replace(WHOLE, release="", milestone=""), True, "no milestone is planned"),
    "8 merged": (8, replace(WHOLE, provider="gitea"), True, "1 of 1 with a merged pull request"),
    "8 no provider": (8, WHOLE, True, "with a squash commit"),
    "8 not merged": (8, given(done(merged="")), False, "0 of 1 with a squash commit on the base branch; not yet: T-1"),
    "8 not done": (8, given(done(), other("in-progress")), False, "not yet: T-2"),
    "8 no source": (8, given(DOCS), True, "no source-code tasks"),
    "8 deferred": (8, given(done(), other("deferred")), True, "1 of 1"),
    "9 green": (9, WHOLE, True, "1 of 1 with CI of the merge commit green"),
    "9 none": (9, given(done(ci="absent")), True, "(1 have no CI, with proof)"),
    "9 red": (9, given(done(ci="red")), False, "not yet: T-1"),
    "9 unknown": (9, given(done(ci="")), False, "not yet: T-1"),
    "10 closed": (10, replace(WHOLE, provider="github"), True, "1 of 1 with its issue closed"),
    "10 internal": (10, WHOLE, True, "internal ref"),
    "10 open": (10, given(done(closed="")), False, "not yet: T-1"),
    "10 let pass": (10, given(done(warning="#1 could not be closed")), False, "not yet: T-1"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_criterion(name: str) -> None:
    number, situation, met, said = CASES[name]
    found = criteria(situation)[number - 1]
    assert (found.number, found.met) == (number, met), found.evidence
    assert said in found.evidence


def test_all_ten_are_there_in_order() -> None:
    assert [each.number for each in criteria(WHOLE)] == list(range(1, 11))
    assert {number for number, *_ in CASES.values()} == set(range(1, 11))


STOPS = {
    "everything is met": (WHOLE, "complete"),
    "all done, no release": (replace(WHOLE, release=""), ""),
    "work is left": (given(done(), other("not-started")), ""),
    "a blocker": (given(done(), other("blocked", reason="x")), "blocked"),
    "the checkpoint": (given(other("not-started"), context=56), "context"),
}


@pytest.mark.parametrize("name", STOPS)
def test_when_the_work_may_stop(name: str) -> None:
    """Otherwise it goes on, and nobody is asked."""
    situation, reason = STOPS[name]
    assert reason_to_stop(criteria(situation)) == reason
