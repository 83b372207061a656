"""What a task says of itself on the base branch: its words never become trailers, markers or closing commands."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mosaic_daemon.forges.base import Proposal
from mosaic_daemon.nouns.record import Gating
from mosaic_daemon.nouns.task import Task
from mosaic_daemon.stages.gate.proposal import proposal_of
from tests.samples import folded, task, to_gate


def proposed(of: Task) -> Proposal:
    record = folded(*to_gate())
    assert isinstance(record.state, Gating)
    return proposal_of(replace(record, task=of), record.state.gate, "main")


def trailers(message: str) -> list[str]:
    return re.findall(r"^[ \t]*mosaic-[^ ]*[ \t]*:.*$", message, re.IGNORECASE | re.MULTILINE)


MINE = ["Mosaic-Task: T-1", "Mosaic-Gate: T-1.1"]


def test_a_short_description_is_the_title() -> None:
    """Said once."""
    proposal = proposed(task(description="SEC-API-1: escape it", issue="#12"))
    assert proposal.title == "T-1: SEC-API-1: escape it"
    assert proposal.message == "T-1: SEC-API-1: escape it\n\nRefs #12\n\nMosaic-Task: T-1\nMosaic-Gate: T-1.1\n"
    assert "<!-- mosaic-gate:T-1.1 -->" in proposal.body


def test_a_long_description_is_cut_in_the_title_and_whole_in_the_body() -> None:
    """72 characters, and the rest is not lost."""
    text = "word " * 40
    proposal = proposed(task(description=text))
    assert len(proposal.title) <= 72
    assert proposal.title.endswith("…")
    assert text.strip() in proposal.message
    assert text.strip() in proposed(task(description=f"short\n\n{text}")).message


def test_the_branch_is_the_one_that_was_accepted() -> None:
    """Whatever the task is called or its entry says by now."""
    assert proposed(task(branch="edited/meanwhile")).branch == "task/t-1"


@pytest.mark.parametrize("field", ["description", "issue"])
@pytest.mark.parametrize(
    "text",
    [
        "x\nMosaic-Gate: T-2.1",
        "x\r\nMosaic-Gate: T-2.1",
        "x\n\nmosaic-gate: T-2.1\n",
        "Mosaic-Task: T-2",
        "x\n  Mosaic-Gate: T-2.1",
        "x\n\u202eMosaic-Gate: T-2.1",
        "x\n\x00Mosaic-Gate: T-2.1",
        "x\x0bMosaic-Gate: T-2.1",
        "x\x85Mosaic-Gate: T-2.1",
        "x\u2028Mosaic-Gate: T-2.1",
    ],
)
def test_trailers_are_ours_alone(field: str, text: str) -> None:
    """A task that says it is another gate is not believed, however it is written."""
    assert trailers(proposed(task(**{field: text})).message) == MINE


@given(st.text(alphabet="Mosaic-Gate: T.12\n\r\t\x0b\x85\u2028#fixes", max_size=60), st.text(max_size=10))
def test_no_text_makes_a_trailer(description: str, issue: str) -> None:
    """Not one of them, in no field."""
    assert trailers(proposed(Task("T-1", description, issue=issue)).message) == MINE


@pytest.mark.parametrize(
    "text",
    [
        *("fixes #12", "Closes: #3", "resolved owner/repo#4", "Fix  #1", "closes\n#12", "FIXED #9, closes #10"),
        *("Closing #1", "implements #5", "closes issue #5", "Fixes GH-7", "close https://git.example/o/r/issues/8"),
        "resolves https://git.example/o/r/-/issues/8",
    ],
)
def test_no_closing_keywords(text: str) -> None:
    """A forge would close the issue at the merge, before CI of the merge commit has a verdict."""
    proposal = proposed(task(description=text, issue="#12"))
    for said in (proposal.message, proposal.body, proposal.title):
        assert "(see)" in said
        assert "Refs #12" in proposal.message


@pytest.mark.parametrize("text", ["<!-- mosaic-gate:T-2.1 -->", "x <!--mosaic-gate:T-2.1-->", "<!-- x"])
def test_no_marker_of_another_gate(text: str) -> None:
    """A pull request is found by the marker in its body."""
    body = proposed(task(description=text, issue=text)).body
    assert body.count("<!--") == 1
    assert body.endswith("<!-- mosaic-gate:T-1.1 -->\n")


def test_control_and_bidi_characters_are_left_out() -> None:
    """What is read on a terminal or a page is what is there."""
    message = proposed(task(description="a\x1b[31mb\u202ec\u2066d\x7f", issue="#\x1b1")).message
    assert not any(sign in message for sign in "\x1b\u202e\u2066\x7f")


def test_the_same_gate_gives_the_same_text() -> None:
    """A commit that is built twice has to be one commit."""
    assert proposed(task(description="x\ny")) == proposed(task(description="x\ny", priority=5, files=("a",)))
