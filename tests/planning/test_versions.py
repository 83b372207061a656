"""Milestones' versions: 0.0.x before the MVP, 0.1.0 for it alone, and never one that was there before."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mosaic_daemon.ground.errors import InputError
from mosaic_daemon.planning import versions
from mosaic_daemon.planning.versions import Title, Version


@pytest.mark.parametrize(
    ("text", "version", "name"),
    [
        ("0.0.2", "0.0.2", ""),
        (" v0.0.2 ", "0.0.2", ""),
        ("M6-AgentOrchestration-Fixes", "", "M6-AgentOrchestration-Fixes"),
        ("0.0.2: Hardening", "0.0.2", "Hardening"),
        ("0.0.2 Agent  fixes", "0.0.2", "Agent fixes"),
        ("v0.0.2 - Agent fixes", "0.0.2", "Agent fixes"),
        ("Überholung", "", "Überholung"),
        ("M6", "", "M6"),
        ("", "", ""),
    ],
)
def test_a_milestone_has_a_version_a_name_or_both(text: str, version: str, name: str) -> None:
    assert versions.read(text) == Title(version, name)


@pytest.mark.parametrize("text", ["0.1", "1", "v2", "0.0.2-rc.1", "0.0.2.1", "0.0.2-", "00.0.1", "0.0.1+build"])
def test_what_looks_like_a_version_is_no_name(text: str) -> None:
    with pytest.raises(InputError, match="is no version"):
        versions.read(text)


@pytest.mark.parametrize("text", ["a/b", "../x", "a\\b", ".hidden", "-x", "x" * 101, "0.0.2: a/b", "ends."])
def test_a_name_that_cannot_be_a_file(text: str) -> None:
    with pytest.raises(InputError, match="cannot name a milestone"):
        versions.read(text)


@pytest.mark.parametrize(
    ("history", "mvp", "planned"),
    [
        ([], False, "0.0.1"),
        (["nightly", "M6-Fixes"], False, "0.0.1"),
        (["v0.0.1"], False, "0.0.2"),
        (["0.0.2", "v0.0.10", "v0.0.9", "0.0.1"], False, "0.0.11"),
        (["v0.0.3", "v0.0.4-rc.1"], False, "0.0.4"),
        (["0.0.0"], False, "0.0.1"),
        ([], True, "0.1.0"),
        (["v0.0.7"], True, "0.1.0"),
        (["v0.0.7", "v0.1.0"], False, "0.1.1"),
        (["v2.3.1"], False, "2.3.2"),
    ],
)
def test_the_next_one_follows_from_tags_and_archives(history: list[str], mvp: bool, planned: str) -> None:
    assert versions.planned("", history, mvp=mvp) == planned
    assert versions.planned(planned, history, mvp=mvp) == planned


@pytest.mark.parametrize(
    ("asked", "history", "planned"),
    [
        ("v0.0.5", ["v0.0.2"], "0.0.5"),
        ("0.0.3", ["M6-Fixes"], "0.0.3"),
        ("0.2.0", ["v0.1.0"], "0.2.0"),
        ("1.0.0", ["v0.1.4"], "1.0.0"),
    ],
)
def test_a_later_one_may_be_asked_for(asked: str, history: list[str], planned: str) -> None:
    assert versions.planned(asked, history) == planned


@pytest.mark.parametrize(
    ("asked", "history", "mvp", "problem", "remedy"),
    [
        ("0.1.0", [], False, "reserved for the MVP", "the next one is 0.0.1; `--mvp` or `milestone.mvp` declares it"),
        ("0.1.0", ["v0.0.3"], False, "reserved for the MVP", "the next one is 0.0.4"),
        ("0.2.0", ["v0.0.3"], False, "stay 0.0.x", "0.0.4"),
        ("1.0.0", [], False, "stay 0.0.x", "0.0.1"),
        ("0.0.0", ["x"], False, "the first milestone is 0.0.1", "0.0.1"),
        ("0.0.5", [], False, "the first milestone is 0.0.1", "0.0.1"),
        ("0.0.3", ["v0.0.3"], False, "already", "0.0.4"),
        ("0.0.2", ["v0.0.1", "v0.0.3"], False, "come after 0.0.3", "0.0.4"),
        ("0.1.0", ["v0.1.0"], False, "already", "0.1.1"),
        ("0.0.4", ["v0.0.3"], True, "the MVP is 0.1.0", "0.1.0"),
        ("0.1", ["v0.0.3"], False, "is no version", "such as `0.0.4`"),
        ("0.1.0", ["v0.1.0"], True, "the MVP is released already: there is 0.1.0", "another"),
        ("", ["v1.0.0"], True, "the MVP is released already", "another"),
    ],
)
def test_what_the_rule_forbids(asked: str, history: list[str], mvp: bool, problem: str, remedy: str) -> None:
    with pytest.raises(InputError) as caught:
        versions.planned(asked, history, mvp=mvp)
    assert problem in caught.value.problem
    assert remedy in caught.value.remedy


VERSIONS = st.builds(Version, st.integers(0, 1), st.integers(0, 1), st.integers(0, 3))


@given(st.lists(VERSIONS.map(str) | st.sampled_from(["nightly", "v0.0.9-rc.1"]), max_size=5), VERSIONS, st.booleans())
def test_a_planned_version_is_new_and_before_the_mvp_it_is_00x(past: list[str], asked: Version, mvp: bool) -> None:
    """Whatever was asked for."""
    known = [version for each in past if (version := versions.version_of(each))]
    for wish in ("", str(asked)):
        try:
            planned = versions.version_of(versions.planned(wish, past, mvp=mvp))
        except InputError:
            continue
        assert planned is not None
        assert all(planned > version for version in known)
        if not any(version >= versions.MVP for version in known):
            assert (planned == versions.MVP) if mvp else (planned < versions.MVP)
