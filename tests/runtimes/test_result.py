"""The worker's result: found among prose, checked, refused with words that help the next attempt."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mosaic_daemon.ground.errors import InputError
from mosaic_daemon.nouns.task import Category
from mosaic_daemon.runtimes.result import ResultError, WorkerResult, parse_result, parse_result_file

SHA = "0123456789abcdef0123456789abcdef01234567"
GOOD = {"task_id": "MS-SEC-001", "status": "success", "used": "5.2K", "commit_sha": SHA, "notes": "Mended it"}
RESULT = WorkerResult("MS-SEC-001", "success", 5200, SHA, "Mended it")


def block(**changes: object) -> str:
    return json.dumps({**GOOD, **changes}, indent=2)


def parsed(text: str) -> WorkerResult:
    return parse_result(text, "MS-SEC-001")


@pytest.mark.parametrize(
    "text",
    [
        block(),
        f"All done.\n\n```json\n{block()}\n```\n",
        f"All done: {json.dumps(GOOD)} Good night.",
        f"I set `{{}}` and {{a: b}} and if (x) {{ return; }}\n{block()}\n}} }} }}",
        f'As asked I end with {{"task_id": …}}:\n{block()}\nThat was {{"task_id": ...}}.',
        f"{block(status='failed')}\nNo, it works now:\n{block()}",
        f"{block(task_id='MS-SEC-000')}\n{block()}",
        f"[{json.dumps(GOOD)}]",
        f'{{"result": {block()}, "ok": true}}',
        block(extra={"task_id": "OTHER", "status": "failed"}),
        f'{{"cost": {{"task_id": 1}}}}\n{block()}\n{{"cost": 12}}',
        json.dumps(dict(reversed(GOOD.items()))),
        "{" * 5000 + block() + "{" * 5000,
    ],
    ids=lambda text: text[:30],
)
def test_found_wherever_it_is(text: str) -> None:
    assert parsed(text) == RESULT


@pytest.mark.parametrize(
    "notes",
    [
        "{",
        "}",
        '{"task_id": "X"}',
        '```json\n{"task_id": "X", "status": "failed"}\n```',
        '\\"}',
        "emoji 🧵 and ünïcode",
        "",
    ],
)
def test_notes_may_hold_anything(notes: str) -> None:
    assert parsed(f"Done.\n{block(notes=notes)}").notes == notes


@settings(deadline=None)
@given(st.text(), st.text(max_size=50), st.text(max_size=50))
def test_any_notes_and_any_prose_around(notes: str, before: str, after: str) -> None:
    """Prose is not a result, as long as it does not spell one."""
    if "task_id" in before + after or any("\ud800" <= sign <= "\udfff" for sign in notes):
        return
    assert parsed(before + "\n" + block(notes=notes) + "\n" + after).notes == notes


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "no result JSON"),
        ("I am done { and } happy", "no result JSON"),
        ('I will end with {"task_id": ...}', "no result JSON"),
        ('{"cost": 1}\nThe "task_id": is not for me to say', "no result JSON"),
        ('{"status": "success"}', "no `task_id`"),
        (block(task_id="MS-SEC-002"), "is for task `MS-SEC-002`, this is task MS-SEC-001"),
        (block(task_id=1), "is for task a number"),
        (block(status="success|failed"), "`success\\|failed`; give `success` or `failed`"),
        (block(status=True), "`status` of the result is true or false"),
        (block(status=None), "`status` of the result is missing"),
        (block(notes=["a"]), "`notes` of the result is a list"),
        (block(used={"tokens": 1}), "`used` of the result is an object"),
        (block(used=True), "`used` of the result is true or false"),
        (block(commit_sha="the last one"), "git rev-parse HEAD"),
        (block(commit_sha=12), "git rev-parse HEAD"),
        (block(notes="\ud800"), "lone surrogate"),
        (block().replace("Mended", "Mended \ud800"), "lone surrogate"),
        ('{"task_id": "MS-SEC-001", "task_id": "MS-SEC-001", "status": "success"}', "twice"),
        ('{"task_id": "MS-SEC-001", "status": "success", "used": NaN}', "NaN"),
        (f"```json\n{block()[:-2]},\n}}\n```", "broken: .*line 7"),
        ("{\n" + '"task_id": "MS-SEC-001",\n"notes": "two\nlines"}', "broken: .*line 3"),
        (f"{block()}\n\nAgain:\n{block(status='failed')[:-2]}", "broken"),
    ],
)
def test_refused_with_words_that_help(text: str, complaint: str) -> None:
    with pytest.raises(ResultError, match=complaint) as refusal:
        parsed(text)
    assert isinstance(refusal.value, InputError)
    assert refusal.value.remedy
    str(refusal.value).encode()


@pytest.mark.parametrize(
    ("used", "tokens"),
    [
        ("5K", 5000),
        ("5.2K", 5200),
        ("1.1M", 1_100_000),
        ("~5.2k tokens", 5200),
        ("12,345", 12345),
        ("750", 750),
        (750, 750),
        (750.4, 750),
        (-1, None),
        ("unknown", None),
        ("", None),
        (None, None),
        ("9" * 400, None),
    ],
)
def test_token_figures(used: object, tokens: int | None) -> None:
    assert parsed(block(used=used)).used == tokens


@pytest.mark.parametrize("sha", [None, "", "none", "n/a", 7])
def test_a_failed_attempt_needs_no_commit(sha: object) -> None:
    assert parsed(block(status="failed", commit_sha=sha)).commit_sha is None


def test_long_notes_are_cut() -> None:
    assert len(parsed(block(notes="x" * 50_000)).notes) == 10_000


def test_a_result_file() -> None:
    assert parse_result_file(block(unknown=[1]).encode(), "MS-SEC-001") == RESULT


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "empty"),
        (b"[]", "is a list"),
        (b"null", "is null"),
        (b"\xff\xfe{\0}\0", "UTF-16"),
        (block().encode() + b"x", "JSON"),
        (b'{"a":' * 100 + b"1" + b"}" * 100, "nested deeper"),
        (b" " * (2 << 20), "bytes are more"),
    ],
)
def test_a_bad_result_file(data: bytes, complaint: str) -> None:
    with pytest.raises(ResultError, match=complaint):
        parse_result_file(data, "MS-SEC-001")


@pytest.mark.parametrize(
    "unit",
    [
        "{",
        '{"',
        '{"a":',
        '{"task_id":',
        '{"task_id":[',
        '{"task_id":"',
        '{"task_id":"\\"',
        '{"task_id" ',
        "{ ",
        "{}",
        "[",
        '"',
    ],
)
def test_five_megabytes_of_openings_are_searched(unit: str) -> None:
    """No number of places that might be a result takes more than a bounded search; the result at the end is found."""
    noise = unit * (5_000_000 // len(unit))
    with pytest.raises(ResultError):
        parsed(noise)
    assert parsed(f"{noise}\n{block()}") == RESULT


@settings(deadline=None)
@given(st.lists(st.sampled_from(["{", "}", '"', "\\", "task_id", ":", ",", "[", "]", "\n", " ", "status", "success"])))
def test_no_text_breaks_the_search(parts: list[str]) -> None:
    with suppress(ResultError):
        parsed("".join(parts))


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("Hard", Category.HARD),
        ("Framework Limitation", Category.FRAMEWORK),
        ("architectural", Category.ARCHITECTURAL),
        ("impossible", None),
        (["Hard"], None),
        (None, None),
    ],
)
def test_a_worker_who_gives_up_may_say_what_it_would_take(said: object, found: Category | None) -> None:
    """A wrong word is no reason to refuse the rest."""
    result = parsed(block(status="failed", category=said, suggested_approach="split it"))
    assert (result.category, result.approach) == (found, "split it")
    assert parsed(block(status="failed", suggested_approach=7)).approach == ""
