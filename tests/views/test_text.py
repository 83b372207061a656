"""Text of others on a terminal, and how spans and lists read."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mosaic_daemon.views import text
from tests.samples import NOON

SEQUENCES = ("\x1b[31m", "\x1b]0;title\x07", "\x1b]8;;http://x\x1b\\", "\x1bc", "\x1b(B", "\x9b2J")
FRAGMENTS = ("\r", "\r\n", "\n", "\x1b", "\x1b[", "\x1b]0;", "[0m", "\u202e", "\x07", "\x00", "plain", "é", "字")
PIECES = st.sampled_from((*SEQUENCES, *FRAGMENTS))
CARRYING = ("\x1b[?1049h", "\x1b]0;owned\x07", "\x1b]52;c;cm0gLXJm\x1b\\", "\x1bP+q\x1b\\", *SEQUENCES)
SINGLE = ("\x07", "\x7f", "\u202e", "\u2066", "\u200f", "\U000e0041", "\x00", "\x85")


@pytest.mark.parametrize("hostile", [*CARRYING, *SINGLE])
def test_nothing_that_steers_a_terminal_is_left(hostile: str) -> None:
    """Neither the sequence nor what it carries."""
    assert text.cleaned(f"be{hostile}fore") == "before"


def test_what_people_read_stays() -> None:
    """Line breaks, tabs, accents, wide characters and emoji with joiners."""
    kept = "a\tb\nÄ 字 👩\u200d💻 →"
    assert text.cleaned(kept) == kept
    assert text.cleaned("one\rtwo\r\nthree") == "one\ntwo\nthree"


@given(st.lists(PIECES), st.data())
def test_cleaning_piece_by_piece_is_cleaning_at_once(pieces: list[str], data: st.DataObject) -> None:
    """Wherever the stream is cut, also inside of a sequence."""
    whole = "".join(pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=5)))
    cleaner = text.Cleaner()
    ends = [*cuts, len(whole)]
    shown = "".join(cleaner.feed(whole[begin:end]) for begin, end in zip([0, *cuts], ends, strict=True))
    assert shown + cleaner.end() == text.cleaned(whole)


def test_an_endless_sequence_is_not_held_for_ever() -> None:
    cleaner = text.Cleaner()
    shown = cleaner.feed("\x1b]0;" + "x" * 10_000)
    assert "x" * 10_000 in shown + cleaner.feed("y")


def test_one_line_is_one_line() -> None:
    assert text.one_line("a\n b\t\x1b[1mc\x1b[0m") == "a b c"
    assert text.one_line("word " * 10, 12) == "word word w…"


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0s"), (59, "59s"), (60, "1m"), (7500, "2h 5m"), (360_000, "4d 4h"), (-5, "0s")]
)
def test_spans(seconds: int, said: str) -> None:
    assert text.span(NOON, NOON + timedelta(seconds=seconds)) == said


def test_times_of_other_days_say_their_day(monkeypatch: pytest.MonkeyPatch) -> None:
    assert text.when(NOON, NOON).count("-") == 0
    assert text.when(NOON - timedelta(days=40), NOON).startswith("2026-01-")


def test_lists_are_cut() -> None:
    assert text.listed(["a", "b"]) == "a, b"
    assert text.listed([str(number) for number in range(9)]) == "0, 1, 2, 3, 4 and 4 more"


def test_a_bar_shows_what_is_done_begun_and_left() -> None:
    """What is not wholly done is never shown as full, and nothing of nothing is an empty bar."""
    assert text.bar(4, 3, 9, 12) == "█████▒▒▒▒···"
    assert text.bar(999, 1, 1000, 12) == "███████████▒"
    assert text.bar(999, 0, 1000, 12) == "███████████▒"
    assert text.bar(1, 0, 1, 4) == "████"
    assert text.bar(5, 9, 3, 4) == "████"
    assert text.bar(0, 0, 0, 4) == "····"
