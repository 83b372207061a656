"""Words of others on a forge: shown as they are, and nothing but shown."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from mosaic_daemon.forges.texts import as_markdown, harmless, without_pings

UNSEEN = "\u200b"
PIECES = [
    *"`*_~\\<>&[]()|-+#@! \n\té",
    *("``", "**", "__", "~~~", "&lt;", "&#60;", "![", "# ", "1. ", "> ", "---", "===", "<!--", "-->", "<b>", "@octo"),
    *("http://e.org", "<http://e.org>", "[a]: /x", "#12", "o/r#12", "a_b", "word", "closes #1", "[skip ci]"),
]


@given(st.lists(st.sampled_from(PIECES), max_size=10).map("".join) | st.text(max_size=30))
def test_a_line_of_markdown_shows_the_text_and_nothing_else(text: str) -> None:
    """As an item of a list, between others, as CommonMark reads it."""
    wanted = harmless(" ".join(text.split())).replace(UNSEEN, "").strip()
    tokens = MarkdownIt().parse(f"- before\n- {as_markdown(text)}\n- after\n")
    inline = [token for token in tokens if token.type == "inline"]
    kinds = {child.type for token in inline for child in token.children or ()}
    shown = ["".join(child.content for child in token.children or ()).replace(UNSEEN, "") for token in inline]
    assert kinds <= {"text", "text_special"}
    assert [part.strip() for part in shown if part.strip()] == list(filter(None, ["before", wanted, "after"]))


@given(st.lists(st.sampled_from(PIECES), max_size=10).map("".join) | st.text(max_size=30))
def test_it_never_holds_a_comment_or_a_mention(text: str) -> None:
    made = as_markdown(text)
    assert "<" not in made
    assert not re.search(r"(?<![A-Za-z0-9])@[\w]", made)
    assert "\n" not in made


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("SEC-1: add `@UseGuards` to a_b.ts", "SEC-1: add \\`@\u200bUseGuards\\` to a_b.ts"),
        ("ask @octo/team, not me@example.org", "ask @\u200bocto/team, not me@example.org"),
        ("see other/repo#12 and #3", "see other/repo#\u200b12 and #3"),
        ("1. <b>not</b> a list", "1\\. &lt;b>not&lt;/b> a list"),
    ],
)
def test_it_stays_readable(text: str, made: str) -> None:
    assert as_markdown(text) == made


def test_plain_text_gets_no_marks() -> None:
    """A title is no Markdown."""
    assert without_pings("Phase 1: <Fixes> for @octo") == "Phase 1: <Fixes> for @\u200bocto"


def test_many_blanks_after_a_closing_word_cost_no_more_than_their_number() -> None:
    text = "closes" + " " * 50_000 + "x"
    assert harmless(text) == text
