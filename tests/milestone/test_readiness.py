"""Whether a milestone may be released, and what is made of documentation that is missing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mosaic_daemon.ground.errors import Refused
from mosaic_daemon.milestone import readiness
from mosaic_daemon.milestone.readiness import Gap
from mosaic_daemon.nouns.documentation import CHECKLIST
from mosaic_daemon.nouns.stopping import Situation, Standing
from mosaic_daemon.nouns.task import Kind
from tests.samples import added, folded, states

CODE = Standing("T-1", "done", "code", phase=1)
WRITTEN = Standing("T-2", "done", "docs", phase=1)


@pytest.mark.parametrize("state", [name for name in states() if name not in ("done", "deferred")])
def test_only_done_and_deferred_are_over(state: str) -> None:
    with pytest.raises(Refused, match=r"1 of 2 tasks are neither done nor deferred: T-1 \("):
        readiness.check_tasks([states()["done"], states()[state]])


def test_all_of_a_long_list_is_counted() -> None:
    left = [folded(added(f"T-{number}")) for number in range(25)]
    with pytest.raises(Refused, match=r"25 of 25 tasks .* T-19 .* and 5 more"):
        readiness.check_tasks(left)
    with pytest.raises(Refused, match="there are no tasks"):
        readiness.check_tasks([])
    readiness.check_tasks([states()["done"], states()["deferred"]])


@pytest.mark.parametrize(
    ("situation", "items", "gaps"),
    [
        (Situation([CODE, WRITTEN]), [], []),
        (Situation([Standing("T-1", "done", "test")]), [], []),
        (Situation([CODE]), [], [Gap(1)]),
        (Situation([CODE, replace(WRITTEN, status="deferred")]), [], [Gap(1)]),
        (Situation([CODE, Standing("T-3", "done", "code")]), [], [Gap(1), Gap(None)]),
        (Situation([CODE], checklist=(CHECKLIST, 0)), [], []),
        (Situation([CODE], checklist=(CHECKLIST, 1)), ["README"], [Gap(None, ("README",))]),
    ],
)
def test_what_is_missing(situation: Situation, items: list[str], gaps: list[Gap]) -> None:
    assert readiness.documentation_gaps(situation, items) == gaps


def test_each_gap_becomes_a_task_twice_at_most() -> None:
    """Then only a person can say why it stays."""
    gaps, records = [Gap(2), Gap(None, ("README", "the API"))], [folded(added("MS-DOC-004"))]
    for _ in range(2):
        tasks = readiness.remediation(gaps, records, "MS", "0.0.1")
        assert [(each.kind, each.phase, each.files) for each in tasks] == [
            (Kind.DOCS, 2, ()),
            (Kind.DOCS, None, (CHECKLIST,)),
        ]
        assert "- [ ] the API" in (tasks[1].prompt or "")
        assert not {each.id for each in tasks} & {each.id for each in records}
        records += [folded(replace(added(), task=each)) for each in tasks]
    with pytest.raises(Refused, match=r"still not complete .* after MS-DOC-005, MS-DOC-007"):
        readiness.remediation(gaps, records, "MS", "0.0.1")
    assert readiness.remediation(gaps, records, "MS", "0.0.2")
