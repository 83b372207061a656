"""Phase 2b of the guide, row by row: when to review, what a reviewer may say, and what follows."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mosaic_daemon.nouns import events as ev
from mosaic_daemon.nouns.attempt import FailureClass
from mosaic_daemon.nouns.record import Record, Reviewing
from mosaic_daemon.nouns.review import Aspect, Finding, Review, Verdict
from mosaic_daemon.nouns.task import Kind
from mosaic_daemon.repository.commits import Change
from mosaic_daemon.stages.review import ends, reading, scope
from mosaic_daemon.stages.review.deciding import Case, decided, outcome
from mosaic_daemon.stages.review.policy import ReviewPolicy, filled
from mosaic_daemon.stages.review.reviewers import fallback_runtime, may_use_scripts
from mosaic_rails.base import Cause, Ended
from tests.samples import BASE, HEAD, NOON, added, folded, to_running

CODE, SECURITY = Aspect.CODE, Aspect.SECURITY
BOTH = (CODE, SECURITY)


# --- When to Review, Review Timing Guidelines -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("paths", "wanted"),
    [
        (["src/a.py"], BOTH),
        (["web/app.ts"], BOTH),
        (["Makefile"], BOTH),
        (["Dockerfile"], BOTH),
        (["bin/run"], BOTH),
        (["docs/conf.py"], BOTH),
        (["vendor.txt"], BOTH),
        (["a.yml"], (SECURITY,)),
        (["pyproject.toml"], (SECURITY,)),
        ([".github/workflows/ci.yaml"], (SECURITY,)),
        ([".env.production", "package.json", ".gitignore"], (SECURITY,)),
        (["tests/test_a.py"], (CODE,)),
        (["pkg/a_test.go", "web/a.spec.ts", "web/__tests__/b.ts", "conftest.py"], (CODE,)),
        (["tests/data/settings.yml"], (CODE,)),
        (["README.md", "docs/guide.rst", "docs/figure.svg", "LICENSE"], ()),
        (["docs/TASKS.md", "docs/tasks/orchestrator-learnings.json", ".mosaic/x.json"], ()),
        ([], ()),
        (["tests/test_a.py", "a.toml"], BOTH),
        (["README.md", "tests/test_a.py"], (CODE,)),
        (["README.md", "src/a.py"], BOTH),
    ],
)
def test_what_is_reviewed_is_decided_by_what_changed(paths: list[str], wanted: tuple[Aspect, ...]) -> None:
    assert scope.aspects(paths) == wanted


def test_the_hash_of_a_change_is_of_its_content_and_not_of_its_order() -> None:
    changes = [Change("a.py", "100644", "1" * 40), Change("b.py", "100755", "2" * 40)]
    assert scope.diff_hash(changes) == scope.diff_hash(changes[::-1])
    others = [[changes[0]], [replace(changes[0], blob="3" * 40), changes[1]], [replace(changes[0], mode="100755")]]
    assert len({scope.diff_hash(each) for each in [changes, *others]}) == 4


# --- Step 2: Parse Review Results -------------------------------------------------------------------------------------


def code(**fields: Any) -> dict[str, Any]:
    return {"verdict": "approve", "findings": [], "stats": {"blockers": 0}, **fields}


def security(**fields: Any) -> dict[str, Any]:
    return {"findings": [], "stats": {"critical": 0, "high": 0}, **fields}


def read(aspect: Aspect, document: object) -> Verdict:
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    return reading.of_script(aspect, data, HEAD, "Codex")


@pytest.mark.parametrize("verdict", ["approve", "request-changes", "comment"])
def test_a_code_review_that_is_one_is_read(verdict: str) -> None:
    finding = {"severity": "should-fix", "title": "a\nname", "file": "a.py", "line_start": 3, "description": "why"}
    found = read(CODE, code(verdict=verdict, findings=[finding], head_sha=HEAD[:12]))
    assert (found.verdict, found.blockers) == (verdict, 0)
    assert found.findings == (Finding("should-fix", "a name", "a.py:3", "why"),)


def test_a_security_review_counts_critical_and_high() -> None:
    found = read(SECURITY, security(stats={"critical": 1, "high": 2, "medium": 9}))
    assert (found.verdict, found.blockers, found.critical, found.high) == (None, 0, 1, 2)


BAD_CODE: dict[str, object] = {
    "no JSON": b"looks good to me",
    "nothing": b"",
    "cut off": b'{"verdict": "approve", "stats": {"block',
    "two keys": b'{"verdict": "request-changes", "verdict": "approve", "stats": {"blockers": 0}}',
    "a list": [code()],
    "no stats": {"verdict": "approve"},
    "stats is text": code(stats="fine"),
    "no blockers": code(stats={}),
    "blockers is text": code(stats={"blockers": "0"}),
    "blockers is false": code(stats={"blockers": False}),
    "blockers is null": code(stats={"blockers": None}),
    "below zero": code(stats={"blockers": -1}),
    "a part of one": code(stats={"blockers": 0.5}),
    "no verdict": {"stats": {"blockers": 0}},
    "another verdict": code(verdict="LGTM"),
    "a verdict in capitals": code(verdict="Approve"),
    "approve with blockers": code(stats={"blockers": 1}),
    "a blocker that is not counted": code(verdict="request-changes", findings=[{"severity": "blocker"}]),
    "a blocker in capitals": code(findings=[{"severity": "BLOCKER", "title": "x"}]),
    "findings is text": code(findings="none"),
    "a finding is text": code(findings=["none"]),
    "a title is a number": code(findings=[{"severity": "suggestion", "title": 7}]),
    "another head": code(head_sha="f" * 40),
    "another commit": code(commit="f" * 12),
    "a head that is none": code(head="main"),
    "a head that is too short": code(head=HEAD[:4]),
    "a head that is a number": code(commit_sha=7),
}


@pytest.mark.parametrize("document", BAD_CODE.values(), ids=BAD_CODE.keys())
def test_whatever_else_a_code_review_says_is_no_verdict(document: object) -> None:
    with pytest.raises(reading.NoVerdict, match=r"\w"):
        read(CODE, document)


@pytest.mark.parametrize(
    "document",
    [
        security(stats={"critical": 0}),
        security(stats={"high": 0}),
        security(stats={"critical": "none", "high": 0}),
        security(verdict="approve", stats={"critical": 0, "high": 1}),
        security(verdict="safe"),
        security(findings=[{"severity": "critical", "title": "x"}]),
        security(findings=[{"severity": "high", "title": "x"}]),
        security(head_sha="f" * 40),
        b"{}",
    ],
)
def test_whatever_else_a_security_review_says_is_no_verdict(document: object) -> None:
    with pytest.raises(reading.NoVerdict):
        read(SECURITY, document)


# --- Step 4: Fallback Review ------------------------------------------------------------------------------------------


def agent(**fields: Any) -> dict[str, Any]:
    return {"verdict": "approve", "blockers": 0, "critical_security": 0, "findings": [], **fields}


def test_the_fallbacks_last_json_block_is_read() -> None:
    text = f"First `{json.dumps(agent(verdict='request-changes'))}`\n\n```json\n{json.dumps(agent(), indent=1)}\n```\n"
    assert reading.of_agent(text, HEAD, "critic") == Verdict("critic", "approve")
    bad = agent(verdict="request-changes", blockers=1, critical_security=2)
    found = reading.of_agent(json.dumps(bad), HEAD, "critic")
    assert (found.blockers, found.critical) == (1, 2)


@pytest.mark.parametrize(
    "text",
    [
        "I approve.",
        '{"verdict": "approve"}',
        json.dumps(agent(verdict="comment")),
        json.dumps(agent(critical_security=1)),
        json.dumps(agent(blockers=True)),
        json.dumps(agent(findings=[{"severity": "blocker", "title": "x"}])),
        json.dumps(agent(findings=[{"severity": "Critical", "title": "x"}])),
        json.dumps(agent(verdict="request-changes", findings=[{"severity": "high", "title": "x"}])),
        json.dumps(agent(head="f" * 40)),
        '{"verdict": "approve", "blockers": 0, ',
        '\ud800{"verdict": "approve"}',
    ],
)
def test_whatever_else_the_fallback_says_is_no_verdict(text: str) -> None:
    with pytest.raises(reading.NoVerdict):
        reading.of_agent(text, HEAD, "critic")


def test_what_must_be_mended_may_be_counted_under_either_name() -> None:
    told = agent(verdict="request-changes", critical_security=1, findings=[{"severity": "blocker", "title": "x"}])
    assert reading.of_agent(json.dumps(told), HEAD, "critic").critical == 1


@pytest.mark.parametrize(("line", "place"), [(3, "a.py:3"), (True, "a.py"), (-1, "a.py"), (10**18, "a.py")])
def test_only_a_number_of_a_line_is_one(line: object, place: str) -> None:
    told = agent(findings=[{"severity": "suggestion", "title": "x", "file": "a.py", "line": line}])
    assert reading.of_agent(json.dumps(told), HEAD, "critic").findings[0].file == place


# --- Step 3: Decision Tree --------------------------------------------------------------------------------------------


def verdict(said: str | None = "approve", *findings: Finding, by: str = "Codex 0.98.0", **counts: int) -> Verdict:
    return Verdict(by, said, findings=findings, **counts)


@pytest.mark.parametrize(
    ("verdicts", "wanted"),
    [
        ([verdict(), verdict(None)], "approve"),
        ([verdict(None)], "approve"),
        ([verdict("request-changes")], "request-changes"),
        ([verdict("comment"), verdict(None)], "request-changes"),
        ([verdict("request-changes", blockers=1)], "needs-qa"),
        ([verdict(), verdict(None, critical=1)], "needs-qa"),
        ([verdict(), verdict(None, high=1)], "needs-qa"),
        ([verdict("comment", blockers=1)], "needs-qa"),
    ],
)
def test_the_decision_tree(verdicts: list[Verdict], wanted: str) -> None:
    assert outcome(verdicts) == wanted


def reviewing(**fields: Any) -> Record:
    review = Review(BOTH, HEAD, BASE, "d" * 64, NOON)
    first = replace(added("T-1", issue="#4", phase=2, files=("src/a.py",), priority=1), **fields)
    return folded(first, *to_running(), ev.ResultAccepted(1, HEAD, 5, "", review))


def case(*verdicts: Verdict, record: Record | None = None, is_free: bool = True, max_rounds: int = 2) -> Case:
    record = record or reviewing()
    assert isinstance(record.state, Reviewing)
    attempt, review = record.state.attempt, record.state.review
    return Case(record, attempt, review, verdicts, NOON, 9, is_free, max_rounds)


def test_approve_is_noted_in_the_guides_words() -> None:
    [(task, event)] = decided(case(verdict(), verdict(None)))
    assert isinstance(event, ev.ReviewPassed)
    assert (task, event.head_sha) == ("T-1", HEAD)
    assert event.notes == ("Review: approve (0 blockers, 0 critical) | Codex 0.98.0",)
    assert (event.evidence["diff"], event.evidence["head_sha"]) == ("d" * 64, HEAD)


def test_request_changes_without_blockers_logs_what_should_be_fixed() -> None:
    [(_, event)] = decided(case(verdict("request-changes", Finding("should-fix", "a name", "a.py:3"))))
    assert isinstance(event, ev.ReviewPassed)
    assert event.notes[1] == "Should fix: a name (a.py:3)"


def test_findings_that_must_be_mended_make_the_guides_remediation_task() -> None:
    """Same branch, no dependency, finding titles and files in description, notes and prompt."""
    blocker = Finding("blocker", "it divides by zero", "src/a.py:3", "when empty")
    highs = (Finding("high", "a secret", "src/b.py"), Finding("high", "an injection"))
    happened = decided(case(verdict("request-changes", blocker, blockers=1), verdict(None, *highs, high=2)))
    (first, needed), (second, new) = happened
    assert isinstance(needed, ev.QaNeeded)
    assert isinstance(new, ev.TaskAdded)
    assert (first, second, needed.qa) == ("T-1", "T-1-QA", "T-1-QA")
    assert needed.notes == ("Review: needs-qa (1 blocker, 2 high) → QA task T-1-QA created",)
    assert new.task.kind is Kind.QA
    assert new.task.depends_on == new.task.blocks == ()
    assert (new.task.issue, new.task.phase, new.task.files) == ("#4", 2, ("src/a.py",))
    assert (new.task.branch, new.start_from, new.mends, new.position) == ("task/t-1", HEAD, "T-1", 9)
    titles = "it divides by zero (src/a.py:3); a secret (src/b.py); an injection"
    assert new.task.description == f"Fix findings from review of T-1: {titles}"
    assert new.notes == f"Findings: {titles}"
    assert "- [blocker] it divides by zero (src/a.py:3): when empty" in (new.task.prompt or "")
    assert folded(needed, record=reviewing()).status == "needs-qa"


def test_a_review_loop_ends() -> None:
    """The task, then its remediation once more, then a person: rounds are counted and capped."""
    bad = verdict("request-changes", blockers=1)
    new = decided(case(bad))[1][1]
    assert isinstance(new, ev.TaskAdded)
    record = folded(new)
    for final in (False, True):
        fence = record.fence + 1
        running = [
            replace(event, attempt=replace(event.attempt, task="T-1-QA"))
            if isinstance(event, ev.AttemptIntended)
            else event
            for event in to_running("T-1-QA", fence)
        ]
        review = Review(BOTH, HEAD, BASE, "d" * 64, NOON)
        record = folded(*running, ev.ResultAccepted(fence, HEAD, 5, "", review), record=record)
        [(task, event)] = decided(case(bad, record=record))
        assert isinstance(event, ev.ReviewReturned)
        assert (task, event.final, event.failure.kind) == ("T-1-QA", final, FailureClass.REVIEW)
        record = folded(event, record=record)
    assert record.status == "blocked"


@pytest.mark.parametrize(
    "circumstances",
    [{"is_free": False}, {"record": folded(added("T" * 62), *to_running("T" * 62))}],
    ids=["the id is taken", "the id would be too long"],
)
def test_where_there_can_be_no_remediation_task_the_worker_gets_it_back(circumstances: dict[str, Any]) -> None:
    record = circumstances.get("record")
    if record is not None:
        review = Review(BOTH, HEAD, BASE, "d" * 64, NOON)
        circumstances = {"record": folded(ev.ResultAccepted(1, HEAD, 5, "", review), record=record)}
    [(_, event)] = decided(case(verdict("request-changes", blockers=1), **circumstances))
    assert isinstance(event, ev.ReviewReturned)
    assert not event.final


def test_with_no_round_left_it_is_blocked_at_once() -> None:
    [(_, event)] = decided(case(verdict("request-changes", blockers=1), max_rounds=0))
    assert isinstance(event, ev.ReviewReturned)
    assert event.final


# --- what it took -----------------------------------------------------------------------------------------------------

JSONL = b'{"type":"turn.completed","usage":{"input_tokens":900,"cached_input_tokens":400,"output_tokens":50}}\n'


@pytest.mark.parametrize(
    ("written", "printed", "tokens"),
    [
        (code(used="5.2K"), JSONL, 5200),
        (code(usage={"input_tokens": 900, "cached_input_tokens": 400, "output_tokens": 7}), b"", 507),
        (code(), b"OpenAI Codex v0.98.0\n" + JSONL + b"done\n", 550),
        ("no JSON", JSONL, 550),
        (None, JSONL, 550),
        (code(), b"codex\nfine\ntokens used\n16,371\n", 16371),
        (code(), b"[2026-03-01T12:00:00] tokens used: 12\n[2026-03-01T12:00:09] tokens used: 34\n", 34),
        (code(used=True), b"", None),
        (code(usage=7, used="much"), b"so many tokens used: 12 of them", None),
        ([], b"", None),
    ],
)
def test_the_tokens_of_a_script_are_counted(
    tmp_path: Path, written: object, printed: bytes, tokens: int | None
) -> None:
    """Also of one that came to no verdict."""
    output, printout = tmp_path / "review.json", tmp_path / "output.log"
    if written is not None:
        output.write_text(json.dumps(written))
    printout.write_bytes(printed)
    assert ends.used_by_script(Ended(Cause.EXIT, 0, None, "", NOON, NOON, printout, 0), output) == tokens


def test_the_tokens_of_all_who_were_asked_go_with_what_follows() -> None:
    bad = verdict("request-changes", blockers=1)
    for one in (case(verdict()), case(bad), case(bad, is_free=False)):
        assert decided(replace(one, used=77))[0][1].used == 77  # type: ignore[union-attr]


# --- who reviews ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "author", "wanted"),
    [
        (ReviewPolicy(), "claude", "claude"),
        (ReviewPolicy(), "shell", ""),
        (ReviewPolicy(), "my-agent", ""),
        (ReviewPolicy(runtime="my-agent"), "my-agent", "my-agent"),
        (ReviewPolicy(runtime="claude"), "shell", "claude"),
        (ReviewPolicy(other_runtime=True), "claude", ""),
        (ReviewPolicy(runtime="claude", other_runtime=True), "claude", ""),
        (ReviewPolicy(runtime="claude", other_runtime=True), "codex", "claude"),
    ],
)
def test_who_the_fallback_is(policy: ReviewPolicy, author: str, wanted: str) -> None:
    assert fallback_runtime(policy, author) == wanted


def test_codex_does_not_review_its_own_work_where_that_is_forbidden() -> None:
    assert may_use_scripts(ReviewPolicy(), "codex")
    assert may_use_scripts(ReviewPolicy(other_runtime=True), "claude")
    assert not may_use_scripts(ReviewPolicy(other_runtime=True), "codex")


def test_a_script_gets_the_base_branch_and_its_output_and_no_shell() -> None:
    template = ("review.sh", "-b", "{base_branch}", "-o", "{output}", "${output}", "{else}")
    argv = filled(template, {"base_branch": "main; rm", "output": "/x y"})
    assert argv == ("review.sh", "-b", "main; rm", "-o", "/x y", "${output}", "{else}")
