"""What is read from the output of agents. The files under `data/` are real output, with other paths in it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mosaic_daemon.runtimes import read
from mosaic_daemon.runtimes.base import Output, Reading
from mosaic_daemon.runtimes.result import parse_result

DATA = Path(__file__).parent / "data"
FORMATS: dict[str, Output] = {"claude": "claude-stream-json", "codex": "codex-jsonl", "opencode": "opencode-json"}
SAID_AT = datetime(2026, 11, 22, 17, 9, tzinfo=UTC)
RESET = datetime(2026, 11, 22, 20, 30, tzinfo=UTC)
DONE = ("claude-done", "claude-turns", "codex-done", "codex-resumed", "opencode-done")


def recorded(name: str) -> bytes:
    return (DATA / f"{name}.log").read_bytes()


def as_log(events: list[dict[str, object]]) -> bytes:
    return b"\n".join(json.dumps(event).encode() for event in events)


def reading_of(name: str) -> Reading:
    return read(FORMATS[name.partition("-")[0]], recorded(name), SAID_AT)


@pytest.fixture
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The clock that the recorded runs read."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(
    ("name", "used"),
    [
        ("claude-done", 2 * 1034),
        ("claude-turns", 5 * 1034),  # the subagent and the turn that a background command started count as well
        ("codex-done", 2 * 1034),
        ("codex-resumed", 3 * 1034),  # its figures are sums already
        ("opencode-done", 2 * 1034),
    ],
)
def test_a_run_that_ended_well(name: str, used: int) -> None:
    """Each reply cost 1000 + 30 + 4 tokens, and 200 more from the cache that do not count."""
    reading = reading_of(name)
    assert (reading.used, reading.limit, reading.error) == (used, None, None)
    assert parse_result(reading.text, "T-1").status == "success"
    assert reading.session
    assert reading.session.encode() in recorded(name)


def test_a_result_before_the_last_turn_is_still_found() -> None:
    """A background command that ends later makes the agent speak once more."""
    text = reading_of("claude-turns").text
    assert text.endswith("The background command has finished.")
    assert parse_result(text, "T-1").commit_sha == "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.usefixtures("utc")
@pytest.mark.parametrize(
    ("name", "until"),
    [
        ("claude-limited", RESET),
        ("claude-limited-midway", RESET),
        ("claude-overloaded", None),
        ("claude-no-credit", None),
        ("claude-waiting", None),
        ("claude-unreachable", None),
        ("codex-limited", RESET + timedelta(minutes=1)),
        ("codex-limited-for-days", RESET + timedelta(days=3, minutes=1)),
        ("codex-too-many", None),
        ("codex-no-quota", None),
        ("codex-overloaded", None),
        ("codex-reconnecting", None),
        ("opencode-waiting", None),
    ],
)
def test_a_provider_that_refuses_is_a_limit(name: str, until: datetime | None) -> None:
    reading = reading_of(name)
    assert reading.limit is not None
    assert reading.limit.until == until
    assert reading.error
    assert reading.limit.detail


def test_opencode_passes_on_how_long_to_wait() -> None:
    """The recorded answer said `retry-after-ms: 1`, counted from the moment of the event."""
    limit = reading_of("opencode-limited").limit
    assert limit is not None
    assert limit.until is not None
    assert limit.detail == "The usage limit has been reached"
    longer = recorded("opencode-limited").replace(b'"retry-after-ms":"1"', b'"retry-after":"90"')
    again = read("opencode-json", longer, SAID_AT).limit
    assert again is not None
    assert again.until == limit.until + timedelta(seconds=90) - timedelta(milliseconds=1)


@pytest.mark.parametrize("name", ["claude-wrong-key", "codex-wrong-key", "opencode-wrong-key"])
def test_what_no_waiting_mends_is_an_error_and_no_limit(name: str) -> None:
    reading = reading_of(name)
    assert reading.limit is None
    assert reading.error
    assert "invalid key" in reading.error


def test_tokens_of_a_run_that_hit_a_limit_midway() -> None:
    assert reading_of("claude-limited-midway").used == 1034


def test_claude_is_believed_in_the_widest_figure_it_gives() -> None:
    """The models of the whole session; without them the turns; without those what single messages said."""
    events = [json.loads(line) for line in recorded("claude-turns").splitlines()]
    results = [event for event in events if event["type"] == "result"]
    for model in results[-1]["modelUsage"].values():
        model["outputTokens"] += 70
    assert read("claude-stream-json", as_log(events), SAID_AT).used == 5 * 1034 + 70
    for result in results:
        del result["modelUsage"]
    assert read("claude-stream-json", as_log(events), SAID_AT).used == 4 * 1034  # without the subagent
    rest = [event for event in events if event["type"] != "result"]
    assert read("claude-stream-json", as_log(rest), SAID_AT).used == 5 * 1034


def test_an_unreachable_provider_is_a_limit_however_it_is_worded() -> None:
    log = recorded("claude-unreachable").replace(b"Connection refused", b"Something odd")
    assert read("claude-stream-json", log, SAID_AT).limit is not None


def test_an_agent_that_talks_of_limits_has_none() -> None:
    """Only what the CLI itself reports is believed, never the agent's words."""
    words = "API Error: 429 rate limit exceeded, try again in 3 days. You've hit your usage limit."
    for name in ("claude-done", "codex-done", "opencode-done"):
        reading = read(FORMATS[name.partition("-")[0]], recorded(name).replace(b"All done.", words.encode()), SAID_AT)
        assert (reading.limit, reading.error) == (None, None)
        assert words in reading.text


def test_a_quota_paid_for_by_credits_is_no_limit() -> None:
    """`rejected` and `isUsingOverage`: the window is used up, the provider works on."""
    info = {"status": "rejected", "resetsAt": 1795379400, "isUsingOverage": True}
    event = json.dumps({"type": "rate_limit_event", "rate_limit_info": info}).encode()
    assert read("claude-stream-json", event, SAID_AT).limit is None
    assert read("claude-stream-json", event.replace(b"true", b"false"), SAID_AT).limit is not None


def test_a_refusal_that_was_overcome_is_forgotten() -> None:
    """A run that is stopped for another reason, long after the provider answered again, is not limited."""
    lines = recorded("claude-done").splitlines()
    retry = recorded("claude-waiting").splitlines()[-1]
    cut = b"\n".join([lines[0], retry, *lines[1:-1]])
    reading = read("claude-stream-json", cut, SAID_AT)
    assert reading.limit is None
    assert reading.error == "the output ends without a result event"
    assert parse_result(reading.text, "T-1").status == "success"
    assert reading.used == 2 * 1034


def test_codex_that_reconnected_and_was_stopped_later_is_not_limited() -> None:
    lines = recorded("codex-done").splitlines()
    trouble = b'{"type":"error","message":"Reconnecting... 1/5 (rate limit exceeded)"}'
    before = b"\n".join([*lines[:3], trouble])
    assert read("codex-jsonl", before, SAID_AT).limit is not None
    assert read("codex-jsonl", b"\n".join([before, *lines[3:5]]), SAID_AT).limit is None
    assert read("codex-jsonl", b"\n".join([before, *lines[3:]]), SAID_AT).error is None
    next_turn = b"\n".join([before, lines[-1], b'{"type":"turn.started"}'])
    assert read("codex-jsonl", next_turn, SAID_AT).limit is None


def test_opencode_that_was_answered_again_is_not_limited() -> None:
    refused, done = recorded("opencode-waiting").rstrip(), recorded("opencode-done")
    assert read("opencode-json", refused + b"\n" + done, SAID_AT).error is None
    stopped = b"\n".join([refused, *done.splitlines()[:2]])
    assert read("opencode-json", stopped, SAID_AT).limit is None
    assert read("opencode-json", done + b"\n" + refused, SAID_AT).error is None  # a side request after the end


def test_a_cli_that_never_started_says_why() -> None:
    complaint = b"\nError: unknown option '--frobnicate'\n\n"
    for output in FORMATS.values():
        reading = read(output, complaint, SAID_AT)
        assert reading == Reading("", None, None, "Error: unknown option '--frobnicate'", None)


@pytest.mark.parametrize("name", DONE)
def test_cut_and_foreign_lines_are_passed_over(name: str) -> None:
    """The log's middle is dropped, and standard error runs through it."""
    whole = recorded(name)
    lines = whole.splitlines()
    torn = lines[1][: len(lines[1]) // 2]
    noise = [torn, b"[mosaic: 104857600 bytes dropped]", torn[7:], b"\xff\xfe warning", b'{"type": 7}', b"[1]", b"{"]
    deep = b'{"a":' * 100_000
    log = b"\r\n".join([b"", *noise, deep, *lines, *noise])
    output = FORMATS[name.partition("-")[0]]
    assert read(output, log, SAID_AT) == read(output, whole, SAID_AT)


def test_a_byte_that_is_no_text_costs_one_character() -> None:
    log = recorded("codex-done").replace(b"All done.", b"All \xff done.")
    assert read("codex-jsonl", log, SAID_AT).text.startswith("All \ufffd done.")


def test_a_huge_line_is_read() -> None:
    log = recorded("codex-done").replace(
        b'"aggregated_output":"head', b'"aggregated_output":"' + b"x" * 4_000_000 + b"head"
    )
    assert read("codex-jsonl", log, SAID_AT) == reading_of("codex-done")


@pytest.mark.usefixtures("utc")
@pytest.mark.parametrize(
    ("words", "until"),
    [
        ("try again in 3 days 6 hours 57 minutes.", SAID_AT + timedelta(days=3, hours=6, minutes=57)),
        ("Please try again in 11.054s.", SAID_AT + timedelta(seconds=11.054)),
        ("Please try again in 1m30s.", SAID_AT + timedelta(seconds=90)),
        ("try again in 250ms", SAID_AT + timedelta(milliseconds=250)),
        ("try again at 5:10 PM.", datetime(2026, 11, 22, 17, 11, tzinfo=UTC)),
        ("try again at 5:09 PM.", datetime(2026, 11, 22, 17, 10, tzinfo=UTC)),
        ("try again at 12:05 AM.", datetime(2026, 11, 23, 0, 6, tzinfo=UTC)),
        ("try again at 4:00 PM.", datetime(2026, 11, 23, 16, 1, tzinfo=UTC)),
        ("try again at Dec 1st, 2026 12:30 PM.", datetime(2026, 12, 1, 12, 31, tzinfo=UTC)),
        ("try again at Feb 31st, 2026 12:30 PM.", None),
        ("try again in 99999999999 days", None),
        ("try again later.", None),
    ],
)
def test_times_that_are_told_in_words(words: str, until: datetime | None) -> None:
    failed = json.dumps({"type": "turn.failed", "error": {"message": f"You’ve hit your usage limit. {words}"}})
    limit = read("codex-jsonl", failed.encode(), SAID_AT).limit
    assert limit is not None
    assert limit.until == until


def test_clock_times_are_the_machines_own(monkeypatch: pytest.MonkeyPatch) -> None:
    failed = b'{"type":"turn.failed","error":{"message":"usage limit, try again at 6:30 PM."}}'
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "CET-1")
        time.tzset()
        limit = read("codex-jsonl", failed, SAID_AT).limit
    time.tzset()
    assert limit is not None
    assert limit.until == datetime(2026, 11, 22, 17, 31, tzinfo=UTC)


@pytest.mark.parametrize("resets", ["soon", True, None, 1e300, -1e300, [], 1795379400000])
def test_odd_reset_times_do_not_hide_the_limit(resets: object) -> None:
    info = {"status": "rejected", "resetsAt": resets}
    event = json.dumps({"type": "rate_limit_event", "rate_limit_info": info}).encode()
    limit = read("claude-stream-json", event, SAID_AT).limit
    assert limit is not None
    assert limit.until in (None, datetime.fromtimestamp(1795379400, UTC))


def test_errors_are_one_short_printable_line() -> None:
    """They go into messages, events and terminals."""
    event = {"type": "turn.failed", "error": {"message": "bad\n\x1b[31mred\x1b[0m \u202e\ud800 " + "x" * 5000}}
    error = read("codex-jsonl", json.dumps(event).encode(), SAID_AT).error
    assert error is not None
    assert error.startswith("bad red x")
    assert len(error) <= 400
    error.encode()


def test_plain_text_is_what_was_printed_without_colours() -> None:
    reading = read("text", b'\x1b[1m{"task_id"\x1b[0m: 1}\xff', SAID_AT)
    assert reading == Reading('{"task_id": 1}\ufffd', None, None, None, None)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)
KEYS = [
    *("subtype", "result", "is_error", "usage", "modelUsage", "message", "content", "error", "item", "part", "tokens"),
    *("cache", "rate_limit_info", "status", "resetsAt", "errors", "id", "text", "sessionID", "session_id", "thread_id"),
    *("data", "statusCode", "isRetryable", "responseHeaders", "timestamp", "api_error_status", "api_error_params"),
    *("messageID", "input_tokens", "error_status"),
]
TYPES = [
    *("result", "assistant", "system", "rate_limit_event", "turn.completed", "turn.failed", "item.completed", "error"),
    *("text", "step_finish", "step_start", "thread.started"),
]
fields = st.dictionaries(st.sampled_from(KEYS), json_values | st.dictionaries(st.sampled_from(KEYS), json_values))
event_values = st.builds(lambda kind, rest: {**rest, "type": kind}, st.sampled_from(TYPES), fields)


@settings(deadline=None)
@given(st.lists(event_values, max_size=5), st.sampled_from(get_args(Output)))
def test_no_event_of_whatever_shape_is_fatal(events: list[dict[str, object]], output: Output) -> None:
    reading = read(output, as_log(events), SAID_AT)
    assert reading.used is None or reading.used >= 0


@settings(deadline=None)
@given(st.binary(max_size=200), st.sampled_from(get_args(Output)))
def test_no_bytes_are_fatal(log: bytes, output: Output) -> None:
    read(output, log)


@settings(deadline=None)
@given(st.sampled_from(sorted(DATA.glob("*.log"))), st.data())
def test_a_log_cut_anywhere_is_read(file: Path, data: st.DataObject) -> None:
    """Whatever is left never counts more tokens than the whole."""
    whole = file.read_bytes()
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, len(whole)))
    output = FORMATS[file.name.partition("-")[0]]
    used = read(output, whole[:start] + b"\n[mosaic: 1 bytes dropped]\n" + whole[end:], SAID_AT).used
    assert (used or 0) <= (read(output, whole, SAID_AT).used or 0)
