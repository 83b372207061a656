"""Releases through the person's scripts: each runs once, and one that fails is named with its exact command."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mosaic_daemon.forges.base import Forbidden, Sent
from mosaic_daemon.forges.releases import ForgeMilestone, ReleaseText
from mosaic_daemon.forges.wrappers.releases import ScriptedReleases
from tests.forges.scripted import ScriptedBench

TEXT = ReleaseText("v0.0.1", "b" * 40, "v0.0.1", "notes; $(rm -rf /) {tag}\n")


@pytest.fixture
async def bench(tmp_path: Path) -> ScriptedBench:
    return await ScriptedBench.start(tmp_path)


def releases(bench: ScriptedBench) -> ScriptedReleases:
    """As a daemon makes it that was just started."""
    create = (bench.tool("release-create.sh"), "-t", "{tag}", "-b", "{body}")
    commands = replace(bench.commands, release_create=create)
    return ScriptedReleases(commands, bench.conduct, bench.repository.root, "v0.0.1")


async def test_a_milestone_is_closed_once(bench: ScriptedBench) -> None:
    assert await releases(bench).milestone("M6") is ForgeMilestone.OPEN
    for _ in range(2):
        assert isinstance(await releases(bench).close_milestone("M6"), Sent)
    assert await releases(bench).milestone("M6") is ForgeMilestone.CLOSED
    assert bench.calls("milestone-close") == ["-t M6"]


async def test_a_release_is_made_once_and_found_by_its_address(bench: ScriptedBench) -> None:
    assert await releases(bench).find("v0.0.1") is None
    for _ in range(2):
        assert isinstance(await releases(bench).create(TEXT), Sent)
    found = await releases(bench).find("v0.0.1")
    assert found is not None
    assert found.url == "https://forge.example/o/r/releases/1"
    assert bench.calls("release-create") == ["-t v0.0.1 -b notes; $(rm -rf /) {tag} "]


async def test_without_such_a_script_the_notes_are_a_file(bench: ScriptedBench) -> None:
    without = ScriptedReleases(bench.commands, bench.conduct, bench.repository.root, "v0.0.1")
    assert not without.publishes
    assert releases(bench).publishes
    none = ScriptedReleases(replace(bench.commands, milestone_close=()), bench.conduct, bench.repository.root, "v0.0.1")
    assert await none.milestone("M6") is ForgeMilestone.NONE


async def test_a_failure_is_told_with_its_command_and_run_again_only_when_asked_for_again(bench: ScriptedBench) -> None:
    bench.tell("milestone-close", "before", "echo no such milestone >&2; exit 3")
    for _ in range(2):  # a daemon that died before it wrote the failure down hears of it again
        answer = await releases(bench).close_milestone("M6")
        assert isinstance(answer, Forbidden)
        assert answer.failure.command == f"{bench.tool('milestone-close.sh')} -t M6"
    assert len(bench.calls("milestone-close")) == 1
    told = releases(bench)
    await told.close_milestone("M6")
    await told.aclose()
    bench.tell("milestone-close", "before", "")
    assert isinstance(await releases(bench).close_milestone("M6"), Sent)
    assert len(bench.calls("milestone-close")) == 2
